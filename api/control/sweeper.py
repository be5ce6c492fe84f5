"""Find what was lost: silent workers, vanished messages, jobs that nobody advances."""

import structlog

from api.control import repository
from api.control.advance import advance
from api.control.context import Control
from api.control.relay import publish_run
from api.control.settle import ACTIVE, Settlement, settle_from_report, settle_run
from api.db.models import Run
from api.jobs.lifecycle import RunEnd
from workers.contract import LEASE_SECONDS, RunError

log = structlog.get_logger()

REPUBLISH_SECONDS = 15


async def sweep(control: Control) -> None:
    """Renew leases from heartbeats, end runs whose lease ran out, publish lost runs again, advance forgotten jobs."""
    async with control.database.read() as session:
        runs = await repository.active_runs(session)
        forgotten = await repository.unfinished_jobs(session)
    for run in runs:
        await _look_after(control, run)
    for job_id in forgotten:
        await advance(control, job_id)


async def _look_after(control: Control, run: Run) -> None:
    now = control.clock()
    if run.worker == "control":
        if run.lease_until is not None and run.lease_until < now:
            await _lost(control, run)
        return
    beat = await control.queue.heartbeat(run.id)
    if beat is not None and beat != run.heartbeat:
        await _renew(control, run.id, beat)
    elif run.state == "queued":
        if run.created_at + REPUBLISH_SECONDS < now and not await control.queue.waiting(run.id):
            await publish_run(control, run.id)
    elif run.lease_until is not None and run.lease_until < now and not await settle_from_report(control, run):
        await _lost(control, run)


async def _renew(control: Control, run_id: str, beat: str) -> None:
    async with control.database.write() as session:
        run = await session.get(Run, run_id)
        if run is not None and run.state in ACTIVE:
            run.heartbeat, run.lease_until = beat, control.clock() + LEASE_SECONDS
            run.state = "running"


async def _lost(control: Control, run: Run) -> None:
    """The worker fell silent and left no report: fence it off and let the lifecycle decide on another attempt."""
    log.warning("run lost", run_id=run.id, job_id=run.job_id, worker=run.worker)
    await control.queue.stop(run.id)
    error = RunError(code="worker_lost", message="The worker fell silent before it reported.", retryable=True)
    await settle_run(control, run.id, Settlement(RunEnd.LOST, error=error))
