"""What a study draws and in which order it runs: samples, data sets, cells, variations, and the time that is left."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.study.cells import CELLS, Data, chosen
from infra.study.datasets import prepare
from infra.study.errors import StudyError
from infra.study.progress import Clock
from infra.study.records import shares, stratified
from infra.study.store import Store, write_whole
from infra.study.variations import FURTHER, REFERENCE, VARIATIONS

LINES = [
    json.dumps({"question": f"Q{i} ?", "answer": f"A{i}.", "source": "ab"[i % 4 == 0], "n": i}) for i in range(200)
]


def test_a_sample_keeps_the_files_proportions():
    drawn = [json.loads(line) for line in stratified(LINES, field="source", count=40, seed=1)]
    assert [record["source"] for record in drawn].count("b") == 10
    assert [record["n"] for record in drawn] == sorted(record["n"] for record in drawn)


def test_a_sample_depends_on_its_seed_alone():
    assert stratified(LINES, field="source", count=40, seed=1) == stratified(LINES, field="source", count=40, seed=1)
    assert stratified(LINES, field="source", count=40, seed=1) != stratified(LINES, field="source", count=40, seed=2)


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(1, 50), min_size=1), st.data())
def test_shares_add_up_and_never_exceed_a_stratum(sizes, data):
    count = data.draw(st.integers(1, sum(sizes.values())))
    given_out = shares(sizes, count)
    assert sum(given_out.values()) == count
    for name, share in given_out.items():
        assert 0 <= share <= sizes[name]
        assert abs(share - sizes[name] * count / sum(sizes.values())) < 1


@pytest.mark.parametrize(
    ("lines", "count", "says"),
    [(LINES, 201, "201 records cannot be drawn from 200"), ([*LINES, "{}"], 5, "line 201"), (["["], 1, "line 1")],
)
def test_what_cannot_be_drawn_is_named(lines, count, says):
    with pytest.raises(StudyError, match=says):
        stratified(lines, field="source", count=count, seed=1)


@pytest.mark.skipif("TUNEPROOF_REAL_DATA" not in os.environ, reason="TUNEPROOF_REAL_DATA does not name the public data")
def test_the_public_records_become_150_of_nine_institutes(tmp_path):
    data = prepare(Data.MEDICAL, tmp_path, Path(os.environ["TUNEPROOF_REAL_DATA"]) / "medquad_2k.jsonl")
    assert (data.records, len(data.sources)) == (150, 9)
    assert prepare(Data.MEDICAL, tmp_path, None) == data


def test_medical_cells_ask_for_the_public_records(tmp_path):
    with pytest.raises(StudyError, match="--records"):
        prepare(Data.MEDICAL, tmp_path, None)


def test_every_cell_has_a_name_of_its_own():
    assert len({cell.id for cell in CELLS}) == len({cell.name for cell in CELLS}) == len(CELLS) == 12
    assert [cell.id for cell in CELLS[:3]] == ["lora:0", "lora:1", "cheerful:0"]


def test_cells_are_chosen_by_name_and_run_in_their_order():
    assert [cell.id for cell in chosen("full:1, cheerful+0.05:0,lora:0")] == ["lora:0", "cheerful+0.05:0", "full:1"]
    assert chosen(None) == CELLS
    with pytest.raises(StudyError, match="no cell 'lora:7'"):
        chosen("lora:7")


def test_there_are_twenty_variations_and_none_is_the_reference():
    assert len(set(VARIATIONS)) == 20
    assert REFERENCE not in VARIATIONS
    assert len({variation.name for variation in (REFERENCE, *VARIATIONS, *FURTHER)}) == 33


def test_the_time_left_follows_the_pace_so_far():
    now, said = [0.0], []
    clock = Clock(said.append, now=lambda: now[0])
    clock.expect({"a": 10, "b": 30})
    clock.start("a")
    now[0] = 20.0
    assert clock.left(0.5) == pytest.approx(4 * (30 + 5))  # 20 s for a guess of 5 s
    clock.finish()
    assert clock.left(0, running=False) == pytest.approx(60)
    clock.start("b")
    now[0] = 21.0
    clock.advance(1, 10, "items")
    now[0] = 50.0
    clock.advance(5, 10, "items")
    assert [line for line in said if "items" in line] == ["[1/2] b: 5 of 10 items; about 0 min 30 s left in all"]


def test_a_file_is_written_whole_and_a_strange_one_is_refused(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    write_whole(tmp_path / "a.measured.json", b"{}")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.measured.json"]
    with pytest.raises(StudyError, match=r"a\.measured\.json is no result of this version"):
        store.measurement("a")
    assert store.measurement("b") is None
