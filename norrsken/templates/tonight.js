// The running night. PAGE: see `norrsken.classify.tonight.Tonight._shown`. The page looks for newer ones of itself.

let PAGE = JSON.parse(document.getElementById("data").textContent);
/** When the program last looked for frames, by the small file: ms since 1970. The page itself may be older than that. */
let looked = null;

const MINUTE = 60, HOUR = 3600;
const find = (selector) => document.querySelector(selector);
const clock = (second, length = 5) => new Date(second * 1000).toISOString().slice(11, 11 + length);
/** A share in per cent, never rounded to all or nothing. */
function percent(share) {
  if (share > 0.99 && share < 1) return "> 99 %";
  return share > 0 && share < 0.01 ? "< 1 %" : `${Math.round(100 * share)} %`;
}
const WHY = {
  bad: "The frame shows nothing that can be used: it is black, overexposed, of one colour, or the same as the one before.",
  unfamiliar: "The frame is unlike all that the classifier was trained on.",
  unsure: "The classifier is not sure enough.",
};
/** What hides the sky, and where nothing does. */
const SKIES = { clear: "Clear sky.", cloudy: "Cloud covers so much that aurora cannot be judged.", bright: "Moonlight or twilight lights up the sky, so that aurora cannot be judged." };

/** A class by its position or name; behind the last one, that of frames without a class. */
function kindOf(key) {
  const kind = PAGE.classes.find(({ name }, i) => i === key || name === key);
  return kind ?? { title: "Not classified", colour: "#5b606a" };
}

/** Whether cloud or light hides what the class of a frame would tell. */
const isHidden = ({ condition }) => condition === "cloudy" || condition === "bright";

/** What the last frame shows, in a word. */
const headline = (last) => (isHidden(last) ? last.condition[0].toUpperCase() + last.condition.slice(1) : kindOf(last.label).title);

/** An element with its text, for a parent. */
function put(parent, tag, text, colour) {
  const element = parent.appendChild(document.createElement(tag));
  if (text !== undefined) element.textContent = text;
  if (colour) element.style.setProperty("--c", colour);
  return element;
}

/** A time span in words: seconds. */
function span(seconds) {
  for (const [unit, length, from] of [["s", 1, 0], ["min", MINUTE, 90], ["h", HOUR, 90 * MINUTE], ["days", 24 * HOUR, 48 * HOUR]].reverse())
    if (seconds >= from) return `${Math.floor(seconds / length)} ${unit}`;
  return "0 s";
}

/** Say how old the last frame is, and warn where it does not show the sky of now. */
function tellAge() {
  const { last, changed } = PAGE, now = Date.now();
  const came = last?.time ?? changed;
  const seconds = came ? (now - Date.parse(came)) / 1000 : 0;
  const limit = Math.max(10 * MINUTE, 5 * (PAGE.drawn?.spacing ?? 0));
  const stale = Boolean(last) && seconds > limit;
  const silent = looked === null ? 0 : (now - looked) / 1000;
  find("#age").textContent = !last || !came ? "" : seconds < -MINUTE ? `last frame ${span(-seconds)} ahead of the clock here` : `last frame ${last.time ? "" : "came "}${span(Math.max(seconds, 0))} ago`;
  document.body.classList.toggle("stale", stale);
  const said = [];
  if (stale) said.push(`No new frame for ${span(seconds)}: this is not the sky of now.`);
  if (served && silent > Math.max(5 * MINUTE, 5 * PAGE.seconds)) said.push(`The program that makes this page has not looked for new frames for ${span(silent)}.`);
  if (PAGE.ahead) said.push(`${PAGE.ahead} ${PAGE.ahead === 1 ? "frame is" : "frames are"} left out, with a time that has not come yet: the configuration may name the wrong clock.`);
  find("#message").textContent = said.join("\n");
  find("#message").hidden = !said.length;
}

function tellLast() {
  const { last, pictures } = PAGE, label = find("#label"), why = find("#why"), classes = find("#classes");
  label.replaceChildren();
  classes.replaceChildren();
  for (const name of ["frame", "seen"]) {
    const figure = document.getElementById(name), data = pictures[name] ?? (name === "frame" ? pictures.seen : undefined);
    figure.hidden = !data;
    if (data) figure.querySelector("img").src = data;
    else figure.querySelector("img").removeAttribute("src");
  }
  find("#seen").hidden ||= !pictures.frame;
  if (!last) {
    put(label, "span", "No frame yet");
    why.textContent = "The page shows the first frame of the night as soon as it is classified.";
    return;
  }
  const best = kindOf(Object.entries(last.probabilities).reduce((one, other) => (other[1] > one[1] ? other : one))[0]);
  const kind = kindOf(last.label), sure = `${percent(last.confidence)} sure`;
  const said = last.reason === "unsure" ? `${WHY.unsure} Most probable: ${best.title}, ${percent(last.confidence)}.` : (WHY[last.reason] ?? `${sure}. ${kind.definition ?? ""}`);
  put(label, "i", undefined, isHidden(last) ? kindOf().colour : kind.colour);
  put(label, "span", headline(last));
  why.textContent = isHidden(last) ? `${SKIES[last.condition]} ${last.reason ? "The classifier gives it no class." : `By itself the classifier says: ${kind.title}, ${percent(last.confidence)}.`}` : [said, last.condition === "clear" ? SKIES.clear : ""].join(" ");
  find("#frame img").alt = `The last frame: ${headline(last)}`;
  find("#frame figcaption").textContent = `${last.time ? `${last.time.slice(0, 10)} ${last.time.slice(11, 19)} UT` : "Its name tells no time"} · ${last.frame}`;
  for (const { name, title, colour } of PAGE.classes) {
    put(classes, "span", title);
    put(put(classes, "div"), "i", undefined, colour).style.width = `${100 * last.probabilities[name]}%`;
    put(classes, "b", percent(last.probabilities[name]));
  }
}

/** The frames of the night as marks. end: of the mark, so that neighbours touch where none is missing. */
function marksOf({ times, kinds, conditions, confidence, spacing }) {
  const near = Math.max(1.5 * spacing, 90);
  return times.map((at, i) => {
    const next = times[i + 1] ?? Infinity;
    return { at, end: next - at <= near ? next : at + spacing, kind: kinds[i], condition: conditions[i], confidence: confidence[i] };
  });
}

function drawNight() {
  const { drawn } = PAGE, sky = find(".sky");
  sky.replaceChildren();
  find(".night").hidden = !drawn;
  if (!drawn) return;
  const width = sky.clientWidth, narrow = width < 600;
  const LEFT = narrow ? 54 : 76, RIGHT = 8, SIZE = narrow ? 11 : 13, ROW = narrow ? 13 : 12;
  const KEOGRAM = { y: 4, height: narrow ? 128 : 192 };
  const BAND = { y: KEOGRAM.y + KEOGRAM.height + 4, height: 16 };
  const ROWS = { y: BAND.y + BAND.height + 4, height: PAGE.classes.length * ROW };
  const CONFIDENCE = { y: ROWS.y + ROWS.height + 6, height: 48 };
  const AXIS = CONFIDENCE.y + CONFIDENCE.height, HEIGHT = AXIS + 26;
  const length = drawn.end - drawn.begin, scale = (width - LEFT - RIGHT) / length;
  const x = (second) => Math.round((LEFT + Math.min(second, length) * scale) * 100) / 100;
  const level = (value) => Math.round((CONFIDENCE.y + CONFIDENCE.height * (1 - value / 100)) * 10) / 10;
  const svg = draw(sky, "svg", { viewBox: `0 0 ${width} ${HEIGHT}`, "font-size": SIZE });
  svg.style.fontSize = `${SIZE}px`;
  const beside = (y, text, attributes = {}) => draw(svg, "text", { x: LEFT - 7, y, "text-anchor": "end", ...attributes }, text);

  draw(svg, "image", { href: drawn.keogram, x: LEFT, width: width - LEFT - RIGHT, ...KEOGRAM, preserveAspectRatio: "none" });
  for (const [row, text] of drawn.ticks) {
    const y = KEOGRAM.y + ((row + 0.5) * KEOGRAM.height) / drawn.rows;
    beside(y + 4, text);
    if (drawn.axis) draw(svg, "line", { class: "tick", x1: LEFT - 4, x2: LEFT, y1: y, y2: y });
  }
  if (drawn.axis && !narrow) draw(svg, "text", { transform: `translate(12 ${KEOGRAM.y + KEOGRAM.height / 2}) rotate(-90)`, "text-anchor": "middle" }, drawn.axis);

  const all = marksOf(drawn);
  // What has not come yet is no outage, which is grey in a keogram; nor is what was before the first frame.
  for (const [from, to] of [[0, all[0].at], [all.at(-1).end, length]])
    draw(svg, "rect", { class: "panel", x: x(from), width: Math.max(0, x(to) - x(from)), ...KEOGRAM });
  for (const panel of [BAND, ROWS, CONFIDENCE]) draw(svg, "rect", { class: "panel", x: LEFT, width: width - LEFT - RIGHT, ...panel });
  const strip = draw(svg, "g", { class: "strip", role: "img", "aria-label": `Classes of the night ${PAGE.night}, ${all.length} frames` });
  const alike = runs(all, (one, other) => one.kind === other.kind && one.condition === other.condition);
  const path = (found, y, height) => found.map((run) => `M${x(run[0].at)} ${y}H${Math.max(x(run.at(-1).end), x(run[0].at) + 1)}v${height}H${x(run[0].at)}z`).join("");
  const mark = (own, kind, y, height) => draw(strip, "path", { class: "mark", "data-kind": kind, d: path(own, y, height) }).style.setProperty("--c", kindOf(kind).colour);
  // What cloud, moonlight or snow hides has no class.
  const judged = alike.filter(([{ condition }]) => condition <= 0);
  for (let kind = 0; kind <= PAGE.classes.length; kind++) {
    const own = judged.filter(([frame]) => frame.kind === kind), row = kind < PAGE.classes.length;
    if (own.length) mark(own, kind, BAND.y, BAND.height);
    if (own.length && row) mark(own, kind, ROWS.y + kind * ROW + 1, ROW - 2);
    if (!row) continue;
    const { title } = kindOf(kind), fits = title.length <= (narrow ? 8 : 10), y = ROWS.y + (kind + 1) * ROW - 2;
    if (fits) beside(y, title, { "font-size": 11 });
    else draw(svg, "text", { class: "name", x: LEFT + 5, y, "font-size": 11 }, title);
  }
  for (const [condition, name] of PAGE.conditions_in_order.entries()) {
    const own = alike.filter(([frame]) => condition && frame.condition === condition);
    if (own.length) draw(strip, "path", { fill: `url(#${name})`, d: path(own, BAND.y, BAND.height) });
  }

  draw(svg, "line", { class: "limit", x1: LEFT, x2: width - RIGHT, y1: level(50), y2: level(50) });
  const lines = runs(all, (one, other) => one.condition <= 0 === other.condition <= 0).filter(([{ condition }]) => condition <= 0);
  draw(svg, "path", { class: "confidence", d: lines.map((run) => run.map((frame, i) => `${i ? "L" : "M"}${x(frame.at)} ${level(frame.confidence)}`).join("") + "h0").join("") });
  beside(level(100) + 9, "100 %");
  beside(level(0), "0 %");
  draw(svg, "text", { class: "name", x: LEFT + 5, y: CONFIDENCE.y + 13 }, "confidence");

  const step = [1, 2, 3, 4, 6].find((hours) => hours * HOUR * scale >= (narrow ? 30 : 44)) ?? 12;
  for (let second = (HOUR - (drawn.begin % HOUR)) % HOUR; second <= length; second += HOUR) {
    const hour = clock(drawn.begin + second).slice(0, 2), named = hour % step === 0;
    if (named) draw(svg, "line", { class: "hour", x1: x(second), x2: x(second), y1: KEOGRAM.y, y2: AXIS });
    draw(svg, "line", { class: "tick", x1: x(second), x2: x(second), y1: AXIS, y2: AXIS + (named ? 6 : 3) });
    if (named) draw(svg, "text", { x: x(second), y: AXIS + 20, "text-anchor": "middle" }, hour);
  }
  beside(AXIS + 20, "UT, h", { x: LEFT - 12 });
  point(svg, all, { x, second: (pixel) => Math.round((pixel - LEFT) / scale), length, top: KEOGRAM.y, bottom: AXIS });
}

/** Say what the frame under the pointer is. */
function point(svg, all, { x, second, length, top, bottom }) {
  const tip = find("#tip"), cursor = draw(svg, "line", { class: "cursor", y1: top, y2: bottom });
  const hide = (hidden) => {
    tip.hidden = hidden;
    cursor.style.display = hidden ? "none" : "";
  };
  hide(true);
  svg.addEventListener("pointermove", (event) => {
    const at = second(event.clientX - svg.getBoundingClientRect().left);
    const frame = all.find((one) => one.at <= at && at < one.end);
    hide(at < 0 || at > length);
    cursor.setAttribute("x1", x(at));
    cursor.setAttribute("x2", x(at));
    const condition = PAGE.conditions_in_order[frame?.condition];
    tip.textContent = `${clock(PAGE.drawn.begin + (frame?.at ?? at))} UT: ${frame ? [kindOf(frame.kind).title, `${frame.confidence} %`, condition].filter(Boolean).join(", ") : "no classified frame"}`;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${event.clientY - 34}px`;
  });
  svg.addEventListener("pointerleave", () => hide(true));
}

function tellNight() {
  const legend = find(".legend"), counted = PAGE.labels_clear ?? PAGE.labels;
  const all = Object.values(counted).reduce((sum, count) => sum + count, 0);
  legend.replaceChildren();
  const entries = Object.entries(counted).filter(([, count]) => count).sort((one, other) => other[1] - one[1]);
  for (const [name, count] of entries) {
    const { title, colour } = kindOf(name), entry = put(legend, "li");
    put(entry, "i", undefined, colour);
    entry.append(`${title} ${percent(count / all)}`);
  }
  if (PAGE.labels_clear && all) put(legend, "li", `of ${all} ${all === 1 ? "frame" : "frames"} under a clear sky`);
  for (const [name, count] of Object.entries(PAGE.conditions ?? {})) {
    if (name === "clear" || !count) continue;
    const entry = put(legend, "li");
    const hatch = draw(entry, "svg", { class: "hatch" });
    draw(hatch, "rect", { width: "100%", height: "100%", fill: `url(#${name})` });
    entry.append(`${name[0].toUpperCase()}${name.slice(1)}: ${count} ${count === 1 ? "frame" : "frames"}`);
  }
  const frames = PAGE.night ? `night ${PAGE.night}, ${PAGE.frames} ${PAGE.frames === 1 ? "frame" : "frames"}` : "";
  find("#progress").textContent = [frames, PAGE.without_time ? `${PAGE.without_time} ${PAGE.without_time === 1 ? "frame without a time in its name, which is" : "frames without a time in their names, which are"} not drawn` : ""].filter(Boolean).join("; ");
  find("footer").textContent = `A program classified the frames${PAGE.in_time ? ", each together with those before it" : ""}; no person has looked at them. norrsken ${PAGE.version}, model ${PAGE.model}.`;
  const title = PAGE.last ? [headline(PAGE.last), "Tonight"] : ["Tonight"];
  document.title = [...title, ...(PAGE.site ? [PAGE.site.name] : [])].join(" · ");
}

function show() {
  tellLast();
  tellNight();
  drawNight();
  tellAge();
}

/** Whether the page comes from a web server, so that it can look for a newer one without being loaded again. */
const served = location.protocol !== "file:";

async function fetched(address) {
  const answer = await fetch(address, { cache: "no-store" });
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.text();
}

/** Look whether there is something new: the small file tells it, and only then is the page fetched. */
async function look() {
  if (!served) return location.reload();
  try {
    const told = JSON.parse(await fetched("tonight.json"));
    looked = Date.parse(told.updated);
    if (["changed", "frames", "night", "version"].every((key) => told[key] === PAGE[key])) return;
    const page = new DOMParser().parseFromString(await fetched(location.href), "text/html");
    const newer = JSON.parse(page.getElementById("data").textContent);
    if (newer.version !== PAGE.version) return location.reload();
    PAGE = newer;
    show();
  } catch {
    // The server does not answer: the age of the last frame tells it, and the next look tries again.
  }
}

show();
if (served) look();
addEventListener("resize", drawNight);
setInterval(tellAge, 1000);
setInterval(look, 1000 * Math.max(PAGE.seconds, 10));
