// A month of nights. PAGE: see `norrsken.catalogue.night_pages._script`. All of a night has one axis: minutes from noon.

const { left: LEFT, width: WIDTH, height: PICTURE, minutes: MINUTES, sky: SKY } = PAGE.layout;
const TOP = 4; // the sky of the keogram, and below it: classes, confidence, altitudes, hours
const BAND = { y: TOP + SKY + 4, height: 16 };
const CLASSES = PAGE.kinds.length - 1; // the last kind is that of frames without a class
// Below the classes those that each frame would get by itself, where its classifier looks at those before and after, too.
const ALONE = { y: BAND.y + BAND.height + (PAGE.in_time ? 2 : 0), height: PAGE.in_time ? 12 : 0 };
const ROW = 11, ROWS = { y: ALONE.y + ALONE.height + 4, height: CLASSES * ROW };
const CONFIDENCE = { y: ROWS.y + ROWS.height + 6, height: 44 };
const ALTITUDE = { y: CONFIDENCE.y + CONFIDENCE.height + 6, height: 54 };
const AXIS = ALTITUDE.y + ALTITUDE.height;
const HEIGHT = AXIS + 24;

const clock = (night, second) => new Date((night.start + second) * 1000).toISOString().slice(11, 16);
const x = (second) => Math.round((LEFT + second / 60) * 100) / 100;
const within = ({ y, height }, share) => Math.round((y + height * (1 - share)) * 10) / 10;
const highest = Math.max(...PAGE.nights.flatMap(({ sun, moon }) => [...sun, ...moon]).map(Math.abs), 20);
const altitude = (degrees) => within(ALTITUDE, (degrees / highest + 1) / 2);

/** The frames of a night as [second, end of its mark, kind, condition, confidence]. */
function frames(night) {
  let second = 0;
  const seconds = night.steps.map((step) => (second += step));
  // Frames do not come on the second; their marks are to touch where none is missing.
  const near = Math.max(1.5 * night.spacing, 90);
  return seconds.map((at, i) => {
    const next = seconds[i + 1] ?? Infinity;
    return { at, end: next - at <= near ? next : at + night.spacing, kind: parseInt(night.kinds[i], 16), alone: parseInt(night.alone[i], 16), condition: +night.conditions[i], confidence: night.confidence[i] };
  });
}

/** Marks of runs as a path. */
const marks = (found, y, height) =>
  found.map((run) => `M${x(run[0].at)} ${y}H${x(run.at(-1).end)}v${height}H${x(run[0].at)}z`).join("");

const line = (run) => run.map((frame, i) => `${i ? "L" : "M"}${x(frame.at)} ${within(CONFIDENCE, frame.confidence / 100)}`).join("") + "h0";

const curve = (values) => values.map((degrees, k) => `${LEFT + k * PAGE.step_minutes},${altitude(degrees)}`).join(" ");

function fill(sky, night) {
  const svg = draw(sky, "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
  const picture = sky.querySelector("img");
  const label = (y, text) => draw(svg, "text", { x: LEFT - 8, y, "text-anchor": "end" }, text);
  if (picture) {
    // Of the picture only its sky: its own axis would come between the sky and the classes.
    const { top } = PAGE.layout, percent = (part, of) => `${(100 * part) / of}%`;
    keogramSize(picture, PAGE.layout);
    picture.style.transform = `translateY(${percent(TOP - top, PICTURE)})`;
    picture.style.clipPath = `inset(${percent(top, PICTURE)} ${percent(WIDTH - LEFT - MINUTES, WIDTH)} ${percent(PICTURE - top - SKY, PICTURE)} ${percent(LEFT, WIDTH)})`;
    scale(svg, night.axis.left, LEFT, -1);
    if (night.axis.right) scale(svg, night.axis.right, LEFT + MINUTES, 1);
  } else {
    draw(svg, "rect", { class: "none", x: LEFT, y: TOP, width: MINUTES, height: SKY });
    draw(svg, "text", { x: LEFT + MINUTES / 2, y: TOP + SKY / 2, "text-anchor": "middle" }, "no keogram");
  }

  const all = frames(night);
  for (const panel of [BAND, ALONE, ROWS, CONFIDENCE, ALTITUDE])
    draw(svg, "rect", { class: "panel", x: LEFT, width: MINUTES, ...panel });
  const strip = draw(svg, "g", { class: "strip", role: "img", "aria-label": summary(night, all) });
  const alike = runs(all, (one, other) => one.kind === other.kind && one.condition === other.condition);
  const clear = alike.filter(([{ condition }]) => condition === 0);
  for (const [kind, name] of PAGE.kinds.entries()) {
    const own = clear.filter(([frame]) => frame.kind === kind);
    if (kind < CLASSES) rowLabel(svg, kind);
    if (!own.length) continue;
    draw(strip, "path", { class: `mark k-${name}`, d: marks(own, BAND.y, BAND.height) });
    if (kind < CLASSES) draw(strip, "path", { class: `mark k-${name}`, d: marks(own, ROWS.y + kind * ROW + 1, ROW - 2) });
  }
  if (PAGE.in_time) {
    for (const [{ y, height }, text] of [[BAND, PAGE.in_time], [ALONE, "single"]])
      draw(svg, "text", { x: LEFT - 8, y: y + height / 2 + 4, "text-anchor": "end", "font-size": 11 }, text);
    const single = runs(all, (one, other) => one.alone === other.alone && one.condition === other.condition).filter(([{ condition }]) => condition === 0);
    for (const [kind, name] of PAGE.kinds.entries()) {
      const own = single.filter(([frame]) => frame.alone === kind);
      if (own.length) draw(strip, "path", { class: `mark k-${name}`, d: marks(own, ALONE.y, ALONE.height) });
    }
  }
  for (const [condition, name] of PAGE.conditions.entries())
    if (condition) draw(strip, "path", { fill: `url(#${name})`, d: marks(alike.filter(([frame]) => frame.condition === condition), BAND.y, BAND.height) });

  draw(svg, "line", { class: "limit", x1: LEFT, x2: LEFT + MINUTES, y1: within(CONFIDENCE, 0.5), y2: within(CONFIDENCE, 0.5) });
  const connected = runs(all, (one, other) => (one.condition === 0) === (other.condition === 0)).filter(([{ condition }]) => condition === 0);
  draw(svg, "path", { class: "confidence", d: connected.map(line).join("") });
  label(within(CONFIDENCE, 1) + 10, "100 %");
  label(within(CONFIDENCE, 0), "0 %");
  draw(svg, "text", { class: "name", x: LEFT + 5, y: CONFIDENCE.y + 13 }, "confidence");

  for (const degrees of [0, PAGE.sun_altitude_max])
    draw(svg, "line", { class: "limit", x1: LEFT, x2: LEFT + MINUTES, y1: altitude(degrees), y2: altitude(degrees) });
  label(altitude(0) + 4, "0°");
  label(altitude(PAGE.sun_altitude_max) + 8, `${PAGE.sun_altitude_max}°`.replace("-", "−"));
  draw(svg, "polyline", { class: "sun", points: curve(night.sun) });
  draw(svg, "polyline", { class: "moon", points: curve(night.moon) });
  draw(svg, "text", { class: "name", x: LEFT + 5, y: AXIS - 5 }, "altitude");

  for (let second = 3600 - (night.start % 3600); second < MINUTES * 60; second += 3600) {
    const hour = clock(night, second).slice(0, 2), even = hour % 2 === 0;
    if (even) draw(svg, "line", { class: "hour", x1: x(second), x2: x(second), y1: TOP, y2: AXIS });
    draw(svg, "line", { class: "tick", x1: x(second), x2: x(second), y1: AXIS, y2: AXIS + (even ? 6 : 3) });
    if (even) draw(svg, "text", { x: x(second), y: AXIS + 19, "text-anchor": "middle" }, hour);
  }
  label(AXIS + 19, "UT, h");
  for (const [i, second] of night.peaks.entries())
    draw(svg, "text", { class: "peak", x: x(second), y: TOP + SKY - 5, "text-anchor": "middle" }, i + 1);
  follow(svg, night, all);
}

/** A scale beside the sky, as the keogram has it, at an edge of the sky: side −1 is left of it, 1 is right. */
function scale(svg, { title, ticks }, edge, side) {
  for (const [row, text] of ticks) {
    const y = TOP + ((row + 0.5) * SKY) / PAGE.layout.rows;
    draw(svg, "text", { x: edge + 8 * side, y: y + 5, "text-anchor": side < 0 ? "end" : "start" }, text);
    if (title) draw(svg, "line", { class: "tick", x1: edge, x2: edge + 5 * side, y1: y, y2: y });
  }
  const [x, y] = [side < 0 ? 14 : WIDTH - 8, TOP + SKY / 2];
  if (title) draw(svg, "text", { transform: `translate(${x} ${y}) rotate(-90)`, "text-anchor": "middle" }, title);
}

/** The title of a class beside its row; within the row where it is too long to stand beside it. */
function rowLabel(svg, kind) {
  const title = PAGE.titles[kind], beside = title.length <= 9;
  const place = beside ? { x: LEFT - 8, "text-anchor": "end" } : { x: LEFT + 5, class: "name" };
  draw(svg, "text", { y: ROWS.y + (kind + 1) * ROW - 1.5, "font-size": 11, ...place }, title);
}

const describe = (night, { at, kind, alone, condition, confidence }) =>
  `${clock(night, at)} UT: ${PAGE.titles[kind]}, ${confidence} %, ${PAGE.conditions[condition]}${PAGE.in_time && alone !== kind ? `; by itself ${PAGE.titles[alone]}` : ""}`;

function summary(night, all) {
  if (!all.length) return `No classified frame in the night ${night.night}`;
  return `Classes of the night ${night.night}, ${clock(night, all[0].at)} to ${clock(night, all.at(-1).at)} UT, ${all.length} frames`;
}

/** Say what the frame under the pointer is. */
function follow(svg, night, all) {
  const tip = document.getElementById("tip"), cursor = draw(svg, "line", { class: "cursor", y1: TOP, y2: AXIS });
  cursor.style.display = "none";
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const second = Math.round((((event.clientX - box.left) / box.width) * WIDTH - LEFT) * 60);
    const outside = second < 0 || second > MINUTES * 60;
    const frame = all.find(({ at, end }) => at <= second && second < end);
    tip.hidden = outside;
    cursor.style.display = outside ? "none" : "";
    cursor.setAttribute("x1", x(second));
    cursor.setAttribute("x2", x(second));
    tip.textContent = frame ? describe(night, frame) : `${clock(night, second)} UT: no classified frame`;
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.clientY - 34}px`;
  });
  svg.addEventListener("pointerleave", () => {
    tip.hidden = true;
    cursor.style.display = "none";
  });
}

for (const sky of document.querySelectorAll(".sky")) fill(sky, PAGE.nights[sky.dataset.index]);

document.addEventListener("keydown", (event) => {
  const link = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (link && !event.altKey && !event.ctrlKey && !event.metaKey) document.querySelector(`[rel=${link}]`)?.click();
});
