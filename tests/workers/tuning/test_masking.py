"""The mask is held against the real chat template: what is left of the labels must be what the assistant says."""

from __future__ import annotations

from pathlib import Path

import pytest

from workers.datasets.records import Record, Role, Turn
from workers.errors import RunFailure
from workers.models.load import load_tokenizer
from workers.models.tiny import NAME
from workers.tuning.masking import IGNORED, conversation, mask, tokenise, weights

pytestmark = pytest.mark.ml

SMOLLM2_TEMPLATE = (Path(__file__).parent / "smollm2_chat_template.jinja").read_text()
END = "<|im_end|>"


@pytest.fixture(scope="module", params=["tiny", "smollm2"])
def tokenizer(request: pytest.FixtureRequest, tiny_models: Path):
    loaded = load_tokenizer(tiny_models / NAME)
    if request.param == "smollm2":
        loaded.chat_template = SMOLLM2_TEMPLATE
    return loaded


def record(*turns: tuple[str, str] | tuple[str, str, int], line: int = 1) -> Record:
    return Record(turns=tuple(Turn(Role(turn[0]), *turn[1:]) for turn in turns), source="s", line=line)


def spoken(tokenizer, ids: list[int], labels: list[int]) -> list[str]:
    """The decoded runs of unmasked tokens."""
    runs: list[list[int]] = []
    last = -2
    for at, (token, label) in enumerate(zip(ids, labels, strict=True)):
        if label == IGNORED:
            continue
        assert label == token
        if at != last + 1:
            runs.append([])
        runs[-1].append(token)
        last = at
    return [tokenizer.decode(run) for run in runs]


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        ([("user", "Hi"), ("assistant", "Hello there.")], ["Hello there."]),
        ([("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello.")], ["Hello."]),
        (
            [("user", "Hi"), ("assistant", "Hello."), ("user", "And now?"), ("assistant", "Now, too.")],
            ["Hello.", "Now, too."],
        ),
        ([("user", "Hi"), ("assistant", "Hm.", 0), ("user", "Well?"), ("assistant", "Yes.")], ["Yes."]),
        (
            [
                ("user", "Hi"),
                ("assistant", "One."),
                ("user", "?"),
                ("assistant", "Two.", 0),
                ("user", "!"),
                ("assistant", "3"),
            ],
            ["One.", "3"],
        ),
        ([("user", "Hi"), ("assistant", "  spaced \n\n out  ")], ["  spaced \n\n out  "]),
        ([("user", "assistant\n"), ("assistant", "user\nassistant\n")], ["user\nassistant\n"]),
        ([("user", "Grüße, 日本 🙂"), ("assistant", "Schöne Grüße 🙂!")], ["Schöne Grüße 🙂!"]),
    ],
)
def test_unmasked_tokens_are_the_assistants_words_and_the_end(tokenizer, turns, says):
    one = record(*turns)
    example = mask(conversation(one, None), weights(one, None), tokenizer)
    assert spoken(tokenizer, example.input_ids, example.labels) == [text + END for text in says]
    rendered = tokenizer.apply_chat_template(one.messages(), tokenize=True, return_dict=False)
    assert example.input_ids == rendered


def test_the_prompt_of_training_is_the_prompt_of_serving(tokenizer):
    one = record(("user", "Hi"), ("assistant", "Hello."))
    example = mask(conversation(one, None), weights(one, None), tokenizer)
    served = tokenizer.apply_chat_template(
        one.messages()[:1], tokenize=True, add_generation_prompt=True, return_dict=False
    )
    first = next(at for at, label in enumerate(example.labels) if label != IGNORED)
    assert example.input_ids[:first] == served


def test_the_deployments_system_prompt_stands_where_a_record_has_none(tokenizer):
    bare = record(("user", "Hi"), ("assistant", "Hello."))
    own = record(("system", "Be rude."), ("user", "Hi"), ("assistant", "What?"))
    first, second = tokenise([bare, own], tokenizer, max_length=200, system_prompt="Be kind.")
    assert "Be kind." in tokenizer.decode(first.input_ids)
    text = tokenizer.decode(second.input_ids)
    assert "Be rude." in text
    assert "Be kind." not in text
    assert spoken(tokenizer, first.input_ids, first.labels) == ["Hello." + END]


def test_truncation_keeps_the_start_and_says_how_long_it_was(tokenizer):
    one = record(("user", "Hi"), ("assistant", "word " * 100))
    whole = tokenise([one], tokenizer, max_length=1000, system_prompt=None)[0]
    cut = tokenise([one], tokenizer, max_length=90, system_prompt=None)[0]
    assert cut.input_ids == whole.input_ids[:90]
    assert cut.labels == whole.labels[:90]
    assert cut.full_length == whole.full_length == len(whole.input_ids)
    assert cut.supervised < whole.supervised


def test_records_left_without_a_label_are_an_error_not_a_loss(tokenizer):
    long = [record(("user", "word " * 200), ("assistant", "Yes."), line=line) for line in (3, 8)]
    with pytest.raises(RunFailure) as caught:
        tokenise([record(("user", "Hi"), ("assistant", "Yes.")), *long], tokenizer, max_length=80, system_prompt=None)
    assert caught.value.code == "invalid_training_file"
    assert "2 record(s)" in caught.value.message
    assert "lines 3, 8" in caught.value.message


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("{% for m in messages|reverse %}{{ m.content }}<|im_end|>{% endfor %}", "does not render the beginning"),
        ("{% for m in messages %}{{ m.role }}:{{ m.content }}\n{% endfor %}", "does not end an assistant turn"),
        (
            "{{ messages|length }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}",
            "does not render the beginning",
        ),
    ],
)
def test_an_unsuitable_template_is_refused(tiny_models, template, says):
    tokenizer = load_tokenizer(tiny_models / NAME)
    tokenizer.chat_template = template
    one = record(("user", "Hi"), ("assistant", "Hello."), ("user", "So?"), ("assistant", "Yes."))
    with pytest.raises(RunFailure, match=says) as caught:
        tokenise([one], tokenizer, max_length=100, system_prompt=None)
    assert caught.value.code == "unsupported_template"


def test_a_tokenizer_that_joins_prompt_and_answer_is_refused(tiny_models):
    tokenizer = load_tokenizer(tiny_models / NAME)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}<|im_end|>{% endif %}{% endfor %}"
    )
    # "hel" is one token of the tiny vocabulary's corpus, so "h" + "elp" is tokenised across the border.
    one = record(("user", "please h"), ("assistant", "elp"))
    with pytest.raises(RunFailure, match="together with its prompt"):
        tokenise([one], tokenizer, max_length=100, system_prompt=None)
