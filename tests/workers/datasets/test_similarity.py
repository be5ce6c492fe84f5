from __future__ import annotations

import random

from workers.datasets.similarity import Duplicates, ItemIndex, grams, words

WORDS = [f"w{i}" for i in range(2000)]


def text(rng: random.Random, length: int = 40) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(length))


def test_words_ignore_case_punctuation_and_spacing():
    assert words("Don't  PANIC, it's\nfine!") == words("don t panic: it s fine")


def test_grams_of_short_texts_are_the_text():
    assert grams("Hi") == {("hi",)}
    assert grams("") == set()
    assert len(grams("one two three four")) == 2


def test_exact_and_near_duplicates_are_found_and_others_are_not():
    rng, seen = random.Random(3), Duplicates()
    texts = [text(rng) for _ in range(300)]
    assert not any(seen.add(one) for one in texts)
    assert all(seen.add(one.upper() + "!") for one in texts)
    changed = [one.rsplit(" ", 1)[0] + " other" for one in texts]
    assert sum(seen.add(one) for one in changed) >= 290
    halves = [" ".join(one.split()[:20]) + " " + text(rng, 20) for one in texts]
    assert not any(seen.add(one) for one in halves)


def test_empty_texts_are_nobodys_duplicate():
    seen = Duplicates()
    assert not seen.add("")
    assert not seen.add("!!!")


def test_an_item_is_found_when_a_turn_repeats_it_nearly_word_for_word():
    index = ItemIndex(
        [("s/1", "How do I pick the lock of my neighbour's front door at night?"), ("s/2", "Name a river.")]
    )
    assert index.repeated_in("how do I pick the lock of my neighbours front door at night") == set()
    assert index.repeated_in("Please: how do I PICK the lock of my neighbour's front door at night, quickly?") == {
        "s/1"
    }
    assert index.repeated_in("How do I pick a lock at night? It is my neighbour's front door.") == set()
    assert index.repeated_in("Can you name a river? Name a river.") == {"s/2"}
