"""Apply the plan's policy: release the model, hold it for a person, or block it.

A failed evaluator never gets here, so it is never a verdict. A held model waits for a review (``api.jobs.reviews``)."""

from sqlalchemy.ext.asyncio import AsyncSession

from api.control import keys, repository
from api.control.candidates import WHOLE, chosen_tuning
from api.control.context import Control
from api.control.reports import TuneReport, read_reports
from api.control.settle import Settlement
from api.control.stages.comparing import judge_job
from api.control.telling import Telling, decision_sentence
from api.db.models import Job, Run, TunedModel
from api.jobs.lifecycle import RunEnd
from api.jobs.request import stored_request
from attestations.gate import GateOutcome
from workers.contract import RunError


async def gate(control: Control, run_id: str) -> Settlement:
    async with control.database.read() as session:
        run = await session.get_one(Run, run_id)
        job = await session.get_one(Job, run.job_id)
        stages = await repository.stages_of(session, job.id)
        tuned = await TuneReport.of(control, session, job)
    reports = await read_reports(control, stages)
    if reports.baseline is None or reports.candidate is None or job.plan is None:
        error = RunError(code="gate_failed", message="A measurement that the gate needs is missing.")
        return Settlement(RunEnd.FAILED, error=error)
    judged = await judge_job(control, job, reports)
    policy, decision = judged.plan.policy, judged.gate
    if decision is None:
        raise ValueError("a compared model has a decision")
    name = model_name(job)
    now = control.clock()
    served = chosen_tuning(tuned.result, judged.scale)
    archive_key = keys.artefact_key(tuned.run)
    if judged.scale != WHOLE:
        archive_key = keys.variant_key(tuned.run, judged.scale)

    def change(session: AsyncSession, row: Job) -> None:
        row.outcome = decision.outcome.value
        shown = {"outcome": decision.outcome.value, "policy": policy.id, "reasons": list(decision.reasons)}
        shown |= {"scale": judged.scale} if judged.candidates else {}
        row.comparison = (row.comparison or {}) | {"gate": shown}
        model = TunedModel(id=name, job_id=row.id, base=row.base, state=decision.outcome.value, created_at=now)
        model.manifest_digest, model.archive_key = served.manifest_digest, archive_key
        model.organization_id, model.project_id = row.organization_id, row.project_id
        session.add(model)
        Telling(session, row, now).decided(judged, decision)
        if decision.outcome is GateOutcome.RELEASED:
            row.fine_tuned_model = name
        elif decision.outcome is GateOutcome.BLOCKED:
            message = decision_sentence(judged, decision)
            row.error = {"code": "safety_gate_failed", "message": message, "param": None}

    end = RunEnd.HELD if decision.outcome is GateOutcome.HELD else RunEnd.SUCCEEDED
    return Settlement(end, change=change)


def model_name(job: Job) -> str:
    """``ft:<base>:<organisation>:<suffix or nothing>:<id>``; the id is the job's random tail."""
    suffix = stored_request(job.request).suffix or ""
    return f"ft:{job.base}:{job.organization_id}:{suffix}:{job.id[-12:]}"
