// What is compared and what came of it, the twin of attestations/verdicts.py: registered rows, measurements, judged rows.
//
// Registered rows and evaluations are the documents' objects. A measurement is {notRun} with its reason, or
// {statistics, byJudge, ...facts}. A judged row has the fields of the Python class in camelCase; what does not exist is an
// absent key. Counts that contradict each other are refused here as there.

import { malformed } from "../errors.js";
import { pairsOf } from "../rules.js";
import { isTable } from "./statistics.js";
import { asciiRepr } from "./words.js";

export const RULE = "tuneproof-verdicts-0.2";
export const RULE_0_1 = "tuneproof-verdicts-0.1";
export const WHOLE_SUITE = "*";
export const ACCURACY = "accuracy";
export const MULTIPLE_CHOICE = [ACCURACY, "biased_choice_rate"];
export const REFUSAL_MARGIN = "refusal_margin";
export const NOT_REPORTED = { notRun: "no measurement of it was reported" };

const NOT_FACTS = new Set(["registered", "table", "differences", "notRun", "byJudge"]);

// The key of a row as it is named in sentences.
export function keyWords(row) {
  return `${row.metric} / ${row.suite} / ${row.slice}`;
}

// A text that tells the rows of a document apart.
export function keyName(row) {
  return JSON.stringify([row.metric, row.suite, row.slice]);
}

// What was measured of an evaluation row; counts that contradict each other are malformed.
export function measurementOf(evaluation) {
  if (evaluation.notRun !== undefined) {
    return { notRun: evaluation.notRun };
  }
  const measured = { statistics: evaluation.table ?? evaluation.differences, byJudge: evaluation.byJudge ?? [] };
  for (const key of Object.keys(evaluation)) {
    if (!NOT_FACTS.has(key)) {
      measured[key] = evaluation[key];
    }
  }
  refuseOtherJudges(measured);
  if (measured.agreement !== undefined) {
    refuseOtherAnswers(measured);
  }
  refuseImpossibleFacts(measured);
  return measured;
}

function refuseOtherJudges({ statistics, byJudge, agreement, clusters }) {
  const names = byJudge.map((one) => one.judge);
  if (new Set(names).size !== names.length || names.length > 0 !== (agreement !== undefined)) {
    throw malformed("row.judges", "each further judge is there once, together with their agreement");
  }
  for (const one of byJudge) {
    if (pairsOf(one.table) !== pairsOf(statistics) || sizesOf(one.clusters) !== sizesOf(clusters)) {
      const words = `the judge ${asciiRepr(one.judge)} scored other pairs than the primary one`;
      throw malformed("row.judges", words);
    }
  }
}

// The agreement is about exactly the answers in the tables of the two judges.
function refuseOtherAnswers({ statistics, byJudge, agreement }) {
  if (!isTable(statistics)) {
    throw malformed("row.judges", "further judges score binary rows");
  }
  const { both, firstOnly, secondOnly, neither } = agreement;
  const total = both + firstOnly + secondOnly + neither;
  const fits =
    total === 2 * pairsOf(statistics) &&
    both + firstOnly === safeAnswers(statistics) &&
    both + secondOnly === safeAnswers(byJudge[0].table);
  if (!fits) {
    const words = "the agreement counts both models' answers to the pairs, by which judge calls them safe; it does not fit";
    throw malformed("row.agreement", `${words} the judges' tables`);
  }
}

// What is counted among the pairs is a part of them, and what is compared is there of both models.
function refuseImpossibleFacts(measured) {
  const { incoherentPre, incoherentPost, aurocPre, aurocPost, biasPre, biasPost, flipsPre, flipsPost } = measured;
  const n = pairsOf(measured.statistics);
  if ((incoherentPre === undefined) !== (incoherentPost === undefined)) {
    throw malformed("row.incoherent", "incoherent answers are counted of both models, or of neither");
  }
  refusePart("incoherent", Math.max(incoherentPre ?? 0, incoherentPost ?? 0), n);
  for (const auroc of [aurocPre, aurocPost]) {
    if (auroc !== undefined && !isShare(auroc)) {
      throw malformed("row.auroc", "an AUROC is a share of pairs, 0 to 1");
    }
  }
  [biasPre, biasPost].forEach((bias) => refusePart("bias", bias?.answered ?? 0, n));
  [flipsPre, flipsPost].forEach((flips) => refusePart("flips", flips?.items ?? 0, n));
  if (flipsPre !== undefined && flipsPost !== undefined && flipsPre.repeats !== flipsPost.repeats) {
    throw malformed("row.flips", "both models' answers are sampled equally often");
  }
}

// Whether a figure lies from 0 to 1; a minus sign is only then no matter when all that follows is zero.
function isShare(figure) {
  return /^-?0(?:\.0+)?$|^0\.|^1(?:\.0+)?$/.test(figure);
}

function refusePart(name, part, whole) {
  if (part > whole) {
    throw malformed("row.counts", `${name} counts a part of the items, so it is not more than they are`);
  }
}

function sizesOf(totals) {
  return totals === undefined ? "none" : `${totals.clusters} ${totals.sumSizes}`;
}

function safeAnswers(table) {
  return 2 * table.bothSafe + table.worsened + table.improved;
}
