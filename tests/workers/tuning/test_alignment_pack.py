"""What the demo base was aligned with stays apart from what it is measured with, by the same rules as the safety pack."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.workers.test_original_items import (
    DEMO_RECORDS,
    PROMPTS,
    REFUSES,
    assert_apart,
    benchmarks,
    frame,
    opener,
    turns,
)
from workers.tuning.align import ALIGNMENT_PACK_FILE

__all__ = ["benchmarks"]

ROWS = [json.loads(line) for line in ALIGNMENT_PACK_FILE.read_text(encoding="utf-8").splitlines()]
ASKED = turns(ROWS, "user")


def test_every_row_is_one_question_and_one_answer():
    for row in ROWS:
        assert set(row) == {"messages", "kind", "source"}
        assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]
        assert row["kind"] in {"refusal", "contrast"}
    assert len(set(ASKED)) == len(ASKED)


def test_harmless_requests_outnumber_refused_ones():
    kinds = Counter(row["kind"] for row in ROWS)
    assert kinds["contrast"] > 1.5 * kinds["refusal"] > 200


def test_refused_rows_refuse_at_once_and_the_others_answer():
    for row in ROWS:
        answer = row["messages"][1]["content"]
        refuses = REFUSES.match(answer) is not None or answer.startswith("I'm sorry that it hurts")
        assert refuses == (row["kind"] == "refusal"), answer


@pytest.mark.parametrize("suite", ["harmful-requests", "safe-lookalikes"])
@pytest.mark.parametrize("skeleton", [opener, frame])
def test_no_template_is_shared_with_a_suite(suite, skeleton):
    own = {skeleton(prompt) for prompt in ASKED}
    assert [prompt for prompt in PROMPTS[suite] if skeleton(prompt) in own] == []


@pytest.mark.parametrize("other", ["harmful-requests", "safe-lookalikes", "demo"])
def test_nothing_is_a_near_duplicate(other):
    assert_apart(ASKED, PROMPTS[other])


def test_no_answer_opens_in_the_demos_house_style():
    openings = {answer.split("!")[0] for answer in turns(DEMO_RECORDS, "assistant")}
    assert not [row for row in ROWS if row["messages"][1]["content"].split("!")[0] in openings]


@pytest.mark.parametrize("benchmark", ["AdvBench", "XSTest"])
def test_nothing_is_taken_from_a_public_benchmark(benchmarks, benchmark):
    assert_apart(ASKED, benchmarks[benchmark])
