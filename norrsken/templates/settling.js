// Settling labels. PAGE: groups of frames, what was said of some of them, what is settled already, and the labels.

const kept = await Kept.open("adjudicated", PAGE.release);
const undone = [];
const titles = new Map(PAGE.labels.map(({ name, title }) => [name, title]));
const buttons = new Map();
let here = null;

/** The label that a frame was settled with, empty while it is open: what was said here goes before the table. */
const settled = (frame) => kept.get(frame) ?? PAGE.settled[frame] ?? "";

function show(frame) {
  const button = buttons.get(frame), label = settled(frame);
  button.classList.toggle("settled", label !== "");
  button.classList.toggle("here", frame === here);
  button.querySelector("span").textContent = titles.get(label) ?? "open";
}

function progress() {
  const count = [...buttons.keys()].filter(settled).length;
  byId("progress").textContent = `${count} of ${buttons.size} settled`;
}

function choose(frame) {
  const before = here;
  here = frame;
  if (before) show(before);
  show(here);
}

function settle(label) {
  if (!here) return say("Click a frame first.");
  say("");
  undone.push([here, kept.get(here)]);
  kept.set(here, label);
  show(here);
  progress();
  const next = buttons.get(here).nextElementSibling;
  if (next) {
    next.focus();
    choose(next.value);
  }
}

function undo() {
  const last = undone.pop();
  if (!last) return;
  kept.set(...last);
  choose(last[0]);
  progress();
}

for (const { heading: text, frames } of PAGE.groups) {
  const section = byId("groups").appendChild(document.createElement("section"));
  const heading = section.appendChild(document.createElement("h2"));
  heading.textContent = text;
  heading.appendChild(document.createElement("small")).textContent = `  ${frames.length} frames`;
  const grid = section.appendChild(document.createElement("div"));
  grid.className = "frames";
  for (const frame of frames) {
    const button = grid.appendChild(document.createElement("button"));
    button.className = "frame";
    button.value = frame;
    button.title = frame;
    const image = button.appendChild(document.createElement("img"));
    image.loading = "lazy";
    image.alt = frame;
    image.src = `frames/${frame}.png`;
    if (PAGE.said[frame]) button.appendChild(document.createElement("small")).textContent = PAGE.said[frame];
    button.appendChild(document.createElement("span"));
    button.addEventListener("click", () => choose(frame));
    buttons.set(frame, button);
  }
}
for (const frame of buttons.keys()) show(frame);
progress();

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key.toLowerCase() === "u") undo();
  else if (event.key === "0") settle("");
  else {
    const label = PAGE.labels.find(({ key }) => key === event.key.toLowerCase());
    if (label) settle(label.name);
  }
});
byId("undo").addEventListener("click", undo);
byId("export").addEventListener("click", () => {
  // What was settled on another page is here too: the table would lose it otherwise.
  const frames = new Set([...buttons.keys(), ...Object.keys(PAGE.settled), ...kept.values.keys()]);
  download("adjudicated.csv", ["frame_id", "label"], [...frames].filter(settled).map((frame) => [frame, settled(frame)]));
});
