"""A running server on each database, and the ``openai`` client pointed at it."""

import json
import shutil
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


@pytest.fixture(scope="session")
def sqlite_server(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("served-sqlite")
    shutil.copy(migrated_sqlite, directory / "test.db")
    with serving(directory, f"sqlite+aiosqlite:///{directory}/test.db") as running:
        yield running


@pytest.fixture(scope="session")
def postgres_server(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served-postgres"), postgres_url) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """One server a session and database; each test finds it empty but for two keys."""
    running: Served = request.getfixturevalue(f"{request.param}_server")
    yield running.with_new_keys()
    running.forget_everything()


@pytest.fixture
def served_on_sqlite(sqlite_server: Served) -> Iterator[Served]:
    """For what does not depend on the database."""
    yield sqlite_server.with_new_keys()
    sqlite_server.forget_everything()


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
