"""Tenets: what no typed rule says, as expressions of the Common Expression Language that must be true.

Only `true` accepts. An expression that is false, ends in an error or in something else than a truth value, or asks for more
work than a policy may cost, rejects with the tenet's own words; so does every tenet where the extra that evaluates CEL is
not installed (`pip install 'tuneproof[policy]'`). What expressions see is `attestations.procurement.view`; how their work
is bounded is `attestations.procurement.cel`, which alone imports the library.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from attestations.errors import PolicyError
from attestations.findings import Check, passed, rejected
from attestations.procurement.document import Tenet
from attestations.procurement.evidence import Evidence
from attestations.procurement.view import view_of

if TYPE_CHECKING:
    from attestations.procurement.cel import World

MISSING = "the extra that evaluates tenets is not installed: pip install 'tuneproof[policy]'"


def apply_tenets(tenets: Sequence[Tenet], evidence: Evidence) -> list[Check]:
    """One finding for each tenet, "policy.tenet.<id>"."""
    if not tenets:
        return []
    if not is_installed():
        return [rejected(_code(tenet), _undecided(tenet, MISSING)) for tenet in tenets]
    from attestations.procurement import cel

    world = cel.World(view_of(evidence))
    return [_applied(tenet, world) for tenet in tenets]


def refuse_unreadable(tenets: Sequence[Tenet]) -> None:
    """`PolicyError` for the first tenet that is no expression; where the extra is missing nothing can be said."""
    if not is_installed():
        return
    from attestations.procurement import cel

    for tenet in tenets:
        try:
            cel.read(tenet.code)
        except cel.TenetError as error:
            raise PolicyError("policy.tenet", f"the tenet {tenet.id!a} is no usable expression: {error}") from error


def is_installed() -> bool:
    return find_spec("celpy") is not None


def _applied(tenet: Tenet, world: "World") -> Check:
    from attestations.procurement import cel

    try:
        holds = world.decide(tenet.code)
    except cel.TenetError as error:
        return rejected(_code(tenet), _undecided(tenet, str(error)))
    return passed(_code(tenet), f"{tenet.code} holds") if holds else rejected(_code(tenet), tenet.error)


def _undecided(tenet: Tenet, why: str) -> str:
    """That nothing was found comes first: the tenet's own words accuse, and here nobody knows whether they are true."""
    return f"not decided: {why}; it is about: {tenet.error}"


def _code(tenet: Tenet) -> str:
    return f"policy.tenet.{tenet.id}"
