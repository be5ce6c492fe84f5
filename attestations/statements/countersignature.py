"""A countersignature: what somebody else found who looked at the same model, in a statement of their own.

It repeats nothing of the attestation. The evaluator says what was done (`mode`), brings the counts that were measured, and for
each of these rows how far the change is from the attested one; both follow from counts, so a verifier computes them again.
To disagree is as well-formed as to agree: a row outside its margin, or a sentence, is a disagreement, and cannot be
signed as agreement. Who paid and what could be looked at belongs to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import ClassVar

from attestations import documents
from attestations.digests import Sha256
from attestations.documents import Figure, Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.plan import MAX_ROWS
from attestations.predicate import EvaluationRow, ResiliencePredicate
from attestations.statement import Subject
from attestations.statements.frame import (
    ATTESTATION_SUBJECT,
    Statement,
    attestation_subject,
    refuse_other_subject,
    specification,
)
from attestations.statistics import CONTEXT, PairedTable, figure
from attestations.verdicts import RowKey

SCHEMA = "0.1.0"


class Mode(StrEnum):
    """What the evaluator did: watched the run; measured the models again; drew items and had them opened; computed the
    figures again from the kept answers."""

    OBSERVED = "observed"
    REPRODUCED = "reproduced"
    CHALLENGED = "challenged"
    REANALYSED = "reanalysed"


class AccessLevel(StrEnum):
    """The most that the evaluator could look at."""

    ANSWERS = "answers"
    API = "api"
    WEIGHTS = "weights"
    PIPELINE = "pipeline"


class Conclusion(StrEnum):
    AGREES = "agrees"
    DISAGREES = "disagrees"


_MEASURING = (Mode.REPRODUCED, Mode.REANALYSED)


@dataclass(frozen=True, slots=True)
class Evaluator:
    id: Name
    organisation: Name


@dataclass(frozen=True, slots=True)
class Relationship:
    """Who paid for the evaluation (an organisation's name, the evaluator's own included), and what was open to it."""

    paid_by: Name
    access_level: AccessLevel


@dataclass(frozen=True, slots=True)
class AgreementRow:
    """How far the evaluator's change is from the attested one, in the row's unit; positive where the evaluator found worse.

    `within` says whether that is at most the margin that the attestation registered.
    """

    metric: Name
    suite: Name
    slice: Name
    delta: Figure
    within: bool

    @property
    def key(self) -> RowKey:
        return RowKey(self.metric, self.suite, self.slice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Countersignature:
    """`model` is the manifest and `plan` the plan of the attestation that is the subject; `conflicts` are of interest."""

    TYPE: ClassVar[str] = specification("countersignature")

    schema: Name = SCHEMA
    evaluator: Evaluator
    at: Moment
    mode: Mode
    conclusion: Conclusion
    model: Sha256
    plan: Sha256
    own: tuple[EvaluationRow, ...]
    agreement: tuple[AgreementRow, ...]
    disagreements: tuple[str, ...]
    conflicts: tuple[str, ...]
    relationship: Relationship

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise MalformedError("countersignature.schema", f"this version reads countersignatures of schema {SCHEMA}")
        parse_moment(self.at)
        measured = [row.registered.key for row in self.own if _change(row) is not None]
        if len(self.own) > MAX_ROWS or len(set(measured)) != len(measured):
            words = f"there are at most {MAX_ROWS} rows of its own, and each is there once"
            raise MalformedError("countersignature.own", words)
        if [row.key for row in self.agreement] != measured:
            words = "each row that was measured has one row of agreement, in the same order"
            raise MalformedError("countersignature.agreement", words)
        if self.mode in _MEASURING and not measured:
            raise MalformedError("countersignature.own", f"what was {self.mode} has rows of its own")
        outside = bool(self.disagreements) or not all(row.within for row in self.agreement)
        if outside != (self.conclusion is Conclusion.DISAGREES):
            words = "it disagrees exactly where a row is outside its margin or a disagreement is written down"
            raise MalformedError("countersignature.conclusion", words)

    def to_json(self) -> dict[str, object]:
        return documents.encode(self)

    def refuse_subject(self, subject: Subject) -> None:
        refuse_other_subject(subject, ATTESTATION_SUBJECT)

    def strays(self, attested: ResiliencePredicate) -> list[str]:
        """What is not about this attestation's model, plan and rows, and which figures do not follow from the counts."""
        manifest = attested.model.manifest if attested.model is not None else None
        strays = []
        if manifest is None or manifest.digest.sha256 != self.model.sha256:
            strays.append("model")
        if attested.plan is None or attested.plan.digest != self.plan:
            strays.append("plan")
        try:
            again = {row.key: row for row in compare(self.own, attested)}
        except MalformedError as error:
            return [*strays, error.sentence]
        return strays + [" / ".join(row.key) for row in self.agreement if again[row.key] != row]


def compare(own: tuple[EvaluationRow, ...], attested: ResiliencePredicate) -> tuple[AgreementRow, ...]:
    """The rows of agreement of what an evaluator measured with what was attested, in the order of `own`."""
    theirs: Mapping[RowKey, EvaluationRow] = {row.registered.key: row for row in attested.evaluations or ()}
    rows = []
    for row in own:
        found, other = _change(row), theirs.get(row.registered.key)
        if found is None:
            continue
        said = _change(other) if other is not None else None
        if other is None or said is None or other.registered.kind is not row.registered.kind:
            words = f"{' / '.join(row.registered.key)} was not measured like that in the attestation"
            raise MalformedError("countersignature.row", words)
        with localcontext(CONTEXT):
            delta = Decimal(figure(found - said))
            within = abs(delta) <= Decimal(other.registered.margin)
        rows.append(AgreementRow(*row.registered.key, figure(delta), within))
    return tuple(rows)


def build(payload: bytes | Sha256, made: Countersignature) -> Statement[Countersignature]:
    """The statement about an attestation, given by the payload of its envelope or by that payload's digest."""
    return Statement(attestation_subject(payload), made)


def read(unverified: object) -> Countersignature:
    return documents.decode(Countersignature, unverified, "predicate")


def _change(row: EvaluationRow) -> Decimal | None:
    """The row's change in its unit, positive where it got worse; None where it was not run or has no pairs."""
    counts = row.table or row.differences
    if counts is None or counts.n == 0:
        return None
    if isinstance(counts, PairedTable):
        with localcontext(CONTEXT):
            return Decimal(counts.worsened - counts.improved) / counts.n
    return Decimal(counts.mean)
