from dataclasses import replace

import pytest

from attestations import canonical, plan
from attestations.digests import Sha256
from attestations.errors import MalformedError
from attestations.plan import PlannedSuite
from attestations.verdicts import RULE, RULE_0_1
from tests.attestations.evidence import ROWS, make_plan
from tests.attestations.evidence_02 import CONTROLS, HELD_CONTROLS, make_plan_02


def test_a_plan_reads_back_as_itself_and_its_digest_is_that_of_its_bytes() -> None:
    made = make_plan()
    assert plan.parse(made.encode()) == made
    assert made.digest == Sha256.of(made.encode())


def test_margins_policy_and_rows_are_all_under_the_digest() -> None:
    made = make_plan()
    looser = replace(made, rows=(replace(ROWS[0], margin="0.10"), *ROWS[1:]))
    fewer = replace(made, rows=ROWS[1:])
    laxer = replace(made, policy=replace(made.policy, blocks=made.policy.blocks[1:]))
    assert len({made.digest, looser.digest, fewer.digest, laxer.digest}) == 4


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rows": (*ROWS, ROWS[0])}, "registered once"),
        ({"rows": tuple(replace(ROWS[0], slice=str(i)) for i in range(513))}, "at most 512"),
        ({"rows": (replace(ROWS[0], items=241),)}, "does not sample"),
        ({"rows": (replace(ROWS[0], suite="unheard-of"),)}, "does not sample"),
        ({"suites": make_plan().suites * 2}, "listed twice"),
        ({"schema": "0.9.0"}, "schema 0.1.0, 0.2.0, 0.3.0"),
        ({"created_at": "2026-02-31T00:00:00Z"}, "a time"),
    ],
)
def test_a_plan_that_contradicts_itself_cannot_be_made(changes: dict, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        make_plan(**changes)


def test_a_suite_cannot_sample_more_than_it_has() -> None:
    with pytest.raises(MalformedError):
        PlannedSuite("s", "1", Sha256.of(b""), 10, 11, Sha256.of(b""))


def test_unknown_fields_are_refused() -> None:
    value = canonical.parse(make_plan().encode(), what="it", max_bytes=10**6)
    with pytest.raises(MalformedError, match="plan: the field 'more' is not known"):
        plan.parse(canonical.encode({**value, "more": 1}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"repeats": 2}, "asks for more repeats than are planned"),
        ({"repeats": None}, "asks for more repeats than are planned"),
        ({"controls": (replace(CONTROLS[0], items=241),)}, "plans more pairs than its rows have"),
        ({"judges": tuple(replace(make_plan_02().judges[0], id=f"judge-{i}") for i in range(32))}, "at most 32 judges"),
        ({"judges": (make_plan_02().judge,)}, "planned twice"),
        ({"judges": None}, "names a judge that is not among"),
        ({"controls": CONTROLS * 2}, "planned once"),
        ({"controls": tuple(replace(CONTROLS[0], level=str(i)) for i in range(257))}, "at most 256"),
        ({"controls": (replace(CONTROLS[0], metric="accuracy"),)}, "and no row of it"),
        ({"candidates": ()}, "1 to 8 scales"),
        ({"candidates": ("0.5", "1")}, "the largest first"),
        ({"candidates": ("1", "0.5", "0.50")}, "the largest first"),
        ({"candidates": ("1", "0")}, "scales"),
        ({"candidates": ("0.0",)}, "above 0"),
        ({"candidates": ("1.5",)}, "scales"),
        ({"candidates": ("half",)}, "scales"),
        ({"candidates": tuple(f"0.{i}" for i in range(9, 0, -1))}, "1 to 8"),
        ({"rows": (replace(ROWS[0], margin="0.06"),)}, "more than the policy careful allows"),
    ],
)
def test_what_format_0_2_adds_to_a_plan_must_fit_too(changes: dict, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        make_plan_02(**changes)


PROMPT, SAFETY = Sha256.of(b"prompt"), Sha256.of(b"safety")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"system_prompt": None, "safety_prompt": SAFETY}, "part of the tuned model's"),
        ({"safety_prompt": SAFETY, "base_system_prompt": PROMPT}, "part of the tuned model's"),
        ({"base_system_prompt": SAFETY}, "only beside a safety prompt"),
    ],
)
def test_a_safety_prompt_is_part_of_what_is_served(changes: dict, words: str) -> None:
    decoding = make_plan().decoding
    assert decoding.system_prompt == PROMPT
    with pytest.raises(MalformedError, match=words):
        replace(decoding, **changes)


def test_a_plan_says_with_which_prompt_base_and_tuned_model_are_measured() -> None:
    decoding = replace(make_plan().decoding, safety_prompt=SAFETY, base_system_prompt=Sha256.of(b"own"))
    made = make_plan_02(decoding=decoding)
    assert plan.parse(made.encode()).decoding == decoding
    with pytest.raises(MalformedError, match="safetyPrompt"):
        make_plan(schema="0.1.0", decoding=decoding)


def test_the_schema_chooses_the_rule_and_the_plan_makes_its_context() -> None:
    assert make_plan(schema="0.1.0").rule == RULE_0_1
    made = make_plan_02(candidates=("1", "0.75", "0.5"))
    context = made.context(HELD_CONTROLS)
    assert (context.rule, context.candidates, context.primary_kappa) == (RULE, 3, "0.84")
    assert context.judges == {"refusal-classifier": "0.81"}
    assert (context.planned_controls, context.controls) == (CONTROLS, HELD_CONTROLS)
    assert make_plan().context().candidates == 1
    assert plan.parse(made.encode()) == made
