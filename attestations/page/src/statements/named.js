// The statements that an attestation names by digest: the signed plan, the provenance of the tuning, model.sig. The twin of
// attestations/statements/named.py, for which a digest that is named and missing is a broken proof.

import { isObject, parseJson, encode } from "../canonical.js";
import { sha256 } from "../bytes.js";
import { disclose } from "../disclosure.js";
import { HIDDEN_WORDS, decode } from "../documents.js";
import { EvidenceError } from "../errors.js";
import { broken, notChecked, passed, rejected } from "../findings.js";
import { parseMoment } from "../moments.js";
import { same } from "../rules.js";
import { parseManifest } from "../statement.js";
import { parsePath } from "../value_paths.js";
import { CLOCK_TOLERANCE, believe } from "./case.js";
import { MODEL_SIGNING, parseStatementEnvelope } from "./frame.js";

const PLAN = "plan.statement";
const PROVENANCE = "provenance";
const SIGNING = "model.signing";
const REQUESTED = "requested_";
const ASKED = ["tuning", "provenance", "buildDefinition", "externalParameters"];
const PARAMETERS = [["tuning", "parameters"], ASKED, ["tuning", "provenance", "buildDefinition", "internalParameters"]];
const MAX_PLAN = 4 * 1024 * 1024;
const FIXED = ["suites", "judge", "margin", "judges", "decoding", "controls", "candidates", "rows", "policy", "seeds", "tuning", "datasets"];

// The plan was signed before the tuning began, and the plan in the bundle is what was signed.
export async function checkPlan(one, attached) {
  const { plan, tuning } = one.predicate;
  const subject = plan && { name: "eval-plan", digest: { sha256: plan.digest.sha256 } };
  const wanted = { code: PLAN, what: "the signed plan", digest: plan?.statement, subject };
  const { found, finding } = only(wanted, attached);
  if (finding !== undefined) {
    return finding;
  }
  const said = found.predicate;
  const believedBy = await believe(one, found.envelope, PLAN, ["issuer"], said.createdAt);
  if (believedBy.finding !== undefined) {
    return believedBy.finding;
  }
  if (said.issuer.id !== one.root.issuer) {
    return broken(PLAN, "it names another issuer than the trust root");
  }
  const strays = await planStrays(one, said);
  if (strays.length > 0) {
    return rejected(PLAN, `the signed plan and the attestation do not agree: ${strays.join(", ")}`);
  }
  if (tuning?.startedAt === undefined) {
    const words = `the plan was signed on ${said.createdAt}; the attestation does not say when the tuning began`;
    return notChecked(PLAN, words);
  }
  return passed(PLAN, `the plan was signed on ${said.createdAt}, before the tuning began, by the issuer's clock`);
}

async function planStrays(one, said) {
  const { planned, predicate } = one;
  const strays = planned === undefined ? [] : await otherParts(said, planned, one.parts.unverifiedPlan);
  const created = parseMoment(said.createdAt);
  if (planned !== undefined && parseMoment(planned.createdAt) - created > CLOCK_TOLERANCE) {
    strays.push("it was signed before the plan was made");
  }
  const { tuning, issuedAt } = predicate;
  if (created - parseMoment(tuning?.startedAt ?? issuedAt) > CLOCK_TOLERANCE) {
    strays.push("it was signed after the tuning began");
  }
  if (parseMoment(tuning?.finishedAt ?? issuedAt) - parseMoment(said.closeBy) > CLOCK_TOLERANCE) {
    strays.push(`its runs had to end by ${said.closeBy}`);
  }
  return strays;
}

async function otherParts(said, planned, encodedPlan) {
  const counts = {
    suites: planned.suites.length,
    rows: planned.rows.length,
    gatingRows: planned.rows.filter((row) => row.role === "gating").length,
    judges: 1 + (planned.judges ?? []).length,
    controls: (planned.controls ?? []).length,
    candidates: planned.candidates?.length || 1,
  };
  const strays = [];
  if (said.runsDeclared !== planned.runsDeclared) {
    strays.push("number of runs");
  }
  if (!same(said.base, planned.base.manifest)) {
    strays.push("base");
  }
  if (!same(said.counts, counts)) {
    strays.push("counts");
  }
  const tree = parseJson(encodedPlan, "the plan", MAX_PLAN);
  for (const part of FIXED) {
    const digest = await sha256(encode(Object.hasOwn(tree, part) ? tree[part] : null));
    if (digest !== said.fixed[part].sha256) {
      strays.push(part);
    }
  }
  return strays;
}

// { check, hidden, opened }: the provenance is about this model and tells the same tuning.
export async function checkProvenance(one, attached) {
  const nothing = { hidden: [], opened: [] };
  const wanted = { code: PROVENANCE, what: "the provenance", digest: one.predicate.tuning?.provenance, subject: one.subject };
  const { found, finding } = only(wanted, attached);
  if (finding !== undefined) {
    const words = "the bundle opens values of a provenance that is not there";
    return { check: one.openings.length > 0 ? broken(PROVENANCE, words) : finding, ...nothing };
  }
  try {
    const shown = disclose(found.tree, one.openings, "provenance");
    const said = decode("Provenance", shown.tree, "predicate");
    const issued = one.predicate.issuedAt; // signed with the attestation that names it, maybe long after the tuning
    const { finding: wrong } = await believe(one, found.envelope, PROVENANCE, ["issuer"], issued);
    return { check: wrong ?? provenanceContent(one, said, shown), hidden: shown.hidden, opened: shown.opened };
  } catch (error) {
    if (error instanceof EvidenceError && error.exitCode === 1) {
      return { check: broken(PROVENANCE, error.message), ...nothing };
    }
    throw error;
  }
}

function provenanceContent(one, said, shown) {
  const builder = said.runDetails.builder.id;
  if (builder !== one.root.issuer && !builder.startsWith(`${one.root.issuer}/`)) {
    return broken(PROVENANCE, "its builder is not the issuer of the trust root");
  }
  const strays = provenanceStrays(said, one, [...one.hidden, ...shown.hidden].map(parsePath));
  if (strays.length > 0) {
    return rejected(PROVENANCE, `it and the attestation do not agree: ${strays.join(", ")}`);
  }
  const hidden = shown.hidden.length > 0 ? `, ${shown.hidden.length} of its parameters are hidden` : "";
  const inputs = said.buildDefinition.resolvedDependencies.length;
  return passed(PROVENANCE, `it names the ${inputs} inputs of the tuning that made this model${hidden}`);
}

// What the attestation of the same model, or its plan, says otherwise; a fact that it does not state is no contradiction.
// `hidden` are the places that this reader does not see, in the attestation and in the provenance.
function provenanceStrays(said, { predicate, planned }, hidden) {
  const { model, tuning, data } = predicate;
  const { buildDefinition, runDetails } = said;
  const dependencies = buildDefinition.resolvedDependencies;
  const having = (role) => dependencies.filter((each) => each.name === role).map((each) => each.digest.sha256);
  const pairs = [["base model", model?.base.manifest && [model.base.manifest.sha256], having("base-model")]];
  if (data !== undefined) {
    const unique = (digests) => [...new Set(digests)].sort();
    pairs.push(["data sets", unique(data.datasets.map((each) => each.sha256)), unique(having("dataset"))]);
  }
  if (tuning !== undefined) {
    pairs.push(["code", tuning.code && [tuning.code.sha256], having("code")]);
    pairs.push(["start", tuning.startedAt, runDetails.metadata.startedOn]);
    pairs.push(["end", tuning.finishedAt, runDetails.metadata.finishedOn]);
    pairs.push(...otherParameters(tuning, buildDefinition, hidden));
    pairs.push(...askedOtherwise(planned?.tuning ?? {}, buildDefinition, hidden));
  }
  return pairs.filter(([, theirs, ours]) => theirs !== undefined && !same(theirs, ours)).map(([name]) => name);
}

function otherParameters(tuning, { internalParameters, externalParameters }, hidden) {
  const own = new Map([...Object.entries(internalParameters), ...Object.entries(externalParameters)]);
  const unseen = lastSteps(hidden, PARAMETERS);
  const ran = new Map([...Object.entries(tuning.parameters), ["technique", tuning.method], ["seed", tuning.seed]]);
  return [...ran].map(([key, value]) => {
    const ours = own.has(key) ? own.get(key) : value;
    return [`parameter ${key}`, unseen.has(key) ? undefined : value, ours];
  });
}

// The settings of the plan beside what was asked for; where another value ran, that has a name of its own.
function askedOtherwise(planned, { externalParameters }, hidden) {
  const unseen = lastSteps(hidden, [ASKED]);
  return Object.entries(planned).flatMap(([key, value]) => {
    const name = [`${REQUESTED}${key}`, key].find((one) => Object.hasOwn(externalParameters, one));
    const open = name !== undefined && !unseen.has(name) && value !== HIDDEN_WORDS;
    return open ? [[`planned ${key}`, value, externalParameters[name]]] : [];
  });
}

// The last steps of those places that lie directly below one of `tops`.
function lastSteps(places, tops) {
  const below = tops.map((top) => JSON.stringify(top));
  return new Set(places.filter((steps) => below.includes(JSON.stringify(steps.slice(0, -1)))).map((steps) => steps.at(-1)));
}

// model.sig lists exactly the files of the manifest, and has the root that the attestation names.
export async function checkModelSigning(one) {
  const envelope = one.parts.unverifiedOms;
  const root = one.predicate.model?.omsRoot;
  if (envelope === undefined) {
    const missing = "the attestation names a model.sig, and it is not in the bundle";
    return root === undefined ? notChecked(SIGNING, "the attestation names no model.sig") : broken(SIGNING, missing);
  }
  if (root === undefined) {
    return broken(SIGNING, "the bundle holds a model.sig that the attestation does not name");
  }
  const { finding } = await believe(one, envelope, SIGNING, ["issuer"], one.predicate.issuedAt);
  return finding ?? modelSigningContent(one, envelope, root);
}

async function modelSigningContent(one, envelope, root) {
  const { type, predicate } = await parseStatementEnvelope(envelope);
  if (type !== MODEL_SIGNING) {
    return broken(SIGNING, "what is in the place of model.sig is another statement");
  }
  if (predicate.root !== root.sha256) {
    return broken(SIGNING, "model.sig is about another model than the attestation");
  }
  const listed = one.parts.unverifiedManifest;
  const strays = listed === undefined ? ["the manifest, which is missing"] : otherFiles(predicate, await parseManifest(listed));
  if (strays.length > 0) {
    const more = strays.length > 1 ? ` and ${strays.length - 1} more` : "";
    return broken(SIGNING, `model.sig and the manifest do not list the same files: ${strays[0]}${more}`);
  }
  return passed(SIGNING, `model.sig lists the ${predicate.resources.length} files of the manifest`);
}

function otherFiles({ resources }, { files }) {
  const theirs = new Map(resources.map((each) => [each.name, each.digest]));
  const ours = new Map(files.map((each) => [each.name, each.sha256]));
  return [...new Set([...theirs.keys(), ...ours.keys()])].filter((name) => theirs.get(name) !== ours.get(name)).sort();
}

// { found } is the one attached statement, if it is the one that is named and about what it must be about; else { finding }.
function only(wanted, attached) {
  if (attached.length === 0 && wanted.digest === undefined) {
    return { finding: notChecked(wanted.code, `the attestation does not name ${wanted.what}`) };
  }
  const wrong = whatIsWrong(wanted, attached);
  return wrong === undefined ? { found: attached[0] } : { finding: broken(wanted.code, wrong) };
}

function whatIsWrong({ code, what, digest, subject }, attached) {
  if (attached.length === 0) {
    return `the attestation names ${what}, and it is not in the bundle`;
  }
  if (attached.length > 1) {
    return `the bundle holds ${attached.length} statements in the place of ${what}`;
  }
  const [found] = attached;
  if (!isObject(subject) || !same(found.subject, subject)) {
    const about = found.subject.digest.sha256.slice(0, 16);
    return `${what} in the bundle is about another ${code === PLAN ? "plan" : "model"}: ${about}…`;
  }
  if (digest === undefined) {
    return `the bundle holds ${what}, and the attestation does not name it`;
  }
  return found.digest === digest.sha256 ? undefined : `${what} in the bundle is not the one that the attestation names`;
}
