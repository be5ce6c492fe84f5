"""A run's line to the control process, over Redis: heartbeat, request to stop, and messages in order.

The heartbeat key says that this run has a living worker. A second delivery of the same run (arq delivers at least once)
sees it move and keeps its hands off; a key that stands still belonged to a worker that died, and is taken over. Messages
are enqueued by a task of their own, so that an outage of Redis delays news and never the work. The assignment owns one
lifeline for the length of a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import structlog
from arq.connections import ArqRedis
from redis.exceptions import RedisError

from workers.contract import (
    CONTROL_QUEUE,
    HEARTBEAT_SECONDS,
    MESSAGE_FUNCTION,
    Finished,
    Progress,
    RunMessage,
    Started,
    encode,
    heartbeat_key,
    stop_key,
)

_log = structlog.get_logger(__name__)
_MESSAGES_PER_DELIVERY = 1_000_000
_UNSENT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: between heartbeats, between looks at the stop key, that a heartbeat outlives its worker, that a foreign
    heartbeat is watched before it counts as dead, between progress messages without metrics, and that unsent messages
    are waited for at the end."""

    beat: float = HEARTBEAT_SECONDS
    watch: float = 1.0
    expiry: int = 60
    doubt: float = 2.5 * HEARTBEAT_SECONDS
    progress: float = 0.5
    drain: float = 30.0


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """``delivery`` counts how often the queue has handed out this run, from 1: sequence numbers grow across deliveries."""

    run_id: str
    attempt: int
    delivery: int
    worker: str


class Lifeline:
    def __init__(self, redis: ArqRedis, identity: RunIdentity, rhythm: Rhythm) -> None:
        self.stop_requested = asyncio.Event()
        self._redis = redis
        self._identity = identity
        self._rhythm = rhythm
        # Starting from the clock, the counter grows across deliveries: it rises by one a beat, and a beat is seconds.
        self._counter = int(time.time())
        self._seq = identity.delivery * _MESSAGES_PER_DELIVERY
        self._unsent: deque[RunMessage] = deque(maxlen=_UNSENT_LIMIT)
        self._news = asyncio.Event()
        self._all_sent = asyncio.Event()
        self._all_sent.set()
        self._progressed_at = float("-inf")
        self._held_back: Progress | None = None

    async def claim(self) -> bool:
        """Whether the run is ours. Takes up to ``Rhythm.doubt`` seconds when an earlier worker left a heartbeat."""
        key = heartbeat_key(self._identity.run_id)
        if await self._redis.set(key, self._counter, nx=True, ex=self._rhythm.expiry):
            return True
        seen = await self._redis.get(key)
        give_up = time.monotonic() + self._rhythm.doubt
        while time.monotonic() < give_up:
            await asyncio.sleep(min(self._rhythm.watch, self._rhythm.doubt))
            if await self._redis.get(key) not in {seen, None}:
                return False
        await self._beat()
        return True

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Beats, watches and sends until the block ends; then gives unsent messages a last chance and lets go of the run."""
        tasks = [asyncio.create_task(step()) for step in (self._keep_beating, self._keep_watching, self._keep_sending)]
        try:
            yield
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._drained(), self._rhythm.drain)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(RedisError, OSError):
                await self._redis.delete(heartbeat_key(self._identity.run_id))

    def started(self) -> None:
        who = self._identity
        self._post(Started(run_id=who.run_id, attempt=who.attempt, seq=self._next(), worker=who.worker))

    def progressed(
        self,
        done: int,
        total: int,
        *,
        unit: str,
        metrics: dict[str, str] | None = None,
        checkpoint_step: int | None = None,
    ) -> None:
        """Sends at once what carries metrics, a checkpoint or the end; thins out the rest, never losing the latest."""
        who = self._identity
        message = Progress(
            run_id=who.run_id,
            attempt=who.attempt,
            seq=self._next(),
            done=done,
            total=total,
            unit=unit,
            metrics=metrics,
            checkpoint_step=checkpoint_step,
        )
        now = time.monotonic()
        matters = metrics is not None or checkpoint_step is not None or done >= total
        if matters or now - self._progressed_at >= self._rhythm.progress:
            self._held_back, self._progressed_at = None, now
            self._post(message)
        else:
            self._held_back = message

    def finished(self) -> None:
        if self._held_back is not None:
            self._post(self._held_back)
            self._held_back = None
        who = self._identity
        self._post(Finished(run_id=who.run_id, attempt=who.attempt, seq=self._next()))

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _post(self, message: RunMessage) -> None:
        self._unsent.append(message)
        self._news.set()
        self._all_sent.clear()

    async def _beat(self) -> None:
        self._counter += 1
        await self._redis.set(heartbeat_key(self._identity.run_id), self._counter, ex=self._rhythm.expiry)

    async def _keep_beating(self) -> None:
        while True:
            with _noted("heartbeat"):
                await self._beat()
            await asyncio.sleep(self._rhythm.beat)

    async def _keep_watching(self) -> None:
        while not self.stop_requested.is_set():
            with _noted("look at the stop key"):
                if await self._redis.exists(stop_key(self._identity.run_id)):
                    self.stop_requested.set()
            await asyncio.sleep(self._rhythm.watch)

    async def _keep_sending(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._unsent:
                message = self._unsent[0]
                with _noted("message") as attempt:
                    await self._redis.enqueue_job(
                        MESSAGE_FUNCTION,
                        encode(message).decode(),
                        _job_id=f"{message.run_id}:{message.seq}",
                        _queue_name=CONTROL_QUEUE,
                    )
                if attempt.failed:
                    await asyncio.sleep(self._rhythm.watch)
                elif self._unsent and self._unsent[0] is message:
                    self._unsent.popleft()
            self._all_sent.set()

    async def _drained(self) -> None:
        await self._all_sent.wait()


@dataclass(slots=True)
class _Attempt:
    failed: bool = False


@contextlib.contextmanager
def _noted(what: str) -> Iterator[_Attempt]:
    """A Redis failure is noted, and the run goes on: control's lease decides what silence means."""
    attempt = _Attempt()
    try:
        yield attempt
    except (RedisError, OSError) as error:
        attempt.failed = True
        _log.warning("redis_unavailable", what=what, error=type(error).__name__)
