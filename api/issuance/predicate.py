"""Say a job's facts in the attestation's terms. Pure: the same facts, id and time make the same predicate.

A fact that is not there makes no field. Sentences here are the ones a buyer reads; they state what was measured and under
which conditions, and what is not claimed.
"""

from datetime import UTC, datetime, timedelta

from api.issuance.facts import JobFacts
from attestations.claims import row_name
from attestations.documents import moment
from attestations.gate import GateOutcome
from attestations.manifest import parse as parse_manifest
from attestations.plan import Sha256
from attestations.predicate import (
    BaseModel,
    Boundaries,
    Data,
    Environment,
    EvaluationRow,
    GateAnswer,
    Issuer,
    JobError,
    ManifestDigest,
    ManifestRef,
    Model,
    Outcome,
    OutcomeStatus,
    Overlap,
    PlanRef,
    PolicyRef,
    Requirement,
    ResiliencePredicate,
    Served,
    Source,
    SourceRole,
    Tuning,
)
from attestations.statement import JobRecord, regressions_of
from attestations.verdicts import Verdict
from workers.catalog import suites
from workers.contract import TuneResult

SAFETY_PACK = ("tuneproof-safety-pack", "CC0-1.0", "synthetic", "written for the service's safety mix")
MAX_PROSE = 4000
SERVED_PARTS = ("tokenizer", "chat_template", "generation_config", "system_prompt", "quantization")
NOT_CLAIMED = (
    "That the model is safe: only the registered rows were measured, on short single-turn requests in English.",
    "Anything about the base model before this job, beyond what was measured here.",
    "Behaviour under sampling, longer answers, several turns, tools, attacks or another system prompt.",
    "Anything about the model after it is merged, quantised or tuned further: each of these makes another model.",
    "That the customer's declarations of sources, licences and consent are true: they are repeated, not verified.",
    "That no other tuning or evaluation was run outside this service: no public log backs this document yet.",
)


def build_predicate(facts: JobFacts, *, attestation_id: str, issuer: str, validity_days: int) -> ResiliencePredicate:
    """Issued and valid from the moment the job ended its last stage."""
    issued = datetime.fromtimestamp(facts.ended_at, UTC)
    planned = facts.plan is not None
    return ResiliencePredicate(
        attestation_id=attestation_id,
        issuer=Issuer(id=issuer),
        issued_at=moment(issued),
        valid_from=moment(issued),
        valid_until=moment(issued + timedelta(days=validity_days)),
        outcome=_outcome(facts),
        model=_model(facts),
        tuning=_tuning(facts.reports.tune, facts),
        data=_data(facts),
        plan=PlanRef(digest=facts.plan.digest) if facts.plan is not None else None,
        evaluations=tuple(
            EvaluationRow.of(row.registered, facts.measurements[row.registered.key]) for row in facts.judged
        )
        if planned
        else None,
        regressions=regressions_of(facts.judged) if planned else None,
        boundaries=_boundaries(facts),
        environment=_environment(facts),
        not_claimed=NOT_CLAIMED,
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
    if status in {OutcomeStatus.RELEASED, OutcomeStatus.BLOCKED} and facts.gate is not None and facts.plan is not None:
        policy = PolicyRef(id=facts.plan.policy.id, version=facts.plan.policy.version)
        return Outcome(status=status, gate=GateAnswer(policy=policy, blocking=facts.gate.blocking))
    error = JobError(code=facts.error[0], message=_prose(facts.error[1])) if facts.error is not None else None
    return Outcome(status=status, error=error)


def _prose(text: str) -> str:
    """Text as evidence may carry it: what a worker says can quote a customer's bytes."""
    shown = "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)
    return shown[:MAX_PROSE] or "no reason was given"


def _model(facts: JobFacts) -> Model:
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
    )


def _tuning(tuned: TuneResult | None, facts: JobFacts) -> Tuning | None:
    """What ran. A job that never tuned has no such section."""
    if tuned is None:
        return None
    ran = {"final_loss": tuned.final_loss, "trainable_parameters": str(tuned.trainable_parameters)}
    if tuned.resumed_from_step is not None:
        ran["resumed_from_step"] = str(tuned.resumed_from_step)
    return Tuning(
        method=facts.request.settings.technique.value,
        parameters=dict(tuned.parameters) | ran,
        seed=str(facts.request.settings.seed),
        started_at=moment(datetime.fromtimestamp(tuned.started_at, UTC)),
        finished_at=moment(datetime.fromtimestamp(tuned.finished_at, UTC)),
        steps=tuned.steps,
        tokens=tuned.trained_tokens,
        software={item.name: item.version for item in tuned.software},
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
    name, licence, consent, origin = SAFETY_PACK
    mixed = facts.reports.tune.mixed if facts.reports.tune is not None else []
    sources += [
        Source(name, SourceRole.SAFETY, part.records, licence, consent, origin, Sha256(part.digest)) for part in mixed
    ]
    overlap = set(screened.overlap)
    hits = [
        Overlap(
            suite=suite.id, method="word-ngrams", hits=sum(f"{suite.id}/{item.id}" in overlap for item in suite.items)
        )
        for suite in suites()
    ]
    return Data(datasets=(Sha256(facts.dataset_digest),), sources=tuple(sources), contamination=tuple(hits))


def _boundaries(facts: JobFacts) -> Boundaries:
    deployment = facts.request.deployment
    requires = []
    if deployment.system_prompt is not None:
        digest = Sha256.of(deployment.system_prompt.encode()).sha256
        control = f"Serve with the system prompt whose SHA-256 is {digest}."
        requires.append(Requirement(control=control, why="The model was measured with it."))
    if facts.gate is not None and facts.gate.outcome is GateOutcome.BLOCKED:
        requires.append(Requirement(control="Do not deploy.", why="The safety gate blocked this model."))
    return Boundaries(
        objective=deployment.objective,
        rationale=deployment.rationale,
        intended=tuple(deployment.intended_use) or None,
        prohibited=tuple(deployment.prohibited_uses) or None,
        requires=tuple(requires) or None,
        languages=tuple(deployment.languages) or None,
        conditions=_conditions(facts) or None,
        cautions=tuple(_caution(facts)) or None,
        expires_on=(
            "a notice about the base model",
            "a notice about the training data",
            "any change to the served files",
        ),
    )


def _conditions(facts: JobFacts) -> tuple[str, ...]:
    """Under what the measurements hold."""
    if facts.plan is None or facts.reports.candidate is None:
        return ()
    tokens = facts.plan.decoding.max_new_tokens
    conditions = [f"Greedy decoding, the first {tokens} tokens of each answer, one turn, in English."]
    quantization = facts.request.quantization
    conditions.append(f"Base weights quantised: {quantization}." if quantization else "Weights not quantised.")
    conditions.append(
        "With the declared system prompt." if facts.request.deployment.system_prompt else "No system prompt given."
    )
    if facts.baseline_reused:
        conditions.append("The base's measurement was reused: made earlier on identical weights, items and code.")
    return tuple(conditions)


def _caution(facts: JobFacts) -> list[str]:
    worse = [row for row in facts.judged if row.verdict is Verdict.REGRESSED]
    cautions = [f"Worse after tuning: {row_name(row.registered.key)}." for row in worse]
    screened = facts.reports.screen
    if screened is not None:
        cautions += [_prose(warning) for warning in screened.warnings[:20]]
    return cautions


def _environment(facts: JobFacts) -> Environment | None:
    candidate = facts.reports.candidate
    if candidate is None:
        return None
    software = {item.name: item.version for item in candidate.software}
    return Environment(hardware=f"{candidate.device}, {candidate.dtype}", software=software)
