"""Keeps a few processes running: starts them, starts again what dies, takes all of them along when it ends.

Each process leads a session of its own, so a Ctrl-C in the terminal reaches the supervisor alone and the order of the end is
ours. On Linux a process also dies with the supervisor when that is killed outright (PR_SET_PDEATHSIG; the kernel ties it to
the thread that forks, so ``start`` must be called from the main thread).
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_STABLE_SECONDS = 10
_MAX_DELAY = 10.0


@dataclass(frozen=True, slots=True)
class Program:
    """``env`` is the whole environment: a process knows nothing it was not given."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    log: Path
    stop_seconds: float = 8.0


@dataclass(slots=True)
class _Running:
    program: Program
    process: subprocess.Popen[bytes]
    started: float
    failures: int = 0
    restart_at: float | None = None


class Supervisor:
    """Not thread-safe; everything happens in the main thread's loop."""

    def __init__(self) -> None:
        self._running: list[_Running] = []
        self._parent = os.getpid()

    def start(self, program: Program) -> None:
        self._running.append(_Running(program, self._spawn(program), time.monotonic()))

    def tend(self) -> list[str]:
        """Start again whatever died, with a growing delay for what keeps dying. Returns a line about each event."""
        events = []
        now = time.monotonic()
        for entry in self._running:
            code = entry.process.poll()
            if code is None:
                continue
            if entry.restart_at is None:
                entry.failures = 0 if now - entry.started > _STABLE_SECONDS else entry.failures + 1
                delay = min(_MAX_DELAY, 0.2 * 2**entry.failures)
                entry.restart_at = now + delay
                events.append(f"{entry.program.name} ended with {code}; starting it again (log: {entry.program.log})")
            elif now >= entry.restart_at:
                entry.process, entry.started, entry.restart_at = self._spawn(entry.program), now, None
        return events

    def pid(self, name: str) -> int:
        return next(entry.process.pid for entry in self._running if entry.program.name == name)

    def stop(self) -> None:
        """Terminate in reverse order of start, each with time to finish, then kill what is left."""
        for entry in reversed(self._running):
            if entry.process.poll() is None:
                entry.process.terminate()
            try:
                entry.process.wait(entry.program.stop_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(entry.process.pid, signal.SIGKILL)
                entry.process.wait()
        self._running.clear()

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        program.log.parent.mkdir(parents=True, exist_ok=True)
        with program.log.open("ab") as log:
            return subprocess.Popen(
                list(program.command),
                env=dict(program.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=self._die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no threads here
            )

    def _die_with_parent(self) -> None:
        """Runs in the child between fork and exec."""
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != self._parent:  # it died before we asked
            os._exit(1)
