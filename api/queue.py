"""The control process's side of Redis: publish messages, see heartbeats, tell a run to stop.

The queue only wakes people up: SQL is the truth, and whatever is lost here is found there and published again. Messages are
JSON; arq's default pickle would let whoever writes to Redis run code.
"""

import json
from typing import Any, Self

from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.constants import in_progress_key_prefix, job_key_prefix
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, ConnectionError, TimeoutError  # noqa: A004 - redis' own names

from workers.contract import CONTROL_QUEUE, WORK_QUEUE, heartbeat_key, stop_key

_KEPT_SECONDS = 8 * 24 * 3600
"""A message may wait this long for a free worker; arq's default forgets it after a day."""


def serialize(job: dict[str, Any]) -> bytes:
    """arq also hands over results, which may hold an exception: its text is enough."""
    return json.dumps(job, default=str).encode()


def deserialize(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(raw)
    return found


def redis_settings(url: str) -> RedisSettings:
    """Survives a Redis that is away for a while; arq's defaults end the worker at the first failed poll."""
    settings = RedisSettings.from_dsn(url)
    settings.retry = Retry(ExponentialBackoff(cap=2, base=0.1), 60)
    settings.retry_on_error = [ConnectionError, TimeoutError, BusyLoadingError, OSError]
    settings.retry_on_timeout = True
    return settings


class Queue:
    """A connection to both queues."""

    def __init__(self, pool: ArqRedis) -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, url: str) -> Self:
        pool = await create_pool(
            redis_settings(url),
            job_serializer=serialize,
            job_deserializer=deserialize,
            expires_extra_ms=_KEPT_SECONDS * 1000,
        )
        return cls(pool)

    async def publish(self, queue: str, function: str, argument: str, *, message_id: str) -> None:
        """At most one message with this id waits at any time."""
        await self._pool.enqueue_job(function, argument, _job_id=message_id, _queue_name=queue)

    async def waiting(self, message_id: str) -> bool:
        """Whether the work queue still holds the message, waiting or in progress."""
        return bool(await self._pool.exists(job_key_prefix + message_id))

    async def heartbeat(self, run_id: str) -> str | None:
        beat = await self._pool.get(heartbeat_key(run_id))
        return None if beat is None else beat.decode()

    async def stop(self, run_id: str) -> None:
        """Tell the run's worker to stop, and take the message away if nobody has begun it."""
        await self._pool.set(stop_key(run_id), b"1", ex=_KEPT_SECONDS)
        await self.forget(run_id)

    async def forget(self, message_id: str) -> None:
        """Remove what a dead worker left: arq would hand the message out again once its own time-out passed."""
        async with self._pool.pipeline(transaction=True) as pipe:
            pipe.zrem(WORK_QUEUE, message_id)
            pipe.delete(job_key_prefix + message_id, in_progress_key_prefix + message_id)
            await pipe.execute()

    async def close(self) -> None:
        await self._pool.aclose()


__all__ = ["CONTROL_QUEUE", "WORK_QUEUE", "Queue", "deserialize", "redis_settings", "serialize"]
