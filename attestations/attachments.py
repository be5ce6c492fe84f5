"""Whether the statements that came with an attestation are genuine, are about the same model, and do not contradict it.

The verifier calls this after it has believed the attestation itself, so `stated` is what a trusted key signed. A bundle is not
signed as a whole: anybody could put a statement into it or take one out. Therefore, for each:

1. Its signature is by a key of the trust root in a role that may say such a thing, and the key was valid in its time.
2. It is the one that the attestation names by digest (the signed plan, the provenance, model.sig), or it names the
   attestation by digest (countersignatures, notices). Its subject is ours; one about another model is said to be that.
3. It says nothing else than the attestation, the plan and the manifest do, and no date contradicts another.

What is named and missing fails; what is neither named nor there was not checked. A notice or a countersignature that was
taken out cannot be missed here; that is what the status list is for. Codes: `plan.statement`, `provenance`,
`model.signing`, `countersignature` (a check for each), `notices` (a check for each).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from attestations.bundle import Bundle, UnverifiedTimestamp
from attestations.disclosure import Opening
from attestations.errors import MalformedError
from attestations.findings import Check, broken, not_checked
from attestations.plan import Plan
from attestations.statement import ResilienceStatement
from attestations.statements import reading
from attestations.statements.case import Attached, Believed, Case, of_kind, stamps_over
from attestations.statements.countersignature import Countersignature
from attestations.statements.eval_plan import EvalPlan
from attestations.statements.frame import P_co
from attestations.statements.later import COUNTERSIGNATURE, NOTICES, check_countersignature, check_notice
from attestations.statements.named import check_model_signing, check_plan, check_provenance
from attestations.statements.notice import Notice
from attestations.statements.provenance import Provenance
from attestations.trust import TrustRoot

_NOBODY = not_checked(COUNTERSIGNATURE, "no independent evaluator has signed")
_TWICE_SIGNED = broken(COUNTERSIGNATURE, "the bundle holds the same countersignature twice, and it counts once")
_TWICE_TOLD = broken(NOTICES, "the bundle holds the same notice twice")
_NOTHING = not_checked(NOTICES, "no notice came with it; of a later one only a fresh status can tell")


@dataclass(frozen=True, slots=True)
class Attachments:
    """The checks in the order of the codes above, and what held: countersignatures of organisations other than the issuer
    that agree, and every genuine notice. `hidden` and `opened` are paths in the provenance."""

    checks: tuple[Check, ...]
    countersignatures: tuple[Believed[Countersignature], ...]
    notices: tuple[Believed[Notice], ...]
    hidden: tuple[str, ...]
    opened: tuple[str, ...]


def examine(
    parts: Bundle,
    stated: ResilienceStatement,
    planned: Plan | None,
    root: TrustRoot,
    *,
    now: datetime,
    proven: datetime | None = None,
    openings: Sequence[Opening] = (),
) -> Attachments:
    """What the bundle's other statements are worth.

    `planned` is the plan in the bundle where it is the one that the attestation names, `proven` a time before which the
    attestation was signed for certain, `openings` are those of the provenance (`disclosure.Disclosures.provenance`).
    Raises `MalformedError` where a statement cannot be read or has no place in a bundle.
    """
    case = Case(parts, stated, planned, root, now, proven, tuple(openings))
    attached = [Attached(envelope, reading.parse_envelope(envelope)) for envelope in parts.unverified_statements]
    for one in attached:
        predicate = one.unverified.predicate
        if not isinstance(predicate, EvalPlan | Provenance | Countersignature | Notice):
            words = f"a statement of the type {predicate.TYPE} has no place among a bundle's statements"
            raise MalformedError("bundle.statement", words)
    origin, shown = check_provenance(case, of_kind(Provenance, attached))
    signed = [
        (_TWICE_SIGNED, None) if again else check_countersignature(case, one)
        for one, again in _seen(of_kind(Countersignature, attached))
    ]
    heard = [
        (_TWICE_TOLD, None) if again else check_notice(case, one) for one, again in _seen(of_kind(Notice, attached))
    ]
    named = (check_plan(case, of_kind(EvalPlan, attached)), origin, check_model_signing(case))
    return Attachments(
        checks=(*named, *([found for found, _ in signed] or [_NOBODY]), *([found for found, _ in heard] or [_NOTHING])),
        countersignatures=tuple(believed for _, believed in signed if believed is not None),
        notices=tuple(believed for _, believed in heard if believed is not None),
        hidden=shown.hidden,
        opened=shown.opened,
    )


def _seen(attached: Sequence[Attached[P_co]]) -> list[tuple[Attached[P_co], bool]]:
    """Each with whether the same payload was there before it."""
    digests = [one.digest for one in attached]
    return [(one, one.digest in digests[:number]) for number, one in enumerate(attached)]


def stamps_of_attestation(parts: Bundle) -> tuple[UnverifiedTimestamp, ...]:
    """The bundle's timestamps but those over the signature of an attached statement, which `examine` looks at itself."""
    others = {stamp for envelope in parts.unverified_statements for stamp in stamps_over(envelope, parts)}
    if parts.unverified_oms is not None:
        others |= set(stamps_over(parts.unverified_oms, parts))
    return tuple(stamp for stamp in parts.unverified_timestamps if stamp not in others)
