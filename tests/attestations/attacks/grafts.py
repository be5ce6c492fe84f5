"""Rows 7 and 9: parts of other evidence, and openings of what was not committed to."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from attestations.disclosure import Item, Opening
from attestations.predicate import StatusRef
from attestations.statements import countersignature, frame, notice
from attestations.statements.notice import NoticeKind
from attestations.status import State
from tests.attestations.attacks.scene import (
    CRYPTO,
    FAIL,
    POLICY,
    STALE,
    UNDETERMINED,
    Attack,
    Handed,
    Scene,
)
from tests.attestations.evidence_03 import LINES, NOW, STATUS_URI, answer


def from_other(*names: str) -> Callable[[Scene], Handed]:
    """These parts of the bundle are those of another model's."""
    return lambda scene: scene.hand(
        replace(scene.good.parts, **{name: getattr(scene.other.parts, name) for name in names})
    )


def statement_of_other(number: int) -> Callable[[Scene], Handed]:
    def carry_out(scene: Scene) -> Handed:
        own = list(scene.good.parts.unverified_statements)
        own[number] = scene.other.parts.unverified_statements[number]
        return scene.hand(replace(scene.good.parts, unverified_statements=tuple(own)))

    return carry_out


def countersigned(scene: Scene) -> Handed:
    made = scene.other.countersigned()
    return scene.hand(scene.good.adding(made, by=scene.good.keys.evaluator))


def countersigned_again(scene: Scene) -> Handed:
    """What an evaluator said about the other model, in a statement about this one, by somebody without their key."""
    made = scene.good.countersigned()
    return scene.hand(scene.good.adding(made, by=scene.good.keys.issuer))


def counts_of_other(scene: Scene) -> Handed:
    """The evaluator's own signature over another manifest's counts, about this attestation's payload."""
    made = replace(scene.other.countersigned().predicate)
    moved = countersignature.build(scene.good.stated.encode(), made)
    return scene.hand(scene.good.adding(moved, by=scene.good.keys.evaluator))


def noticed(scene: Scene) -> Handed:
    """The other model's correction, for the look of care."""
    made = scene.other.noticed(NoticeKind.CORRECTION)
    return scene.hand(scene.good.adding(made, by=scene.good.keys.issuer))


def noticed_by_anybody(scene: Scene) -> Handed:
    """A false revocation by a competitor, about the right attestation."""
    made = notice.build(scene.good.stated.encode(), scene.good.noticed(NoticeKind.REVOKED).predicate)
    return scene.hand(scene.good.adding(made, by=scene.good.keys.evaluator))


def other_list(scene: Scene) -> Handed:
    """The list of other evidence, in which the entry is valid."""
    listed = scene.good.listed(uri="https://tuning.example/status/2")
    return scene.hand(replace(scene.good.parts, unverified_status=listed))


def other_entry(scene: Scene) -> Handed:
    """The statement keeps its entry, the list of another installation has none there."""
    listed = scene.good.listed(states=bytes(4))
    return scene.hand(replace(scene.good.parts, unverified_status=listed))


def borrowed_entry(scene: Scene) -> Handed:
    """A thief of nothing: the statement's entry cannot be moved, as it is signed."""
    moved = replace(scene.good.stated, predicate=replace(scene.good.predicate, status=StatusRef(STATUS_URI, 9)))
    envelope = replace(scene.good.envelope, unverified_payload=moved.encode())
    return scene.hand(replace(scene.good.parts, envelope=envelope))


def revoked_elsewhere(scene: Scene) -> Handed:
    """The bundle's own list is older than the revocation; the buyer has fetched a newer one."""
    newer = scene.good.listed(State.INVALID, issued_at=NOW - timedelta(hours=1))
    return scene.hand(scene.good.parts, status=newer)


def oms_of_other(scene: Scene) -> Handed:
    sealed = frame.seal(scene.other.model_sig, scene.good.keys.issuer)
    return scene.hand(replace(scene.good.parts, unverified_oms=sealed))


def unnamed_provenance(scene: Scene) -> Handed:
    """A second, prettier provenance of the same model beside the one that is named."""
    predicate = scene.good.made_by.predicate
    prettier = replace(
        predicate, build_definition=replace(predicate.build_definition, internal_parameters={"seed": "17"})
    )
    made = replace(scene.good.made_by, predicate=prettier)
    return scene.hand(scene.good.adding(made, by=scene.good.keys.issuer))


def contradicting_provenance(scene: Scene) -> Handed:
    """The provenance that is named tells another learning rate than the attestation."""
    made = scene.good
    definition = made.made_by.predicate.build_definition
    told = {**definition.external_parameters, "learning_rate": "0.5"}
    moved = replace(
        made.made_by,
        predicate=replace(made.made_by.predicate, build_definition=replace(definition, external_parameters=told)),
    )
    parts = made.lying(tuning=replace(made.predicate.tuning, provenance=moved.digest))
    others = (parts.unverified_statements[0], frame.seal(moved, made.keys.issuer))
    return scene.hand(replace(parts, unverified_statements=others))


def opened(*entries: Callable[[Scene], Opening | Item]) -> Callable[[Scene], Handed]:
    """The evidence that hides values, with these openings beside it."""

    def carry_out(scene: Scene) -> Handed:
        shown = tuple(entry(scene).to_json() for entry in entries)
        listed = scene.good.parts.unverified_status
        return scene.hand(replace(scene.hiding[1], unverified_disclosures=shown, unverified_status=listed))

    return carry_out


def opening_of_other(scene: Scene) -> Opening:
    """What another attestation hides under the same path, with its own salt."""
    return Opening("model.base.name", "0f" * 16, "somebody-elses-base")


def opened_where_nothing_is_hidden(scene: Scene) -> Handed:
    shown = (scene.opening("model.base.name").to_json(),)
    return scene.hand(replace(scene.good.parts, unverified_disclosures=shown))


def outputs_of_other(scene: Scene) -> Item:
    return replace(answer(2), tree="baseline")


PATH = "model.base.name"
ATTACKS = (
    Attack(7, "the plan of another attestation", from_other("unverified_plan"), "plan", FAIL, CRYPTO),
    Attack(7, "the manifest of another attestation", from_other("unverified_manifest"), "subject", FAIL, CRYPTO),
    Attack(7, "the signed plan of another attestation", statement_of_other(0), "plan.statement", FAIL, CRYPTO),
    Attack(7, "the provenance of another attestation", statement_of_other(1), "provenance", FAIL, CRYPTO),
    Attack(7, "a second provenance beside the one that is named", unnamed_provenance, "provenance", FAIL, CRYPTO),
    Attack(7, "a provenance that tells another tuning", contradicting_provenance, "provenance", FAIL, POLICY),
    Attack(7, "the model.sig of another attestation", oms_of_other, "model.signing", FAIL, CRYPTO),
    Attack(7, "all parts of another attestation under this signature", from_other("unverified_manifest", "unverified_plan", "unverified_statements", "unverified_oms"), "subject", FAIL, CRYPTO),
    Attack(7, "a countersignature of another attestation", countersigned, "countersignature", FAIL, CRYPTO),
    Attack(7, "a countersignature that the issuer made", countersigned_again, "countersignature", FAIL, CRYPTO),
    Attack(7, "an evaluator's counts of another model", counts_of_other, "countersignature", FAIL, POLICY),
    Attack(7, "a notice of another attestation", noticed, "notices", FAIL, CRYPTO),
    Attack(7, "a revocation by somebody who may not", noticed_by_anybody, "notices", FAIL, CRYPTO),
    Attack(7, "a status list of other evidence", other_list, "status", STALE, UNDETERMINED),
    Attack(7, "a status list without the entry", other_entry, "status", STALE, UNDETERMINED),
    Attack(7, "another entry of the status list", borrowed_entry, "signature", FAIL, CRYPTO),
    Attack(7, "an old list beside a newer revocation", revoked_elsewhere, "status", FAIL, POLICY),
    Attack(7, "an opening of another attestation", opened(opening_of_other), "disclosures", FAIL, CRYPTO),
    Attack(7, "an opening where nothing is hidden", opened_where_nothing_is_hidden, "disclosures", FAIL, CRYPTO),
    Attack(9, "an opening with another value", opened(lambda it: replace(it.opening(PATH), value="gpt")), "disclosures", FAIL, CRYPTO),
    Attack(9, "an opening with another salt", opened(lambda it: replace(it.opening(PATH), salt="0" * 32)), "disclosures", FAIL, CRYPTO),
    Attack(9, "an opening moved to another place", opened(lambda it: replace(it.opening("data.sources[0].id"), path="data.sources[1].id")), "disclosures", FAIL, CRYPTO),
    Attack(9, "one value opened twice", opened(lambda it: it.opening(PATH), lambda it: it.opening(PATH)), "disclosures", FAIL, CRYPTO),
    Attack(9, "another value of the plan", opened(lambda it: replace(it.opening("plan.tuning.rank"), value="64")), "disclosures", FAIL, CRYPTO),
    Attack(9, "another answer than was kept", opened(lambda _: replace(answer(2), line=LINES[3])), "disclosures", FAIL, CRYPTO),
    Attack(9, "an answer to another item", opened(lambda _: replace(answer(2), index=3)), "disclosures", FAIL, CRYPTO),
    Attack(9, "an answer of the other model", opened(outputs_of_other), "disclosures", FAIL, CRYPTO),
    Attack(9, "an answer under a salt that fits better", opened(lambda _: replace(answer(2), salt="ff" * 16)), "disclosures", FAIL, CRYPTO),
)  # fmt: skip
