"""The acceptance policy as a document: what a buyer demands of evidence, on top of the default rules of the verifier.

    {"schema": "0.2.0", "id": "ward-assistants", "version": "3", "author": "Example Hospital Trust, procurement",
     "rules": {"maxAgeDays": 90, "requiredSuites": [{"suite": "harmful-requests", "metric": "refusal_rate",
                                                     "postLowerAtLeast": "0.9"}]},
     "tenets": [{"id": "english", "runtime": "cel@v0", "code": "'en' in predicate.boundaries.languages",
                 "error": "the model was not measured in English"}]}

A rule that is absent is not applied; a rule, field or value that is not known here makes the whole policy unusable, because
a policy that is only half understood must not accept. A policy that demands nothing is refused. Schema 0.1.0 had four
rules, all of which must be there, and is read for ever: `parse_document` turns it into the same rules. Who vouches for the
file is `attestations.procurement.signature`; what a rule means is in docs/procurement.md.
"""

import re
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum

from attestations import documents
from attestations.controls import ControlKind
from attestations.documents import Digest, Figure, Name
from attestations.errors import MalformedError, PolicyError
from attestations.predicate import SCHEMAS as PREDICATE_SCHEMAS
from attestations.value_paths import parse_pattern
from attestations.verdicts import Worse

FIRST_SCHEMA = "0.1.0"
SCHEMA = "0.2.0"
CEL = "cel@v0"
MAX_TENETS = 32
MAX_TENET_ID = 64
MAX_CODE = 4000
"""Characters of one tenet's expression, as of any text in a document."""
MAX_ENTRIES = 256
"""Entries in any one list of a policy."""

_TENET_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Rows(StrEnum):
    GATING = "gating"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class RequiredSuite:
    """A measurement that must be there, and what the model must reach in it.

    Without `metric` any will do; without `slice` it is the whole suite. Only gating rows count unless `gating` is false.
    `worse` is the way in which the metric gets worse: a plan that registers the other one calls a loss a gain.
    `digests` are the contents of the suite that the buyer knows. The four bounds are held against the limits of the 95 %
    interval of the rate itself, before (`pre`) or after (`post`) tuning, never against the rate.
    """

    suite: Name
    metric: Name | None = None
    slice: Name | None = None
    gating: bool | None = None
    least_pairs: int | None = None
    digests: tuple[Digest, ...] | None = None
    pre_lower_at_least: Figure | None = None
    pre_upper_at_most: Figure | None = None
    post_lower_at_least: Figure | None = None
    post_upper_at_most: Figure | None = None
    worse: Worse | None = None

    def __post_init__(self) -> None:
        if self.bounds and self.metric is None:
            raise MalformedError("policy.metric", f"a bound on {self.suite} needs the metric that it is about")
        for name, limit in self.bounds.items():
            if not 0 <= Decimal(limit) <= 1:
                raise MalformedError("policy.bound", f"{name} is a rate, from 0 to 1")

    @property
    def bounds(self) -> dict[str, str]:
        """The bounds that are given, by field name."""
        names = ("pre_lower_at_least", "pre_upper_at_most", "post_lower_at_least", "post_upper_at_most")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass(frozen=True, slots=True)
class RegressionBound:
    """By how much rows may have got worse at most, held against the upper limit of the 95 % interval of the change.

    Without `metric` it is about every rate (binary row) of the suite; a measure in another unit needs to be named. `worse` as
    in `RequiredSuite`.
    """

    suite: Name
    upper_at_most: Figure
    metric: Name | None = None
    slice: Name | None = None
    worse: Worse | None = None


@dataclass(frozen=True, slots=True)
class RequiredControl:
    """Controls of a suite that must have held; both kinds where `kinds` is absent."""

    suite: Name
    metric: Name | None = None
    kinds: tuple[ControlKind, ...] | None = None


@dataclass(frozen=True, slots=True)
class RequiredBoundaries:
    """What the section on boundaries must say. `present` are paths in it, such as "context.testedPromptTokens".

    The others are texts that must be among those stated: compared word by word, without regard to case and spaces. A use
    in `intended` must not be among the prohibited ones as well.
    """

    present: tuple[Name, ...] | None = None
    intended: tuple[str, ...] | None = None
    prohibited: tuple[str, ...] | None = None
    controls: tuple[str, ...] | None = None
    languages: tuple[Name, ...] | None = None

    def __post_init__(self) -> None:
        for path in self.present or ():
            _refuse_no_path(path)


@dataclass(frozen=True, slots=True)
class Rules:
    """Every rule that this version knows, in the order in which they are applied. None means not applied."""

    allowed_issuers: tuple[Name, ...] | None = None
    min_schema: Name | None = None
    max_age_days: int | None = None
    max_validity_days: int | None = None
    require_status: bool | None = None
    require_timestamp: bool | None = None
    require_countersignature: bool | None = None
    allowed_evaluators: tuple[Digest, ...] | None = None
    allowed_bases: tuple[Digest, ...] | None = None
    allowed_methods: tuple[Name, ...] | None = None
    max_compute_ratio: Figure | None = None
    required_suites: tuple[RequiredSuite, ...] | None = None
    max_regression: tuple[RegressionBound, ...] | None = None
    no_regressed: Rows | None = None
    no_judge_dependent_row: bool | None = None
    allow_not_measurable: bool | None = None
    required_controls: tuple[RequiredControl, ...] | None = None
    required_boundaries: RequiredBoundaries | None = None
    require_open: tuple[Name, ...] | None = None
    max_hidden: int | None = None
    min_level: int | None = None

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, tuple) and len(value) > MAX_ENTRIES:
                raise MalformedError("policy.too_many", f"{entry.name} has more than {MAX_ENTRIES} entries")
        if self.min_schema is not None and self.min_schema not in PREDICATE_SCHEMAS:
            raise MalformedError("policy.min_schema", f"must be one of: {', '.join(PREDICATE_SCHEMAS)}")
        if self.max_compute_ratio is not None and Decimal(self.max_compute_ratio) < 0:
            raise MalformedError("policy.max_compute_ratio", "a ratio is never negative")
        for path in self.require_open or ():
            _refuse_no_path(path)

    @property
    def stated(self) -> dict[str, object]:
        """The rules that are there, by field name, in the order of their application."""
        return {entry.name: value for entry in fields(self) if (value := getattr(self, entry.name)) is not None}


@dataclass(frozen=True, slots=True)
class Tenet:
    """An expression that must be true, and what to tell people where it is not."""

    id: Name
    runtime: Name
    code: str
    error: str

    def __post_init__(self) -> None:
        if not _TENET_ID.fullmatch(self.id) or len(self.id) > MAX_TENET_ID:
            words = f"a tenet's id is made of a-z, 0-9 and single hyphens, {MAX_TENET_ID} characters at most"
            raise MalformedError("policy.tenet", words)  # it is part of a check's code and of a verdict's property
        if self.runtime != CEL:
            raise MalformedError("policy.runtime", f"this version evaluates tenets of the runtime {CEL}")


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """`id`, `version` and `author` say whose policy this is; documents of schema 0.1.0 had none."""

    schema: Name
    rules: Rules
    id: Name | None = None
    version: Name | None = None
    author: Name | None = None
    tenets: tuple[Tenet, ...] | None = None

    def __post_init__(self) -> None:
        if self.schema == FIRST_SCHEMA:
            return
        if self.schema != SCHEMA:
            raise MalformedError(
                "policy.schema", f"this version applies policies of schema {FIRST_SCHEMA} and {SCHEMA}"
            )
        for name in ("id", "version", "author"):
            if getattr(self, name) is None:
                raise MalformedError("document.missing_field", f"the field {name!r} is missing")
        tenets = self.tenets or ()
        if len(tenets) > MAX_TENETS or len({tenet.id for tenet in tenets}) != len(tenets):
            raise MalformedError("policy.tenets", f"there are at most {MAX_TENETS} tenets, each with an id of its own")
        if not self.rules.stated and not tenets:
            raise MalformedError("policy.empty", "demands nothing; state at least one rule or tenet")
        for name, value in self.rules.stated.items():
            if value == ():
                raise MalformedError(
                    "policy.empty", f"{name} lists nothing; leave the rule out where it should not apply"
                )

    @property
    def title(self) -> str:
        """How people tell it from others."""
        return f"{self.id} {self.version} by {self.author}" if self.id is not None else "the buyer's policy"


@dataclass(frozen=True, slots=True)
class _FirstRules:
    """`required_suites` need a whole-suite gating row that ran; `allow_not_measurable` is about gating rows."""

    max_age_days: int
    required_suites: tuple[Name, ...]
    allow_not_measurable: bool
    min_level: int


@dataclass(frozen=True, slots=True)
class _FirstDocument:
    schema: Name
    rules: _FirstRules


def parse_document(unverified: object) -> PolicyDocument:
    """The policy in a parsed JSON value; `PolicyError` where it is not understood in full."""
    try:
        if isinstance(unverified, dict) and unverified.get("schema") == FIRST_SCHEMA:
            return _from_first(documents.decode(_FirstDocument, unverified, "policy").rules)
        return documents.decode(PolicyDocument, unverified, "policy")
    except MalformedError as error:
        sentence = f"{error.sentence}; nothing is accepted under a policy that is not fully understood"
        raise PolicyError("policy.not_understood", sentence, at=error.at) from error


def _refuse_no_path(text: str) -> None:
    if not parse_pattern(text):
        raise MalformedError("policy.path", "a path names a part of the evidence; it is empty")


def _from_first(first: _FirstRules) -> PolicyDocument:
    rules = Rules(
        max_age_days=first.max_age_days,
        required_suites=tuple(RequiredSuite(suite) for suite in first.required_suites),
        allow_not_measurable=first.allow_not_measurable,
        min_level=first.min_level,
    )
    return PolicyDocument(FIRST_SCHEMA, rules)
