"""The worker: takes one run at a time from the work queue and carries it out. ``python -m workers.main``.

Messages are JSON, never pickle. Delivery is at least once and a result is never kept in Redis: the report in storage is the
result. SIGTERM and SIGINT end the current run's child and leave the run to its next delivery. A worker that is killed leaves
its scratch directory behind; the next one on the same disk removes it. Logs are JSON lines on stderr that name runs and
codes, and hold no grant, no credential and no text of customers.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import structlog
from arq import func
from arq.connections import ArqRedis, RedisSettings
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from workers.assignment import Workbench, carry_out
from workers.catalog import Catalog, CatalogError
from workers.child import Launch
from workers.contract import RUN_FUNCTION, WORK_QUEUE, decode_request
from workers.lifeline import Lifeline, Rhythm, RunIdentity
from workers.objects import Objects
from workers.queue_worker import QueueWorker
from workers.settings import SettingsError, WorkerSettings

_log = structlog.get_logger(__name__)
_WEEK = 7 * 24 * 3600
_LOCK = "lock"
_REMOVALS = 20


async def run_stage(context: dict[str, Any], payload: str) -> None:
    """``payload`` is a ``RunRequest`` in JSON. One that cannot be read is logged and dropped: it grants no place to report."""
    try:
        request = decode_request(payload)
    except (msgspec.MsgspecError, TypeError) as error:
        _log.error("request_unreadable", job_id=context["job_id"], error=type(error).__name__)
        return
    settings: WorkerSettings = context["settings"]
    redis: ArqRedis = context["redis"]
    identity = RunIdentity(
        run_id=request.run_id, attempt=request.attempt, delivery=context["job_try"], worker=settings.name
    )
    try:
        await carry_out(request, context["bench"], Lifeline(redis, identity, Rhythm()))
    except (RedisError, OSError) as error:
        # Only the claim can get here: without Redis nobody knows whose run this is, so control's lease decides.
        _log.error("run_not_claimed", run_id=request.run_id, error=type(error).__name__)


def build_worker(settings: WorkerSettings, scratch: Path) -> QueueWorker:
    """The arq worker with every limit that matters spelled out; arq's defaults are for short jobs."""

    async def on_startup(context: dict[str, Any]) -> None:
        context["settings"] = settings
        context["objects"] = objects = await Objects().__aenter__()
        context["bench"] = Workbench(
            objects=objects, catalog=settings.catalog, scratch=scratch, launch=Launch(dict(os.environ))
        )
        _log.info("worker_ready", worker=settings.name, catalog=str(settings.catalog))

    async def on_shutdown(context: dict[str, Any]) -> None:
        if "objects" in context:
            await context["objects"].__aexit__(None, None, None)
        _log.info("worker_stopped", worker=settings.name)

    return QueueWorker(
        functions=[func(run_stage, name=RUN_FUNCTION)],
        queue_name=WORK_QUEUE,
        redis_settings=redis_settings(settings.redis_url),
        on_startup=on_startup,
        on_shutdown=on_shutdown,
        max_jobs=1,
        job_timeout=_WEEK,
        max_tries=1000,
        keep_result=0,
        poll_delay=0.2,
        health_check_interval=5,
        expires_extra_ms=_WEEK * 1000,
        job_serializer=serialise,
        job_deserializer=msgspec.json.decode,
    )


def serialise(message: dict[str, Any]) -> bytes:
    """arq also hands over exceptions as results; their type is all that is kept."""
    return msgspec.json.encode(message, enc_hook=lambda value: type(value).__name__)


def redis_settings(url: str) -> RedisSettings:
    """Waits out an outage of about two minutes; with arq's own settings the worker ends at the first failed poll."""
    settings = RedisSettings.from_dsn(url)
    settings.conn_retries = 30
    settings.retry = Retry(ExponentialBackoff(cap=2, base=0.1), 60)
    settings.retry_on_timeout = True
    settings.retry_on_error = [RedisConnectionError, RedisTimeoutError, BusyLoadingError, OSError]
    return settings


class Scratch:
    """A directory that this process holds by a lock for as long as it lives."""

    def __init__(self, directory: Path, lock: int) -> None:
        self.directory = directory
        self._lock = lock

    def release(self) -> None:
        """Removes the directory; a stage that was just killed may still put a last file into it, hence more than once."""
        for _ in range(_REMOVALS):
            shutil.rmtree(self.directory, ignore_errors=True)
            if not self.directory.exists():
                break
            time.sleep(0.05)
        os.close(self._lock)


def claim_scratch(work_dir: Path) -> Scratch:
    """Makes this worker's directory under ``work_dir`` and removes those whose owner died."""
    work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in work_dir.glob("worker-*"):
        lock = _try_lock(left / _LOCK)
        if lock is not None:
            _log.info("scratch_of_dead_worker_removed", directory=left.name)
            Scratch(left, lock).release()
    # Born under a name that the sweep of another worker does not look at, then locked, then given its name.
    hidden = Path(tempfile.mkdtemp(prefix="new-", dir=work_dir))
    (hidden / _LOCK).touch()
    lock = _try_lock(hidden / _LOCK)
    if lock is None:
        raise SettingsError(f"cannot lock a file in {work_dir}: TUNEPROOF_WORK_DIR must be on a local disk")
    directory = hidden.rename(work_dir / hidden.name.replace("new-", "worker-", 1))
    return Scratch(directory, lock)


def _try_lock(path: Path) -> int | None:
    """The locked file's descriptor, or ``None`` where another process holds it or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def configure_logging() -> None:
    """JSON lines on stderr. arq logs a job's arguments and httpx its URLs below WARNING; both hold grants."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    for name in ("arq", "arq.worker", "arq.jobs", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            _short_traceback,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _short_traceback(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Where an error was raised, without its text, which may repeat what it was given."""
    if event.pop("exc_info", None) and (error := sys.exc_info()[1]) is not None:
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["trace"] = " > ".join(frames[-6:])
    return event


def main() -> int:
    configure_logging()
    try:
        settings = WorkerSettings.from_env(os.environ)
        Catalog.load(settings.catalog)
        scratch = claim_scratch(settings.work_dir)
    except (SettingsError, CatalogError) as error:
        sys.stderr.write(f"worker: {error}\n")
        return 2
    try:
        # Closing the runner waits for threads, which may still be writing for a run that was cancelled.
        with asyncio.Runner() as runner:
            asyncio.set_event_loop(runner.get_loop())
            build_worker(settings, scratch.directory).run()
    finally:
        scratch.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
