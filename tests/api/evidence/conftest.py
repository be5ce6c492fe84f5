"""What control would have left behind."""

import pytest

from tests.api.evidence.issuing import Issuing
from tests.api.serving import Served


@pytest.fixture
def issuing(served: Served) -> Issuing:
    return Issuing(served)
