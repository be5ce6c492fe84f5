"""What a verifier finds: one line per check, the level that the evidence reaches, and the exit code that follows.

Nothing is green by default: a check that was not made says NOT_CHECKED. The codes are stable; sentences are for people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Status(StrEnum):
    PASS = "PASS"  # noqa: S105 - a finding, not a password
    FAIL = "FAIL"
    STALE = "STALE"
    NOT_CHECKED = "NOT_CHECKED"


class ExitCode(IntEnum):
    ACCEPT = 0
    CRYPTOGRAPHIC = 1
    MALFORMED = 2
    POLICY = 3
    UNDETERMINED = 4


@dataclass(frozen=True, slots=True)
class Check:
    """One step of the argument. `exit_code` is what this finding alone would end with."""

    code: str
    status: Status
    sentence: str
    exit_code: ExitCode = ExitCode.ACCEPT


def passed(code: str, sentence: str) -> Check:
    return Check(code, Status.PASS, sentence)


def broken(code: str, sentence: str) -> Check:
    """A signature, a key or a digest does not hold."""
    return Check(code, Status.FAIL, sentence, ExitCode.CRYPTOGRAPHIC)


def rejected(code: str, sentence: str) -> Check:
    """The evidence is genuine, and not acceptable."""
    return Check(code, Status.FAIL, sentence, ExitCode.POLICY)


def stale(code: str, sentence: str) -> Check:
    return Check(code, Status.STALE, sentence, ExitCode.UNDETERMINED)


def not_checked(code: str, sentence: str) -> Check:
    return Check(code, Status.NOT_CHECKED, sentence)


def overall(checks: Sequence[Check]) -> ExitCode:
    """The gravest finding: a broken proof before a rejection, a rejection before doubt."""
    return min((check.exit_code for check in checks if check.exit_code), default=ExitCode.ACCEPT)
