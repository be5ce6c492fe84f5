import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations.errors import MalformedError
from attestations.value_paths import covers, format_path, matches, parse_path, parse_pattern, touches

STEPS = st.lists(st.one_of(st.text(min_size=1, max_size=8), st.integers(0, 10**9 - 1)), min_size=1, max_size=6)


@given(STEPS)
def test_every_place_has_one_path(steps: list) -> None:
    assert parse_path(format_path(tuple(steps))) == tuple(steps)


@given(st.text(alphabet="ab.[]*~01", max_size=12))
def test_a_path_that_is_read_is_the_one_that_would_be_written(text: str) -> None:
    try:
        steps = parse_path(text)
    except MalformedError:
        return
    assert format_path(steps) == text


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", ()),
        ("data.sources[0].id", ("data", "sources", 0, "id")),
        ("[3][12]", (3, 12)),
        ("software.lm~1eval~0~2x]~3", ("software", "lm.eval~[x]*")),
    ],
)
def test_paths(text: str, steps: tuple) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize(
    "text",
    [".a", "a.", "a..b", "a[01]", "a[-1]", "a[]", "a[x]", "a[0", "a[0]b", "a~9", "a~", "a*", "*a", "a.*", "a[*]"],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_path(text)


@pytest.mark.parametrize("text", ["a" * 1001, "[1234567890]"])
def test_paths_are_bounded(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("pattern", "path", "named", "touched"),
    [
        ("data.sources[*].id", "data.sources[3].id", True, True),
        ("data.sources[*].id", "data.sources[3]", False, True),
        ("data.sources[*].id", "data", False, True),
        ("data.sources[*].id", "data.sources[3].licence", False, False),
        ("data.sources[0].id", "data.sources[1].id", False, False),
        ("data.sources", "data.sources[1].id", False, True),
        ("tuning.*.rank", "tuning.parameters.rank", True, True),
        ("tuning.parameters.*", "tuning.parameters", False, True),
        ("data.sources.*", "data.sources[0]", False, False),
        ("data[*]", "data.sources", False, False),
        ("", "data.sources", False, True),
    ],
)
def test_patterns(pattern: str, path: str, *, named: bool, touched: bool) -> None:
    assert matches(pattern, path) is named
    assert touches(pattern, path) is touched


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("tuning.technique", "tuning.*", False),
        ("tuning.*", "tuning.technique", True),
        ("tuning.*", "tuning.*", True),
        ("tuning", "tuning.*", True),
        ("tuning.technique", "tuning", True),
        ("reviews[*].at", "reviews[*]", True),
        ("reviews[0].at", "reviews[*]", False),
        ("data", "tuning", False),
    ],
)
def test_one_pattern_may_cover_another(one: str, other: str, *, expected: bool) -> None:
    assert covers(parse_pattern(one), parse_pattern(other)) is expected
