// Choosing times from keograms. PAGE: what the workflow knows of the nights. Times are minutes since 1970, UTC.

const { left: LEFT, top: TOP, sky: HEIGHT, minutes: WIDTH } = PAGE.layout;
const STRIP = PAGE.layout.height + 4, STRIP_HEIGHT = 54; // the altitudes of Sun and Moon, below the picture
const ALL_WIDTH = PAGE.layout.width, ALL_HEIGHT = STRIP + STRIP_HEIGHT + 4;
const STEP = PAGE.step_minutes;
const index = new Map(PAGE.nights.map((night, i) => [night.night, i]));
const iso = (minute) => new Date(minute * 60000).toISOString().slice(0, 16) + ":00Z";
const clock = (minute) => iso(minute).slice(11, 16);
const first = (night) => Math.ceil(night.start / 60); // the first whole minute of a night
const x = (night, minute) => LEFT + minute - night.start / 60;

let kept = new Kept([]), loaded, here = 0, cursor = null, begun = null;
const undone = [];
const people = await Kept.open("annotator");

/** Who chooses, empty while it is not said. */
const name = () => (isName(byId("annotator").value) ? byId("annotator").value : "");

byId("annotator").value = people.get(PAGE.station) ?? "";
byId("annotator").addEventListener("change", (event) => {
  const given = (event.target.value = event.target.value.trim());
  if (given && !isName(given)) return say(`“${given}”: letters, digits, - and _ only, please.`);
  say("");
  people.set(PAGE.station, given);
  loaded = load();
});

async function load() {
  kept = await Kept.open("selections", PAGE.station, name());
  undone.length = 0;
  for (const [i] of PAGE.nights.entries()) show(i);
  progress();
}

/** What was said of a night: its chosen times [[start, end], …], empty for nothing; undefined: not looked at. */
const spans = (i) => kept.get(PAGE.nights[i].night);

/** Say something of nights: a map of index → spans. One step for Undo. */
async function say_of(changes) {
  await loaded;
  if (!name()) {
    byId("annotator").focus();
    return say("Please say who you are first: your name goes into the table.");
  }
  say("");
  undone.push([...changes].map(([i]) => [i, spans(i)]));
  apply([...changes]);
}

function apply(changes) {
  kept.setAll(changes.map(([i, value]) => [PAGE.nights[i].night, value]));
  for (const [i] of changes) show(i);
  progress();
}

function undo() {
  const changes = undone.pop();
  if (!changes) return;
  apply(changes);
  go(changes[0][0]);
}

/** Add a chosen time; what it touches becomes one with it. */
function choose(i, start, end) {
  const night = PAGE.nights[i];
  [start, end] = [Math.max(Math.min(start, end), first(night)), Math.min(Math.max(start, end), first(night) + WIDTH - 1)];
  if (end - start < 1) return;
  const apart = [];
  for (const [a, b] of spans(i) ?? [])
    if (b < start || a > end) apart.push([a, b]);
    else [start, end] = [Math.min(a, start), Math.max(b, end)];
  say_of(new Map([[i, [...apart, [start, end]].sort((a, b) => a[0] - b[0])]]));
}

function remove(i, span) {
  const rest = spans(i).filter((other) => other !== span);
  say_of(new Map([[i, rest.length ? rest : undefined]]));
}

// What is seen

/** Times in which a curve is above a limit, by straight lines between its points: [[start, end], …] from noon. */
function above(values, limit) {
  const found = [];
  let from = values[0] > limit ? 0 : null;
  for (let k = 1; k < values.length; k++) {
    const crosses = values[k - 1] > limit !== values[k] > limit;
    const at = crosses ? (k - 1 + (limit - values[k - 1]) / (values[k] - values[k - 1])) * STEP : 0;
    if (crosses && from === null) from = at;
    else if (crosses) [found[found.length], from] = [[from, at], null];
  }
  if (from !== null) found.push([from, (values.length - 1) * STEP]);
  return found;
}

/** The same times, what overlaps made one. */
function union(times) {
  const found = [];
  for (const [a, b] of times.toSorted((one, other) => one[0] - other[0]))
    if (found.length && a <= found.at(-1)[1]) found.at(-1)[1] = Math.max(b, found.at(-1)[1]);
    else found.push([a, b]);
  return found;
}

const altitude = (degrees) => STRIP + STRIP_HEIGHT * (1 - (Math.max(-40, Math.min(40, degrees)) + 40) / 80);

const curve = (values) => values.map((degrees, k) => `${LEFT + k * STEP},${altitude(degrees).toFixed(1)}`).join(" ");

function fill(section, i) {
  const night = PAGE.nights[i];
  const heading = document.createElement("h2");
  heading.textContent = night.night;
  heading.appendChild(document.createElement("span"));
  const sky = document.createElement("div");
  sky.className = "sky";
  const picture = document.createElement("img");
  picture.src = night.keogram;
  picture.alt = `Keogram of the night ${night.night}`;
  keogramSize(picture, PAGE.layout);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${ALL_WIDTH} ${ALL_HEIGHT}`);
  const rejected = [...above(night.sun, PAGE.sun_altitude_max), ...above(night.moon, PAGE.moon_altitude_max)];
  for (const [a, b] of union(rejected))
    draw(svg, "rect", { class: "rejected", x: LEFT + a, y: TOP, width: b - a, height: HEIGHT });
  for (const degrees of [0, PAGE.sun_altitude_max])
    draw(svg, "line", { class: "limit", x1: LEFT, x2: LEFT + WIDTH, y1: altitude(degrees), y2: altitude(degrees) });
  draw(svg, "text", { x: LEFT - 8, y: altitude(0) + 4, "text-anchor": "end" }, "0°");
  draw(svg, "text", { x: LEFT - 8, y: altitude(PAGE.sun_altitude_max) + 8, "text-anchor": "end" }, `${PAGE.sun_altitude_max}°`.replace("-", "−"));
  draw(svg, "polyline", { class: "sun", points: curve(night.sun) });
  draw(svg, "polyline", { class: "moon", points: curve(night.moon) });
  draw(svg, "text", { x: LEFT, y: STRIP - 8 }, "altitude: Sun ——  Moon – –");
  draw(svg, "g", { class: "spans" });
  sky.append(picture, svg);
  section.append(heading, sky);
  follow(sky, i);
  show(i);
}

/** Bring what is seen of a night up to date: its chosen times, its square in the calendar. */
function show(i) {
  const night = PAGE.nights[i], chosen = spans(i);
  const square = squares[i];
  square.className = chosen === undefined ? "" : chosen.length ? "chosen" : "nothing";
  square.classList.toggle("here", i === here);
  const section = sections[i];
  section.classList.toggle("here", i === here);
  const group = section.querySelector(".spans");
  if (!group) return;
  const hours = ((chosen ?? []).reduce((sum, [a, b]) => sum + b - a, 0) / 60).toFixed(1);
  const state = chosen === undefined ? "not looked at" : chosen.length ? `${hours} h chosen` : "nothing";
  section.querySelector("h2 span").textContent = `${night.kept} of ${night.frames} frames kept · ${state}`;
  group.replaceChildren();
  for (const span of chosen ?? []) {
    const [a, b] = span.map((minute) => x(night, minute));
    const marked = draw(group, "g", { class: "span" });
    draw(marked, "rect", { x: a, y: TOP, width: b - a, height: HEIGHT });
    draw(marked, "text", { x: a + 4, y: TOP + 14 }, b - a > 90 ? `${clock(span[0])}–${clock(span[1])}` : "");
    const cross = draw(marked, "text", { class: "remove", x: b - 4, y: TOP + 15, "text-anchor": "end" }, "×");
    cross.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      remove(i, span);
    });
  }
  if (i === here && begun !== null)
    draw(draw(group, "g", { class: "span" }), "rect", { x: Math.min(x(night, begun), x(night, cursor)), y: TOP, width: Math.abs(cursor - begun), height: HEIGHT });
  if (i === here && cursor !== null) {
    draw(group, "line", { class: "cursor", x1: x(night, cursor), x2: x(night, cursor), y1: TOP, y2: TOP + HEIGHT });
    draw(group, "text", { class: "cursor-time", x: x(night, cursor) + 5, y: TOP + HEIGHT - 6 }, clock(cursor));
  }
}

function progress() {
  const all = PAGE.nights.map((_, i) => spans(i));
  const looked = all.filter((chosen) => chosen !== undefined).length;
  const hours = all.reduce((sum, chosen) => sum + (chosen ?? []).reduce((own, [a, b]) => own + b - a, 0), 0) / 60;
  byId("progress").textContent = `${looked} of ${all.length} nights looked at · ${hours.toFixed(1)} h chosen`;
}

// Moving about

function go(i, scroll = true) {
  if (i < 0 || i >= PAGE.nights.length) return;
  const before = here;
  here = i;
  if (before !== i) [cursor, begun] = [null, null];
  show(before);
  show(here);
  if (scroll) sections[here].scrollIntoView({ block: "nearest" });
  squares[here].scrollIntoView({ block: "nearest" });
}

function unseen() {
  const order = [...PAGE.nights.keys()].map((k) => (here + 1 + k) % PAGE.nights.length);
  const next = order.find((i) => spans(i) === undefined);
  if (next === undefined) say("You have looked at every night.");
  else go(next);
}

/** Marking with the pointer. */
function follow(sky, i) {
  const minute = (event) => {
    const box = sky.getBoundingClientRect();
    const column = ((event.clientX - box.left) / box.width) * ALL_WIDTH - LEFT;
    return first(PAGE.nights[i]) + Math.max(0, Math.min(WIDTH - 1, Math.round(column)));
  };
  sky.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    go(i, false);
    [begun, cursor] = [minute(event), minute(event)];
    sky.setPointerCapture(event.pointerId);
    show(i);
  });
  sky.addEventListener("pointermove", (event) => {
    if (begun !== null && sky.hasPointerCapture(event.pointerId)) {
      cursor = minute(event);
      show(i);
    }
  });
  sky.addEventListener("pointerup", (event) => {
    if (begun === null || !sky.hasPointerCapture(event.pointerId)) return;
    const start = begun;
    begun = null;
    cursor = minute(event);
    choose(i, start, cursor);
    show(i);
  });
}

const keys = {
  ArrowDown: () => go(here + 1),
  ArrowUp: () => go(here - 1),
  ArrowRight: (event) => move(event.shiftKey ? 1 : 10),
  ArrowLeft: (event) => move(event.shiftKey ? -1 : -10),
  " ": () => {
    if (cursor === null) return move(0);
    if (begun === null) begun = cursor;
    else {
      const start = begun;
      begun = null;
      choose(here, start, cursor);
    }
    show(here);
  },
  Delete: () => {
    const span = (spans(here) ?? []).find(([a, b]) => cursor !== null && a <= cursor && cursor <= b);
    if (span) remove(here, span);
  },
  n: () => {
    say_of(new Map([[here, []]]));
    if (name()) go(here + 1);
  },
  g: unseen,
  u: undo,
  Escape: () => {
    begun = null;
    show(here);
  },
  "?": () => byId("help").showModal(),
};
keys.Backspace = keys.Delete;

function move(minutes) {
  const night = PAGE.nights[here];
  const middle = first(night) + WIDTH / 2;
  cursor = Math.max(first(night), Math.min(first(night) + WIDTH - 1, (cursor ?? middle) + minutes));
  show(here);
}

document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || byId("help").open;
  const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (typing || !action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  action(event);
});

// Files

const COLUMNS = ["night", "start", "end", "annotator"];

byId("export").addEventListener("click", () => {
  if (!name()) return say_of(new Map());
  const rows = PAGE.nights.flatMap(({ night }, i) => {
    const chosen = spans(i);
    if (chosen === undefined) return [];
    return chosen.length ? chosen.map(([a, b]) => [night, iso(a), iso(b), name()]) : [[night, "", "", name()]];
  });
  download("selections.csv", COLUMNS, rows);
});

/** Why a row cannot be used, or null. Adds what it says to `found`. */
function take(row, found) {
  const i = index.get(row.night);
  if (i === undefined) return `there is no night ${row.night}`;
  if (row.annotator !== name()) return `it belongs to ${row.annotator || "nobody"}, not to ${name()}`;
  const chosen = found.get(i) ?? [];
  if (row.start || row.end) {
    const [a, b] = [row.start, row.end].map((text) => Date.parse(/Z|[+-]\d\d:?\d\d$/.test(text) ? text : text + "Z") / 60000);
    if (Number.isNaN(a) || Number.isNaN(b)) return `${row.start} – ${row.end} are not two times`;
    if (b <= a) return `it ends at ${row.end}, not after its start`;
    const begin = first(PAGE.nights[i]);
    if (a < begin - 1 || b > begin + WIDTH) return `${row.start} – ${row.end} is not in that night`;
    if (chosen.some(([c, d]) => a < d && c < b)) return "it overlaps with another one";
    chosen.push([Math.round(a), Math.round(b)]);
  }
  found.set(i, chosen.sort((one, other) => one[0] - other[0]));
  return null;
}

imported(COLUMNS, take, async (found) => {
  if (found.size || !name()) await say_of(found);
  return name() && `${found.size} nights`;
});

byId("undo").addEventListener("click", undo);
byId("help-button").addEventListener("click", () => byId("help").showModal());

// The page itself: a square and an empty section for each night; a section is filled when it comes near.

const squares = [], sections = [];
const months = "JFMAMJJASOND";
for (const year of new Set(PAGE.nights.map(({ night }) => night.slice(0, 4)))) {
  const block = byId("calendar").appendChild(document.createElement("section"));
  block.appendChild(document.createElement("h2")).textContent = year;
  for (let month = 0; month < 12; month++) {
    const row = block.appendChild(document.createElement("div"));
    row.className = "month";
    row.textContent = months[month];
    const start = `${year}-${String(month + 1).padStart(2, "0")}-`;
    for (let day = 1; day <= 31; day++) {
      const i = index.get(start + String(day).padStart(2, "0"));
      if (i === undefined) continue;
      const square = document.createElement("a");
      square.style.gridColumn = day + 1;
      square.title = PAGE.nights[i].night;
      square.addEventListener("click", () => go(i));
      squares[i] = row.appendChild(square);
    }
  }
}
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries)
      if (isIntersecting && !target.firstChild) fill(target, Number(target.dataset.index));
  },
  { root: byId("nights"), rootMargin: "1500px" },
);
for (const [i] of PAGE.nights.entries()) {
  const section = byId("nights").appendChild(document.createElement("section"));
  section.className = "night";
  section.dataset.index = i;
  sections[i] = section;
  near.observe(section);
}
await (loaded = load());
