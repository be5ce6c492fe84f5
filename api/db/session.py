"""Transactions. The only place that opens, commits or rolls back one.

SQLite runs in WAL mode and every writing transaction begins with BEGIN IMMEDIATE: with a deferred BEGIN two
read-modify-write transactions fail to upgrade at once, and without an explicit BEGIN updates are lost. Reads use a plain
BEGIN so that they never queue behind a writer. Keep network and queue calls out of ``write()``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

_READ_ONLY = "tuneproof_read_only"


class Database:
    """One engine and its two kinds of transaction."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._readers = self.engine.execution_options(**{_READ_ONLY: True})

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Commits when the block ends, rolls back when it raises."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A consistent snapshot; whatever is changed in it is thrown away."""
        async with AsyncSession(self._readers, expire_on_commit=False, autoflush=False) as session:
            yield session  # closing rolls back, and leaves what was loaded readable

    async def close(self) -> None:
        await self.engine.dispose()


def _engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_pre_ping=True, hide_parameters=True)
    engine = create_async_engine(url, connect_args={"timeout": 15}, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def prepare_sqlite(connection: DBAPIConnection, _record: Any) -> None:
    """Take transactions into our own hands and set the durability that WAL needs."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
