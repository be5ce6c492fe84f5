"""Checkpoints that another attempt of the same run may go on from, and no other run.

A checkpoint carries a fingerprint of everything that decides the run. One that does not fit is left alone and the run
starts anew, which costs time but can not mix two runs. Used by the training run and its reporter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from workers.contract import TuneTask
from workers.tuning.masking import Example

_FINGERPRINT_FILE = "run.sha256"
_STATE_FILE = "trainer_state.json"


def fingerprint(task: TuneTask, manifest_digest: str, examples: Sequence[Example], conditions: object) -> str:
    """Over base, settings, mix, system prompt, the very tokens and labels, and the conditions they are trained under:
    the trainer's arguments, device and libraries, on which the order of the records depends, too."""
    asked = [manifest_digest, task.settings, task.mix, task.system_prompt, conditions]
    digest = hashlib.sha256(msgspec.json.encode(asked, order="sorted"))
    for example in examples:
        digest.update(msgspec.json.encode([example.input_ids, example.labels]))
    return digest.hexdigest()


def mark(checkpoint: Path, run: str) -> None:
    (checkpoint / _FINGERPRINT_FILE).write_text(run)


def fits(checkpoint: Path | None, run: str) -> bool:
    if checkpoint is None or not (checkpoint / _STATE_FILE).is_file():
        return False
    marker = checkpoint / _FINGERPRINT_FILE
    return marker.is_file() and marker.read_text() == run


def step_of(checkpoint: Path) -> int:
    state = msgspec.json.decode((checkpoint / _STATE_FILE).read_bytes())
    return int(state["global_step"])
