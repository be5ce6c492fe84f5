"""Whether a stranger may believe a bundle. Pure but for reading the model directory: no socket, no clock, no server.

The argument, step by step; each step is a check of its own in the report.

 1. The bundle is one canonical document of its type (else `MalformedError`, and nothing is reported).
 2. A key that the buyer's trust root gives the role of issuer signed the statement's bytes.
 3. Those bytes are a resilience statement, whole and without unknown fields (else `MalformedError`); what it hides is
    counted, and what the bundle opens of it fits.
 4. It names the issuer of the trust root, and the key is believed for the time at which it signed: the time that a
    timestamp proves, else the one that the statement claims. A key that was stolen later needs the former.
 5. Its subject is the manifest, or the job record, in the bundle.
 6. The model directory, where one is given, holds exactly the manifest's files.
 7. The plan in the bundle is the one that the statement names, and it is about this base, data and serving. The other
    signed statements belong to it: the plan's own, the provenance, model.sig, notices, countersignatures.
 8. Its status list, signed and fresh, does not withdraw it.
 9. Every row that the plan registered is there, once and as registered. A missing row is a denial.
10. Every figure and verdict follows from the sufficient statistics and the controls; they are computed here again, under
    each judge, for every candidate that the plan tried. A missing candidate is a denial.
11. The gate's answer follows from the verdicts and the plan's policy; a held model was reviewed; it is not "blocked".
12. The statement is within its validity, and the trust root within its own.
13. The buyer's own policy, where one is given, is met.

What stays with the caller: that the trust root came to the buyer by an honest way, and that `now` is the time. What this
version cannot check (a log, witnesses, other runs) says NOT_CHECKED.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attestations import attachments, disclosure, dsse, plan, statement, status, timestamps, trust
from attestations import bundle as bundle_format
from attestations.attachments import Attachments
from attestations.binding import CLOCK_TOLERANCE, bind_plan, check_subject
from attestations.bundle import Bundle
from attestations.claims import row_name
from attestations.controls import ControlFinding
from attestations.disclosure import Disclosures
from attestations.documents import parse_moment
from attestations.dsse import VerifiedPayload
from attestations.errors import CryptographicError, MalformedError
from attestations.findings import (
    Check,
    ExitCode,
    Status,
    broken,
    not_checked,
    overall,
    passed,
    rejected,
    stale,
)
from attestations.plan import Plan
from attestations.predicate import OutcomeStatus, ResiliencePredicate
from attestations.recompute import Recomputed, recompute
from attestations.statement import ResilienceStatement
from attestations.status import StatusList
from attestations.trust import KeyRole, TrustedKey, TrustRoot
from attestations.verdicts import JudgedRow, Role, Verdict

if TYPE_CHECKING:
    from attestations.last_seen import LastSeen
    from attestations.procurement import AcceptancePolicy

_VERIFIED = object()

_NOT_YET = (
    not_checked(
        "log.inclusion", "the evidence is in no transparency log, so a second version for others would not show"
    ),
    not_checked("log.completeness", "nothing shows that no other run of this plan exists"),
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

    `level` is computed here and never declared: 0 means signed, None that no key which is believed did so. `judged` are the
    rows as recomputed, where they were, `findings` what the planned controls showed, and `planned` is the plan that the
    statement is bound to; `hidden` are the paths of values that this reader does not see. `root` and `listed` are the trust
    root and the genuine status list that were used, for `attestations.last_seen`.
    """

    checks: tuple[Check, ...]
    exit_code: ExitCode
    level: int | None
    verified: VerifiedStatement | None
    judged: tuple[JudgedRow, ...]
    findings: tuple[ControlFinding, ...] = ()
    planned: Plan | None = None
    hidden: tuple[str, ...] = ()
    root: TrustRoot | None = None
    listed: StatusList | None = None

    @property
    def accepted(self) -> bool:
        return self.exit_code is ExitCode.ACCEPT


def verify(
    unverified_bundle: bytes,
    unverified_trust: bytes,
    *,
    now: datetime,
    model_dir: Path | None = None,
    acceptance: "AcceptancePolicy | None" = None,
    unverified_status: str | None = None,
    seen: "LastSeen | None" = None,
) -> Report:
    """The report on a bundle under a trust root; `unverified_status` is a newer status list than the bundle's own, `seen`
    what was seen at an earlier time, so that older trust roots and lists are noticed.

    Raises `MalformedError` where a document cannot be read at all, and `CryptographicError` where the trust root is not
    signed by its own keys.
    """
    root = trust.parse(unverified_trust)
    parts = bundle_format.parse(unverified_bundle)  # step 1
    try:
        payload = dsse.verify(parts.envelope, [key.load() for key in root.issuer_keys()])  # step 2
    except CryptographicError as error:
        rest = not_checked("statement", "nothing in the bundle is believed without a valid signature")
        why = "the trust root knows no key for the evidence, or somebody changed it"
        return _report([broken("signature", f"{error}: {why}; {trust.GET_NEWEST}"), rest])
    if payload.payload_type != dsse.IN_TOTO_PAYLOAD_TYPE:
        raise MalformedError("statement.payload_type", f"the payload type must be {dsse.IN_TOTO_PAYLOAD_TYPE}")
    return _examine(parts, payload, root, _Question(now, model_dir, acceptance, unverified_status, seen))


@dataclass(frozen=True, slots=True)
class _Question:
    """What the caller asks beside whether the signature holds."""

    now: datetime
    model_dir: Path | None
    acceptance: "AcceptancePolicy | None"
    unverified_status: str | None
    seen: "LastSeen | None"


def _examine(parts: Bundle, payload: VerifiedPayload, root: TrustRoot, asked: _Question) -> Report:
    """Steps 3 to 13, on bytes whose signature holds."""
    now = asked.now
    opened = disclosure.parse(parts.unverified_disclosures)
    shown = _read(parts, payload.payload, opened)  # step 3
    stated, planned = shown.stated, shown.planned
    stamps = attachments.stamps_of_attestation(parts)
    signing, proven = timestamps.check(stamps, parts.envelope.signature, root.timestamp_authorities, now=now)
    attached = attachments.examine(parts, stated, planned, root, now=now, proven=proven, openings=opened.provenance)
    hidden = _hidden(shown, opened, attached, parts.unverified_plan)
    withdrawn, listed = _withdrawn(parts, stated.predicate, root, asked)
    again = recompute(planned, stated.predicate)
    checks = [
        passed("signature", f"signed by the trusted key {payload.key.key_id[:16]}…"),
        *_who_and_when(root, payload.key.key_id, stated.predicate, proven),  # step 4
        signing,
        *check_subject(parts, stated, asked.model_dir),  # steps 5 and 6
        *shown.bound,  # step 7
        *attached.checks,
        _disclosures(shown, opened, attached, hidden),
        withdrawn,  # step 8
        *again.checks,  # steps 9, 10 and 11
        _outcome(stated.predicate, again),
        _validity(stated.predicate, now),  # step 12
        trust.freshness(root, now=now),
        *_rolled_back(asked.seen, root, listed),
    ]
    level = _level(checks)
    if asked.acceptance is not None:
        from attestations import procurement  # only where there is a policy: the verifier starts quicker without it

        evidence = procurement.Evidence(
            predicate=stated.predicate,
            now=now,
            level=level,
            checks=tuple(checks),
            judged=again.judged,
            findings=again.findings,
            planned=planned,
            hidden=hidden,
            evaluators=tuple(one.key.key_id for one in attached.countersignatures),
            proven_at=_timely(root, payload.key.key_id, proven),
        )
        checks += procurement.apply(asked.acceptance, evidence)  # step 13
    verified = VerifiedStatement(stated, payload.key.key_id, _VERIFIED)
    return replace(
        _report([*checks, *_NOT_YET]),
        level=level,
        verified=verified,
        judged=again.judged,
        findings=again.findings,
        planned=planned,
        hidden=hidden,
        root=root,
        listed=listed,
    )


def _withdrawn(
    parts: Bundle, predicate: ResiliencePredicate, root: TrustRoot, asked: _Question
) -> tuple[Check, StatusList | None]:
    """What the caller's status list says, or the bundle's own where there is no other or where that is the newer one: an
    older list may not hide a withdrawal that the bundle tells of."""
    ref, keys, now = predicate.status, root.keys_of(KeyRole.STATUS), asked.now
    if asked.unverified_status is None:
        return status.examine(ref, parts.unverified_status, keys, now=now)
    found, listed = status.examine(ref, asked.unverified_status, keys, now=now)
    try:
        own, other = status.examine(ref, parts.unverified_status, keys, now=now)
    except MalformedError:
        return found, listed
    is_newer = listed is not None and other is not None and other.issued_at > listed.issued_at
    return (own, other) if is_newer else (found, listed)


def _level(checks: Sequence[Check]) -> int | None:
    """0, signed by the issuer; None where it is not, or where somebody else may have had the key."""
    believed = ("signature", "issuer", "key.validity")
    return 0 if all(check.status is Status.PASS for check in checks if check.code in believed) else None


def _signer(root: TrustRoot, key_id: str) -> TrustedKey:
    """The issuer's key whose signature step 2 found to hold."""
    return next(key for key in root.issuer_keys() if key.key_id == key_id)


def _timely(root: TrustRoot, key_id: str, proven: datetime | None) -> datetime | None:
    """The proven time, where it lies in the time of the key: a later one says nothing of when the key signed."""
    key = _signer(root, key_id)
    return proven if proven is not None and key.covers(proven) else None


def _rolled_back(seen: "LastSeen | None", root: TrustRoot, listed: StatusList | None) -> list[Check]:
    if seen is None:
        return []
    from attestations import last_seen

    return last_seen.compare(seen, root, listed)


@dataclass(frozen=True, slots=True)
class _Shown:
    """The statement and its plan as a reader of this bundle sees them; `misfit` is why its openings show nothing."""

    stated: ResilienceStatement
    planned: Plan | None
    bound: list[Check]
    misfit: str | None = None


def _read(parts: Bundle, payload: bytes, opened: Disclosures) -> _Shown:
    """Statement and plan with what the bundle opens of them; where an opening does not fit, without any."""
    try:
        stated = statement.parse(payload, opened.predicate)
        planned, bound = bind_plan(parts, stated.predicate, opened.plan)
        _hold_loose(opened, stated.predicate, planned)
    except CryptographicError as error:
        stated = statement.parse(payload)
        planned, bound = bind_plan(parts, stated.predicate, ())
        return _Shown(stated, planned, bound, misfit=str(error))
    return _Shown(stated, planned, bound)


def _hold_loose(opened: Disclosures, predicate: ResiliencePredicate, planned: Plan | None) -> None:
    """What no document has looked at: openings of a plan that is not there, and single answers."""
    if planned is None and opened.plan:
        raise CryptographicError("disclosure.not_hidden", "values of a plan are opened that is not there")
    kept = predicate.outputs
    named = (("baseline", kept.baseline), ("candidate", kept.candidate)) if kept is not None else ()
    trees = {name: (tree.root.sha256, tree.leaves) for name, tree in named}
    for item in opened.items:
        disclosure.verify_item(item, trees)


def _hidden(
    shown: _Shown, opened: Disclosures, attached: Attachments, unverified_plan: bytes | None
) -> tuple[str, ...]:
    """The paths of all values that this reader does not see, also in the plan and the provenance."""
    if shown.planned is None or unverified_plan is None:
        return (*shown.stated.hidden, *attached.hidden)
    in_plan = plan.hidden_paths(unverified_plan, () if shown.misfit is not None else opened.plan)
    return (*shown.stated.hidden, *in_plan, *attached.hidden)


def _disclosures(shown: _Shown, opened: Disclosures, attached: Attachments, hidden: Sequence[str]) -> Check:
    if shown.misfit is not None:
        return broken("disclosures", shown.misfit)
    seen = len(shown.stated.opened) + len(opened.plan) + len(attached.opened)
    words = f"{len(hidden)} values are hidden" if hidden else "nothing is hidden from this reader"
    if hidden:
        words += f": {', '.join(hidden[:5])}" + (f" and {len(hidden) - 5} more" if len(hidden) > 5 else "")
    words += f"; {seen} hidden values are opened here" if seen else ""
    words += f"; {len(opened.items)} single answers are shown as they were kept" if opened.items else ""
    return passed("disclosures", words)


def _report(checks: list[Check]) -> Report:
    return Report(tuple(checks), overall(checks), level=None, verified=None, judged=())


def _who_and_when(root: TrustRoot, key_id: str, predicate: ResiliencePredicate, proven: datetime | None) -> list[Check]:
    if predicate.issuer.id == root.issuer:
        issuer = passed("issuer", f"the issuer is {root.issuer}, as the trust root says")
    else:
        issuer = broken("issuer", "the statement names another issuer than the trust root")
    return [issuer, trust.believed(_signer(root, key_id), claimed=parse_moment(predicate.issued_at), proven=proven)]


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


def _impossible_times(predicate: ResiliencePredicate) -> str | None:
    """Which dates of the statement cannot all be true: who back-dates one forgets another."""
    tuning = predicate.tuning
    ended = parse_moment(tuning.finished_at) if tuning is not None and tuning.finished_at is not None else None
    if ended is None or tuning is None:
        return None
    if ended - parse_moment(predicate.issued_at) > CLOCK_TOLERANCE:
        return f"it is dated {predicate.issued_at}, before the end of the tuning that it tells of, {tuning.finished_at}"
    if tuning.started_at is not None and parse_moment(tuning.started_at) > ended:
        return f"its tuning began on {tuning.started_at}, and ended before that"
    return None


def _validity(predicate: ResiliencePredicate, now: datetime) -> Check:
    begin, end = parse_moment(predicate.valid_from), parse_moment(predicate.valid_until)
    impossible = _impossible_times(predicate)
    if impossible is not None:
        return rejected("validity", impossible)
    if max(begin, parse_moment(predicate.issued_at)) - now > CLOCK_TOLERANCE:
        return stale("validity", f"it begins at {predicate.valid_from}, which this clock has not reached")
    if now > end:
        return stale("validity", f"it ended at {predicate.valid_until}; ask for newer evidence")
    return passed("validity", f"valid until {predicate.valid_until}")
