"""The supervisor with real processes: what dies is started again, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.local.supervisor import Program, Supervisor

SLEEPER = (
    "import time, pathlib, os, sys; pathlib.Path(sys.argv[1]).open('a').write(f'{os.getpid()}\\n'); time.sleep(600)"
)
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")


def sleeper(tmp_path: Path, name: str) -> Program:
    command = [sys.executable, "-c", SLEEPER, str(tmp_path / f"{name}.pids")]
    return Program(name, command, {"PATH": os.environ["PATH"]}, tmp_path / f"{name}.log")


def wait_for(condition, what: str):
    deadline = time.monotonic() + 20
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited in vain for {what}")
        time.sleep(0.05)
    return found


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_what_dies_is_started_again_and_stop_leaves_nothing(tmp_path):
    supervisor = Supervisor()
    supervisor.start(sleeper(tmp_path, "a"))
    supervisor.start(sleeper(tmp_path, "b"))
    (first,) = wait_for(lambda: pids(tmp_path / "a.pids"), "the first start")
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: supervisor.tend() or len(pids(tmp_path / "a.pids")) == 2, "the death to be seen")
    wait_for(lambda: (supervisor.tend(), len(pids(tmp_path / "a.pids")) == 2)[1], "the second start")
    everyone = pids(tmp_path / "a.pids") + wait_for(lambda: pids(tmp_path / "b.pids"), "b")
    assert supervisor.pid("a") == everyone[1]
    supervisor.stop()
    assert [pid for pid in everyone if alive(pid)] == []


def test_a_program_that_ignores_the_request_to_end_is_killed(tmp_path):
    code = "import signal, time, sys, pathlib, os; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER
    program = Program("deaf", [sys.executable, "-c", code, str(tmp_path / "deaf.pids")], {}, tmp_path / "deaf.log", 0.5)
    supervisor = Supervisor()
    supervisor.start(program)
    (pid,) = wait_for(lambda: pids(tmp_path / "deaf.pids"), "the start")
    supervisor.stop()
    assert not alive(pid)


@needs_linux
def test_a_killed_supervisor_takes_its_processes_along(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from infra.local.supervisor import Supervisor;"
        "from tests.infra.test_supervisor import sleeper;"
        "s = Supervisor(); s.start(sleeper(Path(sys.argv[1]), 'orphan')); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    (child,) = wait_for(lambda: pids(tmp_path / "orphan.pids"), "the child")
    parent.kill()
    parent.wait()
    wait_for(lambda: not alive(child), "the child to die")


def test_a_program_knows_only_the_environment_it_was_given(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNEPROOF_SIGNING_PASSPHRASE", "hush")
    supervisor = Supervisor()
    command = [sys.executable, "-c", "import os; print(sorted(os.environ))"]
    supervisor.start(Program("env", command, {"ONLY": "this"}, tmp_path / "env.log"))
    text = wait_for((tmp_path / "env.log").read_text, "its output")
    supervisor.stop()
    assert "ONLY" in text
    assert "PASSPHRASE" not in text
    assert "this" not in repr(Program("env", command, {"ONLY": "this"}, tmp_path / "env.log"))
