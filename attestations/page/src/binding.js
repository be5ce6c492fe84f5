// Steps 5 to 7 of the argument: the subject and the plan belong to the statement. The twin of attestations/binding.py.

import { sha256 } from "./bytes.js";
import { HIDDEN_WORDS } from "./documents.js";
import { broken, notChecked, passed, rejected } from "./findings.js";
import { parseMoment } from "./moments.js";
import { BOUNDED_SINCE, PREDICATE_SCHEMAS, RULE_OF_PLAN, same } from "./rules.js";
import { parseManifest, parsePlan } from "./statement.js";

const CLOCK_TOLERANCE = 5 * 60 * 1000;
const SERVED_FILES = {
  tokenizer: "tokenizer.json",
  chatTemplate: "chat_template.jinja",
  generationConfig: "generation_config.json",
};
const ADAPTER_FILE = "adapter_model.safetensors";

export async function checkSubject(parts, subject, predicate) {
  const manifest = predicate.model?.manifest;
  if (manifest === undefined) {
    return aboutJob(parts, subject);
  }
  const content = parts.unverifiedManifest;
  const bound = content !== undefined && (await sha256(content)) === subject.digest.sha256;
  if (!bound || hasContent(parts.unverifiedJobRecord)) {
    const unbound = "the model was not compared: the bundle's manifest is not the subject's";
    return [broken("subject", notThe("manifest", content)), notChecked("model.files", unbound)];
  }
  const listed = await parseManifest(content);
  const wrong = otherThanListed(listed, predicate);
  if (wrong !== undefined) {
    return [broken("subject", wrong)];
  }
  const words = `it is about the manifest of ${manifest.files} files, ${manifest.bytes} bytes`;
  const files = "a web page is given no model directory to compare; `tuneproof verify --model` compares it";
  return [passed("subject", words), notChecked("model.files", files)];
}

// Why a part of the bundle is not what the statement names.
function notThe(part, content) {
  if (content !== undefined) {
    return `the ${part} in the bundle is not the one that was signed for`;
  }
  return `the ${part} is missing from the bundle; take the whole file as the issuer gave it out`;
}

// What the statement says otherwise than the manifest that it is about.
function otherThanListed(listed, predicate) {
  const said = predicate.model.manifest;
  const counted = listed.files.length === said.files && listed.totalBytes === BigInt(said.bytes);
  if (listed.dirHash !== said.digest.dirHash || !counted) {
    return "the statement's dirHash, file count or size is not that of its manifest";
  }
  const others = isBounded(predicate) ? otherFiles(listed, predicate.model) : [];
  if (others.length > 0) {
    return `what the statement says is served is not what its manifest lists: ${others.join(", ")}`;
  }
  return undefined;
}

function isBounded(predicate) {
  return PREDICATE_SCHEMAS.indexOf(predicate.schema) >= PREDICATE_SCHEMAS.indexOf(BOUNDED_SINCE);
}

// Files that a digest in the statement stands for, and that the manifest has not, or has with other content.
function otherFiles({ files }, { served, adapter }) {
  const said = Object.entries(SERVED_FILES).map(([part, name]) => [name, served?.[part]]);
  const wanted = [...said, [ADAPTER_FILE, adapter]].filter(([, digest]) => digest !== undefined);
  const isThere = ([name, digest]) => {
    const found = files.filter((entry) => entry.name.split("/").at(-1) === name);
    return found.length > 0 && found.every((entry) => entry.sha256 === digest.sha256);
  };
  return wanted.filter((one) => !isThere(one)).map(([name]) => name);
}

async function aboutJob(parts, subject) {
  const content = parts.unverifiedJobRecord;
  const bound = content !== undefined && (await sha256(content)) === subject.digest.sha256;
  if (!bound || hasContent(parts.unverifiedManifest)) {
    return [broken("subject", notThe("job record", content))];
  }
  return [passed("subject", "it is about the record of a job that made no model")];
}

function hasContent(part) {
  return part !== undefined && part.length > 0;
}

// { planned, bound, hiddenInPlan }: the plan that the statement names, where it is to be had, and the checks on it.
export async function boundPlan(parts, predicate, openings) {
  const content = parts.unverifiedPlan;
  const unread = (check) => ({ bound: [check], hiddenInPlan: [] });
  if (predicate.plan === undefined) {
    const words = "the bundle holds a plan that the statement does not name";
    const none = notChecked("plan", "the job ended before it had a plan");
    return unread(content === undefined ? none : broken("plan", words));
  }
  if (content === undefined || (await sha256(content)) !== predicate.plan.digest.sha256) {
    return unread(broken("plan", notThe("plan", content)));
  }
  const { planned, hidden: hiddenInPlan } = parsePlan(content, openings);
  const strays = straysFrom(planned, predicate);
  if (strays.length > 0) {
    return { planned, hiddenInPlan, bound: [rejected("plan", `the plan is about another ${strays.join(", ")}`)] };
  }
  if (RULE_OF_PLAN[planned.schema] === RULE_OF_PLAN["0.1.0"] && isBounded(predicate)) {
    const words = `a plan of schema ${planned.schema} is judged by a weaker rule than evidence of ${predicate.schema} has`;
    return { planned, hiddenInPlan, bound: [rejected("plan", words)] };
  }
  const words = `${planned.rows.length} rows, their margins and the gate were fixed in the plan`;
  return { planned, hiddenInPlan, bound: [passed("plan", words), planTime(planned, predicate)] };
}

function planTime(planned, predicate) {
  const began = predicate.tuning?.startedAt;
  if (began === undefined) {
    const words = "the statement does not say when the tuning began, so the plan may be younger";
    return notChecked("plan.time", words);
  }
  const words = `made on ${planned.createdAt}, the tuning began on ${began}, by the issuer's clock`;
  return passed("plan.time", words);
}

// What the statement says otherwise than its plan. Where a gate has decided, saying nothing is saying otherwise.
function straysFrom(planned, predicate) {
  const { model, data, tuning } = predicate;
  const decided = predicate.outcome.gate !== undefined;
  const served = model?.served;
  const pairs = [
    ["base", planned.base.manifest, model?.base.manifest],
    ["data set", planned.datasets, data?.datasets],
    ["chat template", planned.decoding.chatTemplate, served?.chatTemplate],
  ];
  const strays = pairs
    .filter(([, wanted, said]) => !same(said, wanted) && (decided || said !== undefined))
    .map(([name]) => name);
  if (model !== undefined && ![planned.base.name, HIDDEN_WORDS].includes(model.base.name)) {
    strays.push("name of the base");
  }
  if (served !== undefined && !same(served.systemPrompt, planned.decoding.systemPrompt)) {
    strays.push("system prompt");
  }
  const bounds = predicate.boundaries;
  if (bounds?.turns !== undefined && !same(bounds.systemPrompt, planned.decoding.systemPrompt)) {
    strays.push("system prompt in its boundaries");
  }
  if (tuning !== undefined && tuning.method !== (planned.tuning.technique ?? tuning.method)) {
    strays.push("technique");
  }
  if (tuning !== undefined && tuning.seed !== (planned.seeds.training ?? tuning.seed)) {
    strays.push("seed");
  }
  const made = parseMoment(planned.createdAt);
  const began = tuning?.startedAt;
  if (began !== undefined && made - parseMoment(began) > CLOCK_TOLERANCE) {
    strays.push("time: it was made after the tuning began");
  }
  const said = [predicate.issuedAt, ...(predicate.reviews ?? []).map((one) => one.at)];
  if (said.some((at) => made - parseMoment(at) > CLOCK_TOLERANCE)) {
    strays.push("time: it was made after what it should have fixed");
  }
  return strays;
}
