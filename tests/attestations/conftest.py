from pathlib import Path

import pytest

from tests.attestations.evidence import KEPT, LOST, Evidence, make_evidence


@pytest.fixture
def lost(tmp_path: Path) -> Evidence:
    """Valid evidence of a model that lost its refusals and was blocked."""
    return make_evidence(tmp_path / "lost", LOST)


@pytest.fixture
def kept(tmp_path: Path) -> Evidence:
    """Valid evidence of a model that was released."""
    return make_evidence(tmp_path / "kept", KEPT)
