// What the pages that draw nights share.

const SVG = "http://www.w3.org/2000/svg";

/** Add an element to a drawing; give it back. */
function draw(parent, kind, attributes, text) {
  const element = document.createElementNS(SVG, kind);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}

/** Keep the scale of a keogram that is narrower than the layout, by its margin on the right: older ones are. */
function keogramSize(picture, { width, height }) {
  Object.assign(picture.style, { aspectRatio: `${width} / ${height}`, objectFit: "contain", objectPosition: "left top" });
}

/** Frames without a gap between them that are `same`, as lists. at, end: of each frame's mark, seconds. */
function runs(all, same) {
  const found = [];
  for (const frame of all) {
    const run = found.at(-1);
    if (run && run.at(-1).end === frame.at && same(run.at(-1), frame)) run.push(frame);
    else found.push([frame]);
  }
  return found;
}
