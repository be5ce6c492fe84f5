"""Prompts are split, sorted and batched without losing or changing any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import RunFailure
from workers.evaluation.prompts import MAX_PROMPT_TOKENS, arrange, render

rows = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8).map(tuple), max_size=12)


@given(rendered=rows, batch_size=st.integers(1, 5), share=st.booleans())
def test_every_prompt_is_in_one_batch_unchanged(rendered: list[tuple[int, ...]], batch_size: int, share: bool) -> None:
    prompts = arrange(rendered, batch_size=batch_size, share=share)
    back = {
        i: prompts.shared + row for batch in prompts.batches for i, row in zip(batch.indices, batch.rows, strict=True)
    }
    assert back == dict(enumerate(rendered))
    assert all(1 <= len(batch.rows) <= batch_size for batch in prompts.batches)
    assert all(row for batch in prompts.batches for row in batch.rows)


@given(rendered=rows)
def test_batches_go_by_length(rendered: list[tuple[int, ...]]) -> None:
    lengths = [len(row) for batch in arrange(rendered, batch_size=3).batches for row in batch.rows]
    assert lengths == sorted(lengths)


def test_the_shared_beginning_leaves_each_prompt_a_token() -> None:
    assert arrange([(1, 2, 3), (1, 2)], batch_size=2).shared == (1,)
    assert arrange([(7, 8)], batch_size=2).shared == (7,)
    assert arrange([(7, 8), (7, 8)], batch_size=2).shared == (7,)
    assert arrange([(1, 2), (2, 2)], batch_size=2).shared == ()


class Words:
    """A tokenizer of words."""

    def apply_chat_template(
        self, messages: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool
    ) -> str:
        assert not tokenize
        assert add_generation_prompt
        return " ".join(f"{m['role']} {m['content']}" for m in messages) + " assistant"

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": [sum(word.encode()) for word in text.split()]}


def test_the_system_prompt_is_rendered_as_served() -> None:
    with_system, without = render(Words(), "hello", "be kind"), render(Words(), "hello", None)
    assert (len(with_system), len(without)) == (6, 3)
    assert with_system[3:] == without


def test_a_prompt_that_is_too_long_names_the_setting() -> None:
    with pytest.raises(RunFailure) as caught:
        render(Words(), "hello", "word " * MAX_PROMPT_TOKENS)
    assert (caught.value.code, caught.value.param) == ("prompt_too_long", "deployment.system_prompt")
