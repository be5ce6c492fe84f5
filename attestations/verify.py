"""Whether a stranger may believe a bundle. Pure but for reading the model directory: no socket, no clock, no server.

The argument, step by step; each step is a check of its own in the report.

 1. The bundle is one canonical document of its type (else `MalformedError`, and nothing is reported).
 2. A key that the buyer's trust root gives the role of issuer signed the statement's bytes.
 3. Those bytes are a resilience statement, whole and without unknown fields (else `MalformedError`).
 4. It names the issuer of the trust root, and the key was valid when the statement says it was issued.
 5. Its subject is the manifest, or the job record, in the bundle.
 6. The model directory, where one is given, holds exactly the manifest's files.
 7. The plan in the bundle is the one that the statement names, and it is about this base, data and serving.
 8. Every row that the plan registered is there, once and as registered. A missing row is a denial.
 9. Every figure and verdict follows from the sufficient statistics and the controls; they are computed here again, under
    each judge, for every candidate that the plan tried. A missing candidate is a denial.
10. The gate's answer follows from the verdicts and the plan's policy; a held model was reviewed; it is not "blocked".
11. The statement is within its validity.
12. The buyer's own policy, where one is given, is met.

What stays with the caller: that the trust root came to the buyer by an honest way, and that `now` is the time. What this
version cannot check (a log, witnesses, other runs, countersignatures, revocation, the time of signing) says NOT_CHECKED.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from attestations import bundle as bundle_format
from attestations import dsse, manifest, plan, policy, statement, trust
from attestations.bundle import Bundle
from attestations.claims import row_name
from attestations.controls import ControlFinding
from attestations.digests import Sha256
from attestations.documents import parse_moment
from attestations.errors import CryptographicError, MalformedError
from attestations.findings import (
    Check,
    ExitCode,
    broken,
    not_checked,
    overall,
    passed,
    rejected,
    stale,
)
from attestations.plan import Plan
from attestations.policy import AcceptancePolicy
from attestations.predicate import OutcomeStatus, ResiliencePredicate
from attestations.recompute import Recomputed, recompute
from attestations.statement import ResilienceStatement
from attestations.trust import TrustRoot
from attestations.verdicts import JudgedRow, Role, Verdict

CLOCK_TOLERANCE = timedelta(minutes=5)
_VERIFIED = object()

_NOT_YET = (
    not_checked("time.signing", "when it was signed is the issuer's word; no timestamp authority vouches for it"),
    not_checked(
        "log.inclusion", "the evidence is in no transparency log, so a second version for others would not show"
    ),
    not_checked("log.completeness", "nothing shows that no other run of this plan exists"),
    not_checked("countersignature", "no independent evaluator has signed"),
    not_checked("status", "whether it was withdrawn later cannot be seen offline"),
)


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement whose bytes a trusted key signed (steps 1 to 3). Only `verify` can make one."""

    statement: ResilienceStatement
    key_id: str
    _seal: object

    def __post_init__(self) -> None:
        if self._seal is not _VERIFIED:
            raise TypeError("a VerifiedStatement comes from verify alone")


@dataclass(frozen=True, slots=True)
class Report:
    """The checks in the order of the argument. Without a valid signature there is no statement and no level.

    `level` is computed here and never declared: 0 means signed. `judged` are the rows as recomputed, where they were,
    `findings` what the planned controls showed, and `planned` is the plan that the statement is bound to.
    """

    checks: tuple[Check, ...]
    exit_code: ExitCode
    level: int | None
    verified: VerifiedStatement | None
    judged: tuple[JudgedRow, ...]
    findings: tuple[ControlFinding, ...] = ()
    planned: Plan | None = None

    @property
    def accepted(self) -> bool:
        return self.exit_code is ExitCode.ACCEPT


def verify(
    unverified_bundle: bytes,
    unverified_trust: bytes,
    *,
    now: datetime,
    model_dir: Path | None = None,
    acceptance: AcceptancePolicy | None = None,
) -> Report:
    """The report on a bundle under a trust root. Raises `MalformedError` where a document cannot be read at all."""
    root = trust.parse(unverified_trust)
    parts = bundle_format.parse(unverified_bundle)  # step 1
    try:
        payload = dsse.verify(parts.envelope, [key.load() for key in root.issuer_keys()])  # step 2
    except CryptographicError as error:
        rest = not_checked("statement", "nothing in the bundle is believed without a valid signature")
        return _report([broken("signature", str(error)), rest])
    if payload.payload_type != dsse.IN_TOTO_PAYLOAD_TYPE:
        raise MalformedError("statement.payload_type", f"the payload type must be {dsse.IN_TOTO_PAYLOAD_TYPE}")
    stated = statement.parse(payload.payload)  # step 3
    checks = [passed("signature", f"signed by the trusted key {payload.key.key_id[:16]}…")]
    checks += _who_and_when(root, payload.key.key_id, stated.predicate)  # step 4
    checks += _what(parts, stated, model_dir)  # steps 5 and 6
    planned, found = _bound_plan(parts, stated.predicate)  # step 7
    checks += found
    again = recompute(planned, stated.predicate)  # steps 8, 9 and 10
    checks += again.checks
    checks += [_outcome(stated.predicate, again), _validity(stated.predicate, now)]  # steps 10 and 11
    level = 0
    if acceptance is not None:
        checks += policy.apply(acceptance, stated.predicate, level=level, now=now)  # step 12
    verified = VerifiedStatement(stated, payload.key.key_id, _VERIFIED)
    report = _report([*checks, *_NOT_YET])
    return replace(
        report, level=level, verified=verified, judged=again.judged, findings=again.findings, planned=planned
    )


def _report(checks: list[Check]) -> Report:
    return Report(tuple(checks), overall(checks), level=None, verified=None, judged=())


def _who_and_when(root: TrustRoot, key_id: str, predicate: ResiliencePredicate) -> list[Check]:
    checks = []
    if predicate.issuer.id == root.issuer:
        checks.append(passed("issuer", f"the issuer is {root.issuer}, as the trust root says"))
    else:
        checks.append(broken("issuer", "the statement names another issuer than the trust root"))
    key = next(key for key in root.keys if key.key_id == key_id)
    if key.covers(parse_moment(predicate.issued_at)):
        checks.append(passed("key.validity", f"the key was valid on {predicate.issued_at}"))
    else:
        checks.append(broken("key.validity", f"the key is believed from {key.valid_from} to {key.valid_until} only"))
    return checks


def _what(parts: Bundle, stated: ResilienceStatement, model_dir: Path | None) -> list[Check]:
    model = stated.predicate.model
    if model is None or model.manifest is None:
        return _about_a_job(parts, stated, model_dir)
    content = parts.unverified_manifest
    if content is None or Sha256.of(content).sha256 != stated.subject.digest.sha256 or parts.unverified_job_record:
        unbound = not_checked("model.files", "the model was not compared: the bundle's manifest is not the subject's")
        return [broken("subject", "the manifest in the bundle is not the one that was signed for"), unbound]
    listed = manifest.parse(content)
    wanted = (model.manifest.digest.dir_hash, model.manifest.files, model.manifest.bytes)
    if (listed.dir_hash, len(listed.files), listed.total_bytes) != wanted:
        return [broken("subject", "the statement's dirHash, file count or size is not that of its manifest")]
    subject = passed("subject", f"it is about the manifest of {len(listed.files)} files, {listed.total_bytes} bytes")
    if model_dir is None:
        return [subject, not_checked("model.files", "no model directory was given to compare")]
    found = manifest.differences(listed, model_dir)
    if found:
        more = f" (and {len(found) - 5} more)" if len(found) > 5 else ""
        return [subject, broken("model.files", f"{'; '.join(found[:5])}{more}")]
    return [subject, passed("model.files", "the model directory holds exactly these files")]


def _about_a_job(parts: Bundle, stated: ResilienceStatement, model_dir: Path | None) -> list[Check]:
    record = parts.unverified_job_record
    if record is None or Sha256.of(record).sha256 != stated.subject.digest.sha256 or parts.unverified_manifest:
        return [broken("subject", "the job record in the bundle is not the one that was signed for")]
    checks = [passed("subject", "it is about the record of a job that made no model")]
    if model_dir is not None:
        checks.append(broken("model.files", "this evidence is about no model, so no directory can match it"))
    return checks


def _bound_plan(parts: Bundle, predicate: ResiliencePredicate) -> tuple[Plan | None, list[Check]]:
    content = parts.unverified_plan
    if predicate.plan is None:
        if content is not None:
            return None, [broken("plan", "the bundle holds a plan that the statement does not name")]
        return None, [not_checked("plan", "the job ended before it had a plan")]
    if content is None or Sha256.of(content) != predicate.plan.digest:
        return None, [broken("plan", "the plan in the bundle is not the one that was signed for")]
    planned = plan.parse(content)
    strays = _strays(planned, predicate)
    if strays:
        return planned, [rejected("plan", f"the plan is about another {', '.join(strays)}")]
    bound = passed("plan", f"{len(planned.rows)} rows, their margins and the gate were fixed in the plan")
    return planned, [bound, _plan_time(planned, predicate)]


def _plan_time(planned: Plan, predicate: ResiliencePredicate) -> Check:
    began = predicate.tuning.started_at if predicate.tuning is not None else None
    if began is None:
        return not_checked("plan.time", "the statement does not say when the tuning began, so the plan may be younger")
    return passed("plan.time", f"made on {planned.created_at}, the tuning began on {began}, by the issuer's clock")


def _strays(planned: Plan, predicate: ResiliencePredicate) -> list[str]:
    """What the statement says otherwise than its plan. Where a gate has decided, saying nothing is saying otherwise."""
    model, decided = predicate.model, predicate.outcome.gate is not None
    served = model.served if model is not None else None
    pairs = {
        "base": (planned.base.manifest, model.base.manifest if model is not None else None),
        "data set": (planned.datasets, predicate.data.datasets if predicate.data is not None else None),
        "chat template": (planned.decoding.chat_template, served.chat_template if served is not None else None),
    }
    strays = [name for name, (wanted, said) in pairs.items() if said != wanted and (decided or said is not None)]
    if served is not None and served.system_prompt != planned.decoding.system_prompt:
        strays.append("system prompt")
    tuning = predicate.tuning
    if tuning is not None and tuning.method != planned.tuning.get("technique", tuning.method):
        strays.append("technique")
    if tuning is not None and tuning.seed != planned.seeds.get("training", tuning.seed):
        strays.append("seed")
    if tuning is not None and tuning.started_at is not None:
        late = parse_moment(planned.created_at) - parse_moment(tuning.started_at)
        if late > CLOCK_TOLERANCE:
            strays.append("time: it was made after the tuning began")
    made, said = parse_moment(planned.created_at), (predicate.issued_at, *(one.at for one in predicate.reviews or ()))
    if any(made - parse_moment(at) > CLOCK_TOLERANCE for at in said):
        strays.append("time: it was made after what it should have fixed")
    return strays


def _outcome(predicate: ResiliencePredicate, again: Recomputed) -> Check:
    status, error = predicate.outcome.status, predicate.outcome.error
    if status is OutcomeStatus.RELEASED:
        worse = [row_name(row.registered.key) for row in again.judged if row.verdict is Verdict.REGRESSED]
        though = f", though it regressed (its policy lets that pass): {', '.join(worse)}" if worse else ""
        unseen = [
            row_name(row.registered.key)
            for row in again.judged
            if row.registered.role is Role.GATING and row.verdict in (Verdict.NOT_MEASURABLE, Verdict.NOT_RUN)
        ]
        though += f", though it was not measured (its policy lets that pass): {', '.join(unseen)}" if unseen else ""
        who = (
            "a review released the model that the gate had held" if predicate.reviews else "the gate released the model"
        )
        return passed("outcome", f"{who}{though}")
    if status is OutcomeStatus.BLOCKED:
        reasons = "; ".join(again.decision.reasons if again.decision is not None else ())
        who = "a review blocked the model that the gate had held" if predicate.reviews else "the gate blocked the model"
        return rejected("outcome", f"{who}: {reasons}" if reasons else who)
    why = f": {error.message} ({error.code})" if error is not None else ""
    return rejected("outcome", f"the job {'was cancelled' if status is OutcomeStatus.CANCELLED else 'failed'}{why}")


def _validity(predicate: ResiliencePredicate, now: datetime) -> Check:
    begin, end = parse_moment(predicate.valid_from), parse_moment(predicate.valid_until)
    if max(begin, parse_moment(predicate.issued_at)) - now > CLOCK_TOLERANCE:
        return stale("validity", f"it begins at {predicate.valid_from}, which this clock has not reached")
    if now > end:
        return stale("validity", f"it ended at {predicate.valid_until}; ask for newer evidence")
    return passed("validity", f"valid until {predicate.valid_until}")
