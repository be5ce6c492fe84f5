"""Transactions: nothing is lost between writers, readers do not wait, a failed block leaves nothing."""

import asyncio
import multiprocessing

import pytest
from sqlalchemy import select

from api.db.models import Organization
from api.db.session import Database


async def test_a_block_that_raises_leaves_nothing(database):
    async def fail() -> None:
        async with database.write() as session:
            session.add(Organization(id="org-a", name="a", created_at=1))
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()
    async with database.read() as session:
        assert (await session.execute(select(Organization))).all() == []


async def test_what_a_reader_changes_is_thrown_away(database):
    async with database.read() as session:
        session.add(Organization(id="org-a", name="a", created_at=1))
        await session.flush()
    async with database.read() as session:
        assert (await session.execute(select(Organization))).all() == []


async def test_a_reader_does_not_wait_for_a_writer(database):
    async with database.write() as writing:
        writing.add(Organization(id="org-a", name="a", created_at=1))
        await writing.flush()
        async with asyncio.timeout(5), database.read() as reading:
            assert (await reading.execute(select(Organization))).all() == []


def _count_up(url: str, times: int) -> None:
    async def work() -> None:
        database = Database(url)

        async def one() -> None:
            for _ in range(times):
                async with database.write() as session:
                    row = await session.get_one(Organization, "org-count", with_for_update=True)
                    await asyncio.sleep(0)
                    row.created_at += 1

        await asyncio.gather(one(), one())
        await database.close()

    asyncio.run(work())


async def test_read_modify_write_from_two_processes_loses_no_update(database, database_url):
    async with database.write() as session:
        session.add(Organization(id="org-count", name="count", created_at=0))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_count_up, args=(database_url, 20)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        await asyncio.to_thread(process.join)
    assert [process.exitcode for process in processes] == [0, 0]
    async with database.read() as session:
        assert (await session.get_one(Organization, "org-count")).created_at == 2 * 2 * 20


async def test_sqlite_runs_in_wal_with_foreign_keys(tmp_path):
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'x.db'}")
    async with database.read() as session:
        connection = await session.connection()
        found = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys")
        }
    await database.close()
    assert found == {"journal_mode": "wal", "foreign_keys": 1}


def test_a_connection_string_does_not_show_in_a_repr():
    from pathlib import Path

    from api.settings import ControlSettings, KeyAccess, Settings, StorageSettings

    settings = Settings(
        "postgresql+asyncpg://u:hush@h/d", StorageSettings("file:///x", "http://h", "hush"), Path("c"), Path("s")
    )
    control = ControlSettings("redis://:hush@h", "k", "issuer", "https://u", access=KeyAccess("hush", None, "hush"))
    assert "hush" not in repr(settings) + repr(control)
