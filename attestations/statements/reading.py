"""The types of statement that are read, and no others: the one place where a type URI chooses a predicate.

A type that is not listed is refused; nothing is tried a second time as something else. `parse` reads bytes that nobody has
verified, `open_envelope` those that one of the given keys signed. The attestation itself is `attestations.statement`'s.
"""

from collections.abc import Callable, Iterable, Mapping

from attestations import dsse
from attestations.dsse import Envelope
from attestations.errors import MalformedError
from attestations.keys import PublicKey
from attestations.statements import countersignature, eval_plan, model_signing, notice, provenance, svr
from attestations.statements.frame import Predicate, Statement, unframe

READERS: Mapping[str, Callable[[object], Predicate]] = {
    eval_plan.EvalPlan.TYPE: eval_plan.read,
    provenance.Provenance.TYPE: provenance.read,
    model_signing.ModelSigning.TYPE: model_signing.read,
    notice.Notice.TYPE: notice.read,
    countersignature.Countersignature.TYPE: countersignature.read,
    svr.VerificationResult.TYPE: svr.read,
}


def parse(unverified: bytes) -> Statement[Predicate]:
    """The statement in canonical bytes, of a type in `READERS`."""
    frame = unframe(unverified)
    reader = READERS.get(frame.predicate_type)
    if reader is None:
        words = f"the type {frame.predicate_type[:100]!a} is not one that this version reads"
        raise MalformedError("statement.predicate_type", words, at="statement.predicateType")
    return Statement(frame.subject, reader(frame.unverified_predicate))


def parse_envelope(envelope: Envelope) -> Statement[Predicate]:
    """The statement in an envelope whose signature nobody has looked at yet."""
    if envelope.payload_type != dsse.IN_TOTO_PAYLOAD_TYPE:
        raise MalformedError("statement.payload_type", f"the payload type must be {dsse.IN_TOTO_PAYLOAD_TYPE}")
    return parse(envelope.unverified_payload)


def open_envelope(envelope: Envelope, keys: Iterable[PublicKey]) -> tuple[Statement[Predicate], PublicKey]:
    """The statement that one of the keys signed, and that key; `CryptographicError` where none did."""
    verified = dsse.verify(envelope, keys)
    return parse_envelope(envelope), verified.key
