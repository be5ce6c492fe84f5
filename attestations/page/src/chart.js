// Before and after, row by row: where the base stood and where the tuned model stands, and beside it the change with its 95 %
// interval against the margin. The worst stands on top. A mark's shape and the words at its side say what a colour says.
//
// Rows of one unit share a scale. A long list becomes several drawings, each with its own axis, so that none is cut in print.

import { el, plain, said, svg } from "./dom.js";
import { change, interval, isShare, level, margin, unitOfChange } from "./figures.js";
import { MARKS, isProminent, rowLabel } from "./rows_view.js";

const ROWS_IN_ONE = 14;
const WIDTH = 1040;
const ROW = 40;
const HEAD = 46;
const FOOT = 30;
const LABEL_END = 250;
const LEVELS = [276, 476];
const CHANGES = [528, 800];
const WORDS_AT = 822;
const LETTERS_IN_LABEL = 36;

export function chart(rows) {
  const shown = rows.filter((row) => isProminent(row) && row.found.change !== undefined && row.found.change !== null);
  const units = [...new Set(shown.map((row) => row.registered.unit))];
  const parts = units.flatMap((unit) => drawings(shown.filter((row) => row.registered.unit === unit)));
  if (parts.length === 0) {
    return el("p", {}, "No row has figures that could be drawn.");
  }
  return el("div", { class: "charts" }, legend(), ...parts, ...unmeasured(rows));
}

function unmeasured(rows) {
  const left = rows.filter((row) => isProminent(row) && !row.found.change);
  if (left.length === 0) {
    return [];
  }
  const names = left.map((row) => `${rowLabel(row).metric} on ${rowLabel(row).where} (${row.words})`);
  return [el("p", { class: "note" }, "Not drawn, as there is nothing to draw: ", said(names.join(", ")), ".")];
}

function legend() {
  const entry = (name, mark, words) => el("li", {}, el("span", { class: `mark ${name}`, "aria-hidden": "true" }, mark), words);
  return el(
    "ul",
    { class: "legend" },
    entry("before", "○", "before the tuning"),
    entry("after", "●", "after it"),
    entry("worse", MARKS.worse, "got worse"),
    entry("better", MARKS.better, "got better"),
    entry("same", MARKS.same, "shown not to be worse by its margin"),
    entry("open", MARKS.open, "not settled"),
    entry("none", MARKS.none, "not measured"),
    entry("margin", "┃", "the margin: how much worse it may get"),
  );
}

function drawings(rows) {
  const sorted = [...rows].sort((one, other) => excess(other) - excess(one));
  const scales = { levels: levelScale(sorted), changes: changeScale(sorted) };
  const parts = [];
  for (let start = 0; start < sorted.length; start += ROWS_IN_ONE) {
    parts.push(drawing(sorted.slice(start, start + ROWS_IN_ONE), scales));
  }
  return parts;
}

function excess(row) {
  return Number(row.found.change) / Number(row.registered.margin);
}

// A scale is { place(value), ticks, low, high } from an interval of values to one of the drawing's.
function scaleOver([low, high], [start, end]) {
  const place = (value) => start + ((value - low) / (high - low)) * (end - start);
  return { place, low, high, ticks: ticksIn(low, high) };
}

function levelScale(rows) {
  if (isShare(rows[0].registered)) {
    return { ...scaleOver([0, 1], LEVELS), ticks: [0, 0.25, 0.5, 0.75, 1] };
  }
  const values = rows.flatMap((row) => [Number(row.found.pre), Number(row.found.post)]);
  return scaleOver(padded([Math.min(0, ...values), Math.max(...values)]), LEVELS);
}

function changeScale(rows) {
  const values = rows.flatMap(({ registered, found }) => [
    Number(found.lower95 ?? found.change),
    Number(found.upper95 ?? found.change),
    1.6 * Number(registered.margin),
    -Number(registered.margin),
  ]);
  return scaleOver(padded([Math.min(...values), Math.max(...values)]), CHANGES);
}

function padded([low, high]) {
  const room = 0.04 * (high - low) || 1;
  return [low - room, high + room];
}

function ticksIn(low, high) {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const ticks = [];
  for (let count = Math.ceil(low / step); count * step <= high; count += 1) {
    ticks.push(count * step);
  }
  return ticks;
}

function drawing(rows, scales) {
  const height = HEAD + rows.length * ROW + FOOT;
  const unit = unitOfChange(rows[0].registered);
  const name = `Before and after the tuning, and the change in ${unit} with its 95 % interval, the worst first`;
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, role: "list", "aria-label": plain(name), class: "chart" },
    axes(rows[0].registered, scales, height),
    rows.map((row, place) => drawnRow(row, scales, HEAD + place * ROW)),
  );
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "chart, scrolls sideways" }, picture);
}

function axes(row, scales, height) {
  const bottom = height - FOOT;
  const share = isShare(row);
  const levels = share ? "before → after, per cent" : `before → after, ${plain(row.unit)}`;
  const changes = `change in ${share ? "percentage points" : plain(row.unit)}, 95 % interval; right is worse`;
  const marks = (scale, words) =>
    scale.ticks.map((tick) => [
      svg("line", { class: tick === 0 ? "zero" : "grid", x1: scale.place(tick), x2: scale.place(tick), y1: HEAD - 6, y2: bottom }),
      svg("text", { class: "tick", x: scale.place(tick), y: bottom + 18, "text-anchor": "middle" }, words(tick)),
    ]);
  const plainTick = (tick) => String(Number(tick.toPrecision(6))).replace("-", "−");
  return svg(
    "g",
    { "aria-hidden": "true" },
    svg("text", { class: "axis", x: (LEVELS[0] + LEVELS[1]) / 2, y: 18, "text-anchor": "middle" }, levels),
    svg("text", { class: "axis", x: (CHANGES[0] + CHANGES[1]) / 2, y: 18, "text-anchor": "middle" }, changes),
    marks(scales.levels, (tick) => plainTick(share ? 100 * tick : tick)),
    marks(scales.changes, (tick) => plainTick(share ? 100 * tick : tick)),
  );
}

function drawnRow(row, scales, top) {
  const middle = top + ROW / 2;
  return svg(
    "g",
    { role: "listitem", class: `row ${row.kind}`, "aria-label": sentenceOf(row) },
    svg("rect", { class: "band", x: 0, y: top + 1, width: WIDTH, height: ROW - 2, rx: 4 }),
    labelOf(row, middle),
    dumbbell(row, scales.levels, middle),
    drawnChange(row, scales.changes, top, middle),
    svg("text", { class: "verdict", x: WORDS_AT, y: middle + 5 }, `${row.mark} ${shortWords(row)}`),
  );
}

function shortWords(row) {
  const severity = row.found.severity ? ` (${row.found.severity})` : "";
  const words = { same: "not worse", open: "not settled", none: "not measurable", worse: "worse", better: "better" }[row.kind];
  return `${words}${severity}${row.found.judgeDependent ? ", by judge" : ""}${row.gating ? "" : " *"}`;
}

function labelOf(row, middle) {
  const { metric, where } = rowLabel(row);
  return svg(
    "text",
    { x: 8, class: "label" },
    svg("tspan", { x: 8, y: middle - 3, class: "where" }, cut(where)),
    svg("tspan", { x: 8, y: middle + 13, class: "metric" }, cut(metric)),
    svg("title", {}, plain(`${metric} on ${where}`)),
  );
}

function cut(text) {
  const letters = [...plain(text)];
  return letters.length > LETTERS_IN_LABEL ? `${letters.slice(0, LETTERS_IN_LABEL - 1).join("")}…` : letters.join("");
}

function dumbbell(row, scale, middle) {
  if (row.found.pre === undefined || row.found.pre === null) {
    return null;
  }
  const [before, after] = [scale.place(Number(row.found.pre)), scale.place(Number(row.found.post))];
  return [
    svg("line", { class: "bar", x1: before, x2: after, y1: middle, y2: middle }),
    svg("circle", { class: "before", cx: before, cy: middle, r: 6 }),
    svg("circle", { class: "after", cx: after, cy: middle, r: 5.5 }),
  ];
}

function drawnChange(row, scale, top, middle) {
  const at = scale.place(Number(row.found.change));
  const limit = scale.place(Number(row.registered.margin));
  const parts = [
    svg("rect", { class: "beyond", x: limit, y: top + 5, width: Math.max(0, CHANGES[1] - limit), height: ROW - 10 }),
    svg("line", { class: "margin", x1: limit, x2: limit, y1: top + 5, y2: top + ROW - 5 }),
  ];
  if (row.found.lower95 !== undefined && row.found.lower95 !== null) {
    const [from, to] = [scale.place(Number(row.found.lower95)), scale.place(Number(row.found.upper95))];
    parts.push(svg("line", { class: "interval", x1: from, x2: to, y1: middle, y2: middle }));
    parts.push(...[from, to].map((x) => svg("line", { class: "interval", x1: x, x2: x, y1: middle - 5, y2: middle + 5 })));
  }
  return [...parts, mark(row.kind, at, middle)];
}

function mark(kind, x, y) {
  if (kind === "worse") {
    return svg("path", { class: "mark", d: `M${x - 7} ${y + 6} L${x} ${y - 7} L${x + 7} ${y + 6} Z` });
  }
  if (kind === "better") {
    return svg("path", { class: "mark", d: `M${x - 7} ${y - 6} L${x} ${y + 7} L${x + 7} ${y - 6} Z` });
  }
  if (kind === "same") {
    return svg("path", { class: "mark", d: `M${x - 7} ${y} L${x} ${y - 7} L${x + 7} ${y} L${x} ${y + 7} Z` });
  }
  return svg("circle", { class: "mark", cx: x, cy: y, r: 5.5 });
}

// What the row says to somebody who does not see it.
function sentenceOf(row) {
  const { registered, found } = row;
  const { metric, where } = rowLabel(row);
  const was = `before ${level(found.pre, registered)}, after ${level(found.post, registered)}`;
  const unit = unitOfChange(registered);
  const range = `95 % interval ${interval(found.lower95, found.upper95, registered)}`;
  const words = `change ${change(found.change, registered)} ${unit}, ${range}, margin ${margin(registered)}`;
  return plain(`${metric} on ${where}: ${row.words}; ${was}; ${words}`);
}
