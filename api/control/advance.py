"""Take the next step of a job, again and again, until somebody else has to act.

Each step is: one transaction that asks ``lifecycle.decide`` and writes what follows from it (a new run, a skipped stage, the
end), then, for the stages control does itself, the work outside any transaction, then ``settle``. Two of these at once for
one job are harmless: the job's row is locked while deciding, and a run is created once per attempt.
"""

from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from api.control import keys, repository
from api.control.baselines import cache_key, has_own_records
from api.control.context import Control
from api.control.settle import CONTROL, Settlement, settle_run
from api.control.stages.attesting import attest
from api.control.stages.comparing import compare
from api.control.stages.gating import gate
from api.control.stages.planning import plan
from api.db.models import Job, JobStage, OutboxMessage, Run
from api.ids import new_id
from api.jobs.lifecycle import (
    FINAL,
    Finish,
    JobOutcome,
    JobStatus,
    RunEnd,
    StageState,
    Start,
    Stop,
    decide,
    outcome_of,
    status_of,
)
from api.jobs.views import view_of
from workers.contract import LEASE_SECONDS, WORKER_STAGES, RunError, Stage

log = structlog.get_logger()

ControlStage = Callable[[Control, str], Awaitable[Settlement]]
CONTROL_STAGES: dict[Stage, ControlStage] = {
    Stage.PLAN: plan,
    Stage.COMPARE: compare,
    Stage.GATE: gate,
    Stage.ATTEST: attest,
}
SIGNING_STAGES = frozenset({Stage.PLAN, Stage.ATTEST})
"""They begin only while the issuer's key is believed: to wait for a new one costs no attempt and no place in a status list."""


async def advance(control: Control, job_id: str) -> None:
    """Returns when the job waits for a worker or is finished."""
    while (run := await _step(control, job_id)) is not None:
        if await _perform(control, run) is RunEnd.FAILED_RETRYABLE:
            return


async def _step(control: Control, job_id: str) -> tuple[Stage, str] | None:
    """Write the next decision. Returns the run that control itself must now perform, if that is what comes next."""
    stop: list[str] = []
    chosen: tuple[Stage, str] | None = None
    async with control.database.write() as session:
        job = await repository.lock_job(session, job_id)
        if job is None:
            return None
        stages = await repository.stages_of(session, job_id)
        decision = decide(view_of(job, stages))
        if isinstance(decision, Start) and await _reuse_baseline(control, session, job, stages, decision):
            decision = decide(view_of(job, stages))
        match decision:
            case Start(stage=name) if name in SIGNING_STAGES and not await _may_sign(control, job):
                pass  # the sweeper asks again
            case Start(stage=name, skip=skip):
                _skip(stages, set(skip))
                chosen = await _start(control, session, job, next(row for row in stages if row.name == name.value))
            case Stop(stage=name):
                stop = await _cancel(control, session, job, next(row for row in stages if row.name == name.value))
            case Finish():
                _finish(control, session, job, stages)
        if not isinstance(decision, Finish):
            job.status = status_of(view_of(job, stages)).value
    for run_id in stop:
        await control.queue.stop(run_id)
    return chosen


async def _may_sign(control: Control, job: Job) -> bool:
    return await control.holding.may_sign(control.issuer.signer, waiting=f"job {job.id}")


def _skip(stages: list[JobStage], names: set[Stage]) -> None:
    for row in stages:
        if row.name in names:
            row.state = StageState.SKIPPED.value


async def _start(control: Control, session: AsyncSession, job: Job, stage: JobStage) -> tuple[Stage, str] | None:
    """Begin the stage's next attempt: a run for a worker (through the outbox), or one for control itself."""
    now, name = control.clock(), Stage(stage.name)
    stage.attempt += 1
    stage.started_at = stage.started_at or now
    stage.error = None
    run_id = new_id("run-")
    run = Run(id=run_id, job_id=job.id, stage_id=stage.id, attempt=stage.attempt, state="queued", last_seq=0)
    run.report_key, run.created_at = keys.report_key(job, run_id), now
    run.organization_id, run.project_id = job.organization_id, job.project_id
    session.add(run)
    if name in WORKER_STAGES:
        stage.state = StageState.QUEUED.value
        message = OutboxMessage(kind="run", subject=run_id, created_at=now)
        message.organization_id, message.project_id = job.organization_id, job.project_id
        session.add(message)
        return None
    stage.state, run.state = StageState.RUNNING.value, "running"
    stage.done, stage.total, stage.unit = 0, 1, "steps"
    run.worker, run.lease_until = CONTROL, now + LEASE_SECONDS
    return name, run_id


async def _reuse_baseline(
    control: Control, session: AsyncSession, job: Job, stages: list[JobStage], decision: Start
) -> bool:
    """Whether the baseline was next and is done, because the same base was already measured in just this way. Where the
    job's own records are to be measured too, the stage goes on for those alone."""
    if decision.stage is not Stage.BASELINE:
        return False
    stage, now = next(row for row in stages if row.name == Stage.BASELINE.value), control.clock()
    if stage.reused_key is not None:
        return False
    found = await repository.cached_baseline(session, job.project_id, cache_key(job, control.catalog.find(job.base)))
    if found is None:
        return False
    if has_own_records(job):
        stage.cached, stage.reused_key = True, found.report_key
        session.add(repository.event(job, now, "Baseline reused; measuring the base on this job's own records"))
        return False
    stage.state, stage.cached, stage.result_key = StageState.SUCCEEDED.value, True, found.report_key
    stage.done = stage.total = 1
    stage.started_at = stage.finished_at = now
    session.add(repository.event(job, now, "Baseline reused: this base was measured in exactly this way before"))
    return True


async def _cancel(control: Control, session: AsyncSession, job: Job, stage: JobStage) -> list[str]:
    """Take the stage from its worker. What the worker still says is fenced off."""
    now = control.clock()
    runs = [run for run in await repository.runs_of(session, stage.id) if run.state in {"queued", "running"}]
    for run in runs:
        run.state, run.finished_at, run.lease_until = "stopped", now, None
    stage.state, stage.finished_at = StageState.CANCELLED.value, now
    model = await repository.tuned_model(session, job.id)
    if model is not None:  # the gate held it, and nobody will decide any more
        model.state = StageState.CANCELLED.value
    repository.wake(session, job, now)
    return [run.id for run in runs]


def _finish(control: Control, session: AsyncSession, job: Job, stages: list[JobStage]) -> None:
    """Write the end of the job, once."""
    view = view_of(job, stages)
    final = status_of(view)
    decided = job.outcome is not None and job.outcome != JobOutcome.HELD.value
    if job.finished_at is not None and job.status in {status.value for status in FINAL} and decided:
        return
    job.outcome = outcome_of(view).value
    job.status = final.value
    if final is not JobStatus.SUCCEEDED:
        job.fine_tuned_model = None
    job.finished_at = job.finished_at or control.clock()
    failed = next((row for row in stages if row.state == StageState.FAILED.value), None)
    if failed is not None:
        job.error = failed.error
    if final is JobStatus.SUCCEEDED:
        text = f"New fine-tuned model created: {job.fine_tuned_model}"
        session.add(repository.event(job, control.clock(), text))
        session.add(repository.event(job, control.clock(), "The job has successfully completed"))
    elif final is JobStatus.FAILED:
        message = (job.error or {}).get("message", "The job failed")
        session.add(repository.event(job, control.clock(), f"The job failed: {message}", level="error", data=job.error))


async def _perform(control: Control, run: tuple[Stage, str]) -> RunEnd:
    """Do one of control's own stages. A fault of ours is tried again later by the sweeper; it is no verdict about the model."""
    stage, run_id = run
    try:
        settlement = await CONTROL_STAGES[stage](control, run_id)
    except Exception as error:  # the edge of a stage: whatever went wrong inside must not stop the process
        log.exception("stage failed", stage=stage.value, run_id=run_id)
        message = f"The {stage.value} stage failed inside the service ({type(error).__name__}); see its log."
        settlement = Settlement(RunEnd.FAILED_RETRYABLE, error=RunError(code=f"{stage.value}_failed", message=message))
    await settle_run(control, run_id, settlement)
    return settlement.end
