// Strings as Python writes and orders them, so that sentences are the same under both readers.

const SHORT_ESCAPES = new Map([
  ["\t", "\\t"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\\", "\\\\"],
]);

// A text as Python's `ascii` writes it: in quotes, with everything but printable ASCII as an escape.
export function asciiRepr(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = [...text].map((letter) => {
    if (letter === quote) {
      return `\\${letter}`;
    }
    return SHORT_ESCAPES.get(letter) ?? (/[\x20-\x7e]/.test(letter) ? letter : escaped(letter.codePointAt(0)));
  });
  return `${quote}${inner.join("")}${quote}`;
}

function escaped(point) {
  const hex = point.toString(16);
  if (point <= 0xff) {
    return `\\x${hex.padStart(2, "0")}`;
  }
  return point <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

// Negative, 0 or positive as one text comes before the other by code points; UTF-16 puts some of them elsewhere.
export function compareTexts(one, other) {
  const [left, right] = [[...one], [...other]];
  const place = left.findIndex((letter, i) => letter !== right[i]);
  if (place < 0 || place >= right.length) {
    return left.length - right.length;
  }
  return left[place].codePointAt(0) - right[place].codePointAt(0);
}

// The same for lists of texts, such as the keys of rows.
export function compareKeys(one, other) {
  const place = one.findIndex((text, i) => text !== other[i]);
  return place < 0 ? 0 : compareTexts(one[place], other[place]);
}

// How many characters a text has, as Python counts them.
export function lengthOf(text) {
  return [...text].length;
}
