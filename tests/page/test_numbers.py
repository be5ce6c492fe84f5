"""The page's arithmetic, run in node, against Python's: the same digits, verdicts and sentences from the same evidence."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.page import make_vectors

ROOT = Path(__file__).parents[2]
OLDEST_NODE = 18


@pytest.fixture(scope="module")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("node, which runs the page's modules, is not installed")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"node {OLDEST_NODE} or newer runs the page's modules; this is {version.strip()}")
    return found


def test_the_vectors_are_what_python_gives_today() -> None:
    """A rule or a figure that changes in Python changes here, and `python -m tests.page.make_vectors` writes it down."""
    made, kept = make_vectors.vectors().splitlines(), make_vectors.FILE.read_text(encoding="utf-8").splitlines()
    changed = [i for i, (now, before) in enumerate(zip(made, kept, strict=False), start=1) if now != before]
    assert (len(made), changed[:5]) == (len(kept), []), "lines of vectors/numbers.json that are other ones today"


def test_the_vectors_stay_small() -> None:
    assert make_vectors.FILE.stat().st_size < 2_000_000


@pytest.mark.parametrize("name", ["functions", "rows", "recompute"])
def test_the_page_reckons_as_python_does(node: str, name: str) -> None:
    file = Path(__file__).parent / f"numbers_{name}.test.mjs"
    run = subprocess.run(
        [node, "--test", str(file)], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, f"{run.stdout[-6000:]}\n{run.stderr[-2000:]}"
    assert "\n# fail 0" in run.stdout
    assert "\n# pass 0" not in run.stdout
