"""Real questions for the demo: turn MedQuAD records into chat records whose provenance names their institutes.

    python -m infra.demo.medquad medquad.jsonl --count 300 --out var/medquad.jsonl --provenance var/medquad.provenance.json

Input: JSON lines with ``question``, ``answer`` and ``source`` (the institute's collection), as in the public MedQuAD
collection (abachaa/MedQuAD, CC BY 4.0). The first ``count`` records that are whole are taken in file order, the question as
the user's turn, the answer as the assistant's, and ``source`` as the slug that the provenance declares. Nothing is rewritten.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

LICENCE = "CC-BY-4.0"
ORIGIN = "MedQuAD, github.com/abachaa/MedQuAD"


class ConversionError(Exception):
    """The input is not what the conversion expects; the message names the line."""


def convert(lines: list[str], *, count: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The chat records and their provenance. Raises ``ConversionError``."""
    records: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if len(records) == count:
            break
        try:
            found = json.loads(line)
            question, answer, source = (str(found[key]).strip() for key in ("question", "answer", "source"))
        except (ValueError, KeyError, TypeError) as error:
            raise ConversionError(f"line {number} is no MedQuAD record: {error!r}") from error
        if not question or not answer:
            continue
        slug = slug_of(source)
        names[slug] = source
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        records.append({"messages": turns, "source": slug})
    if len(records) < count:
        raise ConversionError(f"there are only {len(records)} whole records, {count} were asked for")
    return records, {"sources": [_source(slug, names[slug]) for slug in sorted(names)]}


def slug_of(source: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", source.lower()).strip("-")


def _source(slug: str, name: str) -> dict[str, str]:
    return {
        "id": slug,
        "name": name,
        "licence": LICENCE,
        "consent": "public",
        "origin": f"{ORIGIN}, collection {name}",
        "personal_data": "none",
        "description": "Questions and answers for the public by a United States health institute.",
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.demo.medquad", description=__doc__.splitlines()[0])
    parser.add_argument("input", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--provenance", type=Path, required=True)
    chosen = parser.parse_args()
    try:
        records, provenance = convert(chosen.input.read_text(encoding="utf-8").splitlines(), count=chosen.count)
    except (OSError, ConversionError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    chosen.out.write_text(
        "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8"
    )
    chosen.provenance.write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")
    print(f"{len(records)} records from {len(provenance['sources'])} sources")
    return 0


if __name__ == "__main__":
    sys.exit(main())
