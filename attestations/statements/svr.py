"""A buyer's verdict as an in-toto Simple Verification Result v0.2, signed by the buyer.

Format: https://github.com/in-toto/attestation, spec/predicates/svr.md. `properties` are what was verified and passed, so
what is absent was not verified: consumers who know no more than the format look for `TUNEPROOF_ACCEPTED`. Our extension field
`tuneproofVerdict` says the rest: the result, the level, and every check in its words. The properties follow from it, and a
verdict in which they do not is refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from attestations import documents
from attestations.digests import Sha256
from attestations.documents import Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.findings import Check, ExitCode, Status, overall
from attestations.statement import JOB_SUBJECT, MODEL_SUBJECT, Subject
from attestations.statements.frame import Statement, refuse_other_subject

ACCEPTED = "TUNEPROOF_ACCEPTED"
_LONGEST_SENTENCE = 2000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""Sentences quote what others wrote: without this somebody on the way could make a verdict that nobody can read."""


class Result(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNDETERMINED = "undetermined"

    @classmethod
    def of(cls, code: ExitCode) -> "Result":
        if code is ExitCode.ACCEPT:
            return cls.ACCEPTED
        return cls.UNDETERMINED if code is ExitCode.UNDETERMINED else cls.REJECTED


@dataclass(frozen=True, slots=True)
class PolicyDescriptor:
    """A policy that the verdict was reached under, by content."""

    name: Name
    digest: Sha256


@dataclass(frozen=True, slots=True)
class Verifier:
    """Who verified, as a URI, under which policies; none stands for the default policy alone."""

    id: Name
    policies: tuple[PolicyDescriptor, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    code: Name
    status: Status
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of verifying: `attestation` is the payload digest of what was verified, `level` what it reached."""

    result: Result
    attestation: Sha256
    checks: tuple[Finding, ...]
    level: int | None = None

    @classmethod
    def of(cls, checks: Sequence[Check], attestation: Sha256, level: int | None) -> "Verdict":
        """The verdict that a report's checks end in. A sentence of more than 2000 characters is cut."""
        findings = tuple(Finding(one.code, one.status, _readable(one.sentence)) for one in checks)
        return cls(Result.of(overall(checks)), attestation, findings, level)

    @property
    def properties(self) -> tuple[str, ...]:
        """What passed, sorted: a code of which every check passed, the levels reached, and whether it was accepted."""
        passed = {one.code for one in self.checks if one.status is Status.PASS}
        passed -= {one.code for one in self.checks if one.status is not Status.PASS}
        names = {"TUNEPROOF_" + re.sub(r"[^A-Z0-9]+", "_", f"CHECK_{code}".upper()) for code in passed}
        names |= {f"TUNEPROOF_LEVEL_{level}" for level in range(self.level + 1 if self.level is not None else 0)}
        return tuple(sorted(names | ({ACCEPTED} if self.result is Result.ACCEPTED else set())))


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationResult:
    TYPE: ClassVar[str] = "https://in-toto.io/attestation/svr/v0.2"

    verifier: Verifier
    time_created: Moment
    properties: tuple[Name, ...]
    tuneproof_verdict: Verdict

    def __post_init__(self) -> None:
        parse_moment(self.time_created)
        failed = any(one.status in (Status.FAIL, Status.STALE) for one in self.tuneproof_verdict.checks)
        level = self.tuneproof_verdict.level
        if self.tuneproof_verdict.result is Result.ACCEPTED and (failed or level is None):
            raise MalformedError("svr.result", "what has a failed or a stale check, or no level, is not accepted")
        if level is not None and level > 4:
            raise MalformedError("svr.level", "the levels are 0 to 4")
        if self.properties != self.tuneproof_verdict.properties:
            raise MalformedError("svr.properties", "the properties are not those that follow from the checks")

    def to_json(self) -> dict[str, object]:
        return documents.encode(self)

    def refuse_subject(self, subject: Subject) -> None:
        refuse_other_subject(subject, JOB_SUBJECT if subject.name == JOB_SUBJECT else MODEL_SUBJECT)


def _readable(sentence: str) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", sentence[:_LONGEST_SENTENCE])


def build(subject: Subject, verdict: Verdict, *, verifier: Verifier, at: Moment) -> Statement[VerificationResult]:
    """The verdict on the subject of the attestation that was verified."""
    made = VerificationResult(
        verifier=verifier, time_created=at, properties=verdict.properties, tuneproof_verdict=verdict
    )
    return Statement(subject, made)


def read(unverified: object) -> VerificationResult:
    return documents.decode(VerificationResult, unverified, "predicate")
