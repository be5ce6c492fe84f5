"""Tenets: what they see, that only `true` accepts, and that none can cost more than its share."""

import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attestations import procurement
from attestations.errors import PolicyError
from attestations.findings import Status
from attestations.procurement import Evidence, refuse_unreadable, tenets
from tests.attestations.procurement.cases import ALL_HOLD, bounded, findings, policy_of


def tenet(code: str, name: str = "t") -> dict[str, str]:
    return {"id": name, "runtime": "cel@v0", "code": code, "error": "the buyer's own words"}


def test_without_the_extra_every_tenet_rejects(good: Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenets, "is_installed", lambda: False)
    [check] = findings(policy_of([tenet("true")]), good).values()
    assert (check.status, int(check.exit_code)) == (Status.FAIL, 3)
    assert "pip install 'tuneproof[policy]'" in check.sentence
    refuse_unreadable(policy_of([tenet("this is no CEL")]).document.tenets or ())


@pytest.fixture
def seen(good: Evidence) -> Evidence:
    pytest.importorskip("celpy", reason="the extra that evaluates CEL is not installed")
    return replace(good, predicate=bounded(good.predicate), checks=ALL_HOLD, hidden=("data.sources[0].id",))


def holds(evidence: Evidence, code: str) -> bool:
    [check] = findings(policy_of([tenet(code)]), evidence).values()
    assert check.code == "policy.tenet.t"
    assert check.status in (Status.PASS, Status.FAIL)
    return check.status is Status.PASS


def why_undecided(evidence: Evidence, code: str) -> str:
    [check] = findings(policy_of([tenet(code)]), evidence).values()
    assert check.status is Status.FAIL
    assert check.sentence.startswith("not decided: ")
    assert check.sentence.endswith("; it is about: the buyer's own words")
    return check.sentence


@pytest.mark.parametrize(
    "code",
    [
        "'en' in predicate.boundaries.languages && predicate.boundaries.turns == 1",
        "report.rows.filter(r, r.unit == 'proportion').all(r, r.change <= 0.05)",
        "report.rows.exists(r, r.suite == 'harmful-requests' && r.postLower >= 0.9 && r.items == 240)",
        "report.rows.all(r, !has(r.judgeDependent) || !r.judgeDependent)",
        "report.controls.all(c, c.state == 'held')",
        "report.checks['status'] == 'PASS' && !('log.inclusion' in report.checks)",
        "size(report.hidden) == 1 && report.hidden[0].startsWith('data.')",
        "timestamp(report.now) - timestamp(predicate.issuedAt) < duration('48h')",
        "double(predicate.tuning.parameters.learning_rate) <= 0.001",
        "predicate.tuning.compute.ratio < 0.001 && predicate.tuning.compute.baseFlop > 1e18",
        "plan.policy.id == 'careful' && plan.repeats >= 3",
        "plan.rows.all(r, r.kind != 'paired_binary' || r.margin <= 0.05)",
        "!has(report.provenAt)",
        "predicate.model.base.name.matches('^smollm2-[0-9]+m')",
        "report.level == 0 ? report.schema == '0.3.0' : false",
        "[1, 2].exists_one(x, x > 1) && size([1, 2].map(x, x * 2)) == 2",
        "report.rows.exists(r, r.nothing == 1 || true)",
        "1 == 1.0 && 1 < 1.5 && 2.0 >= 2 && report.level <= 0.5 && 1 in [1.0]",
        "[1, [2, {'a': 3}]] == [1.0, [2, {'a': 3.0}]] && [1, 'x'] != [2, 1] && {'a': 1} != {'b': 1}",
        "null == null && null != 1 && 'bc' < 'c' && false == false",
        "'abc'.contains('bc') && [1, 2].contains(2) && 'a' in {'a': 1}",
    ],
)
def test_what_a_tenet_can_say(seen: Evidence, code: str) -> None:
    assert holds(seen, code)
    assert not holds(seen, f"!({code})")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("report.level", "neither true nor false"),
        ("predicate.tuning.nothing == 1", "there is no 'nothing'"),
        ("nothing", "nothing called 'nothing'"),
        ("predicate.tuning.seed > 5", "different kinds"),
        ("predicate.tuning.seed == 17", "different kinds"),
        ("predicate.tuning.seed != 17", "different kinds"),
        ("[1, 'x'] == [1, 2]", "different kinds"),
        ("true == 1", "different kinds"),
        ("null < 1", "different kinds"),
        ("[1] < [2]", "different kinds"),
        ("1 in ['1']", "different kinds"),
        ("'a' in 'abc'", "lists and maps"),
        ("'a' + 1 == 'a1'", "values of these kinds"),
        ("report.rows[999].change < 1.0", "invalid_argument"),
        ("report.rows[-1].change < 1.0", "from 0 on"),
        ("report.rows['a'].change < 1.0", "from 0 on"),
        ("report.rows[0.0].change < 1.0", "from 0 on"),
        ("report.level / 0 == 1", "zero"),
        ("report.rows.all(r, r.nothing == 1)", "there is no 'nothing'"),
        ("report.rows.map(r, r.nothing == 1) == []", "there is no 'nothing'"),
        ("report.rows.filter(r, 1) == []", "true or false"),
        ("report.foo.bar", "there is no 'foo'"),
        ("report.rows.bar", "has no parts"),
        ("report.level.all(r, true)", "takes a list"),
        ("report.now.matches('(')", "RE2"),
        ("(((", "no CEL"),
        ("true // for now", "comments"),
        ("b'x' == b'x'", "byte strings"),
        ("x{y: 1}", "objects"),
        (".report.level == 0", "leading point"),
        ("type(1) == int", "'type' is not accepted"),
        ("[1].reduce(a, b, 0, a + b) == 1", "'reduce' is not accepted"),
        ("'''x''' == 'x'", "triple quotes"),
        ("'x", "has no end"),
        ("", "no CEL"),
    ],
)
def test_what_has_no_answer_rejects_and_says_why(seen: Evidence, code: str, words: str) -> None:
    if code:  # a policy refuses an empty text itself
        assert words in why_undecided(seen, code)


@pytest.mark.parametrize(
    "code",
    [
        "['aaaaaaaaaaaaaaaa']" + ".map(x, x + x)" * 100 + " != ['a']",
        "[[0]]" + ".map(x, x + x)" * 100 + " == [[0]]",
        "[[1]]" + ".map(x, [x, x])" * 60 + " == [[1]]",
        "string([[1]]" + ".map(x, [x, x])" * 60 + ") == ''",
        "report.rows" + ".all(a, report.rows" * 30 + ".all(z, true)" + ")" * 30,
        "[0,1,2,3,4,5,6,7,8,9]" + ".all(a, [0,1,2,3,4,5,6,7,8,9]" * 9 + ".all(z, z == 0 || true)" + ")" * 9,
        "[predicate, predicate]" + ".map(x, [x, x])" * 20 + " == [plan]",
        "[[1, 1]]" + ".map(x, [x, x])" * 13 + " == [['a', 'a']]" + ".map(x, [x, x])" * 13,
        "[[1, 1]]" + ".map(x, [x, x])" * 13 + ".contains([['a', 'a']]" + ".map(x, [x, x])" * 13 + "[0])",
        "(" * 1900 + "true" + ")" * 1900,
        "!" * 3900 + "true",
        "a" + ".a" * 1900,
        "report.rows.all(r, " + "(unknown || " * 150 + "unknown" + ")" * 150 + ")",
    ],
)
def test_no_expression_takes_for_ever(seen: Evidence, code: str) -> None:
    began = time.process_time()
    assert not holds(seen, code)
    assert time.process_time() - began < 10  # seconds of one slow core; unbounded, none of these would end


def test_text_that_the_grammar_would_search_for_ever_is_refused_before(seen: Evidence) -> None:
    assert "has no end" in why_undecided(seen, "'" + r"\n" * 1900)
    assert "has no end" in why_undecided(seen, '"' + r"\"" * 1900)
    assert holds(seen, "'" + r"\n" * 1900 + "' != ''")


def test_all_tenets_of_a_policy_share_one_allowance(seen: Evidence) -> None:
    heavy = "[0,1,2,3,4,5,6,7,8,9]" + ".all(a, [0,1,2,3,4,5,6,7,8,9]" * 3 + ".all(z, true)" + ")" * 3
    assert holds(seen, heavy)
    many = findings(policy_of([tenet(heavy, str(i)) for i in range(32)]), seen)
    verdicts = [check.status for check in many.values()]
    assert verdicts[0] is Status.PASS
    assert verdicts[-1] is Status.FAIL
    assert verdicts == sorted(verdicts, key=[Status.PASS, Status.FAIL].index)


def test_the_interpreters_depth_is_given_back(seen: Evidence) -> None:
    before = sys.getrecursionlimit()
    assert not holds(seen, "(" * 1900 + "true" + ")" * 1900)
    assert sys.getrecursionlimit() == before


def test_checking_a_policy_reads_its_tenets(seen: Evidence) -> None:
    refuse_unreadable(policy_of([tenet("report.level == 0")]).document.tenets or ())
    with pytest.raises(PolicyError) as caught:
        refuse_unreadable(policy_of([tenet("report.level ==")]).document.tenets or ())
    assert "'t'" in str(caught.value)


def test_evidence_of_a_job_without_a_plan_is_seen_without_one(seen: Evidence) -> None:
    bare = replace(seen, planned=None, judged=(), findings=())
    assert holds(bare, "!has(plan.rows) && size(report.rows) == 0")
    assert procurement.apply(policy_of([tenet("plan.rows.all(r, true)")]), bare)[-1].status is Status.FAIL


PIECES = [
    *(
        "report",
        "predicate",
        "plan",
        "rows",
        ".rows",
        ".level",
        ".checks",
        ".now",
        "r",
        "x",
        ".all(",
        ".exists(",
        ".map(",
        ".filter(",
    ),
    *(
        "size(",
        "has(",
        "string(",
        "double(",
        "int(",
        "timestamp(",
        "duration(",
        ".matches(",
        ".contains(",
        ".exists_one(",
    ),
    *(
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        " in ",
        "?",
        ":",
        ",",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
    ),
    *(
        "1",
        "0",
        "2.5",
        "'a'",
        "'24h'",
        "true",
        "false",
        "null",
        "r, ",
        "x, ",
        "'\\\\'",
        '"',
        "'",
        "\\",
        "\n",
        "9223372036854775807",
    ),
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=40))
def test_whatever_is_written_ends_in_an_answer_or_in_none(code: str) -> None:
    cel = pytest.importorskip("attestations.procurement.cel", reason="the extra that evaluates CEL is not installed")
    world = cel.World(
        {"report": {"rows": [{"a": 1, "x": None}, {}], "level": 0, "now": "2026-01-01T00:00:00Z"}, "x": [1.5]}
    )
    try:
        assert world.decide(code) in (True, False)
    except cel.TenetError:
        return
