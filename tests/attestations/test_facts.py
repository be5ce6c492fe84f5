from attestations.facts import THERE, facts_of, place_text


def test_every_leaf_is_a_fact_under_its_place() -> None:
    facts = facts_of({"a": {"b": 1, "c": True}, "d": "text", "empty": {}, "none": []})
    assert facts == {("a", "b"): "1", ("a", "c"): "yes", ("d",): "text"}


def test_items_stand_under_their_names_and_not_under_their_numbers() -> None:
    sources = [{"id": "shop", "records": 3}, {"id": "chat", "records": 4}]
    assert facts_of({"sources": sources}) == facts_of({"sources": sources[::-1]})
    assert facts_of({"sources": sources})["sources", "[shop]", "records"] == "3"
    rows = [{"metric": "m", "suite": "s", "slice": "*", "margin": "0.05"}]
    assert facts_of(rows) == {("[m / s / *]", "margin"): "0.05"}
    assert facts_of({"languages": ["en", "de"]}) == {("languages", "[en]"): THERE, ("languages", "[de]"): THERE}


def test_items_of_one_name_are_all_there() -> None:
    facts = facts_of([{"id": "a", "n": 1}, {"id": "a", "n": 2}, {"id": "a"}])
    assert facts == {("[a]", "n"): "1", ("[a #1]", "n"): "2", ("[a #2]",): THERE}


def test_items_without_a_name_have_their_number() -> None:
    assert facts_of([{"n": 1}, [2]]) == {("[0]", "n"): "1", ("[1]", "[0]"): "2"}


def test_places_are_written_like_paths() -> None:
    assert place_text(("data", "sources", "[shop]", "licence")) == "data.sources[shop].licence"
    assert place_text(("[0]", "n")) == "[0].n"
