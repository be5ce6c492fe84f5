"""The plan: everything that decides a verdict, fixed and digested before training starts.

Suites and the items sampled from them, the judge, decoding, every row with its margin, the gate's whole policy, seeds.
The statement names the plan's digest and the bundle carries its bytes, so a row, a margin or a threshold that was changed
after the results were seen shows as a broken digest. `encode` gives the canonical bytes; `parse` accepts those alone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from attestations import canonical, documents
from attestations.documents import Digest, Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.gate import Policy
from attestations.verdicts import RegisteredRow

SCHEMA = "0.1.0"
MAX_BYTES = 4 * 1024 * 1024
MAX_ROWS = 512


@dataclass(frozen=True, slots=True)
class Sha256:
    """A digest in in-toto's DigestSet form, `{"sha256": hex}`."""

    sha256: Digest

    @classmethod
    def of(cls, content: bytes) -> "Sha256":
        return cls(hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class PlannedBase:
    name: Name
    manifest: Sha256


@dataclass(frozen=True, slots=True)
class PlannedSuite:
    """A suite in one version. `sampled` of its `items` are used; `sample` digests the canonical array of their ids."""

    id: Name
    version: Name
    digest: Sha256
    items: int
    sampled: int
    sample: Sha256

    def __post_init__(self) -> None:
        if self.sampled > self.items:
            raise MalformedError("plan.sample", "a suite cannot sample more items than it has")


@dataclass(frozen=True, slots=True)
class PlannedJudge:
    id: Name
    version: Name
    digest: Sha256


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are generated. Without a system prompt there is no digest of one."""

    max_new_tokens: int
    greedy: bool
    chat_template: Sha256
    system_prompt: Sha256 | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`rows` in the order in which every later document lists them; `runs_declared` is how many tunings it covers.

    `judge` decides what is a refusal, `margin` scores how far the model leans to one (its prefixes), where that is measured.
    """

    schema: Name = SCHEMA
    created_at: Moment
    base: PlannedBase
    datasets: tuple[Sha256, ...]
    suites: tuple[PlannedSuite, ...]
    judge: PlannedJudge
    margin: PlannedJudge | None = None
    decoding: Decoding
    rows: tuple[RegisteredRow, ...]
    policy: Policy
    profile: Name
    may_claim_equivalence: bool
    seeds: Mapping[str, str]
    tuning: Mapping[str, str]
    runs_declared: int = 1

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise MalformedError("plan.schema", f"this version reads plans of schema {SCHEMA}")
        parse_moment(self.created_at)
        sampled = {suite.id: suite.sampled for suite in self.suites}
        if len(sampled) != len(self.suites):
            raise MalformedError("plan.suites", "a suite is listed twice")
        if len(self.rows) > MAX_ROWS or len({row.key for row in self.rows}) != len(self.rows):
            raise MalformedError("plan.rows", f"there are at most {MAX_ROWS} rows, and each is registered once")
        for row in self.rows:
            if row.items > sampled.get(row.suite, -1):
                raise MalformedError("plan.rows", f"{' / '.join(row.key)} plans items that its suite does not sample")

    def encode(self) -> bytes:
        return canonical.encode(documents.encode(self))

    @property
    def digest(self) -> Sha256:
        return Sha256.of(self.encode())


def parse(unverified: bytes) -> Plan:
    value = canonical.parse(unverified, what="the plan", max_bytes=MAX_BYTES)
    return documents.decode(Plan, value, "plan")
