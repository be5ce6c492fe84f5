// What was said about an attestation after it was signed: countersignatures of evaluators, and notices. The twin of
// attestations/statements/later.py; what an evaluator's rows say is computed again from their counts.

import { EvidenceError, malformed } from "../errors.js";
import { broken, notChecked, passed, rejected } from "../findings.js";
import { parseMoment, scaled } from "../moments.js";
import { decimal } from "../numbers/decimal.js";
import { figure, inDigits, isTable } from "../numbers/statistics.js";
import { keyName, keyWords } from "../numbers/verdicts.js";
import { pairsOf, same } from "../rules.js";
import { CLOCK_TOLERANCE, believe } from "./case.js";

const COUNTERSIGNATURE = "countersignature";
const NOTICES = "notices";
const NAMED_AT_MOST = 3;

export async function checkCountersignature(one, attached) {
  const said = attached.predicate;
  const about = attached.subject.digest.sha256;
  if (about !== one.attestation) {
    return broken(COUNTERSIGNATURE, `it is about another attestation: ${about.slice(0, 16)}…`);
  }
  const { key, finding } = await believe(one, attached.envelope, COUNTERSIGNATURE, ["evaluator"], said.at);
  const wrong = finding ?? whatSpeaksAgainst(one, said, key);
  if (wrong !== undefined) {
    return wrong;
  }
  const who = `${said.evaluator.organisation} (${said.mode}, paid by ${said.relationship.paidBy})`;
  if (!isIndependent(key, one.root)) {
    return notChecked(COUNTERSIGNATURE, `${who} agrees, and is not independent of the issuer`);
  }
  const pairs = said.own.map((row) => row.table ?? row.differences).filter((counts) => counts !== undefined).map(pairsOf);
  const measured = pairs.filter((n) => n > 0);
  const fewest = measured.length > 0 ? `, the smallest of ${Math.min(...measured)} pairs` : ", so it measured nothing";
  return passed(COUNTERSIGNATURE, `${who} agrees on ${said.agreement.length} rows of its own${fewest}`);
}

// Why a genuine countersignature does not speak for the attestation.
function whatSpeaksAgainst(one, said, key) {
  const { organisation } = said.evaluator;
  if (key.owner !== undefined && key.owner !== organisation) {
    return broken(COUNTERSIGNATURE, `it is signed for ${organisation} with a key of ${key.owner}`);
  }
  if (parseMoment(one.predicate.issuedAt) - parseMoment(said.at) > CLOCK_TOLERANCE) {
    return rejected(COUNTERSIGNATURE, "it is dated before the attestation that it is about");
  }
  const strays = straysOf(said, one.predicate);
  if (strays.length > 0) {
    const words = "what it says does not follow from its counts and this attestation";
    return rejected(COUNTERSIGNATURE, `${words}: ${some(strays)}`);
  }
  if (said.conclusion === "disagrees") {
    const rows = said.agreement.filter((row) => !row.within).map(keyWords);
    const outside = rows.length > 0 ? [`${rows.length} rows are outside their margin (${some(rows)})`] : [];
    return rejected(COUNTERSIGNATURE, `${organisation} disagrees: ${some([...outside, ...said.disagreements])}`);
  }
  return undefined;
}

function straysOf(said, attested) {
  const strays = [];
  if (attested.model?.manifest?.digest.sha256 !== said.model.sha256) {
    strays.push("model");
  }
  if (attested.plan?.digest.sha256 !== said.plan.sha256) {
    strays.push("plan");
  }
  try {
    const again = compared(said.own, attested);
    const wrong = said.agreement.filter((row, place) => !same(again[place], row));
    return [...strays, ...wrong.map(keyWords)];
  } catch (error) {
    if (error instanceof EvidenceError && error.exitCode === 2) {
      return [...strays, error.sentence];
    }
    throw error;
  }
}

// The rows of agreement of what an evaluator measured with what was attested, in the order of `own`.
function compared(own, attested) {
  const theirs = new Map((attested.evaluations ?? []).map((row) => [keyName(row.registered), row]));
  const measured = own.map((row) => [row, changeOf(row)]).filter(([, change]) => change !== null);
  return measured.map(([row, change]) => {
    const other = theirs.get(keyName(row.registered));
    const attestedChange = other === undefined ? null : changeOf(other);
    if (attestedChange === null || other.registered.kind !== row.registered.kind) {
      throw malformed("countersignature.row", `${keyWords(row.registered)} was not measured like that in the attestation`);
    }
    const delta = inDigits(() => figure(change.minus(attestedChange)));
    const away = scaled(delta) < 0n ? -scaled(delta) : scaled(delta);
    const { metric, suite, slice } = row.registered;
    return { metric, suite, slice, delta, within: away <= scaled(other.registered.margin) };
  });
}

// The row's change in its unit, positive where it got worse; null where it was not run or has no pairs.
function changeOf(row) {
  const counts = row.table ?? row.differences;
  if (counts === undefined || pairsOf(counts) === 0) {
    return null;
  }
  if (isTable(counts)) {
    return inDigits(() => decimal(counts.worsened - counts.improved).dividedBy(pairsOf(counts)));
  }
  return decimal(counts.mean);
}

// Whether the key belongs to an organisation that is neither the issuer nor behind one of the issuer's own keys.
function isIndependent(key, root) {
  const folded = (name) => name.toUpperCase().toLowerCase();
  const owners = root.keys.filter((each) => ["root", "issuer", "status"].includes(each.role)).map((each) => each.owner);
  const own = new Set([root.issuer, ...owners.filter((owner) => owner !== undefined)].map(folded));
  return key.owner !== undefined && !own.has(folded(key.owner));
}

export async function checkNotice(one, attached) {
  const said = attached.predicate;
  const about = attached.subject.digest.sha256;
  if (about !== one.attestation) {
    return broken(NOTICES, `a notice is about another attestation: ${about.slice(0, 16)}…`);
  }
  const roles = said.kind === "regression-found" ? ["issuer", "evaluator"] : ["issuer"];
  const { key, finding } = await believe(one, attached.envelope, NOTICES, roles, said.at);
  if (finding !== undefined) {
    return finding;
  }
  if (key.role === "issuer" && said.issuer.id !== one.root.issuer) {
    return broken(NOTICES, "a notice names another issuer than the trust root");
  }
  const who = key.role === "issuer" ? "the issuer" : (key.owner ?? "an evaluator");
  const words = `${said.kind.replace("-", " ")} on ${said.at}, says ${who}: ${said.reason}`;
  return said.kind === "correction" ? passed(NOTICES, words) : rejected(NOTICES, words);
}

// The first three, and how many more there are.
function some(parts) {
  const more = parts.length > NAMED_AT_MOST ? ` and ${parts.length - NAMED_AT_MOST} more` : "";
  return parts.slice(0, NAMED_AT_MOST).join("; ") + more;
}
