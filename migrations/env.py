"""How Alembic meets our databases.

SQLite rebuilds a table to change it ("batch"); with foreign keys on, that would cascade into the children, so they are off
while migrating and checked afterwards. A migration is one transaction on both databases, begun with BEGIN IMMEDIATE on
SQLite and under an advisory lock on PostgreSQL, so that two upgrades at once do the work once.
"""

import asyncio
import threading
from typing import Any

from alembic import context
from sqlalchemy import Connection, event, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from api.db.models import Base

_ADVISORY_LOCK = 0x74756E65


class ForeignKeyViolationError(Exception):
    """A migration left rows that point nowhere; it was rolled back."""


def _take_over(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _migrate(connection: Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if not sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        context.run_migrations()
        if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
            raise ForeignKeyViolationError(f"{len(broken)} rows, the first in table {broken[0][0]}")


def _connect_args(url: str) -> dict[str, Any]:
    return {"timeout": 30} if url.startswith("sqlite") else {}


async def _online(url: str) -> None:
    engine = create_async_engine(url, poolclass=pool.NullPool, hide_parameters=True, connect_args=_connect_args(url))
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _take_over)
        event.listen(engine.sync_engine, "begin", _begin)
    async with engine.connect() as connection:
        await connection.run_sync(_migrate)
        await connection.commit()
    await engine.dispose()


def _run(url: str) -> None:
    """In a thread of its own: callers may already be inside an event loop."""
    failures: list[BaseException] = []

    def target() -> None:
        try:
            asyncio.run(_online(url))
        except BaseException as error:  # handed over to the calling thread below
            failures.append(error)

    thread = threading.Thread(target=target, name="migrations")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


_run(context.config.attributes["url"])
