// What must hold between the fields of a manifest and of the statements beside an attestation.

import { parseMoment } from "./moments.js";
import { countedIn } from "./predicate_rules.js";
import { MAX_ROWS, apart, pairsOf, refuse, rowKey } from "./rules.js";

const MAX_PARAMETERS = 256;
const MAX_DEPENDENCIES = 512;
const BUILD_TYPE = "https://tuneproof.example/spec/buildtypes/finetune/v1";

export function ruleOfManifest(manifest) {
  const known = manifest.schema === "0.1.0" && manifest.mediaType === "application/vnd.tuneproof.manifest.v1+json";
  refuse(!known, "manifest.schema", "this version reads manifests of schema 0.1.0");
  const names = manifest.files.map((entry) => entry.name);
  refuse(names.length === 0, "manifest.empty", "a manifest lists at least one file");
  const ordered = names.every((name, place) => place === 0 || isBefore(names[place - 1], name));
  refuse(!ordered, "manifest.order", "the files are not in the order of their names, each once");
}

// The order of code points, which is not that of JavaScript's own comparison where a letter takes two units.
function isBefore(one, other) {
  const [left, right] = [[...one], [...other]].map((letters) => letters.map((letter) => letter.codePointAt(0)));
  const place = left.findIndex((letter, i) => letter !== right[i]);
  return place < 0 ? left.length < right.length : left[place] < (right[place] ?? -1);
}

export function ruleOfFileEntry(entry) {
  const name = entry.name;
  const segments = name.split("/");
  const odd = segments.some((segment) => segment === "" || segment === "." || segment === "..");
  const unsafe = /[\x00-\x1f\x7f\\]/.test(name) || odd || [...name][1] === ":";
  refuse(unsafe, "manifest.name", "a name in the manifest is no safe relative file name");
  const long = [...name].length > 200 || segments.length > 32;
  refuse(long, "manifest.name", "a name in the manifest is longer than 200 characters or 32 levels");
}

export function ruleOfEvalPlan(plan) {
  refuse(plan.schema !== "0.1.0", "eval_plan.schema", "this version reads plan statements of schema 0.1.0");
  const ends = parseMoment(plan.closeBy) <= parseMoment(plan.createdAt);
  refuse(ends, "eval_plan.close_by", "the runs end before they can begin");
  refuse(plan.runsDeclared < 1, "eval_plan.runs", "a plan declares at least one run");
}

export function ruleOfRunMetadata(run) {
  const ends = parseMoment(run.startedOn) > parseMoment(run.finishedOn);
  refuse(ends, "provenance.times", "the run ends before it begins");
}

export function ruleOfBuildDefinition(build) {
  refuse(build.buildType !== BUILD_TYPE, "provenance.build_type", `the build type must be ${BUILD_TYPE}`);
  const dependencies = build.resolvedDependencies;
  const counts = [build.externalParameters, build.internalParameters].map((one) => Object.keys(one).length);
  const many = Math.max(...counts) > MAX_PARAMETERS || dependencies.length > MAX_DEPENDENCIES;
  const words = `there are at most ${MAX_PARAMETERS} parameters of a kind and ${MAX_DEPENDENCIES} dependencies`;
  refuse(many, "provenance.too_much", words);
  const twice = !apart(dependencies.map((one) => [one.name, one.digest.sha256]));
  refuse(twice, "provenance.dependencies", "a dependency is listed twice");
  const having = (role) => dependencies.filter((one) => one.name === role).length;
  const once = "there is exactly one base model and at most one code among the dependencies";
  refuse(having("base-model") !== 1 || having("code") > 1, "provenance.dependencies", once);
}

export function ruleOfNotice(notice) {
  refuse(notice.schema !== "0.1.0", "notice.schema", "this version reads notices of schema 0.1.0");
  parseMoment(notice.at);
  const words = "a notice that something is superseded, and no other, names what it is superseded by";
  const fits = (notice.supersededBy !== undefined) === (notice.kind === "superseded");
  refuse(!fits, "notice.superseded_by", words);
}

export function ruleOfCountersignature(made) {
  const code = "countersignature";
  refuse(made.schema !== "0.1.0", `${code}.schema`, "this version reads countersignatures of schema 0.1.0");
  parseMoment(made.at);
  const measured = made.own.filter((row) => countedIn(row).some((counts) => pairsOf(counts) > 0));
  const keys = measured.map((row) => rowKey(row.registered));
  const words = `there are at most ${MAX_ROWS} rows of its own, and each is there once`;
  refuse(made.own.length > MAX_ROWS || !apart(keys), `${code}.own`, words);
  const equal = JSON.stringify(made.agreement.map(rowKey)) === JSON.stringify(keys);
  refuse(!equal, `${code}.agreement`, "each row that was measured has one row of agreement, in the same order");
  const measuring = ["reproduced", "reanalysed"].includes(made.mode);
  refuse(measuring && keys.length === 0, `${code}.own`, `what was ${made.mode} has rows of its own`);
  const outside = made.disagreements.length > 0 || !made.agreement.every((row) => row.within);
  const sentence = "it disagrees exactly where a row is outside its margin or a disagreement is written down";
  refuse(outside !== (made.conclusion === "disagrees"), `${code}.conclusion`, sentence);
}
