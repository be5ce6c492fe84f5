"""Complete evidence of schema 0.3.0 from the real builders: every statement, every role of key, a status list, hidden values.

Keys come from names and signatures are deterministic, so a bundle has the same bytes in every run, and what a seeded test
found it finds again. `World.parts` is a bundle that is accepted; attacks replace something in it and sign again.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from attestations import canonical, disclosure, gate, leaves, manifest, statement, status, trust
from attestations.boundaries import Boundaries, ContextTested, Requirement, Transform
from attestations.bundle import Bundle
from attestations.controls import ControlKind
from attestations.digests import Sha256
from attestations.disclosure import Item, Opening
from attestations.gate import GateOutcome
from attestations.keys import LocalSigner
from attestations.manifest import Manifest
from attestations.plan import Plan
from attestations.predicate import (
    Data,
    Environment,
    EvaluationRow,
    GateAnswer,
    Issuer,
    JobError,
    Outcome,
    OutcomeStatus,
    Overlap,
    PlanRef,
    ResiliencePredicate,
    ScreeningFilter,
    Source,
    SourceRole,
    StatusRef,
)
from attestations.records import OutputsRef, OutputTree, Review, ReviewDecision
from attestations.statements import eval_plan, frame, model_signing, provenance
from attestations.statements.frame import Predicate, Statement
from attestations.status import Reason, State, StateReason, StatusList
from attestations.trust import KeyRole, TrustRoot, trusted_key
from attestations.tuned import BaseModel, Compute, ManifestDigest, ManifestRef, Model, Served, Tuning
from attestations.verdicts import NOT_REPORTED, Measurement, NotRun, RowKey
from tests.attestations.evidence import ISSUER, write_model
from tests.attestations.evidence_02 import GOOD, HELD_CONTROLS, make_plan_02
from tests.attestations.evidence_hidden import NAMES, counting_salts
from tests.attestations.statements.complete import (
    BEGAN,
    CLOSE_BY,
    CODE,
    ENDED,
    FROM,
    LAB,
    SIGNED_PLAN,
    UNTIL,
    Complete,
    Signers,
    make_provenance,
)

NOW = datetime(2026, 3, 2, tzinfo=UTC)
STATUS_URI = "https://tuning.example/status/1"
INDEX = 7
LINES = tuple(f'{{"answer":"{i}"}}' for i in range(5))
SALTS = tuple(bytes([i]) * 16 for i in range(5))
LEAVES = [leaves.leaf_digest(salt, line.encode()) for salt, line in zip(SALTS, LINES, strict=True)]
OUTPUTS = OutputsRef(OutputTree(Sha256(leaves.EMPTY_ROOT), 0), OutputTree(Sha256(leaves.root(LEAVES)), 5))
_WHO: dict[str, object] = {
    "schema": "0.3.0",
    "issuer": Issuer(ISSUER),
    "issued_at": "2026-03-01T12:00:00Z",
    "valid_from": "2026-03-01T12:00:00Z",
    "valid_until": "2027-03-01T12:00:00Z",
}
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class FixedSigner(LocalSigner):
    """The same key for the same name, and the same signature over the same bytes (RFC 6979)."""

    def __init__(self, name: str) -> None:
        secret = int.from_bytes(hashlib.sha256(name.encode()).digest()) % (_ORDER - 1) + 1
        super().__init__(ec.derive_private_key(secret, ec.SECP256R1()))

    def sign(self, message: bytes) -> bytes:
        return self._private_key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


@dataclass(frozen=True)
class Keyring(Signers):
    """One key for each role; `root` is the first of three keepers, of whom two must sign."""

    status: LocalSigner
    buyer: LocalSigner
    keepers: tuple[LocalSigner, ...]

    @classmethod
    def named(cls, name: str) -> "Keyring":
        return cls._of([FixedSigner(f"{name} {i}") for i in range(8)])

    @classmethod
    def new(cls) -> "Keyring":
        return cls._of([LocalSigner.generate() for _ in range(8)])

    @classmethod
    def _of(cls, made: Sequence[LocalSigner]) -> "Keyring":
        return cls(*made[:4], status=made[4], buyer=made[5], keepers=(made[0], made[6], made[7]))

    @cached_property
    def trust_root(self) -> TrustRoot:
        held = (
            *((keeper, KeyRole.ROOT, None) for keeper in self.keepers),
            (self.issuer, KeyRole.ISSUER, None),
            (self.status, KeyRole.STATUS, None),
            (self.evaluator, KeyRole.EVALUATOR, LAB),
            (self.in_house, KeyRole.EVALUATOR, ISSUER),
        )
        return TrustRoot(
            version=1,
            issuer=ISSUER,
            keys=tuple(trusted_key(one.public_pem, FROM, UNTIL, role=role, owner=owner) for one, role, owner in held),
            threshold=2,
            created_at=FROM,
            expires_at=UNTIL,
        )

    @property
    def trust_file(self) -> bytes:
        return self.file_of(self.trust_root)

    def file_of(self, root: TrustRoot, signers: int = 2) -> bytes:
        return trust.encode_file(trust.seal(root, self.keepers[:signers]))

    def changed(self, signer: LocalSigner, **changes: object) -> TrustRoot:
        """The trust root with one key otherwise."""
        keys = self.trust_root.keys
        return replace(
            self.trust_root,
            keys=tuple(replace(key, **changes) if key.key_id == signer.key_id else key for key in keys),
        )


@dataclass(frozen=True)
class World(Complete):
    """One model and all that was signed about it; `parts` has the signed plan, the provenance, model.sig and a status."""

    @cached_property
    def keys(self) -> Keyring:
        assert isinstance(self.signers, Keyring)
        return self.signers

    @property
    def predicate(self) -> ResiliencePredicate:
        return self.stated.predicate

    @cached_property
    def parts(self) -> Bundle:
        return replace(self.bundle, unverified_status=self.listed())

    def listed(self, state: State = State.VALID, **changes: object) -> str:
        """A status list of this world, signed by its status key unless `by` says otherwise."""
        by = changes.pop("by", self.keys.status)
        states = bytearray(64)
        states[INDEX] = state
        facts = {"uri": STATUS_URI, "issued_at": NOW - timedelta(hours=6), "states": bytes(states)}
        facts |= {"expires_at": facts["issued_at"] + timedelta(hours=24), **changes}
        if state is not State.VALID and "reasons" not in facts:
            facts["reasons"] = {INDEX: StateReason(Reason.SAFETY_FINDING, "2026-03-01T18:00:00Z", "found later")}
        if "issued_at" in changes and "expires_at" not in changes:
            facts["expires_at"] = facts["issued_at"] + timedelta(hours=24)
        return status.encode(StatusList(**facts), by)

    def lying(self, **changes: object) -> Bundle:
        """The bundle around another predicate, signed by the issuer."""
        return self.signed(self.restated(**changes).stated.encode())

    def signed(self, payload: bytes, by: LocalSigner | None = None) -> Bundle:
        return replace(self.parts, envelope=frame.seal(payload, by or self.keys.issuer))

    def adding(self, *others: Statement[Predicate], by: LocalSigner) -> Bundle:
        return replace(self.having(*others, by=by), unverified_status=self.parts.unverified_status)

    def with_plan(self, content: bytes) -> Bundle:
        """Everything around another plan, which the issuer signed for in its time."""
        signed = eval_plan.build(content, issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY)
        named = PlanRef(Sha256.of(content), signed.digest)
        others = (frame.seal(signed, self.keys.issuer), *self.parts.unverified_statements[1:])
        return replace(self.lying(plan=named), unverified_plan=content, unverified_statements=others)


def answer(index: int) -> Item:
    return Item("candidate", index, SALTS[index].hex(), LINES[index], leaves.inclusion_path(LEAVES, index))


def make_plan_03(**changes: object) -> Plan:
    plan = make_plan_02(schema="0.3.0")
    controls = tuple(
        replace(control, adapter=Sha256.of(f"damaged {control.level}".encode()))
        if control.kind is ControlKind.POSITIVE
        else control
        for control in plan.controls or ()
    )
    return replace(plan, **{"controls": controls, **changes})


def make_world(
    directory: Path,
    measured: Mapping[RowKey, Measurement] = GOOD,
    plan: Plan | None = None,
    keys: Keyring | None = None,
    **more: object,
) -> World:
    """`more` are fields of the predicate; `name` is that of the model's directory, and another one makes another model."""
    plan, name = plan or make_plan_03(), str(more.pop("name", "model"))
    model_dir = write_model(directory / name)
    (model_dir / "README.md").write_text(f"This is {name}.")
    made = manifest.build(model_dir)
    if "candidates" in more:
        more["candidates"] = more["candidates"](made)
    signed_plan = eval_plan.build(plan.encode(), issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY)
    made_by = make_provenance(plan, made)
    facts = {"controls": HELD_CONTROLS, "outputs": OUTPUTS, **more}
    stated = ResiliencePredicate(
        **{"attestation_id": "0195-demo", **_WHO, **_promises(plan), **_decided(plan, measured, facts)},
        model=_model(plan, made),
        tuning=_tuning(made_by.digest),
        data=_data(plan),
        plan=PlanRef(plan.digest, signed_plan.digest),
        environment=Environment("2 CPU cores", {"torch": "2.13.0"}),
        not_claimed=("resistance to jailbreaks", "languages other than English"),
    )
    return World(
        signers=keys or Keyring.named("tuning"),
        plan=plan,
        manifest=made,
        model_dir=model_dir,
        stated=statement.build_statement(stated),
        signed_plan=signed_plan,
        made_by=made_by,
        model_sig=model_signing.build(made, name),
    )


def make_failed(plan: Plan, keys: Keyring) -> Bundle:
    """Evidence of schema 0.3.0 of a job that ended before it had a model."""
    record = statement.JobRecord(
        job_id="ftjob-1",
        base_model="smollm2-135m-aligned",
        datasets=(Sha256.of(b"dataset"),),
        status="failed",
        last_stage="tune",
        created_at="2026-03-01T11:00:00Z",
        ended_at="2026-03-01T12:00:00Z",
    ).encode()
    reason = NotRun("the job ended before the candidate was evaluated")
    signed_plan = eval_plan.build(plan.encode(), issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY)
    judged = plan.judge_rows({row.key: reason for row in plan.rows})
    failed = ResiliencePredicate(
        attestation_id="0195-failed",
        outcome=Outcome(OutcomeStatus.FAILED, error=JobError("out_of_memory", "the tuning stage ran out of memory")),
        model=Model(BaseModel("smollm2-135m-aligned")),
        plan=PlanRef(plan.digest, signed_plan.digest),
        evaluations=tuple(EvaluationRow.of(row, reason) for row in plan.rows),
        regressions=statement.regressions_of(judged, plan.rule),
        not_claimed=("anything about a model: none was made",),
        **_WHO,
        **_promises(plan),
    )
    stated = statement.build_statement(failed, record)
    return Bundle(
        frame.seal(stated.encode(), keys.issuer),
        unverified_plan=plan.encode(),
        unverified_job_record=record,
        unverified_statements=(frame.seal(signed_plan, keys.issuer),),
    )


def make_hiding(world: World) -> tuple[World, Bundle, tuple[Opening, ...]]:
    """The same with hidden values in statement, plan and provenance: what to restate, the bundle, and all openings."""
    new_salt = counting_salts()
    tree, in_plan = disclosure.hide(json.loads(world.plan.encode()), ["tuning.rank"], new_salt, disclosure.PLAN)
    content = canonical.encode(tree)
    signed_plan = eval_plan.build(content, issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY)
    pattern = ["buildDefinition.externalParameters.learning_rate"]
    made_by, in_provenance = provenance.hide(world.made_by, pattern, new_salt)
    tuning = replace(world.predicate.tuning, provenance=Sha256.of(made_by))
    whole = world.restated(plan=PlanRef(Sha256.of(content), signed_plan.digest), tuning=tuning)
    payload, openings = statement.conceal(whole.stated, NAMES, new_salt)
    issuer = world.keys.issuer
    others = (frame.seal(signed_plan, issuer), frame.seal(made_by, issuer))
    parts = replace(world.signed(payload), unverified_plan=content, unverified_statements=others)
    return whole, parts, (*openings, *in_plan, *in_provenance)


def _promises(plan: Plan) -> dict[str, object]:
    """What every document of schema 0.3.0 says."""
    bounds = Boundaries(
        objective="answer customers",
        intended=("customer support in English",),
        prohibited=("medical advice",),
        languages=("en",),
        context=ContextTested(2048, 512),
        decoding="greedy, 20 new tokens",
        turns=1,
        system_prompt=plan.decoding.system_prompt,
        transforms_permitted=(Transform("gguf-q8", Sha256.of(b"quantised")),),
        retest_on=("another system prompt", "a new base"),
    )
    return {"status": StatusRef(STATUS_URI, INDEX), "boundaries": bounds}


def _decided(plan: Plan, measured: Mapping[RowKey, Measurement], facts: dict[str, object]) -> dict[str, object]:
    """Rows, verdicts and outcome as they follow from the counts; of a held model the outcome is the reviews'."""
    reviews: tuple[Review, ...] = facts.get("reviews") or ()
    judged = plan.judge_rows(measured, facts["controls"] or ())
    decision = gate.decide(plan.policy, judged)
    outcome = OutcomeStatus.BLOCKED if decision.outcome is GateOutcome.BLOCKED else OutcomeStatus.RELEASED
    if decision.outcome is GateOutcome.HELD and any(one.decision is ReviewDecision.REJECT for one in reviews):
        outcome = OutcomeStatus.BLOCKED
    bounds = _promises(plan)["boundaries"]
    asked = tuple(Requirement(words, "a review asks for it") for one in reviews for words in one.conditions or ())
    return {
        "outcome": Outcome(outcome, gate=GateAnswer.of(plan.policy, decision)),
        "evaluations": tuple(EvaluationRow.of(row, measured.get(row.key, NOT_REPORTED)) for row in plan.rows),
        "regressions": statement.regressions_of(judged, plan.rule),
        "boundaries": replace(bounds, requires=asked or None),
        **facts,
    }


def _model(plan: Plan, made: Manifest) -> Model:
    return Model(
        base=BaseModel("smollm2-135m-aligned", plan.base.manifest, "Apache-2.0"),
        manifest=ManifestRef(ManifestDigest(made.digest, made.dir_hash), len(made.files), made.total_bytes),
        merged=False,
        served=Served(chat_template=plan.decoding.chat_template, system_prompt=plan.decoding.system_prompt),
        oms_root=model_signing.build(made).predicate.root,
    )


def _data(plan: Plan) -> Data:
    consented = Source("help-centre", SourceRole.TRAIN, 90, "CC-BY-4.0", "staff consented", "help centre")
    bought = Source("chat-logs", SourceRole.TRAIN, 60, "proprietary", "terms of use, §4", "shop")
    return Data(
        plan.datasets,
        (consented, bought),
        filters=(ScreeningFilter("exact-duplicates", "1", 2),),
        contamination=(Overlap("harmful-requests", "8-gram overlap", 0),),
    )


def _tuning(made_by: Sha256) -> Tuning:
    return Tuning(
        "lora",
        {"rank": "16", "learning_rate": "0.0005"},
        "17",
        code=CODE,
        started_at=BEGAN,
        finished_at=ENDED,
        steps=57,
        tokens=21_000,
        provenance=made_by,
        compute=Compute("1.2e15", "6 · parameters · tokens", "1.6e21", "0.000001"),
    )
