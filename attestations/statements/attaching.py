"""Puts what was said later about an attestation into its bundle: countersignatures first, then notices, each kind by its
time and then by the digest of its payload.

The order is fixed, so whoever puts the same statements into the same bundle makes the same file, in whichever order they came;
the service hands bundles out in it too. Refuses what is of another type, is about another attestation, or is there
already: the verifier would call it a graft, or count it once. No signature is looked at here. Called by `tuneproof attach`.
"""

from collections.abc import Sequence
from dataclasses import replace

from attestations import bundle
from attestations.bundle import Bundle
from attestations.digests import Sha256
from attestations.dsse import Envelope
from attestations.errors import MalformedError
from attestations.statements import reading
from attestations.statements.countersignature import Countersignature
from attestations.statements.frame import Predicate, Statement
from attestations.statements.notice import Notice

_Rank = tuple[int, str, str]


def attach(parts: Bundle, added: Sequence[Envelope]) -> Bundle:
    """The bundle with these statements in it. Raises `MalformedError` naming the first that has no place there."""
    attestation = Sha256.of(parts.envelope.unverified_payload)
    there = {_digest(envelope) for envelope in parts.unverified_statements}
    for number, envelope in enumerate(added, 1):
        _refuse_stranger(reading.parse_envelope(envelope), attestation, f"statement {number}")
        if _digest(envelope) in there:
            words = f"statement {number} is in the bundle already, or was given twice; it would count once"
            raise MalformedError("attach.already_there", words)
        there.add(_digest(envelope))
    statements = (*parts.unverified_statements, *added)
    if len(statements) > bundle.MAX_STATEMENTS:
        words = f"a bundle takes {bundle.MAX_STATEMENTS} statements, and this one would have {len(statements)}"
        raise MalformedError("attach.too_many", words)
    ranked = [(rank(reading.parse_envelope(one).predicate, _digest(one)), one) for one in statements]
    named = [one for found, one in ranked if found is None]
    later = sorted(((found, one) for found, one in ranked if found is not None), key=lambda pair: pair[0])
    whole = replace(parts, unverified_statements=(*named, *(one for _, one in later)))
    if len(whole.encode()) > bundle.MAX_BYTES:
        raise MalformedError("attach.too_large", f"the bundle would have more than {bundle.MAX_BYTES} bytes")
    return whole


def rank(predicate: Predicate, digest: str) -> _Rank | None:
    """The place of a later statement among its like, by the SHA-256 of its payload; None for one that the attestation names
    and that keeps its place before them."""
    if isinstance(predicate, Countersignature):
        return 0, predicate.at, digest
    return (1, predicate.at, digest) if isinstance(predicate, Notice) else None


def _digest(envelope: Envelope) -> str:
    return Sha256.of(envelope.unverified_payload).sha256


def _refuse_stranger(unverified: Statement[Predicate], attestation: Sha256, what: str) -> None:
    if not isinstance(unverified.predicate, Countersignature | Notice):
        words = f"{what} is of the type {unverified.predicate.TYPE}; only countersignatures and notices are attached"
        raise MalformedError("attach.type", words)
    about = unverified.subject.digest.sha256
    if about != attestation.sha256:
        words = f"{what} is about the attestation {about[:16]}…, and the bundle holds {attestation.sha256[:16]}…"
        raise MalformedError("attach.other_attestation", words)
