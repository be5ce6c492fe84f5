"""The worker as a process: what it takes, how it ends, what it leaves; and its settings."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from tests.workers.object_store import ObjectStore
from workers import catalog, main
from workers.contract import (
    CONTROL_QUEUE,
    RUN_FUNCTION,
    WORK_QUEUE,
    BaseRef,
    Decoding,
    EvaluateTask,
    Failed,
    RunRequest,
    ScorerRef,
    SuiteSelection,
    decode_report,
    encode,
)
from workers.settings import SettingsError, WorkerSettings

ENVIRONMENT = {
    "TUNEPROOF_REDIS_URL": "redis://:hunter2@host/0",
    "TUNEPROOF_CATALOG": "c.json",
    "TUNEPROOF_WORK_DIR": "w",
}


def test_settings_come_from_the_environment() -> None:
    settings = WorkerSettings.from_env(ENVIRONMENT)
    assert settings.redis_url == "redis://:hunter2@host/0"
    assert settings.catalog == Path("c.json").resolve()
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        WorkerSettings.from_env({key: value for key, value in ENVIRONMENT.items() if key != name})


def test_a_wrong_scheme_is_refused_without_repeating_the_password() -> None:
    with pytest.raises(SettingsError, match="TUNEPROOF_REDIS_URL") as caught:
        WorkerSettings.from_env(ENVIRONMENT | {"TUNEPROOF_REDIS_URL": "http://:hunter2@host"})
    assert "hunter2" not in str(caught.value)


def test_messages_are_json_even_when_they_hold_an_exception() -> None:
    assert main.serialise({"r": ValueError("secret text")}) == b'{"r":"ValueError"}'


def test_redis_settings_survive_an_outage() -> None:
    settings = main.redis_settings("unix:///run/x.sock")
    assert settings.unix_socket_path == "/run/x.sock"
    assert OSError in (settings.retry_on_error or [])


def test_the_scratch_of_a_dead_worker_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    living = main.claim_scratch(tmp_path)
    dead = main.claim_scratch(tmp_path)
    (dead.directory / "weights").write_bytes(b"x")
    os.close(dead._lock)  # what the kernel does when a process ends
    third = main.claim_scratch(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([living.directory, third.directory])
    living.release()
    third.release()
    assert list(tmp_path.iterdir()) == []


def request(store: ObjectStore, *, judge: str = "0" * 64) -> RunRequest:
    """An evaluation that fails at once, because this worker does not have its base: real, and needs no model."""
    suite = next(suite for suite in catalog.suites() if suite.id == "harmful-requests")
    task = EvaluateTask(
        base=BaseRef(name="tiny", manifest_digest="0" * 64),
        artefact=None,
        suites=[SuiteSelection(id=suite.id, version=suite.version, digest=suite.digest, item_ids=[suite.items[0].id])],
        scorers=[ScorerRef(id=catalog.judge().id, version="1", digest=judge)],
        decoding=Decoding(max_new_tokens=2, batch_size=1),
        system_prompt=None,
        quantization=None,
        outputs=store.grant("outputs"),
    )
    return RunRequest(run_id="run-7", attempt=1, task=task, report=store.grant("report"))


class Process:
    """``python -m workers.main`` on a work directory."""

    def __init__(self, valkey: str, directory: Path) -> None:
        self.work_dir, self.log = directory / "work", directory / "worker.log"
        self._catalog = directory / "catalog.json"
        self._catalog.write_text('{"bases":[]}')
        self._environment = {
            "PATH": "/usr/bin:/bin",
            "TUNEPROOF_REDIS_URL": valkey,
            "TUNEPROOF_CATALOG": str(self._catalog),
            "TUNEPROOF_WORK_DIR": str(self.work_dir),
        }

    @contextlib.asynccontextmanager
    async def running(self, *program: str) -> AsyncIterator[asyncio.subprocess.Process]:
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *(program or ("-m", "workers.main")),
                env=self._environment,
                stderr=log,
                stdout=log,
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.fixture
def process(valkey: str, tmp_path: Path) -> Process:
    return Process(valkey, tmp_path)


async def until(condition: Callable[[], bool], process: Process, seconds: float = 30) -> None:
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"it did not happen in time; the worker said: {process.log.read_text()[-2000:]}")


async def enqueue(pool: ArqRedis, payload: str) -> None:
    await pool.enqueue_job(RUN_FUNCTION, payload, _job_id="run-7", _queue_name=WORK_QUEUE)


async def test_it_takes_a_run_reports_and_ends_cleanly(process: Process, pool: ArqRedis, store: ObjectStore) -> None:
    await enqueue(pool, encode(request(store)).decode())
    async with process.running() as running:
        await until(lambda: "report" in store.objects, process)
        outcome = decode_report(store.objects["report"]).outcome
        assert isinstance(outcome, Failed)
        assert outcome.error.code == "base_missing"
        while len(await pool.queued_jobs(queue_name=CONTROL_QUEUE)) < 2:
            await asyncio.sleep(0.02)
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), 60) == 0
    assert list(process.work_dir.iterdir()) == []
    said = process.log.read_text()
    assert "base_missing" in said
    assert "topsecret" not in said


async def test_what_is_no_request_is_dropped(process: Process, pool: ArqRedis, store: ObjectStore) -> None:
    await enqueue(pool, '{"run_id": "x", "password": "hunter2"}')
    async with process.running():
        await until(lambda: process.log.exists() and "request_unreadable" in process.log.read_text(), process)
    assert "hunter2" not in process.log.read_text()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
async def test_an_ended_worker_leaves_its_run_to_the_next(
    process: Process, pool: ArqRedis, store: ObjectStore, end: signal.Signals
) -> None:
    store.slow.clear()  # the run hangs where it stores its report
    await enqueue(pool, encode(request(store)).decode())
    async with process.running() as running:
        await until(lambda: ("PUT", "report") in store.requests, process)
        running.send_signal(end)
        assert await asyncio.wait_for(running.wait(), 60) == (0 if end is signal.SIGTERM else -signal.SIGKILL)
    store.slow.set()
    if end is signal.SIGKILL:  # what control's sweeper does for a run that fell silent
        await pool.delete(in_progress_key_prefix + "run-7")
    async with process.running() as running:
        await until(lambda: store.requests.count(("PUT", "report")) == 2, process)
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), 60) == 0
    assert list(process.work_dir.iterdir()) == []


SIGNALLED_WHILE_CROSSING_OFF = """
import asyncio, os, signal, sys
from arq import Worker
from workers import main
crossing_off = Worker.finish_job
async def signalled(*arguments):
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.2)
    await crossing_off(*arguments)
Worker.finish_job = signalled
sys.exit(main.main())
"""


async def test_a_signal_while_a_run_is_crossed_off_its_queue_leaves_nothing_behind(
    process: Process, pool: ArqRedis, store: ObjectStore
) -> None:
    await enqueue(pool, encode(request(store)).decode())
    async with process.running("-c", SIGNALLED_WHILE_CROSSING_OFF) as running:
        assert await asyncio.wait_for(running.wait(), 60) == 0, process.log.read_text()[-2000:]
    assert list(process.work_dir.iterdir()) == []
    assert await pool.zcard(WORK_QUEUE) == 0
    assert await pool.exists(in_progress_key_prefix + "run-7") == 0


async def test_a_wrong_environment_ends_it_with_a_sentence(process: Process) -> None:
    process._catalog.unlink()
    async with process.running() as running:
        assert await asyncio.wait_for(running.wait(), 60) == 2
    assert process.log.read_text().startswith("worker: cannot read the model catalog")
