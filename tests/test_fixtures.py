"""The fixtures that other tests rely on are what they say: empty, migrated, real."""

from redis.asyncio import Redis
from sqlalchemy import func, select

from api.db.models import Organization
from api.db.session import Database


async def _count_then_add(database: Database) -> int:
    async with database.write() as session:
        count = await session.scalar(select(func.count()).select_from(Organization))
        session.add(Organization(id="org-x", name="x", created_at=1))
    return count or 0


async def test_a_database_is_empty(database: Database) -> None:
    assert await _count_then_add(database) == 0


async def test_a_database_is_empty_again(database: Database) -> None:
    assert await _count_then_add(database) == 0


async def test_the_queue_server_answers(valkey: str) -> None:
    client = Redis.from_url(valkey)
    assert await client.ping()
    await client.aclose()
