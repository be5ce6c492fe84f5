from pathlib import Path

import pytest

from tests.attestations.statements.complete import Complete, make_complete


@pytest.fixture
def complete(tmp_path: Path) -> Complete:
    """A released model with everything that can be signed about it."""
    return make_complete(tmp_path)
