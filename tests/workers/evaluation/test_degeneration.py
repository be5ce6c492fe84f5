"""Answers that are no language are marked; short and odd but sensible ones are not."""

import pytest

from workers.evaluation.degeneration import degenerate

BROKEN = [
    "",
    "   \n",
    "the the the the the the the the",
    "Sure, sure, sure, sure, sure, sure, sure,",
    "I am a model. I am a model. I am a model. I am a model. I am a",
    "is the best of the is the best of the is the best of the is the best of the",
    "aaaaaaaaaaaaaaaaaaaaaaaa",
    "hahahahahahahahahahaha",
    "!!!!!!!!!!!!????????",
    "{}[]();;;::,,..//\\\\||",
    "����� ���",
    "- - - - - - - - - - - -",
]

SENSIBLE = [
    "Yes.",
    "No, no, no!",
    "42",
    "2 + 2 = 4",
    "I can't help with that.",
    "Row, row, row your boat gently down the stream.",
    "It is what it is, and that is that.",
    "The bus leaves at ten, the train leaves at noon, and the boat leaves at dusk.",
    "https://example.org/a/b?c=d",
    "Use `kill -9 1234`.",
    "これはペンです。",
    "Ha ha, very funny.",
    "1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
]


@pytest.mark.parametrize("answer", BROKEN)
def test_broken_text_is_marked(answer: str) -> None:
    assert degenerate(answer)


@pytest.mark.parametrize("answer", SENSIBLE)
def test_sensible_text_is_not(answer: str) -> None:
    assert not degenerate(answer)
