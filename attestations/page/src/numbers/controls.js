// Whether a measurement can tell something from nothing: negative and positive controls, and the rule that judges them; the
// twin of attestations/controls.py. Planned controls and results are the documents' objects. A finding is
// {kind, metric, suite, state, results}.

import { malformed } from "../errors.js";
import { pairsOf } from "../rules.js";
import { clusteredP } from "./clusters.js";
import { decimal, greater } from "./decimal.js";
import { FAMILY_LEVEL, inDigits, mcnemarP } from "./statistics.js";
import { asciiRepr } from "./words.js";

const NOISE_LEVEL = decimal("0.05");
const LEAST_DROP = decimal("0.10");
const LEAST_OF_LEVEL = decimal("0.98");
const LEAST_LEVEL_PAIRS = 20;

// A finding for each kind of control on each metric and suite, in the order planned.
export function assess(planned, results, gatingRows) {
  const found = resultsByPlan(planned, results);
  const groups = new Map();
  for (const control of planned) {
    const group = JSON.stringify([control.kind, control.metric, control.suite]);
    groups.set(group, [...(groups.get(group) ?? []), control]);
  }
  return [...groups.values()].map((levels) => {
    const { kind, metric, suite } = levels[0];
    const ran = levels.map((control) => found.get(control)).filter((result) => result !== undefined);
    return { kind, metric, suite, state: stateOf(kind, levels, found, gatingRows), results: ran };
  });
}

function placeOf(control) {
  return JSON.stringify([control.kind, control.level, control.metric, control.suite]);
}

function resultsByPlan(planned, results) {
  const places = new Map(planned.map((control) => [placeOf(control), control]));
  if (places.size !== planned.length) {
    throw malformed("control.planned_twice", "a control is planned twice");
  }
  const found = new Map();
  for (const result of results) {
    const control = places.get(placeOf(result));
    const words = `the ${result.kind} control ${asciiRepr(result.level)} of ${result.metric} on ${result.suite}`;
    if (control === undefined || found.has(control)) {
      throw malformed("control.unplanned", `${words} was ${control === undefined ? "never planned" : "given twice"}`);
    }
    if (pairsOf(result.table) > control.items) {
      throw malformed("control.items", `${words} has more pairs than were planned`);
    }
    found.set(control, result);
  }
  return found;
}

function stateOf(kind, levels, found, gatingRows) {
  const complete = levels.filter((control) => found.has(control) && isComplete(control, found.get(control)));
  const results = complete.map((control) => found.get(control));
  if (results.length < levels.length) {
    return "not_run";
  }
  if (kind === "negative") {
    return results.some((result) => pOfControl(result).lt(NOISE_LEVEL)) ? "failed" : "held";
  }
  const dropped = results.filter((result) => changeOf(result).ge(LEAST_DROP));
  const level = inDigits(() => FAMILY_LEVEL.dividedBy(Math.max(gatingRows, 1)));
  const seen = dropped.every((result) => pOfControl(result).lt(level));
  return dropped.length > 0 && seen ? "held" : "failed";
}

function isComplete(control, result) {
  return greater(decimal(LEAST_LEVEL_PAIRS), LEAST_OF_LEVEL.times(control.items)).le(pairsOf(result.table));
}

// Worse-positive, as a share of the pairs; 0 without a pair.
function changeOf({ table }) {
  return inDigits(() => decimal(table.worsened - table.improved).dividedBy(Math.max(pairsOf(table), 1)));
}

// Exact McNemar, or its clustered form where items cluster.
function pOfControl({ table, clusters }) {
  return clusters === undefined ? mcnemarP(table) : clusteredP(table, clusters);
}
