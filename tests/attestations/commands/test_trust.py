"""`tuneproof trust`: the file that a buyer keeps, followed to its newest version or left as it is."""

from dataclasses import replace
from pathlib import Path

import pytest

from attestations import trust
from attestations.cli import main
from attestations.keys import LocalSigner
from attestations.trust import TimestampAuthority, TrustRoot
from tests.attestations.evidence import make_trust
from tests.attestations.test_trust import certificate
from tests.attestations.trust_roots import END, EVALUATOR, ISSUERS, ROOTS, START, file_of, make_root, with_key

AT = ["--now", "2026-06-01T00:00:00Z"]


def version(number: int, **changes: object) -> TrustRoot:
    return replace(make_root(), version=number, created_at=f"2026-03-{number:02}T00:00:00Z", **changes)


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """What the buyer has: version 1; and a folder of all versions, the third of which knows of a theft."""
    published = tmp_path / "published"
    published.mkdir()
    stolen = with_key(make_root(), ISSUERS[0].key_id, compromised_at="2026-03-01T00:00:00Z")
    roots = {1: make_root(), 2: version(2), 3: version(3, keys=stolen)}
    for number, root in roots.items():
        (published / f"{number}.root.json").write_bytes(file_of(root))
    held = tmp_path / "trust.json"
    held.write_bytes(file_of(roots[1]))
    return held


def run(*arguments: object) -> int:
    return main(["trust", *map(str, arguments)])


def test_a_folder_of_versions_is_followed_to_its_end(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    published = held.parent / "published"
    assert run("update", held, published, *AT) == 0
    assert held.read_bytes() == (published / "3.root.json").read_bytes()
    shown = capsys.readouterr().out
    assert "from version 1 to version 3" in shown
    assert "COMPROMISED on 2026-03-01" in shown
    assert run("update", held, published, *AT) == 0
    assert "from version 3 to version 3: nothing newer was given" in capsys.readouterr().out


def test_files_are_followed_in_the_order_given(held: Path) -> None:
    two, three = (held.parent / "published" / f"{number}.root.json" for number in (2, 3))
    before = held.read_bytes()
    assert run("update", held, three, two, *AT) == 1
    assert held.read_bytes() == before
    assert run("update", held, two, three, *AT) == 0
    assert trust.parse(held.read_bytes()).version == 3
    assert run("update", held, two, *AT) == 1, "no way back"
    assert trust.parse(held.read_bytes()).version == 3


def test_a_forged_successor_changes_nothing(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forged = held.parent / "forged.json"
    forged.write_bytes(file_of(version(2), [ROOTS[0], LocalSigner.generate()]))
    before = held.read_bytes()
    assert run("update", held, forged, *AT) == 1
    assert held.read_bytes() == before
    assert "signature.threshold" in capsys.readouterr().err


def test_an_expired_version_is_kept_and_reported_stale(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it says of stolen keys holds all the same, and going back to before it must stay impossible."""
    expired = held.parent / "expired.json"
    expired.write_bytes(file_of(version(2, expires_at="2026-04-01T00:00:00Z")))
    assert run("update", held, expired, *AT) == 4
    assert trust.parse(held.read_bytes()).version == 2
    assert run("show", held, *AT) == 4
    assert "STALE" in capsys.readouterr().out


def test_what_a_trust_root_says_is_shown(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = TimestampAuthority("a clock", certificate(), START, END)
    held.write_bytes(file_of(make_root(timestamp_authorities=(authority,))))
    assert run("show", held, *AT) == 0
    shown = capsys.readouterr().out
    assert "2 of its root keys must sign" in shown
    for words in ("a clock", "the evaluators", EVALUATOR.key_id[:16], ISSUERS[0].key_id[:16], "PASS: version 1"):
        assert words in shown


def test_the_first_format_is_shown_and_not_followed(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = make_trust(ISSUERS[0])
    held.write_bytes(old)
    assert run("show", held, *AT) == 0
    assert "of format 1" in capsys.readouterr().out
    assert run("update", held, held.parent / "published", *AT) == 1
    assert held.read_bytes() == old


def test_names_cannot_move_the_cursor(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = with_key(make_root(), EVALUATOR.key_id, owner="good\x9b2K\u202egood")
    held.write_bytes(file_of(make_root(keys=keys)))
    assert run("show", held, *AT) == 0
    shown = capsys.readouterr().out
    assert "\x9b" not in shown
    assert "\u202e" not in shown


def test_a_file_that_is_not_there_is_named(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", held.parent / "none.json") == 2
    assert run("update", held, held.parent / "none.json") == 2
    assert "none.json" in capsys.readouterr().err
