"""arq's worker, made to end whole: what both queues are read with."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import structlog
from arq import Worker

_log = structlog.get_logger(__name__)


class QueueWorker(Worker):
    """A signal may come while arq crosses a message off its queue. What it cancels then is only arq's wait for that, whereupon
    arq's own ``close`` fails: the message stays marked as in progress, and whatever was to be cleaned up is not."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self._crossing_off: set[asyncio.Task[Any]] = set()
        super().__init__(*arguments, **settings)

    async def finish_job(self, *arguments: Any, **settings: Any) -> None:
        """In a task of its own, since arq shields it."""
        if (task := asyncio.current_task()) is not None:
            self._crossing_off.add(task)
            task.add_done_callback(self._crossing_off.discard)
        await super().finish_job(*arguments, **settings)

    async def close(self) -> None:
        if not self._handle_signals:
            self.handle_sig(signal.SIGUSR1)  # as arq does: it cancels what runs
        ended = [
            *await asyncio.gather(*self.tasks.values(), return_exceptions=True),
            *await asyncio.gather(*self._crossing_off, return_exceptions=True),
        ]
        for error in ended:
            if isinstance(error, Exception):
                _log.warning("message_not_crossed_off", error=type(error).__name__)
        self.tasks.clear()
        await super().close()
