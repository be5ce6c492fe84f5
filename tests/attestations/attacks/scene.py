"""What cheats are made from: honest evidence, the keys of everybody, and what a victim is handed."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from attestations import procurement, trust, trust_update
from attestations.bundle import Bundle
from attestations.disclosure import Opening
from attestations.errors import AttestationError
from attestations.findings import ExitCode, Status
from attestations.last_seen import LastSeen
from attestations.verify import Report, verify
from tests.attestations.evidence_02 import BAD, GOOD, sweep
from tests.attestations.evidence_03 import NOW, World, make_hiding, make_plan_03, make_world

REFUSED = None
"""In the place of a status: the document is refused under the code, and there is no report."""


@dataclass(frozen=True)
class Outcome:
    """What the victim sees: the checks by code, gravest first, or the code of the error; and the exit code."""

    checks: dict[str, Status]
    refused: str | None
    exit_code: int
    report: Report | None = None


@dataclass(frozen=True)
class Handed:
    """What a victim is handed, and what they ask of it."""

    bundle: bytes
    trust: bytes
    now: datetime = NOW
    model_dir: Path | None = None
    policy: bytes | None = None
    status: str | None = None
    seen: LastSeen | None = None

    def run(self) -> Outcome:
        try:
            report = verify(
                self.bundle,
                self.trust,
                now=self.now,
                model_dir=self.model_dir,
                acceptance=procurement.parse(self.policy) if self.policy is not None else None,
                unverified_status=self.status,
                seen=self.seen,
            )
        except AttestationError as error:
            return Outcome({}, error.code, error.exit_code)
        gravity = [Status.FAIL, Status.STALE, Status.NOT_CHECKED, Status.PASS]
        checks: dict[str, Status] = {}
        for check in report.checks:
            checks[check.code] = min(check.status, checks.get(check.code, check.status), key=gravity.index)
        return Outcome(checks, None, report.exit_code, report)


@dataclass(frozen=True)
class Followed:
    """A trust root that a victim has, and the successors that they are handed."""

    current: bytes
    successors: tuple[bytes, ...]
    now: datetime = NOW

    def run(self) -> Outcome:
        try:
            trust_update.follow(trust.parse(self.current), self.successors, now=self.now)
        except AttestationError as error:
            return Outcome({}, error.code, error.exit_code)
        return Outcome({}, None, ExitCode.ACCEPT)


@dataclass(frozen=True)
class Scene:
    """Honest worlds of one vendor, made when a cheat needs them. `directory` is for copies that cheats may spoil."""

    directory: Path
    _used: list[None] = field(default_factory=list)

    @cached_property
    def good(self) -> World:
        return make_world(self.directory / "good")

    @cached_property
    def other(self) -> World:
        """Another released model of the same vendor, under the same keys and the same status list."""
        plan = make_plan_03(seeds={"tuning": "18"})
        return make_world(self.directory / "other", plan=plan, name="other", attestation_id="0195-other")

    @cached_property
    def bad(self) -> World:
        """A model that lost its refusals; the honest outcome is that it is blocked."""
        return make_world(self.directory / "bad", BAD)

    @cached_property
    def swept(self) -> World:
        plan = make_plan_03(candidates=("1", "0.5"))
        records = sweep(plan, {"1": BAD, "0.5": GOOD})
        return make_world(self.directory / "swept", GOOD, plan, candidates=records)

    @cached_property
    def hiding(self) -> tuple[World, Bundle, tuple[Opening, ...]]:
        return make_hiding(self.good)

    def opening(self, path: str) -> Opening:
        return next(one for one in self.hiding[2] if one.path == path)

    @property
    def trust(self) -> bytes:
        return self.good.keys.trust_file

    def hand(self, parts: Bundle | bytes, **more: object) -> Handed:
        content = parts if isinstance(parts, bytes) else parts.encode()
        return Handed(content, **{"trust": self.trust, **more})

    def copy(self, world: World) -> Path:
        """A copy of a model's directory that the cheat may spoil."""
        self._used.append(None)
        return Path(shutil.copytree(world.model_dir, self.directory / f"copy-{len(self._used)}"))


@dataclass(frozen=True)
class Attack:
    """`row` is that of the threat model. The cheat ends in this status of the check `code`, or is refused under it.

    `needs` is a library without which it cannot be carried out.
    """

    row: int
    name: str
    carry_out: Callable[[Scene], Handed | Followed]
    code: str
    status: Status | None
    exit_code: ExitCode
    needs: str | None = None


CRYPTO, MALFORMED, POLICY = ExitCode.CRYPTOGRAPHIC, ExitCode.MALFORMED, ExitCode.POLICY
UNDETERMINED, ACCEPT = ExitCode.UNDETERMINED, ExitCode.ACCEPT
FAIL, STALE, NOT_CHECKED = Status.FAIL, Status.STALE, Status.NOT_CHECKED
