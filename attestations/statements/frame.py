"""The in-toto Statement v1 around any of our predicates: exactly one subject, canonical bytes, one signature.

Promises: `Statement.encode` gives the bytes that are signed, and `unframe` accepts those alone, so the digest of a payload
names a statement. A predicate refuses a subject that it cannot be about. Other modules of this package define the
predicates; `attestations.statements.reading` chooses among them by type.
"""

from dataclasses import dataclass
from typing import ClassVar, Generic, Protocol, TypeVar

from attestations import canonical, documents, dsse
from attestations.digests import Sha256
from attestations.dsse import Envelope
from attestations.errors import MalformedError
from attestations.keys import Signer
from attestations.predicate import SPECIFICATIONS
from attestations.statement import MODEL_SUBJECT, STATEMENT_TYPE, Subject, SubjectDigest

MAX_BYTES = 8 * 1024 * 1024
ATTESTATION_SUBJECT = "attestation"
_FIELDS = {"_type", "subject", "predicateType", "predicate"}


class Predicate(Protocol):
    """What a statement says. `to_json` is its JSON object; `refuse_subject` raises `MalformedError`."""

    TYPE: ClassVar[str]

    def to_json(self) -> dict[str, object]: ...

    def refuse_subject(self, subject: Subject) -> None: ...


P_co = TypeVar("P_co", bound=Predicate, covariant=True)


@dataclass(frozen=True, slots=True)
class Statement(Generic[P_co]):
    """One subject and one predicate that can be about it."""

    subject: Subject
    predicate: P_co

    def __post_init__(self) -> None:
        self.predicate.refuse_subject(self.subject)

    def encode(self) -> bytes:
        """The canonical bytes, as they are signed."""
        return encode(self.subject, self.predicate.TYPE, self.predicate.to_json())

    @property
    def digest(self) -> Sha256:
        """SHA-256 of the payload: how an attestation names a statement that goes with it."""
        return Sha256.of(self.encode())


@dataclass(frozen=True, slots=True)
class Frame:
    """A statement whose predicate nobody has read yet."""

    subject: Subject
    predicate_type: str
    unverified_predicate: object


def specification(name: str, version: str = "v0.1") -> str:
    """The type URI of a predicate that is ours."""
    return f"{SPECIFICATIONS}/{name}/{version}"


def encode(subject: Subject, predicate_type: str, predicate: object) -> bytes:
    """The canonical bytes of a statement, given its predicate as a JSON value."""
    return canonical.encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [documents.encode(subject)],
            "predicateType": predicate_type,
            "predicate": predicate,
        }
    )


def seal(statement: Statement[Predicate] | bytes, signer: Signer) -> Envelope:
    """The statement, or the payload that was made of one, under one signature."""
    payload = statement if isinstance(statement, bytes) else statement.encode()
    return dsse.seal(payload, dsse.IN_TOTO_PAYLOAD_TYPE, signer)


def unframe(unverified: bytes) -> Frame:
    """The parts of canonical bytes of a statement with exactly one subject, of whatever type."""
    value = canonical.parse(unverified, what="the statement", max_bytes=MAX_BYTES)
    if not isinstance(value, dict) or set(value) != _FIELDS:
        words = "is an object of exactly _type, subject, predicateType and predicate"
        raise MalformedError("statement.fields", words, at="statement")
    if value["_type"] != STATEMENT_TYPE:
        raise MalformedError("statement.type", f"must be {STATEMENT_TYPE}", at="statement._type")
    subjects, kind = value["subject"], value["predicateType"]
    if not isinstance(subjects, list) or len(subjects) != 1:
        raise MalformedError("statement.subject", "must be an array of exactly one subject", at="statement.subject")
    if not isinstance(kind, str):
        raise MalformedError("document.type", "must be a string", at="statement.predicateType")
    subject = documents.decode(Subject, subjects[0], "statement.subject[0]")
    return Frame(subject, kind, value["predicate"])


def attestation_subject(payload: bytes | Sha256) -> Subject:
    """The subject of what is said about an attestation, from the payload of its envelope or that payload's digest."""
    digest = payload if isinstance(payload, Sha256) else Sha256.of(payload)
    return Subject(ATTESTATION_SUBJECT, SubjectDigest(digest.sha256))


def refuse_other_subject(subject: Subject, name: str) -> None:
    """Refuses a subject of another name, and one that is bound otherwise than its name promises: a model's by both
    digests over its file names, all others by SHA-256 alone."""
    if subject.name != name or (subject.digest.dir_hash is None) == (name == MODEL_SUBJECT):
        raise MalformedError("statement.subject", f"must be a {name!r} with its digest", at="statement.subject[0]")
