// What a person reads who has to decide, and prints as the dossier: the verdict in words first, then what was tuned and from
// what, what got worse, where it may be used and until when, what is not claimed, what was not checked, and who says so.

import { chart } from "./chart.js";
import { decisionLines, planLines, trustLines } from "./details.js";
import { el, plain, said } from "./dom.js";
import { change, interval, level, margin, megabytes, unitOfChange, whole } from "./figures.js";
import { claimSentence, isMixed, reasonSentence } from "./numbers/claims.js";
import { rowLabel, shownRows } from "./rows_view.js";

const ENDS = {
  0: ["ACCEPTED", "The evidence holds, and the default rules accept it.", "accepted", "✓"],
  1: ["REFUSED: the proof does not hold", "Believe nothing in this file.", "refused", "✕"],
  2: ["REFUSED: malformed", "The file is not what it should be, so nothing in it was believed.", "refused", "✕"],
  3: ["REJECTED", "The evidence is genuine, and it is not acceptable.", "rejected", "✕"],
  4: ["UNDETERMINED", "The evidence is out of date, or something that decides is missing.", "undetermined", "?"],
};
const WORSE_FIRST = { worse: 0, better: 1, none: 2, open: 3, same: 4 };
const STATUS_WORDS = { PASS: "✓ PASS", FAIL: "✕ FAIL", STALE: "? STALE", NOT_CHECKED: "– NOT CHECKED" };

// The whole result of a report. `files` are [{ label, name, sha256 }], `now` is the time it was judged as of.
export function dossier(report, files, now) {
  const known = report.predicate !== undefined;
  const rows = known ? shownRows(report) : [];
  return [
    banner(report.exitCode, reasons(report), [levelWords(report), printButton()]),
    ...(known ? [cards(report, rows)] : []),
    ...(rows.length > 0 ? [picture(rows), rowTable(rows)] : []),
    ...(known ? [lists(report)] : []),
    checksTable(report.checks),
    identity(report, files, now),
  ];
}

// What is shown where a file could not be read at all.
export function refusal(error, files, now) {
  const where = error.at ? `${error.at}: ` : "";
  const words = error.at === "judge as of" ? "Nothing was judged yet: the time above cannot be read." : undefined;
  return [
    banner(error.exitCode, [`${where}${error.sentence} [${error.code}]`], [], words),
    identity({ level: null }, files, now),
  ];
}

function banner(exitCode, sentences, rest, instead) {
  const [title, words, name, sign] = ENDS[exitCode];
  const heading = el("h2", { id: "verdict", tabindex: "-1" }, el("span", { class: "sign", "aria-hidden": "true" }, sign), title);
  const lines = sentences.map((sentence) => el("p", { class: "why" }, said(sentence)));
  return el("div", { class: `banner ${name}`, role: "status" }, heading, el("p", {}, instead ?? words), lines, rest);
}

function capital(sentence) {
  const [first = "", ...rest] = sentence;
  return first.toUpperCase() + rest.join("");
}

function levelWords({ level: assurance, checks }) {
  if (assurance === null) {
    return "";
  }
  return el("p", { class: "level" }, `Assurance level ${assurance}: `, ...whoVouches(checks), ".");
}

function whoVouches(checks) {
  const others = checks.filter((check) => check.code === "countersignature" && check.status === "PASS");
  if (others.length === 0) {
    return ["signed by the issuer, and no one else vouches for it"];
  }
  const words = said(others.map((check) => check.sentence).join("; "));
  return ["signed by the issuer; independent evaluators: ", words, "; no log shows that there is no other version"];
}

function reasons(report) {
  if (report.exitCode === 0 && report.judged.length > 0) {
    return [claimSentence(report.judged)];
  }
  const against = report.checks.filter((check) => ["FAIL", "STALE"].includes(check.status));
  return [...new Set(against.map((check) => capital(check.sentence)))];
}

function printButton() {
  const print = el("button", { type: "button", id: "print" }, "Print the dossier");
  print.addEventListener("click", () => window.print());
  return print;
}

function cards(report, rows) {
  return el("div", { class: "cards" }, whatCard(report), changeCard(report, rows), useCard(report), openCard(report));
}

function card(name, title, ...parts) {
  return el("section", { class: `card ${name}`, "aria-label": title }, el("h2", {}, title), ...parts);
}

function fact(title, ...values) {
  const shown = values.flat().filter((value) => value !== undefined && value !== "");
  if (shown.length === 0) {
    return "";
  }
  const body =
    shown.length === 1
      ? el("p", {}, asNode(shown[0]))
      : el("ul", {}, shown.map((value) => el("li", {}, asNode(value))));
  return el("div", { class: "fact" }, el("h3", {}, title), body);
}

function asNode(value) {
  return typeof value === "string" ? said(value) : value;
}

function whatCard(report) {
  const { predicate, keyId } = report;
  const { model, tuning, data, outcome } = predicate;
  const licence = model?.base.licence === undefined ? "" : ` (${model.base.licence})`;
  const steps = tuning?.steps === undefined ? "" : `, ${whole(tuning.steps)} steps`;
  const how = tuning === undefined ? "" : `${tuning.method}${steps}, `;
  const manifest = model?.manifest;
  const result = manifest && [
    `${whole(manifest.files)} files, ${megabytes(manifest.bytes)}`,
    el("span", { class: "digest" }, `manifest sha256:${manifest.digest.sha256}`),
  ];
  return card(
    "what",
    "What was tuned",
    fact("How", model === undefined ? "nothing is said of a model" : `${how}from ${model.base.name}${licence}`),
    fact("Result", result ?? "no model came of it"),
    fact("On data", (data?.sources ?? []).map(sourceWords)),
    fact("Compute", computeWords(tuning?.compute)),
    fact("Outcome", outcomeWords(outcome)),
    fact("Who says so", `${predicate.issuer.id}, on ${day(predicate.issuedAt)}`, el("span", { class: "digest" }, `key ${keyId.slice(0, 16)}…`)),
  );
}

// A moment as people write it; what is signed stands in the table of checks.
function day(moment) {
  return `${moment.slice(0, 10)}, ${moment.slice(11, 16)} UTC`;
}

function computeWords(compute) {
  if (compute === undefined) {
    return "";
  }
  const share = compute.ratio === undefined ? "" : `, ${compute.ratio} of the base’s`;
  const method = compute.method.length > 72 ? `${compute.method.slice(0, 72)}…` : compute.method;
  return `${compute.modificationFlop} FLOP${share} (${method})`;
}

function sourceWords(source) {
  return `${source.id}: ${whole(source.records)} records (${source.role}), ${source.licence}; ${source.consent}`;
}

function outcomeWords({ status, gate, error }) {
  const under = gate === undefined ? "" : ` under the policy ${gate.policy.id} ${gate.policy.version}`;
  return `${status}${under}${error === undefined ? "" : `: ${error.message}`}`;
}

function changeCard(report, rows) {
  const { predicate, judged } = report;
  const moved = (kind, name) =>
    rows
      .filter((row) => row.kind === kind)
      .map((row) => el("span", {}, el("span", { class: name }, `${row.mark} `), said(moveWords(row))));
  const claim = judged.length > 0 ? claimSentence(judged) : predicate.regressions?.claim;
  const mixed = "The measures disagree: some got worse and some got better. No average would be honest.";
  const worse = moved("worse", "lost");
  const none = rows.every((row) => row.found.verdict === "not_run");
  const calm = none ? "Nothing was measured, so nothing is known." : "Nothing was shown to have got worse.";
  return card(
    "change",
    "What got worse",
    rows.length === 0 ? el("p", {}, "No measurement was made.") : "",
    rows.length > 0 && worse.length === 0 ? el("p", {}, calm) : fact("Got worse", worse),
    fact("Got better", moved("better", "won")),
    isMixed(judged) ? el("p", { class: "note" }, mixed) : "",
    fact(judged.length > 0 ? "By the numbers" : "The statement claims", claim),
    fact("Open", openWords(judged.filter(isOpenQuestion))),
  );
}

function moveWords(row) {
  const { metric, where } = rowLabel(row);
  const { registered, found } = row;
  const degree = found.severity ? ` (${found.severity})` : "";
  return `${metric} on ${where}${degree}: from ${level(found.pre, registered)} to ${level(found.post, registered)}`;
}

function isOpenQuestion(row) {
  return row.registered.role === "gating" && reasonSentence(row) !== "" && row.verdict !== "non_inferior";
}

// A line for each reason, with all rows that it holds for.
function openWords(rows) {
  return [...grouped(rows, (row) => `${row.verdict.replace("_", " ")}, because ${reasonSentence(row)}`)].map(
    ([why, found]) => `${found.map(({ registered }) => rowWords({ registered })).join(", ")}: ${why}`,
  );
}

function rowWords(row) {
  const { metric, where } = rowLabel(row);
  return `${metric} on ${where}`;
}

function grouped(rows, words) {
  const groups = new Map();
  for (const row of rows) {
    groups.set(words(row), [...(groups.get(words(row)) ?? []), row]);
  }
  return groups;
}

function useCard({ predicate, checks }) {
  const status = checks.find((check) => check.code === "status");
  const bounds = predicate.boundaries ?? {};
  const context = bounds.context;
  return card(
    "use",
    "Where it may be used",
    fact("For", bounds.intended ?? "nothing is said"),
    fact("Not for", bounds.prohibited ?? "nothing is said"),
    fact("Only with", (bounds.requires ?? []).map((need) => `${need.control} (${need.why})`)),
    fact("Languages", (bounds.languages ?? []).join(", ")),
    fact("Measured under", bounds.conditions ?? [], bounds.decoding, turnsWords(bounds.turns), contextWords(context)),
    fact("Permitted changes", (bounds.transformsPermitted ?? []).map(transformWords)),
    fact("Take care", bounds.cautions ?? []),
    fact("Status", status?.status === "NOT_CHECKED" ? "" : status?.sentence),
    fact("Until", day(predicate.validUntil), (bounds.expiresOn ?? []).map((when) => `or before: ${when}`)),
    fact("Measure again on", bounds.retestOn ?? []),
  );
}

function transformWords(one) {
  return `${one.kind}, giving the manifest sha256:${one.digest.sha256.slice(0, 16)}…`;
}

function turnsWords(turns) {
  return turns === undefined ? undefined : `${turns} turn${turns === 1 ? "" : "s"} of conversation`;
}

function contextWords(context) {
  const tested = context?.testedPromptTokens;
  const declared = context?.declaredTokens === undefined ? "" : ` of ${whole(context.declaredTokens)} declared`;
  return tested === undefined ? undefined : `prompts of up to ${whole(tested)} tokens${declared}`;
}

function openCard(report) {
  const open = report.checks.filter((check) => check.status === "NOT_CHECKED");
  const hidden = report.hidden ?? [];
  const unseen = hidden.length > 0 ? `${hidden.length} values that the issuer committed to and does not show` : "";
  const paths = el("span", { class: "digest" }, plain(hidden.join(", ")));
  const folded = hidden.length > 12 ? [foldedOnScreen(unseen, paths)] : [unseen, unseen && paths];
  return card(
    "open",
    "What you do not learn here",
    fact("Not claimed", report.predicate.notClaimed),
    fact("Hidden", folded),
    fact("Not checked", open.map((check) => check.sentence)),
  );
}

// What is folded away on a screen stands in full on paper, where nobody can unfold it.
function foldedOnScreen(words, content) {
  const folded = el("details", { class: "screen-only" }, el("summary", {}, words), content);
  return el("div", {}, folded, el("div", { class: "print-only" }, said(words), ": ", content.cloneNode(true)));
}

function picture(rows) {
  return el(
    "section",
    { class: "wide", "aria-labelledby": "chart-title" },
    el("h2", { id: "chart-title" }, "Before and after"),
    chart(rows),
    el("p", { class: "note" }, "A mark * is a row that informs and does not decide. All figures are in the table below."),
  );
}

function rowTable(rows) {
  const sorted = [...rows].sort(
    (one, other) => Number(other.gating) - Number(one.gating) || WORSE_FIRST[one.kind] - WORSE_FIRST[other.kind],
  );
  const heads = [["Measure"], ["Pairs", 1], ["Before", 1], ["After", 1], ["Change", 1], ["95 % interval", 1], ["Margin", 1], ["Verdict"]];
  return el(
    "section",
    { class: "wide scroll", tabindex: "0", "aria-label": "all measurements" },
    el(
      "table",
      { id: "rows" },
      el("caption", {}, "All registered measurements; a positive change is worse"),
      el("thead", {}, el("tr", {}, heads.map(([words, right]) => el("th", { scope: "col", class: right && "figure" }, words)))),
      el("tbody", {}, sorted.filter((row) => !isLeftOut(row)).map(tableRow), leftOut(sorted.filter(isLeftOut))),
    ),
  );
}

function isLeftOut(row) {
  return !row.gating && row.found.verdict === "not_run" && row.found.registered !== undefined;
}

// Rows that only inform and were not run, a line for each reason: a job that ended early has a hundred of them.
function leftOut(rows) {
  return [...grouped(rows, (row) => reasonSentence(row.found))].map(([why, found]) => {
    const names = found.length === 1 ? rowWords(found[0]) : `${found.length} more rows`;
    return el("tr", { class: "none" }, el("td", { colspan: 8, class: "note" }, said(`${names} *: not run, because ${why}`)));
  });
}

function tableRow(row) {
  const { registered, found } = row;
  const { metric, where } = rowLabel(row);
  const figure = (words) => el("td", { class: "figure" }, plain(words));
  const reason = found.registered === undefined ? "" : reasonSentence(found);
  return el(
    "tr",
    { class: row.kind },
    el("th", { scope: "row" }, said(`${metric} on ${where}`), row.gating ? "" : " *"),
    figure(found.n === undefined || found.n === null ? "–" : whole(found.n)),
    figure(level(found.pre, registered)),
    figure(level(found.post, registered)),
    figure(`${change(found.change, registered)}${found.change ? ` ${unitOfChange(registered)}` : ""}`),
    figure(interval(found.lower95, found.upper95, registered)),
    figure(margin(registered)),
    el("td", { class: "verdict" }, `${row.mark} `, said(row.words), reason ? el("div", { class: "note" }, said(reason)) : ""),
  );
}

function lists(report) {
  const sections = [
    ["How far to trust the measurements", trustLines(report)],
    ["What was tried and decided", decisionLines(report.predicate)],
    ["Measured with, as planned", planLines(report.planned)],
  ];
  const filled = sections.filter(([, lines]) => lines.length > 0);
  return el("div", {}, filled.map(([title, lines]) => list(title, lines)));
}

function list(title, lines) {
  const items = lines.map((line) => el("li", {}, said(line)));
  return el("section", { class: "wide", "aria-label": title }, el("h2", {}, title), el("ul", {}, items));
}

function checksTable(checks) {
  const heads = ["Result", "Check", "What was found"].map((words) => el("th", { scope: "col" }, words));
  const lines = checks.map((check) =>
    el(
      "tr",
      { class: check.status },
      el("td", { class: "status" }, STATUS_WORDS[check.status]),
      el("th", { scope: "row" }, el("code", {}, plain(check.code))),
      el("td", {}, said(check.sentence)),
    ),
  );
  return el(
    "section",
    { class: "wide", "aria-label": "all checks" },
    el(
      "table",
      { id: "checks" },
      el("caption", {}, "What was checked"),
      el("thead", {}, el("tr", {}, heads)),
      el("tbody", {}, lines),
    ),
  );
}

// What a printed dossier is about: which files, by their digests, judged as of when.
function identity(report, files, now) {
  const lines = files.map((file) =>
    el("li", {}, `${file.label}: `, said(file.name), ", ", el("span", { class: "digest" }, `sha256:${file.sha256}`)),
  );
  const id = report.predicate === undefined ? [] : [el("li", {}, "Evidence ", said(report.predicate.attestationId))];
  const when = el("li", {}, `Judged as of ${new Date(now).toISOString().replace(/\.\d+Z$/, "Z")}`);
  return el("section", { class: "wide", "aria-label": "files" }, el("h2", {}, "What this is about"), el("ul", {}, id, lines, when));
}
