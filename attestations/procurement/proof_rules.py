"""Rules about who says it, since when, and what stands behind it: issuer, age, status, timestamp, countersignature, level.

What the verifier did not find to hold does not hold. Called by `attestations.procurement.rules`.
"""

from collections.abc import Sequence
from datetime import timedelta

from attestations.documents import parse_moment
from attestations.findings import Check, Status, passed, rejected
from attestations.predicate import SCHEMAS
from attestations.procurement.evidence import Evidence

_MOST_DAYS = 1_000_000  # of what a timedelta holds, and longer than anybody's policy


def allowed_issuers(allowed: Sequence[str], evidence: Evidence) -> Check:
    issuer = evidence.predicate.issuer.id
    if issuer not in allowed:
        words = f"issued by {issuer}, allowed are {', '.join(allowed)}; ask one of these for evidence"
        return rejected("policy.allowed_issuers", words)
    return passed("policy.allowed_issuers", f"issued by {issuer}, which is allowed")


def min_schema(least: str, evidence: Evidence) -> Check:
    stated = evidence.predicate.schema
    words = f"the evidence has schema {stated}, at least {least} is asked for"
    if SCHEMAS.index(stated) < SCHEMAS.index(least):
        return rejected("policy.min_schema", f"{words}; ask the issuer for newer evidence")
    return passed("policy.min_schema", words)


def max_age_days(most: int, evidence: Evidence) -> Check:
    age = evidence.now - parse_moment(evidence.predicate.issued_at)
    words = f"issued {max(age.days, 0)} days ago, at most {most} allowed"
    if age > timedelta(days=min(most, _MOST_DAYS)):
        return rejected("policy.max_age_days", f"{words}; ask the issuer for newer evidence")
    return passed("policy.max_age_days", words)


def max_validity_days(most: int, evidence: Evidence) -> Check:
    predicate = evidence.predicate
    begin = min(parse_moment(predicate.valid_from), parse_moment(predicate.issued_at))
    length = parse_moment(predicate.valid_until) - begin
    words = f"valid for {length.days} days, at most {most} allowed"
    if length > timedelta(days=min(most, _MOST_DAYS)):
        return rejected("policy.max_validity_days", f"{words}; ask for evidence that is renewed sooner")
    return passed("policy.max_validity_days", words)


def require_status(_demanded: bool, evidence: Evidence) -> Check:
    if evidence.state("status") is not Status.PASS:
        words = "nothing fresh shows that it was not withdrawn; fetch the issuer's status list and verify again"
        return rejected("policy.require_status", words)
    return passed("policy.require_status", "a fresh status list says that it holds")


def require_timestamp(_demanded: bool, evidence: Evidence) -> Check:
    if evidence.state("time.signing") is not Status.PASS or evidence.proven_at is None:
        words = "no trusted authority vouches for a time of signing within the key's; ask the issuer for an RFC 3161 timestamp"
        return rejected("policy.require_timestamp", words)
    return passed("policy.require_timestamp", f"signed no later than {evidence.proven_at:%Y-%m-%dT%H:%M:%SZ}")


def require_countersignature(_demanded: bool, evidence: Evidence) -> Check:
    if not _is_countersigned(evidence):
        words = "no independent evaluator's countersignature holds; ask the issuer for one"
        return rejected("policy.require_countersignature", words)
    return passed("policy.require_countersignature", "an independent evaluator has countersigned")


def allowed_evaluators(allowed: Sequence[str], evidence: Evidence) -> Check:
    mine = [key for key in evidence.evaluators if key in allowed]
    if not mine or not _is_countersigned(evidence):
        words = f"none of the {len(allowed)} evaluators that the policy names has countersigned; ask one of them to"
        return rejected("policy.allowed_evaluators", words)
    return passed("policy.allowed_evaluators", f"countersigned by the evaluator's key {mine[0][:16]}…")


def min_level(least: int, evidence: Evidence) -> Check:
    reached = "no level" if evidence.level is None else f"level {evidence.level}"
    words = f"the evidence reaches {reached}, level {least} is asked for"
    if evidence.level is None or evidence.level < least:
        return rejected("policy.min_level", f"{words}; docs/attestation-spec.md says what each level needs")
    return passed("policy.min_level", words)


def _is_countersigned(evidence: Evidence) -> bool:
    """One that holds is enough, also beside one by a key that nobody knows; none may speak against the evidence."""
    return bool(evidence.evaluators) and evidence.state("countersignature") is not Status.FAIL
