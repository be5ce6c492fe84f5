"""A timestamp authority that nobody would believe is found when the control process starts, not when evidence is due."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.control.test_status_process import environment, make_keys


@pytest.mark.parametrize(
    ("setting", "remedy"),
    [
        ({"TUNEPROOF_TIMESTAMP_URL": "https://stamps.test"}, "add-timestamp-authority"),
        ({"TUNEPROOF_TIMESTAMP_URL": "https://stamps.test", "TUNEPROOF_TRUST_DIR": "/nowhere.trust"}, "upgrade-trust"),
        ({"TUNEPROOF_TIMESTAMP_URL": "stamps.test"}, "http or https address"),
    ],
)
def test_it_does_not_start_and_says_what_to_do(tmp_path: Path, setting: dict[str, str], remedy: str) -> None:
    env = environment(tmp_path, "sqlite+aiosqlite:///nothing.db", "redis://127.0.0.1:1")
    make_keys(env)
    done = subprocess.run(
        [sys.executable, "-m", "api.control"],
        env=env | setting,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stdout
    assert remedy in done.stdout
