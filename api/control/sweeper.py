"""Find what was lost: silent workers, vanished messages, jobs that nobody advances."""

import contextlib
from collections.abc import Iterator

import structlog

from api.control import repository
from api.control.advance import advance
from api.control.context import Control
from api.control.relay import publish_run
from api.control.settle import ACTIVE, CONTROL, Settlement, settle_from_report, settle_run
from api.db.models import Run
from api.jobs.lifecycle import RunEnd
from workers.contract import LEASE_SECONDS, RunError

log = structlog.get_logger()

REPUBLISH_SECONDS = 15
MAX_DELAY_SECONDS = 300


async def sweep(control: Control) -> None:
    """Renew leases from heartbeats, end runs whose lease ran out, publish lost runs again, advance forgotten jobs."""
    async with control.database.read() as session:
        runs = await repository.active_runs(session)
        forgotten = await repository.unfinished_jobs(session)
    for run in runs:
        with _left_to_the_next_round(run_id=run.id):
            await _look_after(control, run)
    for job_id in forgotten:
        with _left_to_the_next_round(job_id=job_id):
            if await _is_due(control, job_id):
                await advance(control, job_id)


@contextlib.contextmanager
def _left_to_the_next_round(**what: str) -> Iterator[None]:
    """One job's trouble must not keep the others from being looked after."""
    try:
        yield
    except Exception:  # tried again in two seconds
        log.exception("could not look after", **what)


async def _is_due(control: Control, job_id: str) -> bool:
    """Whether enough time has passed since the job's last attempt: 2, 4, 8 ... up to 300 seconds."""
    async with control.database.read() as session:
        last = await repository.last_run(session, job_id)
    if last is None or last.finished_at is None or last.worker != CONTROL:
        return True
    due: int = last.finished_at + min(MAX_DELAY_SECONDS, 2**last.attempt)
    return control.clock() >= due


async def _look_after(control: Control, run: Run) -> None:
    now = control.clock()
    if run.worker == CONTROL:
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
        if run is None or await repository.lock_job(session, run.job_id) is None:
            return
        await session.refresh(run)
        if run.state in ACTIVE:
            run.heartbeat, run.lease_until = beat, control.clock() + LEASE_SECONDS
            run.state = "running"


async def _lost(control: Control, run: Run) -> None:
    """The worker fell silent and left no report: fence it off and let the lifecycle decide on another attempt."""
    log.warning("run lost", run_id=run.id, job_id=run.job_id, worker=run.worker)
    error = RunError(code="worker_lost", message="The worker fell silent before it reported.", retryable=True)
    await settle_run(control, run.id, Settlement(RunEnd.LOST, error=error))
    await control.queue.stop(run.id)
