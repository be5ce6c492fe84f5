"""What happens to a message that is being crossed off while its reader ends."""

import asyncio
from typing import Any

import msgspec
import pytest
from arq import Worker, func
from arq.connections import ArqRedis
from arq.constants import in_progress_key_prefix

from workers import main
from workers.queue_worker import QueueWorker

QUEUE = "some-queue"


async def end_while_crossing_off(valkey: str, pool: ArqRedis, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order, when the reader is closed at that very moment."""
    done: list[str] = []
    crossing = asyncio.Event()
    cross_off = Worker.finish_job

    async def slowly(worker: Worker, *arguments: Any) -> None:
        crossing.set()
        await asyncio.sleep(0.1)
        await cross_off(worker, *arguments)
        done.append("crossed off")

    async def work(_: dict[str, Any]) -> None:
        done.append("worked")

    async def on_shutdown(_: dict[str, Any]) -> None:
        done.append("cleaned up")

    monkeypatch.setattr(Worker, "finish_job", slowly)
    await pool.enqueue_job("work", _job_id="m-1", _queue_name=QUEUE)
    worker = QueueWorker(
        functions=[func(work, name="work")],  # type: ignore[arg-type]
        queue_name=QUEUE,
        redis_settings=main.redis_settings(valkey),
        on_shutdown=on_shutdown,
        job_serializer=main.serialise,
        job_deserializer=msgspec.json.decode,
        handle_signals=False,
        poll_delay=0.01,
        keep_result=0,
    )
    reading = asyncio.create_task(worker.async_run())
    await asyncio.wait_for(crossing.wait(), 30)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await worker.close()
    return done


@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")  # arq's own call
async def test_it_is_crossed_off_before_anything_is_closed(
    valkey: str, pool: ArqRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await end_while_crossing_off(valkey, pool, monkeypatch) == ["worked", "crossed off", "cleaned up"]
    assert await pool.zcard(QUEUE) == 0
    assert await pool.exists(in_progress_key_prefix + "m-1") == 0
