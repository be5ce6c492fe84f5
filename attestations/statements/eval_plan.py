"""The evaluation plan as a promise: signed before the tuning, so that what was fixed cannot be said to have been otherwise.

The statement names the plan by the digest of its bytes and says what those bytes fix, part by part, without showing them:
who holds the statement alone, before there is a result, can later tell which part was changed. `close_by` is when the
declared runs end and their evidence is out; a run that nobody heard of by then is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, cast

from attestations import canonical, documents
from attestations.digests import Sha256
from attestations.documents import Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.plan import MAX_BYTES, Plan, parse
from attestations.predicate import Issuer
from attestations.statement import Subject, SubjectDigest
from attestations.statements.frame import Statement, refuse_other_subject, specification

SUBJECT = "eval-plan"
SCHEMA = "0.1.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """SHA-256 of the canonical JSON of the plan's part of the same name; an absent part counts as null."""

    suites: Sha256
    judge: Sha256
    margin: Sha256
    judges: Sha256
    decoding: Sha256
    controls: Sha256
    candidates: Sha256
    rows: Sha256
    policy: Sha256
    seeds: Sha256
    tuning: Sha256
    datasets: Sha256

    @classmethod
    def by(cls, encoded_plan: bytes) -> "Fixed":
        """What a plan's own bytes fix; a value that they keep back counts as the commitment that stands for it."""
        tree = cast("dict[str, object]", canonical.parse(encoded_plan, what="the plan", max_bytes=MAX_BYTES))
        return cls(**{part.name: Sha256.of(canonical.encode(tree.get(part.name))) for part in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many of each the plan has; `judges` and `candidates` include the primary judge and the tuning as it is."""

    suites: int
    rows: int
    gating_rows: int
    judges: int
    controls: int
    candidates: int

    @classmethod
    def of(cls, plan: Plan) -> "Counts":
        return cls(
            suites=len(plan.suites),
            rows=len(plan.rows),
            gating_rows=plan.gating_rows,
            judges=1 + len(plan.judges or ()),
            controls=len(plan.controls or ()),
            candidates=len(plan.candidates or ("1",)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalPlan:
    """`created_at` is when the statement was signed, `base` the manifest of the model that will be tuned."""

    TYPE: ClassVar[str] = specification("eval-plan")

    schema: Name = SCHEMA
    issuer: Issuer
    created_at: Moment
    close_by: Moment
    runs_declared: int
    base: Sha256
    fixed: Fixed
    counts: Counts

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise MalformedError("eval_plan.schema", f"this version reads plan statements of schema {SCHEMA}")
        if parse_moment(self.close_by) <= parse_moment(self.created_at):
            raise MalformedError("eval_plan.close_by", "the runs end before they can begin")
        if self.runs_declared < 1:
            raise MalformedError("eval_plan.runs", "a plan declares at least one run")

    def to_json(self) -> dict[str, object]:
        return documents.encode(self)

    def refuse_subject(self, subject: Subject) -> None:
        refuse_other_subject(subject, SUBJECT)

    def strays(self, plan: Plan, encoded_plan: bytes) -> list[str]:
        """Which parts of a plan, given with the bytes that it was parsed from, are not as this statement says."""
        pairs: Mapping[str, tuple[object, object]] = {
            "number of runs": (self.runs_declared, plan.runs_declared),
            "base": (self.base, plan.base.manifest),
            "counts": (self.counts, Counts.of(plan)),
        }
        strays = [name for name, (said, planned) in pairs.items() if said != planned]
        again = Fixed.by(encoded_plan)
        return strays + [
            part.name for part in fields(again) if getattr(again, part.name) != getattr(self.fixed, part.name)
        ]


def build(encoded_plan: bytes, *, issuer: str, created_at: Moment, close_by: Moment) -> Statement[EvalPlan]:
    """The statement about a plan's bytes; to be signed before the tuning begins."""
    plan = parse(encoded_plan)
    predicate = EvalPlan(
        issuer=Issuer(issuer),
        created_at=created_at,
        close_by=close_by,
        runs_declared=plan.runs_declared,
        base=plan.base.manifest,
        fixed=Fixed.by(encoded_plan),
        counts=Counts.of(plan),
    )
    return Statement(Subject(SUBJECT, SubjectDigest(Sha256.of(encoded_plan).sha256)), predicate)


def read(unverified: object) -> EvalPlan:
    return documents.decode(EvalPlan, unverified, "predicate")
