"""Evidence that was signed once must verify for ever, on every machine and in every later version.

`samples/<version>/` holds bundles as that version wrote them; their key was thrown away, so they cannot be made again.
A change that breaks one of them breaks evidence in somebody's archive: give the format or the rule a new version instead.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from attestations.findings import ExitCode, Status
from attestations.verify import verify

SAMPLES = Path(__file__).parent / "samples"
FAILING = {"released": [], "blocked": ["outcome"], "failed": ["outcome"]}


@pytest.mark.parametrize(
    "path", sorted(SAMPLES.glob("*/*.resilience.json")), ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_a_signed_sample_verifies_for_ever(path: Path) -> None:
    report = verify(path.read_bytes(), (path.parent / "trust.json").read_bytes(), now=datetime(2026, 3, 2, tzinfo=UTC))
    expected = FAILING[path.name.partition(".")[0]]
    assert [check.code for check in report.checks if check.status is Status.FAIL] == expected
    assert report.exit_code is (ExitCode.POLICY if expected else ExitCode.ACCEPT)
    assert "verdicts" in [check.code for check in report.checks if check.status is Status.PASS]


def test_there_are_samples_of_every_outcome() -> None:
    assert sorted(path.name.partition(".")[0] for path in SAMPLES.glob("v0.1/*.resilience.json")) == sorted(FAILING)
