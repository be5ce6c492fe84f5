"""The REST application behind a real server, for tests that speak to it as clients do."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import uvicorn
from openai import OpenAI

from api.app import create_app
from api.db.models import Base
from api.db.session import Database
from api.settings import Settings, StorageSettings
from api.storage import open_storage
from api.tenancy.bootstrap import create_key
from api.tenancy.scope import Scope
from workers.catalog import Catalog

BASE = "tiny-base"
ALIAS = "gpt-4o-mini-2024-07-18"
OTHER_SCOPE = Scope(organization_id="org-other", project_id="proj-other")
MAX_UPLOAD_BYTES = 400 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, a key of the default project and a key of another tenant's."""

    url: str
    port: int
    database_url: str
    directory: Path
    key: str = ""
    other_key: str = ""

    def with_new_keys(self) -> "Served":
        key, other_key = asyncio.run(self._make_keys())
        return replace(self, key=key, other_key=other_key)

    def forget_everything(self) -> None:
        asyncio.run(empty(self.database_url))
        for name in ("objects", "scratch", "trust"):
            for path in (self.directory / name).rglob("*"):
                if path.is_file():
                    path.unlink()

    async def _make_keys(self) -> tuple[str, str]:
        database = Database(self.database_url)
        try:
            mine, others = await create_key(database, "test"), await create_key(database, "other", OTHER_SCOPE)
        finally:
            await database.close()
        return mine.key, others.key

    def client(self, key: str | None = None, **options: object) -> OpenAI:
        return OpenAI(base_url=f"{self.url}/v1", api_key=key or self.key, **options)  # type: ignore[arg-type]

    @property
    def scratch_files(self) -> list[str]:
        return [path.name for path in (self.directory / "scratch").iterdir()]

    @property
    def stored_files(self) -> list[str]:
        objects = self.directory / "objects"
        return [str(path.relative_to(objects)) for path in objects.rglob("*") if path.is_file()]


async def empty(database_url: str) -> None:
    """Delete every row."""
    database = Database(database_url)
    try:
        async with database.write() as session:
            for table in reversed(Base.metadata.sorted_tables):
                await session.execute(table.delete())
    finally:
        await database.close()


def write_catalog(directory: Path) -> Path:
    base = {
        "name": BASE,
        "path": BASE,
        "manifest_digest": "ab" * 32,
        "template_digest": "cd" * 32,
        "licence": "Apache-2.0",
        "origin": "made for tests",
        "created": 1_700_000_000,
        "parameters": 1_000_000,
        "max_length": 512,
        "lora_targets": ["q_proj", "v_proj"],
        "aliases": [ALIAS],
    }
    path = directory / "catalog.json"
    path.write_text(json.dumps({"bases": [base]}))
    return path


@contextmanager
def serving(
    directory: Path,
    database_url: str,
    *,
    max_upload_bytes: int = MAX_UPLOAD_BYTES,
    storage: StorageSettings | None = None,
) -> Iterator[Served]:
    """Serves in a thread until the block ends, by default with objects below ``directory``."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = Settings(
        database_url=database_url,
        storage=storage
        or StorageSettings(url=f"file://{directory}/objects", internal_url=f"http://127.0.0.1:{port}", secret="s" * 32),
        catalog=write_catalog(directory),
        scratch=directory / "scratch",
        max_upload_bytes=max_upload_bytes,
        trust=directory / "trust",
    )
    ready = threading.Event()
    stop = threading.Event()

    async def run() -> None:
        database = Database(database_url)
        app = create_app(settings, database, open_storage(settings.storage), Catalog.load(settings.catalog))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
        serve = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started and not serve.done():
            await asyncio.sleep(0.005)
        ready.set()
        await asyncio.to_thread(stop.wait)
        server.should_exit = True
        await serve
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="server")
    thread.start()
    try:
        assert ready.wait(20), "the server did not start"
        yield Served(f"http://127.0.0.1:{port}", port, database_url, directory)
    finally:
        stop.set()
        thread.join(20)
        listener.close()
