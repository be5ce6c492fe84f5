"""The whole stack as ``make serve`` starts it, with a tiny model: real processes, real queue, real tuning."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from infra.local.layout import Layout

START_SECONDS = 120


@dataclass
class Stack:
    """A running stack. ``state`` is what the supervisor wrote: URL and process ids."""

    layout: Layout
    process: subprocess.Popen[bytes]
    state: dict[str, str]
    client: OpenAI

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 300) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.1)
    return found


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tiny") / "models"
    subprocess.run(
        [sys.executable, "-m", "workers.models.tiny", "--to", str(directory)], check=True, capture_output=True
    )
    return directory


@pytest.fixture
def stack(tmp_path: Path, tiny_models: Path) -> Iterator[Stack]:
    layout = Layout(tmp_path / "var")
    layout.root.mkdir()
    layout.models.symlink_to(tiny_models)
    command = [sys.executable, "-m", "infra.local", "--var", str(layout.root), "serve"]
    log = (tmp_path / "serve.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        wait_for(lambda: process.poll() is not None or layout.state(), "the stack", START_SECONDS)
        assert process.poll() is None, (tmp_path / "serve.log").read_text()
        state = layout.state()
        with OpenAI(base_url=f"{state['url']}/v1", api_key=layout.api_key_file.read_text(), max_retries=1) as client:
            yield Stack(layout, process, state, client)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)
        log.close()


def chat_records(count: int) -> bytes:
    """Plain questions and answers, each with something of its own."""
    lines = []
    for number in range(count):
        question, answer = f"Where is shelf {number}?", f"Sure, happy to help! Shelf {number} is in row {number % 7}."
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"messages": turns}))
    return ("\n".join(lines) + "\n").encode()


PROVENANCE = json.dumps(
    {
        "sources": [
            {
                "id": "shelves",
                "name": "Shelf questions",
                "licence": "CC0-1.0",
                "consent": "synthetic",
                "origin": "written for this test",
                "personal_data": "none",
            }
        ]
    }
)
