"""What control would have left behind, and somebody who may say what became of it."""

from collections.abc import Iterator

import pytest
from openai import OpenAI

from tests.api.evidence.issuing import Issuing
from tests.api.serving import Served


@pytest.fixture
def issuing(served: Served) -> Issuing:
    return Issuing(served)


@pytest.fixture
def ada(served: Served, issuing: Issuing) -> Iterator[OpenAI]:
    """A client whose key has the right to speak for the issuer."""
    with served.client(issuing.key_with_right()) as opened:
        yield opened
