"""What was said about an attestation after it was signed: countersignatures of evaluators, and notices.

They name the attestation by the digest of its payload, so each is about this one or a graft. A countersignature counts as
independent only where its key belongs to another organisation than the issuer; one that disagrees is shown, and rejects. A
notice of a regression, a revocation or a supersession rejects as well; a correction is shown.
"""

from collections.abc import Sequence

from attestations.documents import parse_moment
from attestations.findings import Check, broken, not_checked, passed, rejected
from attestations.statements.case import Attached, Believed, Case, believe
from attestations.statements.countersignature import Conclusion, Countersignature
from attestations.statements.notice import Notice, NoticeKind
from attestations.status import CLOCK_TOLERANCE
from attestations.trust import KeyRole, TrustedKey, TrustRoot

COUNTERSIGNATURE, NOTICES = "countersignature", "notices"
_NAMED_AT_MOST = 3


def check_countersignature(
    case: Case, attached: Attached[Countersignature]
) -> tuple[Check, Believed[Countersignature] | None]:
    """The check, and the countersignature where it is genuine, independent and agrees."""
    said, subject = attached.unverified.predicate, attached.unverified.subject
    if subject.digest.sha256 != case.attestation.sha256:
        return broken(COUNTERSIGNATURE, f"it is about another attestation: {subject.digest.sha256[:16]}…"), None
    signed = believe(case, attached.envelope, COUNTERSIGNATURE, roles=(KeyRole.EVALUATOR,), claimed=said.at)
    if isinstance(signed, Check):
        return signed, None
    key = signed.key
    wrong = _wrong(case, said, key)
    if wrong is not None:
        return wrong, None
    who = f"{said.evaluator.organisation} ({said.mode}, paid by {said.relationship.paid_by})"
    if not is_independent(key, case.root):
        return not_checked(COUNTERSIGNATURE, f"{who} agrees, and is not independent of the issuer"), None
    pairs = [counts.n for row in said.own if (counts := row.table or row.differences) is not None and counts.n > 0]
    fewest = f", the smallest of {min(pairs)} pairs" if pairs else ", so it measured nothing"
    return passed(COUNTERSIGNATURE, f"{who} agrees on {len(said.agreement)} rows of its own{fewest}"), Believed(
        said, key
    )


def _wrong(case: Case, said: Countersignature, key: TrustedKey) -> Check | None:
    """Why a genuine countersignature does not speak for the attestation."""
    organisation, attested = said.evaluator.organisation, case.stated.predicate
    if key.owner is not None and key.owner != organisation:
        return broken(COUNTERSIGNATURE, f"it is signed for {organisation} with a key of {key.owner}")
    if parse_moment(attested.issued_at) - parse_moment(said.at) > CLOCK_TOLERANCE:
        return rejected(COUNTERSIGNATURE, "it is dated before the attestation that it is about")
    strays = said.strays(attested)
    if strays:
        words = f"what it says does not follow from its counts and this attestation: {_some(strays)}"
        return rejected(COUNTERSIGNATURE, words)
    if said.conclusion is Conclusion.DISAGREES:
        rows = [" / ".join(row.key) for row in said.agreement if not row.within]
        outside = [f"{len(rows)} rows are outside their margin ({_some(rows)})"] if rows else []
        return rejected(COUNTERSIGNATURE, f"{organisation} disagrees: {_some([*outside, *said.disagreements])}")
    return None


def is_independent(key: TrustedKey, root: TrustRoot) -> bool:
    """Whether the key belongs to an organisation that is neither the issuer nor behind one of the issuer's own keys."""
    roles = (KeyRole.ROOT, KeyRole.ISSUER, KeyRole.STATUS)
    own = {root.issuer, *(one.owner for one in root.keys if one.role in roles and one.owner is not None)}
    return key.owner is not None and key.owner.casefold() not in {name.casefold() for name in own}


def check_notice(case: Case, attached: Attached[Notice]) -> tuple[Check, Believed[Notice] | None]:
    """The check, and the notice where it is genuine."""
    said, subject = attached.unverified.predicate, attached.unverified.subject
    if subject.digest.sha256 != case.attestation.sha256:
        return broken(NOTICES, f"a notice is about another attestation: {subject.digest.sha256[:16]}…"), None
    roles = [KeyRole.ISSUER, KeyRole.EVALUATOR] if said.kind is NoticeKind.REGRESSION_FOUND else [KeyRole.ISSUER]
    signed = believe(case, attached.envelope, NOTICES, roles=roles, claimed=said.at)
    if isinstance(signed, Check):
        return signed, None
    key = signed.key
    if key.role is KeyRole.ISSUER and said.issuer.id != case.root.issuer:
        return broken(NOTICES, "a notice names another issuer than the trust root"), None
    who = "the issuer" if key.role is KeyRole.ISSUER else key.owner or "an evaluator"
    words = f"{said.kind.replace('-', ' ')} on {said.at}, says {who}: {said.reason}"
    found = passed(NOTICES, words) if said.kind is NoticeKind.CORRECTION else rejected(NOTICES, words)
    return found, Believed(said, key)


def _some(parts: Sequence[str]) -> str:
    """The first three, and how many more there are."""
    more = f" and {len(parts) - _NAMED_AT_MOST} more" if len(parts) > _NAMED_AT_MOST else ""
    return "; ".join(parts[:_NAMED_AT_MOST]) + more
