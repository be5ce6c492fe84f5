"""A running server on each database, and the ``openai`` client pointed at it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.api.serving import Served, serving

RECORDS = b"".join(
    json.dumps({"messages": [{"role": "user", "content": f"q{i}"}, {"role": "assistant", "content": "a"}]}).encode()
    + b"\n"
    for i in range(12)
)
PROVENANCE = {
    "sources": [
        {
            "id": "faq",
            "name": "Support FAQ",
            "licence": "CC-BY-4.0",
            "consent": "contract",
            "origin": "https://example.com/faq",
            "personal_data": "none",
        }
    ]
}


@pytest.fixture
def served(database_url: str, tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path, database_url) as running:
        yield running


@pytest.fixture
def served_on_sqlite(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Served]:
    """For what does not depend on the database."""
    path = tmp_path / "test.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    with serving(tmp_path, f"sqlite+aiosqlite:///{path}") as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    with served.client() as opened:
        yield opened


@pytest.fixture
def other(served: Served) -> Iterator[OpenAI]:
    """Another tenant."""
    with served.client(served.other_key) as opened:
        yield opened


Upload = Callable[..., Any]


@pytest.fixture
def upload(client: OpenAI) -> Upload:
    """Uploads records with provenance and returns the file; ``provenance=None`` leaves it out."""

    def send(content: bytes = RECORDS, provenance: Any = PROVENANCE, name: str = "train.jsonl") -> Any:
        extra = {} if provenance is None else {"provenance": json.dumps(provenance)}
        return client.files.create(file=(name, content), purpose="fine-tune", extra_body=extra)

    return send
