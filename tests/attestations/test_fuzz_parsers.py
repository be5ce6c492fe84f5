"""Every reader of untrusted bytes takes twenty thousand damaged and invented documents: a result or one of our errors.

The long run is `python -m tests.fuzz`, with a million; a fault is named by its reader, seed and number.
"""

import importlib.util
from pathlib import Path

import pytest

from attestations import canonical
from attestations.errors import MalformedError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tests.fuzz") is None, reason="needs tests/fuzz, which is not here"
)
INPUTS = 20_000


def test_no_reader_ends_in_an_exception_that_is_not_ours(tmp_path: Path) -> None:
    from tests.fuzz.readers import readers
    from tests.fuzz.run import fuzz

    chosen = readers(tmp_path)
    tally = fuzz(chosen, INPUTS, seed=20260302)
    assert tally.faults == []
    assert tally.inputs == INPUTS
    silent = {one.name for one in chosen if not tally.accepted[one.name] or not tally.refused[one.name]}
    assert silent <= {"timestamp"}  # a check never refuses: it finds; every other reader accepts some and refuses some
    assert len(tally.codes) > 50


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    from tests.fuzz.readers import readers
    from tests.fuzz.run import fuzz

    quick = [one for one in readers(tmp_path) if one.name in ("canonical JSON", "path", "manifest")]
    first, again = (fuzz(quick, 300, seed=3) for _ in range(2))
    assert (first.accepted, first.codes) == (again.accepted, again.codes)


def test_a_fault_is_found_and_named(tmp_path: Path) -> None:
    """The fuzzer would notice: a reader with a fault of the kind that is looked for."""
    from tests.fuzz.readers import Reader
    from tests.fuzz.run import fuzz

    def careless(content: bytes) -> None:
        value = canonical.parse(content, what="it", max_bytes=1000)
        if not isinstance(value, dict) or "a" not in value:
            raise MalformedError("it.a", "has no a")
        len(value["a"])

    tally = fuzz([Reader("careless", careless, (b'{"a":[1,2],"b":{"c":"d"}}',))], 2000, seed=5)
    assert tally.faults
    assert all("careless, seed 5, number " in one and "TypeError" in one for one in tally.faults)
