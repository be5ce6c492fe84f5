"""A file in the place of another is called what it is, whoever parses it, and is refused under the same code as before."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import bundle, last_seen, procurement, status, trust
from attestations.errors import AttestationError, MalformedError
from attestations.kinds import Kind, expected, kind_of
from attestations.last_seen import LastSeen

SAMPLES = Path(__file__).parent / "samples"
BUNDLE = (SAMPLES / "v0.3" / "released.resilience.json").read_bytes()
ROOT = (SAMPLES / "v0.3" / "trust.json").read_bytes()
FIRST_ROOT = (SAMPLES / "v0.1" / "trust.json").read_bytes()
POLICY = b'{"schema": "0.2.0", "id": "a", "version": "1", "author": "b", "rules": {"maxAgeDays": 9}}'
TOKEN = b"eyJhbGciOiJFUzI1NiIsInR5cCI6InN0YXR1c2xpc3Qrand0In0.e30.e30\n"
STATE = last_seen.encode(LastSeen())
KINDS = [(BUNDLE, Kind.BUNDLE), (ROOT, Kind.TRUST), (FIRST_ROOT, Kind.TRUST), (POLICY, Kind.POLICY), (TOKEN, Kind.STATUS), (STATE, Kind.STATE)]  # fmt: skip
PARSERS: dict[Kind, Callable[[bytes], object]] = {
    Kind.BUNDLE: bundle.parse,
    Kind.TRUST: trust.parse,
    Kind.POLICY: procurement.parse,
    Kind.STATUS: lambda content: status.read(content.decode(), ()),
    Kind.STATE: last_seen.parse,
}


@pytest.mark.parametrize(("content", "kind"), KINDS)
def test_a_file_is_told_though_it_is_edited_cut_off_or_too_large(content: bytes, kind: Kind) -> None:
    assert kind_of(content) is kind
    if kind is not Kind.STATUS:
        assert kind_of(json.dumps(json.loads(content), indent=4).encode()) is kind
        assert kind_of(content[:-3]) is kind
        assert kind_of(content + b" " * 1000 + b"\xff") is kind


@pytest.mark.parametrize("wanted", list(PARSERS))
@pytest.mark.parametrize(("content", "kind"), KINDS)
def test_whoever_parses_it_says_what_it_is_and_where_it_belongs(content: bytes, kind: Kind, wanted: Kind) -> None:
    if kind is wanted:
        return
    with pytest.raises(AttestationError) as caught:
        PARSERS[wanted](content)
    assert str(caught.value).startswith(f"this is {kind}, not {wanted}; give it as ")
    cause = caught.value.__cause__
    assert isinstance(cause, AttestationError)
    assert (caught.value.code, caught.value.exit_code) == (cause.code, cause.exit_code)


@pytest.mark.parametrize("text", ['{"a":{"mediaType":"application/vnd.tuneproof.trust.v1+json"}}', "{}", "[]", "", '{"', "\xff", "a.b.c", '{"mediaType":"text/plain","schema":"1","rules":{}}', '["mediaType","application/vnd.tuneproof.trust.v1+json"]'])  # fmt: skip
def test_what_does_not_plainly_show_is_not_guessed(text: str) -> None:
    assert kind_of(text.encode()) is None
    with pytest.raises(MalformedError, match=r"^as before$"), expected(Kind.BUNDLE, text.encode()):
        raise MalformedError("a.code", "as before")


@given(st.binary(max_size=200) | st.text('{}[]":\\ab', max_size=60).map(str.encode))
def test_any_bytes_are_looked_at_without_an_error(content: bytes) -> None:
    assert kind_of(content) in (None, *Kind)


def test_a_huge_file_of_escapes_is_looked_at_once() -> None:
    assert kind_of(b'{"' + b'\\"' * 2_000_000) is None


def test_a_broken_state_file_is_named_with_the_way_on_and_a_mistaken_one_is_not_to_be_thrown_away(
    tmp_path: Path,
) -> None:
    path = tmp_path / "seen.json"
    path.write_bytes(STATE[:-1])
    with pytest.raises(MalformedError, match=r"seen\.json cannot be read \(.*\); take it away to begin anew"):
        last_seen.load(path)
    path.write_bytes(ROOT)
    with pytest.raises(MalformedError, match=r"^this is a trust root, not a state file; give it as the trust root"):
        last_seen.load(path)
