"""The tiny model for every test that runs one: a session's fixture, imported by the conftest files that need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.models import tiny

LIBRARY_NOISE = [
    # peft and trl still use the names that transformers renamed.
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning",
    "ignore:`gradient_checkpointing` is deprecated:FutureWarning",
]
"""Warnings of the libraries about themselves, for ``pytest.mark.filterwarnings`` of tests that train."""


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with ``catalog.json`` and the tiny base. Read-only: it serves all tests of a session."""
    directory = tmp_path_factory.mktemp("models")
    tiny.prepare(directory)
    return directory
