"""Migrations up, down and in step with the models, on both databases; and the traps of SQLite's table rebuilds."""

import asyncio
import os
import sqlite3
import subprocess
import sys

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from migrations import run


@pytest.fixture
def empty_url(request, database_url):
    """A database of its own, without tables. On PostgreSQL it is made beside the one the other tests share."""
    if database_url.startswith("sqlite"):
        yield database_url.replace("test.db", "empty.db")
        return
    name = f"migrations_{os.getpid()}"
    _execute(database_url, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    yield sa.engine.make_url(database_url).set(database=name).render_as_string(hide_password=False)
    _execute(database_url, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: str, *statements: str) -> None:
    async def work() -> None:
        engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)
        await engine.dispose()

    asyncio.run(work())


def _selected(url: str, query: str) -> list[tuple]:
    async def work() -> list[tuple]:
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.connect() as connection:
            rows = (await connection.exec_driver_sql(query)).all()
        await engine.dispose()
        return [tuple(row) for row in rows]

    return asyncio.run(work())


def test_up_check_down_and_up_again(empty_url):
    run.upgrade(empty_url)
    run.check(empty_url)
    run.downgrade(empty_url)
    run.upgrade(empty_url)
    run.check(empty_url)


def test_an_older_database_keeps_its_rows_and_its_keys_gain_no_right(empty_url):
    run.upgrade(empty_url, "0001")
    columns = "id, name, digest, hint, created_at, organization_id, project_id"
    _execute(
        empty_url,
        "INSERT INTO organizations (id, name, created_at) VALUES ('o', 'o', 1)",
        "INSERT INTO projects (id, organization_id, name, created_at) VALUES ('p', 'o', 'p', 1)",
        f"INSERT INTO api_keys ({columns}) VALUES ('k', 'mine', 'd', 'abcd', 1, 'o', 'p')",
    )
    run.upgrade(empty_url)
    assert _selected(empty_url, "SELECT name, rights FROM api_keys") in ([("mine", "[]")], [("mine", [])])


def test_an_attestation_from_before_there_was_a_status_stays_private_and_has_none(empty_url):
    run.upgrade(empty_url, "0002")
    columns = "id, job_id, outcome, statement_digest, bundle_key, issued_at, valid_until, organization_id, project_id"
    job = {
        "id": "j", "status": "failed", "model": "m", "base": "m", "base_manifest_digest": "d", "training_file": "f",
        "dataset_key": "k", "dataset_digest": "d", "dataset_name": "n", "request": "{}", "provenance": "{}",
        "request_digest": "d", "created_by": "c", "organization_id": "o", "project_id": "p",
    }  # fmt: skip
    quoted = ", ".join(f"'{value}'" for value in job.values())
    _execute(
        empty_url,
        "INSERT INTO organizations (id, name, created_at) VALUES ('o', 'o', 1)",
        "INSERT INTO projects (id, organization_id, name, created_at) VALUES ('p', 'o', 'p', 1)",
        f"INSERT INTO jobs ({', '.join(job)}, created_at, cancel_requested) VALUES ({quoted}, 1, false)",
        f"INSERT INTO attestations ({columns}) VALUES ('a', 'j', 'failed', 'd', 'b', 1, 2, 'o', 'p')",
    )
    run.upgrade(empty_url)
    run.check(empty_url)
    assert _selected(empty_url, "SELECT id, published_at, listing, openings_key FROM attestations") == [
        ("a", None, None, None)
    ]
    run.downgrade(empty_url, "0002")
    assert _selected(empty_url, "SELECT id, issued_at FROM attestations") == [("a", 1)]


def test_two_upgrades_at_once_do_the_work_once(empty_url):
    env = os.environ | {"TUNEPROOF_DATABASE_URL": empty_url}
    started = [
        subprocess.Popen([sys.executable, "-m", "migrations", "upgrade"], env=env, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    outcomes = [(process.communicate()[1], process.returncode) for process in started]
    assert [code for _, code in outcomes] == [0, 0, 0], outcomes
    run.check(empty_url)


def test_rebuilding_a_parent_table_keeps_its_children(tmp_path):
    """SQLite rebuilds a table to alter it; with foreign keys on, dropping the old one would cascade."""
    path = tmp_path / "x.db"
    run.upgrade(f"sqlite+aiosqlite:///{path}")
    _insert_job_with_stage(path)
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        operations = Operations(MigrationContext.configure(connection, opts={"render_as_batch": True}))
        with operations.batch_alter_table("jobs") as batch:
            batch.alter_column("model", type_=sa.String(500))
        connection.commit()
    engine.dispose()
    with sqlite3.connect(path) as check:
        assert check.execute("SELECT count(*) FROM job_stages").fetchone() == (1,)
        assert check.execute("PRAGMA foreign_key_check").fetchall() == []
    check.close()


def _insert_job_with_stage(path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO organizations VALUES ('o', 'o', 1)")
        connection.execute("INSERT INTO projects (id, organization_id, name, created_at) VALUES ('p', 'o', 'p', 1)")
        for table, row in (
            ("jobs", {"id": "j", "status": "queued"}),
            ("job_stages", {"id": "s", "job_id": "j", "name": "screen", "state": "pending"}),
        ):
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
            values = {name: row.get(name, "{}") for _, name, _, required, _, _ in columns if required}
            values |= {"organization_id": "o", "project_id": "p"} | row
            names = ", ".join(values)
            connection.execute(
                f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values())
            )
    connection.close()


def test_without_a_url_the_command_says_what_to_set():
    env = {name: value for name, value in os.environ.items() if name != "TUNEPROOF_DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-m", "migrations", "check"], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "TUNEPROOF_DATABASE_URL" in done.stderr
