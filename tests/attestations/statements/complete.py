"""A bundle of schema 0.3.0 with every statement that can go with an attestation, and the keys of everybody who signed one."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from attestations import manifest, statement, trust
from attestations.boundaries import ContextTested
from attestations.bundle import Bundle
from attestations.digests import Sha256
from attestations.dsse import Envelope
from attestations.keys import LocalSigner
from attestations.manifest import Manifest
from attestations.plan import Plan
from attestations.predicate import EvaluationRow, Issuer, ResiliencePredicate, StatusRef, Tuning
from attestations.statement import MODEL_SUBJECT, ResilienceStatement, Subject, SubjectDigest
from attestations.statements import countersignature, eval_plan, frame, model_signing, notice, provenance
from attestations.statements.countersignature import (
    AccessLevel,
    Conclusion,
    Countersignature,
    Evaluator,
    Mode,
    Relationship,
)
from attestations.statements.frame import Predicate, Statement
from attestations.statements.notice import Notice, NoticeKind
from attestations.statements.provenance import (
    BuildDefinition,
    Builder,
    Dependency,
    Role,
    RunDetails,
    RunMetadata,
)
from attestations.trust import KeyRole, TrustRoot, trusted_key
from tests.attestations.evidence import ISSUER, KEPT, make_plan, make_predicate, write_model

LAB = "Independent Evaluations Lab"
SIGNED_PLAN = "2026-03-01T11:01:00Z"
BEGAN = "2026-03-01T11:05:00Z"
ENDED = "2026-03-01T11:40:00Z"
CLOSE_BY = "2026-03-08T00:00:00Z"
LATER = "2026-03-01T18:00:00Z"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
FROM, UNTIL = "2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z"
CODE = Sha256.of(b"code")


@dataclass(frozen=True)
class Signers:
    """One key for each role, and one of an evaluator that is the issuer itself."""

    root: LocalSigner
    issuer: LocalSigner
    evaluator: LocalSigner
    in_house: LocalSigner

    @classmethod
    def new(cls) -> "Signers":
        return cls(*(LocalSigner.generate() for _ in range(4)))

    @cached_property
    def trust_root(self) -> TrustRoot:
        held = (
            (self.root, KeyRole.ROOT, None),
            (self.issuer, KeyRole.ISSUER, None),
            (self.evaluator, KeyRole.EVALUATOR, LAB),
            (self.in_house, KeyRole.EVALUATOR, ISSUER),
        )
        return TrustRoot(
            version=1,
            issuer=ISSUER,
            keys=tuple(trusted_key(one.public_pem, FROM, UNTIL, role=role, owner=owner) for one, role, owner in held),
            threshold=1,
            created_at=FROM,
            expires_at=UNTIL,
        )

    @property
    def trust_file(self) -> bytes:
        return trust.encode_file(trust.seal(self.trust_root, [self.root]))


@dataclass(frozen=True)
class Complete:
    """Everything about one released model. `bundle` has the signed plan, the provenance and model.sig."""

    signers: Signers
    plan: Plan
    manifest: Manifest
    model_dir: Path
    stated: ResilienceStatement
    signed_plan: Statement[eval_plan.EvalPlan]
    made_by: Statement[provenance.Provenance]
    model_sig: Statement[model_signing.ModelSigning]

    @property
    def envelope(self) -> Envelope:
        return frame.seal(self.stated.encode(), self.signers.issuer)

    @cached_property
    def bundle(self) -> Bundle:
        issuer = self.signers.issuer
        return Bundle(
            envelope=self.envelope,
            unverified_manifest=self.manifest.encode(),
            unverified_plan=self.plan.encode(),
            unverified_oms=frame.seal(self.model_sig, issuer),
            unverified_statements=(frame.seal(self.signed_plan, issuer), frame.seal(self.made_by, issuer)),
        )

    def having(self, *others: Statement[Predicate], by: LocalSigner) -> Bundle:
        """The bundle with further statements, signed by one key."""
        added = tuple(frame.seal(one, by) for one in others)
        return replace(self.bundle, unverified_statements=(*self.bundle.unverified_statements, *added))

    def restated(self, **changes: object) -> "Complete":
        """The same with another predicate, as a lying issuer could sign it."""
        return replace(self, stated=replace(self.stated, predicate=replace(self.stated.predicate, **changes)))

    def countersigned(self, **changes: object) -> Statement[Countersignature]:
        own = tuple(row for row in self.stated.predicate.evaluations or () if row.not_run is None)
        return self.countersigned_rows(own, **changes)

    def countersigned_rows(self, rows: tuple[EvaluationRow, ...], **changes: object) -> Statement[Countersignature]:
        agreement = countersignature.compare(rows, self.stated.predicate)
        agrees = all(row.within for row in agreement)
        facts: dict[str, object] = {
            "evaluator": Evaluator("https://lab.example", LAB),
            "at": LATER,
            "mode": Mode.REPRODUCED,
            "conclusion": Conclusion.AGREES if agrees else Conclusion.DISAGREES,
            "model": Sha256(self.manifest.digest),
            "plan": self.plan.digest,
            "own": rows,
            "agreement": agreement,
            "disagreements": (),
            "conflicts": (),
            "relationship": Relationship(ISSUER, AccessLevel.WEIGHTS),
        }
        return countersignature.build(self.stated.encode(), Countersignature(**{**facts, **changes}))

    def noticed(self, kind: NoticeKind, **changes: object) -> Statement[Notice]:
        facts: dict[str, object] = {"reason": "found by a customer", "at": LATER, "evidence": (Sha256.of(b"log"),)}
        made = Notice(**{"issuer": Issuer(ISSUER), "kind": kind, **facts, **changes})
        return notice.build(self.stated.encode(), made)


def model_subject(made: Manifest) -> Subject:
    return Subject(MODEL_SUBJECT, SubjectDigest(made.digest, made.dir_hash))


def make_provenance(
    plan: Plan, made: Manifest, external: dict[str, str] | None = None
) -> Statement[provenance.Provenance]:
    definition = BuildDefinition(
        external_parameters=external or {"technique": "lora", "rank": "16", "learning_rate": "0.0005"},
        internal_parameters={"seed": "17", "torch": "2.13.0"},
        resolved_dependencies=(
            Dependency(Role.BASE, plan.base.manifest),
            *(Dependency(Role.DATASET, one) for one in plan.datasets),
            Dependency(Role.CODE, CODE),
        ),
    )
    details = RunDetails(Builder(f"{ISSUER}/workers"), RunMetadata("run-1", BEGAN, ENDED))
    return provenance.build(model_subject(made), definition, details)


def make_predicate_03(
    plan: Plan, made: Manifest, signed_plan: Sha256, provenance_digest: Sha256
) -> ResiliencePredicate:
    """What `evidence.make_predicate` makes, with all that schema 0.3.0 asks for."""
    old = make_predicate(plan, KEPT, made)
    root = model_signing.build(made).predicate.root
    return replace(
        old,
        schema="0.3.0",
        model=replace(old.model, oms_root=root),
        tuning=Tuning(
            "lora",
            {"rank": "16", "learning_rate": "0.0005"},
            "17",
            code=CODE,
            started_at=BEGAN,
            finished_at=ENDED,
            provenance=provenance_digest,
        ),
        plan=replace(old.plan, statement=signed_plan),
        boundaries=replace(
            old.boundaries,
            context=ContextTested(2048, 512),
            decoding="greedy, 20 new tokens",
            turns=1,
            system_prompt=plan.decoding.system_prompt,
            retest_on=("another system prompt",),
        ),
        status=StatusRef("https://tuning.example/status/1", 3),
    )


def make_complete(directory: Path, signers: Signers | None = None, name: str = "model") -> Complete:
    """`name` is of the model's directory; another one makes another model."""
    plan = replace(make_plan(), schema="0.3.0", runs_declared=2)
    model_dir = write_model(directory / name)
    (model_dir / "README.md").write_text(f"This is {name}.")
    (model_dir / "adapter.md").write_text("sorts after a directory by its parts, before it by its letters")
    made = manifest.build(model_dir)
    signed_plan = eval_plan.build(plan.encode(), issuer=ISSUER, created_at=SIGNED_PLAN, close_by=CLOSE_BY)
    made_by = make_provenance(plan, made)
    stated = statement.build_statement(make_predicate_03(plan, made, signed_plan.digest, made_by.digest))
    return Complete(
        signers=signers or Signers.new(),
        plan=plan,
        manifest=made,
        model_dir=model_dir,
        stated=stated,
        signed_plan=signed_plan,
        made_by=made_by,
        model_sig=model_signing.build(made, name),
    )
