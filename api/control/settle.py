"""Apply the end of a run: the one place where an attempt's result becomes the stage's, and where attempts are fenced."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from api.control import repository
from api.control.baselines import cache_key
from api.control.context import Control
from api.control.telling import Telling
from api.db.models import Baseline, Job, JobStage, Run
from api.ids import new_id
from api.jobs.lifecycle import RunEnd, StageState, StageView, settle
from workers.contract import (
    MAX_REPORT_BYTES,
    EvaluationResult,
    Failed,
    Result,
    RunError,
    RunReport,
    ScreenResult,
    Stage,
    Stopped,
    TuneResult,
    decode_report,
)

log = structlog.get_logger()

ACTIVE = ("queued", "running")
CONTROL = "control"
"""What stands in for a worker's name in the runs of control's own stages."""
RESULTS: dict[Stage, type[Result]] = {
    Stage.SCREEN: ScreenResult,
    Stage.BASELINE: EvaluationResult,
    Stage.TUNE: TuneResult,
    Stage.CANDIDATE: EvaluationResult,
}
Change = Callable[[AsyncSession, Job], None]


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended. ``change`` is what a success, or a gate that holds, writes beside the stage itself, in the same
    transaction."""

    end: RunEnd
    error: RunError | None = None
    result: Result | None = None
    change: Change | None = None


def settlement_of(report: RunReport) -> Settlement:
    """What a worker's report means for the stage."""
    match report.outcome:
        case Failed(error=error):
            return Settlement(RunEnd.FAILED_RETRYABLE if error.retryable else RunEnd.FAILED, error=error)
        case Stopped():
            return Settlement(RunEnd.STOPPED)
        case succeeded:
            return Settlement(RunEnd.SUCCEEDED, result=succeeded.result)


async def settle_from_report(control: Control, run: Run) -> bool:
    """Settle the run from its stored report. False when there is none yet. A report that cannot be read is a failure."""
    if not await control.storage.exists(run.report_key):
        return False
    try:
        report = decode_report(await control.storage.get_bytes(run.report_key, max_bytes=MAX_REPORT_BYTES))
    except (msgspec.DecodeError, ValueError) as error:
        log.warning("unreadable report", run_id=run.id, error=str(error))
        settlement = Settlement(
            RunEnd.FAILED_RETRYABLE,
            error=RunError(code="unreadable_report", message="The worker's report could not be read."),
        )
    else:
        mine = (report.run_id, report.attempt) == (run.id, run.attempt)
        foreign = RunError(code="report_mismatch", message="The stored report belongs to another run.")
        settlement = settlement_of(report) if mine else Settlement(RunEnd.FAILED_RETRYABLE, error=foreign)
    await settle_run(control, run.id, settlement)
    return True


async def settle_run(control: Control, run_id: str, settlement: Settlement) -> None:
    """Write the end of the run if it still owns its stage; otherwise nothing happens. Then have the job advanced."""
    now = control.clock()
    async with control.database.write() as session:
        run = await session.get(Run, run_id)
        if run is None or run.state not in ACTIVE:
            return
        job = await repository.lock_job(session, run.job_id)
        await session.refresh(run)
        stage = await session.get(JobStage, run.stage_id)
        if job is None or stage is None or run.state not in ACTIVE:
            return
        settlement = _reconsidered(settlement, job, Stage(stage.name))
        run.state, run.finished_at, run.lease_until = _run_state(settlement.end), now, None
        if stage.attempt != run.attempt or stage.state not in ACTIVE:
            return
        view = StageView(Stage(stage.name), StageState(stage.state), stage.attempt)
        stage.state = settle(view, settlement.end).value
        if settlement.error is not None:
            stage.error = _error(settlement.error)
            again = stage.state == StageState.PENDING.value
            text = f"{stage.name}: {settlement.error.message}" + (" Trying again." if again else "")
            session.add(repository.event(job, now, text, level="warn" if again else "error"))
        if stage.state not in {StageState.PENDING.value, StageState.WAITING.value}:
            stage.finished_at = now
        if stage.state in {StageState.SUCCEEDED.value, StageState.WAITING.value}:
            stage.done = stage.total = max(stage.total, 1)
            stage.result_key, stage.error = run.report_key, None
            await _succeeded(Telling(session, job, now), stage, run=run, settlement=settlement)
            if stage.name == Stage.BASELINE.value and stage.reused_key is None:
                await _keep_baseline(control, session, job, run)
        # Control's own stages wait for the sweeper before they try again; whatever was wrong needs time to pass.
        if not (stage.state == StageState.PENDING.value and run.worker == CONTROL):
            repository.wake(session, job, now)
    await control.queue.forget(run_id)


def _reconsidered(settlement: Settlement, job: Job, stage: Stage) -> Settlement:
    """What the end means now that the job is locked: a cancelled job takes no result any more, and a worker that stopped
    without anybody having asked for it is one that was given up too early."""
    if job.cancel_requested and stage is not Stage.ATTEST:
        return Settlement(RunEnd.STOPPED)
    if settlement.end is RunEnd.STOPPED:
        return Settlement(RunEnd.LOST, error=RunError(code="worker_lost", message="The worker was stopped."))
    expected = RESULTS.get(stage)
    if settlement.end is RunEnd.SUCCEEDED and expected is not None and not isinstance(settlement.result, expected):
        message = "The worker reported another stage's result."
        return Settlement(RunEnd.FAILED, error=RunError(code="report_mismatch", message=message))
    return settlement


async def _keep_baseline(control: Control, session: AsyncSession, job: Job, run: Run) -> None:
    """For later jobs. Two jobs may measure the same base at once: the first to end is kept."""
    key = cache_key(job, control.catalog.find(job.base))
    if await repository.cached_baseline(session, job.project_id, key) is not None:
        return
    baseline = Baseline(id=new_id("base-"), cache_key=key, report_key=run.report_key, created_at=control.clock())
    baseline.organization_id, baseline.project_id = job.organization_id, job.project_id
    with contextlib.suppress(IntegrityError):
        async with session.begin_nested():
            session.add(baseline)


async def _succeeded(telling: Telling, stage: JobStage, *, run: Run, settlement: Settlement) -> None:
    """What a stage's success means for the job."""
    session, job, now = telling.session, telling.job, telling.now
    match settlement.result:
        case ScreenResult() as screened:
            for warning in screened.warnings:
                session.add(repository.event(job, now, warning, level="warn"))
            session.add(repository.event(job, now, "Files validated, moving job to queued state"))
        case TuneResult() as tuned:
            job.trained_tokens = tuned.trained_tokens
        case EvaluationResult() as evaluated:
            await telling.begun(stage, run)  # the worker's own word of it may have been overtaken, or lost
            telling.measured(stage, evaluated)
    if settlement.change is not None:
        settlement.change(session, job)


def _run_state(end: RunEnd) -> str:
    states = {RunEnd.SUCCEEDED: "succeeded", RunEnd.HELD: "succeeded", RunEnd.STOPPED: "stopped", RunEnd.LOST: "lost"}
    return states.get(end, "failed")


def _error(error: RunError) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "param": error.param}
