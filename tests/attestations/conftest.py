from pathlib import Path

import pytest
from hypothesis import settings

from tests.attestations.evidence import KEPT, LOST, Evidence, make_evidence

# Statistics in decimal take milliseconds, and these tests share their machine with others.
settings.register_profile("attestations", deadline=None)
settings.load_profile("attestations")


@pytest.fixture
def lost(tmp_path: Path) -> Evidence:
    """Valid evidence of a model that lost its refusals and was blocked."""
    return make_evidence(tmp_path / "lost", LOST)


@pytest.fixture
def kept(tmp_path: Path) -> Evidence:
    """Valid evidence of a model that was released."""
    return make_evidence(tmp_path / "kept", KEPT)
