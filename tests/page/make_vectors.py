"""Writes `vectors/numbers.json`, by which the page's arithmetic is held to Python's: `python -m tests.page.make_vectors`.

Seeded, so the same sources make the same file; a test says that the committed one is it. More cases than fit into the
repository are made for a run of its own by

    python -m tests.page.make_vectors FILE SEED TIMES
    TUNEPROOF_VECTORS=FILE node --test tests/page/numbers_*.test.mjs
"""

import json
import random
import sys
from pathlib import Path

from tests.page import numbers_documents, numbers_edges, numbers_functions, numbers_rows

FILE = Path(__file__).parent / "vectors" / "numbers.json"
SEED = 20_260_301


def vectors(seed: int = SEED, times: int = 1) -> str:
    """The text of the file; each case stands on a line of its own."""
    parts = {
        "decimal": list(numbers_functions.decimal_cases(random.Random(seed), 1040 * times)),
        "statistics": list(numbers_functions.statistics_cases(random.Random(seed + 1), 800 * times)),
        "edges": list(numbers_edges.edge_cases()),
        "rows": list(numbers_rows.rows_cases(random.Random(seed + 2), 180 * times)),
    }
    spoilt = numbers_documents.cases(random.Random(seed + 3), 450 * times, 120 * times)
    lines = [f"{_json(name)}:[\n{_lines(part)}\n]" for name, part in parts.items()]
    changes = _lines(spoilt.pop("changes"))
    inner = [f"{_json(name)}:{_json(value)}" for name, value in spoilt.items()]
    document = ",\n".join([*inner, f'"changes":[\n{changes}\n]'])
    return "{" + ",\n".join([*lines, f'"documents":{{{document}}}']) + "}\n"


def _lines(cases: object) -> str:
    return ",\n".join(_json(case) for case in cases)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main(file: Path = FILE, seed: int = SEED, times: int = 1) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(vectors(seed, times), encoding="utf-8")


if __name__ == "__main__":
    main(*[kind(text) for kind, text in zip((Path, int, int), sys.argv[1:], strict=False)])
