"""What `attestations.attachments` finds in a complete bundle, or in one that a cheat has changed."""

from dataclasses import replace

from attestations import attachments
from attestations.attachments import Attachments
from attestations.bundle import Bundle
from attestations.findings import Check, Status
from attestations.keys import LocalSigner
from attestations.statements import frame
from attestations.statements.frame import Predicate, Statement
from tests.attestations.statements.complete import NOW, Complete

PLAN, PROVENANCE, SIGNING = "plan.statement", "provenance", "model.signing"
PASS, FAIL, STALE, NOT_CHECKED = Status.PASS, Status.FAIL, Status.STALE, Status.NOT_CHECKED


def examine(complete: Complete, bundle: Bundle | None = None, **changes: object) -> Attachments:
    values: dict[str, object] = {"planned": complete.plan, "root": complete.signers.trust_root, "now": NOW, **changes}
    return attachments.examine(bundle or complete.bundle, complete.stated, **values)


def only(found: Attachments, code: str) -> Check:
    [check] = [one for one in found.checks if one.code == code]
    return check


def refusal(found: Attachments, code: str) -> str:
    """The sentence of the one check with this code, which must have failed."""
    check = only(found, code)
    assert check.status is FAIL, check
    return check.sentence


def replaced(complete: Complete, number: int, other: Statement[Predicate], by: LocalSigner | None = None) -> Bundle:
    """The bundle with another statement in a place."""
    statements = list(complete.bundle.unverified_statements)
    statements[number] = frame.seal(other, by or complete.signers.issuer)
    return replace(complete.bundle, unverified_statements=tuple(statements))
