"""What a buyer's rules look at: evidence as the verifier left it, never as it says of itself.

Made by the verifier after every other check was done. `judged` are the rows as computed again; where they could not be,
there are none, and every rule about rows rejects.
"""

from dataclasses import dataclass
from datetime import datetime

from attestations.controls import ControlFinding
from attestations.findings import Check, Status
from attestations.plan import Plan
from attestations.predicate import ResiliencePredicate
from attestations.verdicts import JudgedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`checks` are all that were made before the policy, `hidden` the paths whose values were withheld.

    `level` is None where not even the issuer's signature is believed. `evaluators` are the ids of the keys whose
    countersignatures held; `proven_at` is the time of signing that a timestamp authority vouches for. `planned` is the plan
    that the statement is bound to.
    """

    predicate: ResiliencePredicate
    now: datetime
    level: int | None
    checks: tuple[Check, ...] = ()
    judged: tuple[JudgedRow, ...] = ()
    findings: tuple[ControlFinding, ...] = ()
    planned: Plan | None = None
    hidden: tuple[str, ...] = ()
    evaluators: tuple[str, ...] = ()
    proven_at: datetime | None = None

    def state(self, code: str) -> Status | None:
        """The gravest finding under a code; None where nothing of the kind was looked at."""
        gravity = [Status.FAIL, Status.STALE, Status.NOT_CHECKED, Status.PASS]
        found = [check.status for check in self.checks if check.code == code]
        return min(found, key=gravity.index) if found else None
