// What the pages that draw nights share.

const SVG = "http://www.w3.org/2000/svg";

/** Add an element to a drawing; give it back. */
function draw(parent, kind, attributes, text) {
  const element = document.createElementNS(SVG, kind);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return parent.appendChild(element);
}
