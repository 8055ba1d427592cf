// Labelling frames one by one. PAGE: the task, the frames by time, and the order of this annotator in it.
//
// A decision is kept under its frame, so that it holds when the page is made anew with more frames:
// { frame, label, order, session, seconds, repeat, context, time }. order counts the frames as they were shown. What was
// skipped comes again when all others are done. Of a sample PAGE.drawn has how each frame was drawn. It is only exported:
// what makes a frame likely to be drawn would tell what a classifier thinks of it.

const AHEAD = 8; // frames that are loaded before they are needed
const FILM_MINUTES = 5, FILM_MS = 250; // what a film shows before and after a frame, and how long each of its frames
const total = PAGE.sequence.length;
const repeats = new Set(PAGE.repeats);
const kept = await Kept.open("labels", ...PAGE.kept);
const skipped = await Kept.open("skipped", ...PAGE.kept);
const loaded = new Map();

const path = (frame) => `frames/${PAGE.frames[frame]}.png`;
const id = (frame) => PAGE.frames[frame].split("/")[1];

/** Under what the decisions of a frame are kept: the first one, and the one when it was shown again. */
const keyOf = (frame_id, repeat) => (repeat ? `${frame_id} again` : frame_id);
const keys = PAGE.sequence.map((frame, k) => keyOf(id(frame), repeats.has(k)));

let place = 0, since = 0, spent = 0, looked = false, paused = false, film = 0;
let done, order, session; // places with a label; the last order; this session
count();

function count() {
  done = keys.filter((key) => kept.get(key)).length;
  order = session = 0;
  for (const given of kept.values.values()) {
    order = Math.max(order, given.order);
    session = Math.max(session, given.session);
  }
  session += 1;
}

/** The first place without a label; those that were skipped come last. */
function unlabelled(from = 0) {
  for (const open of [(key) => !kept.get(key) && !skipped.get(key), (key) => !kept.get(key)])
    for (let i = 0; i < total; i++) if (open(keys[(from + i) % total])) return (from + i) % total;
  return total;
}

/** Load and decode the picture of a place before it is needed; once. */
function preload(k) {
  if (loaded.has(k)) return;
  const image = new Image();
  image.src = path(PAGE.sequence[k]);
  image.decode().catch(() => {});
  loaded.set(k, image);
}

function show(k) {
  place = k;
  [since, spent, looked] = [performance.now(), 0, false];
  hide();
  for (const button of byId("labels").children) button.classList.toggle("given", kept.get(keys[k])?.label === button.value);
  progress();
  byId("frame").hidden = k >= total;
  if (k >= total) return say(`All ${total} frames have a label. Export them, and put the file into ${PAGE.folder}.`);
  byId("image").src = path(PAGE.sequence[k]);
  for (let next = k; next < Math.min(k + AHEAD, total); next++) preload(next);
  for (const old of loaded.keys()) if (old < k - AHEAD || old > k + 2 * AHEAD) loaded.delete(old);
}

function label(name) {
  if (paused || place >= total) return;
  const before = kept.get(keys[place]);
  const seconds = (before?.seconds ?? 0) + (spent + performance.now() - since) / 1000;
  if (!before) [done, order] = [done + 1, order + 1];
  kept.set(keys[place], {
    frame: id(PAGE.sequence[place]),
    label: name,
    order: before?.order ?? order,
    session: before?.session ?? session,
    seconds: Math.round(seconds * 100) / 100,
    repeat: repeats.has(place) ? 1 : 0,
    context: looked || before?.context ? 1 : 0,
    time: new Date().toISOString().slice(0, 19) + "Z",
  });
  if (skipped.get(keys[place])) skipped.set(keys[place], undefined);
  say("");
  show(unlabelled(place + 1));
}

function skip() {
  if (paused || place >= total || kept.get(keys[place])) return;
  skipped.set(keys[place], true);
  show(unlabelled(place + 1));
}

function progress() {
  const later = skipped.values.size ? ` · ${skipped.values.size} skipped` : "";
  byId("progress").textContent = `${done.toLocaleString("en")} of ${total.toLocaleString("en")} labelled${later}`;
}

function pause(on) {
  if (on === paused) return;
  hide();
  paused = on;
  if (on) spent += performance.now() - since;
  else since = performance.now();
  byId("frame").classList.toggle("paused", on);
  byId("pause").textContent = on ? "Go on" : "Pause";
}

const minutesOf = (k) => Date.parse(id(k).slice(-15).replace(/(....)(..)(..)T(..)(..)(..)/, "$1-$2-$3T$4:$5:$6Z")) / 60000;

/** How many minutes a frame is after another one; Infinity where there is none, or it is of another night. */
function away(k, frame) {
  const night = PAGE.frames[frame].split("/")[0];
  return PAGE.frames[k]?.startsWith(night + "/") ? minutesOf(k) - minutesOf(frame) : Infinity;
}

const distance = (minutes) => (minutes ? `${minutes > 0 ? "+" : "−"}${Math.abs(minutes).toFixed(0)} min` : "this frame");

/** The frames before and after in the same night, with their distance in minutes. */
function context() {
  if (paused || place >= total || !byId("context").hidden) return;
  looked = true;
  const frame = PAGE.sequence[place];
  const around = [frame - 2, frame - 1, frame + 1, frame + 2].filter((k) => away(k, frame) !== Infinity);
  byId("context").replaceChildren(
    ...around.map((k) => {
      const figure = document.createElement("figure");
      const image = figure.appendChild(document.createElement("img"));
      image.src = path(k);
      figure.appendChild(document.createElement("figcaption")).textContent = distance(away(k, frame));
      return figure;
    }),
  );
  byId("context").hidden = false;
}

function hide() {
  byId("context").hidden = true;
  clearInterval(film);
  if (film) byId("image").src = path(PAGE.sequence[place]);
  byId("film").hidden = true;
  film = 0;
}

/** The frames of some minutes before and after as a film, again and again. */
async function play() {
  if (paused || place >= total || film) return;
  looked = true;
  const shown = place, frame = PAGE.sequence[place], near = [frame];
  for (const step of [-1, 1])
    for (let k = frame + step; Math.abs(away(k, frame)) <= FILM_MINUTES; k += step) near.push(k);
  near.sort((a, b) => a - b);
  film = setInterval(() => {}, 1000); // it begins when the frames are there
  const pictures = near.map((k) => Object.assign(new Image(), { src: path(k) }));
  await Promise.all(pictures.map((picture) => picture.decode().catch(() => {})));
  if (!film || place !== shown) return;
  clearInterval(film);
  let next = 0;
  const step = () => {
    const k = near[next++ % near.length], minutes = away(k, frame);
    byId("image").src = path(k);
    byId("film").textContent = near.length === 1 ? "no frames near it" : distance(minutes);
    byId("film").hidden = false;
  };
  step();
  film = setInterval(step, FILM_MS);
}

// Keys, buttons

for (const { name, title, definition, key } of PAGE.labels) {
  const button = byId("labels").appendChild(document.createElement("button"));
  button.value = name;
  const head = button.appendChild(document.createElement("span"));
  head.append(Object.assign(document.createElement("kbd"), { textContent: key.toUpperCase() }), ` ${title}`);
  button.appendChild(document.createElement("small")).textContent = definition;
  button.addEventListener("click", () => label(name));
}

const actions = {
  ArrowLeft: () => !paused && place > 0 && show(place - 1),
  ArrowRight: () => !paused && place < total && kept.get(keys[place]) && show(place + 1),
  s: skip,
  ...(PAGE.neighbours && { c: context, " ": play }),
  p: () => pause(!paused),
  "?": () => byId("help").showModal(),
};
actions.Backspace = actions.ArrowLeft;
for (const { name, key } of PAGE.labels) actions[key] = () => label(name);

document.addEventListener("keydown", (event) => {
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (byId("help").open || !action || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault(); // also while a key is held down: else the space bar would press the button that was used last
  if (!event.repeat) action();
});
document.addEventListener("keyup", (event) => {
  if (!["c", " "].includes(event.key.toLowerCase()) || byId("help").open) return;
  event.preventDefault();
  hide();
});
document.addEventListener("visibilitychange", () => document.hidden && pause(true));
byId("back").addEventListener("click", actions.ArrowLeft);
byId("skip").addEventListener("click", skip);
byId("pause").addEventListener("click", actions.p);
byId("help-button").addEventListener("click", actions["?"]);

// Files

const offered = new Set(PAGE.frames.map((_, frame) => id(frame)));
const COLUMNS = ["frame_id", "label", "order", "session", "seconds", "repeat", "context", "time"];

/** How a frame was drawn; nothing of one that is not in the sample any more. */
const drawn = (frame) => (PAGE.drawn ? (PAGE.drawn[frame] ?? ["", ""]) : []);

byId("export").addEventListener("click", () => {
  const rows = [...kept.values.values()].sort((a, b) => a.order - b.order);
  const header = PAGE.drawn ? [...COLUMNS, "probability", "part"] : COLUMNS;
  download(`${PAGE.file}.csv`, header, rows.map((given) => [given.frame, ...COLUMNS.slice(1).map((column) => given[column]), ...drawn(given.frame)]));
});

/** Why a row cannot be used, or null. Adds it to `found`. */
function take(row, found) {
  const number = (column) => (/^\d+(\.\d+)?$/.test(row[column]) ? Number(row[column]) : null);
  const key = keyOf(row.frame_id, row.repeat === "1");
  if (!offered.has(row.frame_id)) return `${row.frame_id || "a frame without a name"} is not among the frames of this page`;
  if (!PAGE.labels.some(({ name }) => name === row.label)) return `the label ${row.label || "that is missing"} is none of ${PAGE.labels.map(({ name }) => name).join(", ")}`;
  if (!number("order")) return `the order ${row.order || "that is missing"} is not a number from 1`;
  if (!["0", "1"].includes(row.repeat)) return `repeat is ${row.repeat || "missing"}, expected 0 or 1`;
  if (found.has(key)) return `${row.frame_id} stands twice`;
  found.set(key, {
    frame: row.frame_id,
    label: row.label,
    order: number("order"),
    session: number("session") ?? 0,
    seconds: number("seconds") ?? 0,
    repeat: Number(row.repeat),
    context: number("context") ?? 0,
    time: /^[0-9TZ:-]*$/.test(row.time) ? row.time : "",
  });
  return null;
}

imported(COLUMNS, take, (found) => {
  for (const key of found.keys()) if (kept.get(key)) found.delete(key); // what was said here is not overwritten
  kept.setAll(found);
  count();
  show(unlabelled());
  return `${found.size} labels`;
});

show(unlabelled());
