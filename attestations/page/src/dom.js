// Makes elements. Whatever a document says becomes a text node, never markup, and reads as one piece of text in one direction.

const SVG = "http://www.w3.org/2000/svg";
const LONGEST = 8000;
// White space, and letters and symbols that show nothing; but the narrow space that keeps the digits of a number together.
const BLANK = /(?!(?<=\d)\u202f\d)[\s\u115f\u1160\u2800\u3164\uffa0]/gu;

export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      node.setAttribute(name, String(value));
    }
  }
  node.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== ""));
  return node;
}

// Text that others wrote, on one line, without control, format and unassigned characters; they could hide or reorder text.
export function plain(text) {
  const shown = String(text).replace(BLANK, " ").replace(/ {2,}/g, " ").replace(/\p{C}/gu, "\ufffd");
  return shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown;
}

// The same as an element that keeps its own direction; what stands between backticks is shown as something to type.
export function said(text) {
  const parts = plain(text).split(/`([^`]+)`/);
  return el("bdi", {}, parts.map((part, place) => (place % 2 === 1 ? el("code", {}, part) : part)));
}
