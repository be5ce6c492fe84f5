from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest

from attestations import documents
from attestations.documents import Digest, Figure, Moment, Name
from attestations.errors import MalformedError


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    a_name: Name
    colour: Colour
    inner: tuple[Inner, ...]
    words: Mapping[str, str]
    yes: bool
    figure: Figure | None = None
    digest: Digest | None = None
    at: Moment | None = None
    prose: str | None = None

    def __post_init__(self) -> None:
        if self.a_name == "forbidden":
            raise MalformedError("test.forbidden", "this name is forbidden")


GOOD = {"aName": "n", "colour": "red", "inner": [{"count": 3}], "words": {"k": "v"}, "yes": True}


def test_a_document_goes_out_in_camel_case_and_comes_back() -> None:
    outer = Outer(a_name="n", colour=Colour.RED, inner=(Inner(3),), words={"k": "v"}, yes=True)
    assert documents.encode(outer) == GOOD
    assert documents.decode(Outer, GOOD, "it") == outer


@pytest.mark.parametrize(
    ("key", "bad", "words"),
    [
        ("aName", "", "it.aName: must be a name"),
        ("aName", "x" * 201, "it.aName: must be a name"),
        ("aName", "two\nlines", "it.aName: must be a name"),
        ("aName", 7, "it.aName: must be a string"),
        ("aName", None, "it.aName: must be a string"),
        ("aName", "forbidden", "it: this name is forbidden"),
        ("colour", "blue", "it.colour: must be one of: red"),
        ("inner", {}, "it.inner: must be an array"),
        ("inner", [{"count": True}], "it.inner[0].count: must be a whole number"),
        ("inner", [{"count": -1}], "it.inner[0].count: must be a whole number"),
        ("inner", [{"count": 1}] * 4097, "at most 4096"),
        ("inner", [{"count": 1, "more": 1}], "it.inner[0]: the field 'more' is not known"),
        ("inner", [{}], "it.inner[0]: the field 'count' is missing"),
        ("words", {"k": 1}, "it.words.k: must be a string"),
        ("words", {"\x00": "v"}, "it.words (a key): must be text"),
        ("yes", 1, "it.yes: must be true or false"),
        ("figure", "1e5", "it.figure: must be a decimal"),
        ("figure", "01", "it.figure: must be a decimal"),
        ("figure", ".5", "it.figure: must be a decimal"),
        ("figure", "1" * 13, "it.figure: must be a decimal"),
        ("figure", "٣", "it.figure: must be a decimal"),
        ("digest", "A" * 64, "it.digest: must be a SHA-256"),
        ("at", "2026-01-01T00:00:00+00:00", "it.at: must be a time in UTC"),
        ("prose", "bell \x07", "it.prose: must be text"),
        ("prose", "x" * 4001, "it.prose: must be text"),
        ("figure", None, "it.figure: must be a string"),
        ("surprise", 1, "it: the field 'surprise' is not known"),
    ],
)
def test_what_does_not_fit_is_named_with_its_path(key: str, bad: object, words: str) -> None:
    with pytest.raises(MalformedError) as caught:
        documents.decode(Outer, {**GOOD, key: bad}, "it")
    assert words in str(caught.value)


def test_moments_are_in_utc_to_the_second() -> None:
    at = datetime(2026, 1, 1, 2, 0, 0, 999, tzinfo=timezone(timedelta(hours=2)))
    assert documents.moment(at) == "2026-01-01T00:00:00Z"
    assert documents.parse_moment("2026-01-01T00:00:00Z") == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="zone"):
        documents.moment(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test
    with pytest.raises(MalformedError):
        documents.parse_moment("2026-02-31T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Later:
    count: int
    colour: Colour | None = field(default=None, metadata=documents.SINCE_0_2)


@dataclass(frozen=True, slots=True)
class Holder:
    items: tuple[Later, ...]
    more: Later | None = field(default=None, metadata=documents.SINCE_0_2)


@pytest.mark.parametrize(
    ("document", "schema", "named"),
    [
        (Holder((Later(1),)), "0.1.0", None),
        (Holder((Later(1, Colour.RED),), Later(2)), "0.2.0", None),
        (Holder((Later(1, Colour.RED),), Later(2)), "0.10.0", None),
        (Holder((Later(1),), Later(2)), "0.1.0", "more"),
        (Holder((Later(1), Later(2, Colour.RED))), "0.1.0", "colour"),
        ((Later(1), Later(2, Colour.RED)), "0.1.9", "colour"),
    ],
)
def test_a_field_is_not_known_before_its_schema(document: object, schema: str, named: str | None) -> None:
    if named is None:
        documents.refuse_newer(document, schema)
        return
    with pytest.raises(MalformedError, match=f"the field '{named}' is not known in schema {schema}"):
        documents.refuse_newer(document, schema)


HIDDEN = documents.Hidden()


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("figure", HIDDEN, ("figure", None)),
        ("digest", HIDDEN, ("digest", None)),
        ("at", HIDDEN, ("at", None)),
        ("prose", HIDDEN, ("prose", None)),
        ("aName", HIDDEN, ("a_name", "(hidden)")),
        ("words", {"k": HIDDEN, "l": "v"}, ("words", {"k": "(hidden)", "l": "v"})),
        ("inner", [HIDDEN, {"count": 4}], ("inner", (Inner(4),))),
        ("inner", [HIDDEN], ("inner", ())),
    ],
)
def test_a_hidden_value_is_absent_or_worded_or_left_out(key: str, value: object, expected: tuple) -> None:
    read = documents.decode(Outer, {**GOOD, key: value}, "it")
    assert getattr(read, expected[0]) == expected[1]


@pytest.mark.parametrize("key", ["colour", "inner", "words", "yes"])
def test_what_must_be_there_to_be_read_cannot_be_hidden(key: str) -> None:
    with pytest.raises(MalformedError, match=rf"it\.{key}: cannot be hidden"):
        documents.decode(Outer, {**GOOD, key: HIDDEN}, "it")
    with pytest.raises(MalformedError, match=r"it\.inner\[1\]\.count: cannot be hidden"):
        documents.decode(Outer, {**GOOD, "inner": [{"count": 1}, {"count": HIDDEN}]}, "it")
    with pytest.raises(MalformedError, match="it: must be an object"):
        documents.decode(Outer, HIDDEN, "it")


def test_a_type_tells_its_places() -> None:
    assert [place.may_be_hidden for place in documents.places(Outer, "colour")] == [False]
    assert [place.may_be_hidden for place in documents.places(Outer, "aName")] == [True]
    assert documents.places(Outer, "nothing") == ()
    assert documents.places(Outer, None, item=True) == ()
    (items,) = documents.places(Outer, "inner")
    assert documents.places(items.hint, None, item=True) == (documents.Place(Inner, may_be_hidden=True),)
    assert documents.places(items.hint, None) == ()
    assert len(documents.places(Outer, None)) == 9


def test_a_type_tells_what_its_text_must_look_like() -> None:
    rule = documents.text_rule(Digest)
    assert rule is not None
    assert rule.longest == 64
    assert documents.text_rule(str) is not None
    assert documents.text_rule(int) is None
