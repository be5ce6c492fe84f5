"""The verifier's memory: an older trust root or status list than one seen before is noticed, and nothing is lost on disk."""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import canonical, documents, last_seen
from attestations.errors import AttestationError, FileAccessError, MalformedError
from attestations.findings import ExitCode, Status
from attestations.last_seen import LastSeen, SeenList, SeenRoot
from attestations.status import StatusList
from attestations.trust import KeyRole, TrustRoot
from tests.attestations.status_lists import ISSUED, KEYS, LISTED

ISSUER = "https://tuning.example"


def rooted(version: int, issuer: str = ISSUER) -> TrustRoot:
    """A trust root as far as the memory looks at it."""
    return TrustRoot(version=version, issuer=issuer, threshold=0, keys=(replace(KEYS[0], role=KeyRole.ISSUER),))


def of(hours: int, uri: str = LISTED.uri) -> StatusList:
    issued = ISSUED + timedelta(hours=hours)
    return replace(LISTED, uri=uri, issued_at=issued, expires_at=issued + timedelta(hours=24))


def statuses(seen: LastSeen, root: TrustRoot, listed: StatusList | None) -> dict[str, Status]:
    return {check.code: check.status for check in last_seen.compare(seen, root, listed)}


def test_on_first_contact_there_is_nothing_to_compare_with() -> None:
    assert statuses(LastSeen(), rooted(3), of(0)) == {"state.trust": Status.PASS, "state.status": Status.PASS}
    assert statuses(LastSeen(), rooted(3), None) == {"state.trust": Status.PASS}


def test_an_older_trust_root_than_one_seen_before_is_stale() -> None:
    seen = last_seen.advance(LastSeen(), rooted(3), None)
    older = last_seen.compare(seen, rooted(2), None)[0]
    assert (older.status, older.exit_code) == (Status.STALE, ExitCode.UNDETERMINED)
    assert "version 3" in older.sentence
    for version in (3, 4):
        assert statuses(seen, rooted(version), None) == {"state.trust": Status.PASS}
    assert statuses(seen, rooted(1, "https://other.example"), None) == {"state.trust": Status.PASS}


def test_an_older_status_list_than_one_seen_before_is_stale() -> None:
    seen = last_seen.advance(LastSeen(), rooted(1), of(2))
    older = last_seen.compare(seen, rooted(1), of(1))[1]
    assert (older.status, older.exit_code) == (Status.STALE, ExitCode.UNDETERMINED)
    assert "2026-03-01T14:00:00Z" in older.sentence
    for listed in (of(2), of(3), of(0, "https://tuning.example/status/2")):
        assert statuses(seen, rooted(1), listed)["state.status"] is Status.PASS


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9), st.sampled_from("xyz"), st.integers(0, 50))))
def test_nothing_that_is_remembered_gets_older(steps) -> None:
    seen = LastSeen()
    versions, newest = {}, {}
    for issuer, version, uri, hours in steps:
        seen = last_seen.advance(seen, rooted(version, issuer), of(hours, uri))
        versions[issuer] = max(version, versions.get(issuer, 0))
        newest[uri] = max(hours, newest.get(uri, 0))
    assert {one.issuer: one.version for one in seen.roots} == versions
    assert {one.uri: one.issued_at for one in seen.lists} == {
        uri: documents.moment(of(hours).issued_at) for uri, hours in newest.items()
    }
    assert last_seen.parse(last_seen.encode(seen)) == seen


def test_the_lists_that_were_issued_longest_ago_are_forgotten_first() -> None:
    lists = tuple(SeenList(f"u{number:05}", "2026-03-02T00:00:00Z") for number in range(documents.MAX_ITEMS - 1))
    full = LastSeen(lists=(SeenList("a", "2026-01-01T00:00:00Z"), *lists))
    seen = last_seen.advance(full, rooted(1), of(0, "z"))
    assert len(seen.lists) == documents.MAX_ITEMS
    assert seen.newest_of("a") is None
    assert seen.newest_of("z") == "2026-03-01T12:00:00Z"
    assert len(last_seen.encode(seen)) < last_seen.MAX_BYTES


def test_the_file_remembers(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert last_seen.load(path) == LastSeen()
    last_seen.remember(path, rooted(2), of(5))
    last_seen.remember(path, rooted(1, "https://another.example"), None)
    last_seen.remember(path, rooted(1), of(4))
    seen = last_seen.load(path)
    assert (seen.version_of(ISSUER), seen.version_of("https://another.example")) == (2, 1)
    assert seen.newest_of(LISTED.uri) == "2026-03-01T17:00:00Z"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    last_seen.remember(path, rooted(2), None)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileAccessError, match="No space left"):
        last_seen.remember(path, rooted(3), None)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("name", ["missing/state.json", ".", "state\0.json"])
def test_a_path_that_is_no_file_is_one_of_our_errors(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileAccessError):
        last_seen.remember(tmp_path / name, rooted(1), None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        canonical.encode({"mediaType": "application/json", "roots": [], "lists": []}),
        canonical.encode({"mediaType": last_seen.MEDIA_TYPE, "roots": [], "lists": [], "more": 1}),
        canonical.encode(
            {"mediaType": last_seen.MEDIA_TYPE, "roots": [{"issuer": "a", "version": n} for n in (1, 2)], "lists": []}
        ),
        canonical.encode(
            {
                "mediaType": last_seen.MEDIA_TYPE,
                "roots": [],
                "lists": [{"uri": "a", "issuedAt": "2026-02-30T00:00:00Z"}],
            }
        ),
        last_seen.encode(LastSeen(roots=(SeenRoot("a", 1),))) + b"\n",
        b'{"lists":[],"mediaType":"' + b"x" * last_seen.MAX_BYTES,
    ],
)
def test_a_file_that_is_no_memory_is_malformed_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    with pytest.raises(MalformedError):
        last_seen.load(path)
    with pytest.raises(MalformedError):
        last_seen.remember(path, rooted(1), None)
    assert path.read_bytes() == content


@given(st.binary(max_size=100))
def test_any_bytes_at_all_are_one_of_our_errors(content: bytes) -> None:
    with pytest.raises(AttestationError):
        last_seen.parse(content)
