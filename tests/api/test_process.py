"""``python -m api`` as a process: it starts from the environment, says what is wrong with it, and leaves when told to."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from api.app import ABANDONED_SECONDS, remove_abandoned
from migrations.run import upgrade
from tests.api.serving import write_catalog

ROOT = Path(__file__).parents[2]


def environment(tmp_path: Path, port: int) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TUNEPROOF_DATABASE_URL": f"sqlite+aiosqlite:///{tmp_path}/api.db",
        "TUNEPROOF_STORAGE_URL": f"file://{tmp_path}/objects",
        "TUNEPROOF_INTERNAL_URL": f"http://127.0.0.1:{port}",
        "TUNEPROOF_STORAGE_SECRET": "s" * 32,
        "TUNEPROOF_CATALOG": str(write_catalog(tmp_path)),
        "TUNEPROOF_SCRATCH_DIR": str(tmp_path / "scratch"),
        "TUNEPROOF_PORT": str(port),
    }


def test_it_serves_logs_json_and_stops_with_an_upload_open(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chosen = environment(tmp_path, port)
    upgrade(chosen["TUNEPROOF_DATABASE_URL"])
    process = subprocess.Popen([sys.executable, "-m", "api"], env=chosen, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
            break
        except httpx.TransportError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with socket.create_connection(("127.0.0.1", port)) as held:
        held.sendall(b"POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)  # the held upload would keep it for ever
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert any(line["event"] == "request" and line["route"] == "/readyz" for line in lines)


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    for missing in ("TUNEPROOF_DATABASE_URL", "TUNEPROOF_CATALOG"):
        chosen = environment(tmp_path, 8000)
        del chosen[missing]
        ended = subprocess.run(
            [sys.executable, "-m", "api"], env=chosen, capture_output=True, text=True, check=False, timeout=60
        )
        assert ended.returncode == 2
        assert missing in ended.stderr
        assert "Traceback" not in ended.stderr


def test_what_killed_uploads_left_is_removed_in_time(tmp_path: Path) -> None:
    old, fresh, other = tmp_path / "upload-old", tmp_path / "upload-fresh", tmp_path / "something-else"
    for path in (old, fresh, other):
        path.write_text("x")
    for path in (old, other):
        os.utime(path, (1000, 1000))
    os.utime(fresh, (2000, 2000))
    remove_abandoned(tmp_path, now=1001 + ABANDONED_SECONDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["something-else", "upload-fresh"]
