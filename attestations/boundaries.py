"""Where a model may be used, under what it was measured, and what ends that: a section of the resilience predicate.

A measurement holds for what was measured. Whoever deploys the model outside of this section has no evidence.
"""

from dataclasses import dataclass, field

from attestations.digests import Sha256
from attestations.documents import SINCE_0_3, Name


@dataclass(frozen=True, slots=True)
class Requirement:
    control: str
    why: str


@dataclass(frozen=True, slots=True)
class ContextTested:
    """Tokens: what the model is declared for, and the longest prompt that was measured."""

    declared_tokens: int | None = None
    tested_prompt_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Transform:
    """A permitted change of the served files, by the manifest that comes of it."""

    kind: Name
    digest: Sha256


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Where the model may be used. `cautions` are what exploratory rows found; `conditions` what was measured under.

    `turns`, `decoding` and `context` are what was tested, `retest_on` what makes a new measurement necessary.
    """

    objective: str | None = None
    rationale: str | None = None
    intended: tuple[str, ...] | None = None
    prohibited: tuple[str, ...] | None = None
    requires: tuple[Requirement, ...] | None = None
    languages: tuple[Name, ...] | None = None
    conditions: tuple[str, ...] | None = None
    cautions: tuple[str, ...] | None = None
    expires_on: tuple[str, ...] | None = None
    context: ContextTested | None = field(default=None, metadata=SINCE_0_3)
    decoding: str | None = field(default=None, metadata=SINCE_0_3)
    turns: int | None = field(default=None, metadata=SINCE_0_3)
    system_prompt: Sha256 | None = field(default=None, metadata=SINCE_0_3)
    transforms_permitted: tuple[Transform, ...] | None = field(default=None, metadata=SINCE_0_3)
    retest_on: tuple[str, ...] | None = field(default=None, metadata=SINCE_0_3)
