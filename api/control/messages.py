"""Apply what a worker says about its run. A message of a run that no longer owns its stage changes nothing."""

import math
from collections.abc import Iterator, Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from api.control import repository
from api.control.context import Control
from api.control.settle import ACTIVE, settle_from_report
from api.control.telling import Telling
from api.db.models import Job, JobEvent, JobStage, Run
from api.jobs.lifecycle import StageState, status_of
from api.jobs.views import view_of
from workers.contract import LEASE_SECONDS, Finished, Progress, RunMessage, Started

log = structlog.get_logger()


async def apply(control: Control, message: RunMessage) -> None:
    """Idempotent: a sequence number that was seen is ignored; ``Finished`` works from the stored report."""
    if isinstance(message, Finished):
        async with control.database.read() as session:
            run = await session.get(Run, message.run_id)
        if run is not None and run.attempt == message.attempt and not await settle_from_report(control, run):
            log.warning("finished without a report", run_id=message.run_id)
        return
    now = control.clock()
    async with control.database.write() as session:
        run = await session.get(Run, message.run_id)
        if run is None or run.attempt != message.attempt:
            return
        job = await repository.lock_job(session, run.job_id)
        await session.refresh(run)
        stage = await session.get(JobStage, run.stage_id)
        if job is None or stage is None or stage.attempt != run.attempt:
            return
        # Messages overtake each other: a step's metrics are kept whenever they come, its progress only if it is news.
        if isinstance(message, Progress) and message.metrics is not None:
            await _keep_metrics(session, job, message, now)
        if run.state not in ACTIVE or message.seq <= run.last_seq:
            return
        run.state, run.last_seq, run.lease_until = "running", message.seq, now + LEASE_SECONDS
        stage.state = StageState.RUNNING.value
        telling = Telling(session, job, now)
        await telling.begun(stage, run)
        if isinstance(message, Started):
            run.worker = message.worker
        else:
            stage.done, stage.total, stage.unit = message.done, message.total, message.unit
            await telling.progressed(stage, message)
        job.status = status_of(view_of(job, await repository.stages_of(session, job.id))).value


async def _keep_metrics(session: AsyncSession, job: Job, message: Progress, now: int) -> None:
    row = _metrics(job, message, now)
    if not await repository.has_event(session, row.dedupe or ""):
        session.add(row)


def _metrics(job: Job, message: Progress, now: int) -> JobEvent:
    metrics = dict(_numbers(message.metrics or {}))
    text = f"Step {message.done}/{message.total}"
    if "train_loss" in metrics:
        text += f": training loss={metrics['train_loss']:.2f}"
    row = repository.event(job, now, text, data={"step": message.done, "total_steps": message.total, **metrics})
    row.type, row.dedupe = "metrics", f"{message.run_id}:{message.seq}"
    return row


def _numbers(metrics: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    """Those that are finite: a training that diverges has losses that no database keeps as JSON."""
    for name, value in metrics.items():
        try:
            number = float(value)
        except ValueError:
            continue
        if math.isfinite(number):
            yield name, number
