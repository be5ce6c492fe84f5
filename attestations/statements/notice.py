"""A notice: what was found out about an attestation after it was signed.

The issuer says so of its own attestation, or an evaluator of somebody else's; a notice never takes another one back. Only the
issuer may say that its attestation is superseded, revoked or corrected; that a regression was found, an evaluator may say too.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from attestations import documents
from attestations.digests import Sha256
from attestations.documents import Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.predicate import Issuer
from attestations.statement import Subject
from attestations.statements.frame import (
    ATTESTATION_SUBJECT,
    Statement,
    attestation_subject,
    refuse_other_subject,
    specification,
)

SCHEMA = "0.1.0"


class NoticeKind(StrEnum):
    REGRESSION_FOUND = "regression-found"
    SUPERSEDED = "superseded"
    REVOKED = "revoked"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """`evidence` are digests of what shows it; `superseded_by` is the payload digest of the attestation that follows."""

    TYPE: ClassVar[str] = specification("notice")

    schema: Name = SCHEMA
    issuer: Issuer
    kind: NoticeKind
    reason: str
    at: Moment
    evidence: tuple[Sha256, ...]
    superseded_by: Sha256 | None = None

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise MalformedError("notice.schema", f"this version reads notices of schema {SCHEMA}")
        parse_moment(self.at)
        if (self.superseded_by is not None) != (self.kind is NoticeKind.SUPERSEDED):
            words = "a notice that something is superseded, and no other, names what it is superseded by"
            raise MalformedError("notice.superseded_by", words)

    def to_json(self) -> dict[str, object]:
        return documents.encode(self)

    def refuse_subject(self, subject: Subject) -> None:
        refuse_other_subject(subject, ATTESTATION_SUBJECT)
        if self.superseded_by is not None and self.superseded_by.sha256 == subject.digest.sha256:
            raise MalformedError("notice.superseded_by", "nothing supersedes itself")


def build(payload: bytes | Sha256, notice: Notice) -> Statement[Notice]:
    """The statement about an attestation, given by the payload of its envelope or by that payload's digest."""
    return Statement(attestation_subject(payload), notice)


def read(unverified: object) -> Notice:
    return documents.decode(Notice, unverified, "predicate")
