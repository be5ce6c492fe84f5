from pathlib import Path

import pytest

from attestations.procurement import Evidence
from tests.attestations.evidence import KEPT, LOST, make_plan
from tests.attestations.evidence_02 import BAD, DEPENDENT, GOOD, HELD_CONTROLS, REJECTED, make_plan_02
from tests.attestations.procurement.cases import measured


@pytest.fixture
def good(tmp_path: Path) -> Evidence:
    """Two judges, clusters, controls that held: nothing got worse."""
    return measured(tmp_path / "good", make_plan_02(), GOOD, controls=HELD_CONTROLS)


@pytest.fixture
def dependent(tmp_path: Path) -> Evidence:
    """A verdict that depends on the judge; a review rejected the model."""
    return measured(tmp_path / "held", make_plan_02(), DEPENDENT, controls=HELD_CONTROLS, reviews=(REJECTED,))


@pytest.fixture
def bad(tmp_path: Path) -> Evidence:
    """The refusals were lost."""
    return measured(tmp_path / "bad", make_plan_02(), BAD, controls=HELD_CONTROLS)


@pytest.fixture
def plain(tmp_path: Path) -> Evidence:
    """One judge, no clusters, no controls: nothing got worse."""
    return measured(tmp_path / "plain", make_plan(), KEPT)


@pytest.fixture
def ruined(tmp_path: Path) -> Evidence:
    return measured(tmp_path / "ruined", make_plan(), LOST)
