"""The conversion of public questions into chat records with provenance."""

import json
import os
from pathlib import Path

import pytest

from infra.demo.medquad import ConversionError, convert

LINES = [
    json.dumps({"question": "What is rest ?", "answer": "Sleep well.", "source": "1_Health_Institute_QA"}),
    json.dumps({"question": "What is empty ?", "answer": "", "source": "2_Other_QA"}),
    json.dumps({"question": "What is water ?", "answer": "Drink enough.", "source": "3_Third_QA"}),
]


def test_records_keep_their_words_and_their_source():
    records, provenance = convert(LINES, count=2)
    assert records[1] == {
        "messages": [
            {"role": "user", "content": "What is water ?"},
            {"role": "assistant", "content": "Drink enough."},
        ],
        "source": "3-third-qa",
    }
    assert [source["id"] for source in provenance["sources"]] == ["1-health-institute-qa", "3-third-qa"]


@pytest.mark.parametrize(("lines", "says"), [(LINES, "only 2 whole records"), ([*LINES[:1], "{"], "line 2")])
def test_what_cannot_be_converted_is_named(lines, says):
    with pytest.raises(ConversionError, match=says):
        convert(lines, count=3)


@pytest.mark.skipif("TUNEPROOF_REAL_DATA" not in os.environ, reason="TUNEPROOF_REAL_DATA does not name the public data")
def test_the_real_collection_has_nine_institutes():
    lines = (Path(os.environ["TUNEPROOF_REAL_DATA"]) / "medquad_2k.jsonl").read_text().splitlines()
    records, provenance = convert(lines, count=300)
    assert len(records) == 300
    assert len(provenance["sources"]) == 9
