"""Evidence that was signed once must verify for ever, on every machine and in every later version.

`samples/<version>/` holds bundles as that version wrote them; their keys were thrown away, so they cannot be made again.
A change that breaks one of them breaks evidence in somebody's archive: give the format or the rule a new version instead.
"""

import importlib.util
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attestations import bundle, statement, trust, trust_update
from attestations.documents import parse_moment
from attestations.errors import MalformedError
from attestations.findings import ExitCode, Status
from attestations.report import report_json, report_text
from attestations.verify import verify
from tests.attestations.make_samples import main, main_03

SAMPLES = Path(__file__).parent / "samples"
FAILING = {"released": [], "blocked": ["outcome"], "failed": ["outcome"]}
FAILING_02 = {**FAILING, "held-approved": [], "held-rejected": ["outcome"], "sweep": []}
RULES = {
    "v0.1": "tuneproof-verdicts-0.1",
    "v0.2": "tuneproof-verdicts-0.2",
    "v0.3": "tuneproof-verdicts-0.2",
}
_LINE = re.compile(r"\| ([\w-]+) \| ([\w-]+) \| (\S+Z)( \*)? \| ([0-4]) \| (.*?) ?\|")


@dataclass(frozen=True)
class Line:
    """A line of a README's table: what a sample must give, for ever."""

    file: str
    trust: str
    at: datetime
    with_timestamps: bool
    exit_code: int
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}-{self.trust}-{self.at:%Y-%m-%d}"


def lines_of(directory: Path) -> list[Line]:
    found = map(_LINE.fullmatch, (directory / "README.md").read_text(encoding="utf-8").splitlines())
    return [
        Line(m[1], m[2], parse_moment(m[3]), bool(m[4]), int(m[5]), tuple(filter(None, m[6].split(", "))))
        for m in found
        if m
    ]


@pytest.mark.parametrize(
    "path", sorted(SAMPLES.glob("v0.[12]/*.resilience.json")), ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_a_signed_sample_verifies_for_ever(path: Path) -> None:
    report = verify(path.read_bytes(), (path.parent / "trust.json").read_bytes(), now=datetime(2026, 3, 2, tzinfo=UTC))
    expected = FAILING_02[path.name.partition(".")[0]]
    assert [check.code for check in report.checks if check.status is Status.FAIL] == expected
    assert report.exit_code is (ExitCode.POLICY if expected else ExitCode.ACCEPT)
    assert "verdicts" in [check.code for check in report.checks if check.status is Status.PASS]


def refuse_other_results(directory: Path, line: Line) -> None:
    trusted = (directory / f"{line.trust}.json").read_bytes()
    report = verify((directory / f"{line.file}.resilience.json").read_bytes(), trusted, now=line.at)
    wrong = [check.code for check in report.checks if check.status in (Status.FAIL, Status.STALE)]
    assert (report.exit_code, tuple(wrong)) == (line.exit_code, line.wrong)
    assert report_text(report)
    assert report_json(report)["accepted"] is (line.exit_code == 0)


@pytest.mark.parametrize("line", lines_of(SAMPLES / "v0.3"), ids=str)
def test_a_sample_gives_what_its_readme_says_for_ever(line: Line) -> None:
    if line.with_timestamps:
        pytest.importorskip("rfc3161_client", reason="the extra that checks timestamps is not installed")
    refuse_other_results(SAMPLES / "v0.3", line)


def test_every_sample_has_a_line() -> None:
    named = {f"{line.file}.resilience.json" for line in lines_of(SAMPLES / "v0.3")}
    assert named == {path.name for path in (SAMPLES / "v0.3").glob("*.resilience.json")}


def test_the_trust_roots_of_the_samples_follow_one_another() -> None:
    current = trust.parse((SAMPLES / "v0.3" / "trust.json").read_bytes())
    later = [(SAMPLES / "v0.3" / f"trust-{version}.json").read_bytes() for version in (2, 3)]
    newest = trust_update.follow(current, later, now=datetime(2026, 12, 5, tzinfo=UTC))
    assert newest.version == 3


@pytest.mark.parametrize("version", sorted(RULES))
def test_samples_are_judged_by_the_rule_that_they_were_signed_under(version: str) -> None:
    """The wording and the figures of old evidence do not change with the rule of new evidence."""
    for path in SAMPLES.glob(f"{version}/*.resilience.json"):
        payload = bundle.parse(path.read_bytes()).envelope.unverified_payload
        stated = statement.parse(payload)
        assert stated.predicate.regressions.rule == RULES[version]
        if stated.hidden:
            with pytest.raises(MalformedError, match="cannot be encoded"):
                stated.encode()
        else:
            assert stated.encode() == payload


@pytest.mark.parametrize(("version", "outcomes"), [("v0.1", FAILING), ("v0.2", FAILING_02)])
def test_there_are_samples_of_every_outcome(version: str, outcomes: dict) -> None:
    names = [path.name.partition(".")[0] for path in SAMPLES.glob(f"{version}/*.resilience.json")]
    assert sorted(names) == sorted(outcomes)


def test_samples_can_be_made_for_a_new_version(tmp_path: Path) -> None:
    main(tmp_path / "made")
    trusted = (tmp_path / "made" / "trust.json").read_bytes()
    for name, expected in FAILING_02.items():
        made = (tmp_path / "made" / f"{name}.resilience.json").read_bytes()
        report = verify(made, trusted, now=datetime(2026, 3, 2, tzinfo=UTC))
        assert [check.code for check in report.checks if check.status is Status.FAIL] == expected


def test_samples_of_schema_03_can_be_made_and_give_the_same(tmp_path: Path) -> None:
    if not shutil.which("openssl") or importlib.util.find_spec("tests.openssl_tsa") is None:
        pytest.skip("needs openssl as a timestamp authority")
    pytest.importorskip("rfc3161_client", reason="the extra that checks timestamps is not installed")
    main_03(tmp_path / "made")
    shutil.copy(SAMPLES / "v0.3" / "README.md", tmp_path / "made")
    for line in lines_of(tmp_path / "made"):
        if not line.with_timestamps:  # those depend on the day on which they were made
            refuse_other_results(tmp_path / "made", line)
