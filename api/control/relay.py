"""Publish the outbox: what transactions committed becomes queue messages, at least once.

A run's request is built here, not when it was committed: its grants are fresh and no secret lies in the outbox. A row is
marked only after Redis took the message, so a crash in between publishes twice; ids make that harmless.
"""

import structlog

from api.control import repository
from api.control.context import Control
from api.control.dispatch import RefusedError, build_request
from api.control.notices import NOTICE_FUNCTION
from api.control.settle import Settlement, settle_run
from api.control.status_lists import STATUS_FUNCTION
from api.db.models import Job, JobStage, OutboxMessage, Run
from api.evidence import changes, notices
from api.jobs.lifecycle import RunEnd
from workers.contract import ADVANCE_FUNCTION, CONTROL_QUEUE, RUN_FUNCTION, WORK_QUEUE, RunError, encode

log = structlog.get_logger()

_FUNCTIONS = {changes.OUTBOX_KIND: STATUS_FUNCTION, notices.OUTBOX_KIND: NOTICE_FUNCTION}


async def relay(control: Control) -> int:
    """Publish what is waiting; returns how many messages."""
    async with control.database.read() as session:
        waiting = await repository.unpublished(session)
    for message in waiting:
        if message.kind == "run":
            await publish_run(control, message.subject)
        else:
            function = _FUNCTIONS.get(message.kind, ADVANCE_FUNCTION)
            message_id = f"{message.kind}:{message.sequence}"
            await control.queue.publish(CONTROL_QUEUE, function, message.subject, message_id=message_id)
        await _mark(control, message)
    return len(waiting)


async def publish_run(control: Control, run_id: str) -> None:
    """Put the run on the work queue, unless it is over or already there."""
    async with control.database.read() as session:
        run = await session.get(Run, run_id)
        if run is None or run.state != "queued":
            return
        job = await session.get_one(Job, run.job_id)
        stage = await session.get_one(JobStage, run.stage_id)
        try:
            request = await build_request(control, session, job=job, stage=stage, run=run)
        except RefusedError as refused:
            request, settlement = None, Settlement(RunEnd.FAILED, error=refused.error)
        except Exception:  # one job that cannot be handed over must not hold up the others
            log.exception("request not built", run_id=run_id, job_id=job.id)
            error = RunError(code="dispatch_failed", message=f"The {stage.name} stage could not be handed to a worker.")
            request, settlement = None, Settlement(RunEnd.FAILED_RETRYABLE, error=error)
    if request is None:
        await settle_run(control, run_id, settlement)
        return
    await control.queue.publish(WORK_QUEUE, RUN_FUNCTION, encode(request).decode(), message_id=run_id)
    log.info("run published", run_id=run_id, job_id=job.id, stage=stage.name, attempt=run.attempt)


async def _mark(control: Control, message: OutboxMessage) -> None:
    async with control.database.write() as session:
        row = await session.get(OutboxMessage, message.sequence)
        if row is not None:
            row.published_at = control.clock()
