"""Say a job's facts in the attestation's terms. Pure: the same facts, id and time make the same predicate.

A fact that is not there makes no field. Sentences here are the ones a buyer reads; they state what was measured and under
which conditions, and what is not claimed.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.issuance.boundaries import boundaries_of, not_claimed, shown
from api.issuance.compute import compute_of
from api.issuance.facts import Candidate, JobFacts, Judged
from api.issuance.provenance import parameters_that_ran
from attestations.digests import Sha256
from attestations.documents import moment
from attestations.manifest import parse as parse_manifest
from attestations.predicate import (
    CandidateRecord,
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
    Source,
    SourceRole,
    StatusRef,
)
from attestations.records import OutputsRef, OutputTree, Review, ReviewDecision
from attestations.rows import Regressions
from attestations.statement import JobRecord
from attestations.tuned import BaseModel, ManifestDigest, ManifestRef, Model, Served, Tuning
from workers.contract import EvaluationResult, TuneResult

HELD_OUT = (
    "held-out-records",
    "that of the records' own sources",
    "that of the records' own sources",
    "drawn by seed from the training sources listed here and counted there too; kept out of training, to measure with",
)
CANARY_ROLE = "canaries"
"""How a worker names the planted records among those that it mixed in."""
CANARIES = (
    "tuneproof-canaries",
    "CC0-1.0",
    "synthetic",
    "invented secrets, planted among the training records to measure what the tuning memorises",
)
SAFETY_PACK = ("tuneproof-safety-pack", "CC0-1.0", "synthetic", "written for the service's safety mix")
_DECIDED = frozenset({OutcomeStatus.RELEASED, OutcomeStatus.BLOCKED})
_SCREENED = frozenset({None, "built-in", "benchmark", "customer"})
"""Origins of the suites whose items screening looks for among the records."""
SERVED_PARTS = ("tokenizer", "chat_template", "generation_config", "system_prompt", "quantization")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the attestation names beside the facts: itself, its issuer, and where its state can be looked up; by digest, the
    provenance and model.sig of its model, where there is one."""

    attestation_id: str
    issuer: str
    validity_days: int
    status: StatusRef
    provenance: Sha256 | None
    oms_root: Sha256 | None


def build_predicate(facts: JobFacts, named: Named) -> ResiliencePredicate:
    """Issued and valid from the moment the job ended its last stage."""
    issued = datetime.fromtimestamp(facts.ended_at, UTC)
    judged, reports, signed = facts.judged, facts.reports, facts.signed_plan
    superseded = facts.request.evidence.superseded_digest
    return ResiliencePredicate(
        attestation_id=named.attestation_id,
        issuer=Issuer(id=named.issuer),
        issued_at=moment(issued),
        valid_from=moment(issued),
        valid_until=moment(issued + timedelta(days=named.validity_days)),
        outcome=_outcome(facts),
        model=_model(facts, named.oms_root),
        tuning=_tuning(facts, named.provenance),
        data=_data(facts),
        plan=PlanRef(signed.digest, signed.statement_digest) if signed is not None else None,
        evaluations=_evaluations(judged) if judged is not None else None,
        regressions=Regressions.of(judged.rows, judged.plan.rule) if judged is not None else None,
        boundaries=boundaries_of(facts),
        environment=_environment(facts),
        controls=(judged.controls or None) if judged is not None else None,
        candidates=_candidates(judged) if judged is not None and facts.outcome in _DECIDED else None,
        reviews=_reviews(facts),
        outputs=_outputs(reports.baseline, reports.candidate),
        status=named.status,
        supersedes=Sha256(superseded) if superseded is not None else None,
        not_claimed=not_claimed(facts),
    )


def build_record(facts: JobFacts) -> JobRecord:
    """What stands in for the model where there is none."""
    return JobRecord(
        job_id=facts.job_id,
        base_model=facts.base.name,
        datasets=(Sha256(facts.dataset_digest),),
        status=facts.outcome,
        last_stage=facts.last_stage,
        created_at=moment(datetime.fromtimestamp(facts.created_at, UTC)),
        ended_at=moment(datetime.fromtimestamp(facts.ended_at, UTC)),
    )


def _outcome(facts: JobFacts) -> Outcome:
    status = OutcomeStatus(facts.outcome)
    judged = facts.judged
    if status in _DECIDED and judged is not None and judged.gate is not None:
        return Outcome(status=status, gate=GateAnswer.of(judged.plan.policy, judged.gate))
    error = JobError(code=facts.error[0], message=shown(facts.error[1], facts)) if facts.error is not None else None
    return Outcome(status=status, error=error)


def _evaluations(judged: Judged | Candidate) -> tuple[EvaluationRow, ...]:
    return tuple(EvaluationRow.of(row.registered, judged.measurements[row.registered.key]) for row in judged.rows)


def _candidates(judged: Judged) -> tuple[CandidateRecord, ...] | None:
    """Every planned scale of the adapter, the rejected ones as well; None where no scales were planned."""
    return (
        tuple(
            CandidateRecord(
                scale=one.scale,
                manifest=Sha256(one.manifest_digest),
                chosen=one.scale == judged.scale,
                decision=one.gate.outcome,
                claim=Regressions.of(one.rows, judged.plan.rule).claim,
                evaluations=_evaluations(one),
                utility_change=one.utility_change,
            )
            for one in judged.candidates
        )
        or None
    )


def _reviews(facts: JobFacts) -> tuple[Review, ...] | None:
    """The review that decided; one of a job that was cancelled all the same decided nothing."""
    review = facts.review
    if review is None or facts.outcome not in _DECIDED:
        return None
    return (
        Review(
            decision=ReviewDecision.APPROVE if review.approved else ReviewDecision.REJECT,
            reviewer=review.reviewer,
            rationale=review.rationale,
            conditions=review.conditions or None,
            at=moment(datetime.fromtimestamp(review.at, UTC)),
        ),
    )


def _outputs(baseline: EvaluationResult | None, candidate: EvaluationResult | None) -> OutputsRef | None:
    """The kept answers of both models; there is nothing to compare with one of them alone."""
    if baseline is None or candidate is None:
        return None
    trees = [OutputTree(root=Sha256(one.outputs_digest), leaves=one.outputs_leaves) for one in (baseline, candidate)]
    return OutputsRef(*trees)


def _model(facts: JobFacts, oms_root: Sha256 | None) -> Model:
    base = BaseModel(name=facts.base.name, manifest=Sha256(facts.base_manifest_digest), licence=facts.base.licence)
    tuned = facts.reports.tune
    if tuned is None:
        return Model(base=base)
    manifest = parse_manifest(tuned.manifest.encode())
    digest = ManifestDigest(sha256=manifest.digest, dir_hash=manifest.dir_hash)
    return Model(
        base=base,
        manifest=ManifestRef(digest=digest, files=len(manifest.files), bytes=manifest.total_bytes),
        adapter=Sha256(tuned.adapter_digest) if tuned.adapter_digest is not None else None,
        merged=False if tuned.adapter_digest is not None else None,
        served=Served(**{name: Sha256(tuned.served[name]) for name in SERVED_PARTS if name in tuned.served}),
        oms_root=oms_root,
    )


def _tuning(facts: JobFacts, provenance: Sha256 | None) -> Tuning | None:
    """What ran. A job that never tuned has no such section."""
    tuned, settings = facts.reports.tune, facts.request.settings
    if tuned is None:
        return None
    return Tuning(
        method=settings.technique.value,
        parameters=parameters_that_ran(tuned),
        seed=str(settings.seed),
        code=Sha256(tuned.code_digest) if tuned.code_digest is not None else None,
        started_at=moment(datetime.fromtimestamp(tuned.started_at, UTC)),
        finished_at=moment(datetime.fromtimestamp(tuned.finished_at, UTC)),
        steps=tuned.steps,
        tokens=tuned.trained_tokens,
        software={item.name: item.version for item in tuned.software},
        provenance=provenance,
        compute=compute_of(tuned, settings.technique, facts.base),
    )


def _data(facts: JobFacts) -> Data | None:
    """The declared sources with the records counted in each; without a screening nothing was counted."""
    screened = facts.reports.screen
    if screened is None:
        return None
    counted = {entry.id: entry.records for entry in screened.by_source}
    sources = [
        Source(
            id=source["id"],
            role=SourceRole.TRAIN,
            records=counted.get(source["id"], 0),
            licence=source["licence"],
            consent=source["consent"],
            origin=source["origin"],
        )
        for source in facts.provenance["sources"]
    ]
    tuned = facts.reports.tune
    if tuned is not None:
        sources += _added_sources(tuned)
    return Data(
        datasets=(Sha256(facts.dataset_digest),),
        sources=tuple(sources),
        contamination=_contamination(facts, screened.overlap) or None,
    )


def _added_sources(tuned: TuneResult) -> list[Source]:
    """Records that the service mixed in or planted, and those of the customer's that it kept out of training."""
    added = []
    for part in tuned.mixed:
        role, (name, licence, consent, origin) = (
            (SourceRole.MIX, CANARIES) if part.role == CANARY_ROLE else (SourceRole.SAFETY, SAFETY_PACK)
        )
        added.append(Source(name, role, part.records, licence, consent, origin, Sha256(part.digest)))
    if tuned.heldout:
        name, licence, consent, origin = HELD_OUT
        added.append(Source(name, SourceRole.HOLDOUT, tuned.heldout, licence, consent, origin))
    return added


def _contamination(facts: JobFacts, overlap: Sequence[str]) -> tuple[Overlap, ...]:
    """Of the suites that screening compares the records with; entries of ``overlap`` are ``suite/item``."""
    hits = Counter(entry.partition("/")[0] for entry in set(overlap))
    planned = facts.judged.plan.suites if facts.judged is not None else ()
    compared = [suite.id for suite in planned if suite.origin in _SCREENED]
    return tuple(Overlap(suite=suite, method="word-ngrams", hits=hits[suite]) for suite in compared)


def _environment(facts: JobFacts) -> Environment | None:
    candidate = facts.reports.candidate
    if candidate is None:
        return None
    software = {item.name: item.version for item in candidate.software}
    return Environment(hardware=f"{candidate.device}, {candidate.dtype}", software=software)
