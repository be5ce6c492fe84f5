"""An object store, a queue server, and a workbench whose stages are pretend ones."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from arq.connections import ArqRedis, create_pool

from tests.workers.object_store import ObjectStore
from tests.workers.scene import Scene
from workers.assignment import Workbench
from workers.child import Launch
from workers.lifeline import Rhythm
from workers.main import redis_settings, serialise
from workers.objects import Objects


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    opened = ObjectStore()
    yield opened
    opened.close()


@pytest.fixture
async def objects() -> AsyncIterator[Objects]:
    async with Objects(delays=(0.01, 0.01, 0.01)) as opened:
        yield opened


@pytest.fixture
async def pool(valkey: str) -> AsyncIterator[ArqRedis]:
    opened = await create_pool(redis_settings(valkey), job_serializer=serialise, job_deserializer=msgspec.json.decode)
    yield opened
    await opened.aclose(close_connection_pool=True)


@pytest.fixture
def bench(objects: Objects, tmp_path: Path) -> Workbench:
    """Its stages are those of ``tests/workers/pretend_stages.py``."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Workbench(
        objects=objects,
        catalog=tmp_path / "catalog.json",
        scratch=scratch,
        launch=Launch(
            {"PATH": "/usr/bin:/bin", "TUNEPROOF_REDIS_URL": "redis://:hunter2@nowhere"}, "tests.workers.pretend_stages"
        ),
    )


@pytest.fixture
def brisk() -> Rhythm:
    """A rhythm for tests: the same order of things, in fractions of a second."""
    return Rhythm(beat=0.05, watch=0.02, expiry=60, doubt=0.15, progress=0.05, drain=5.0)


@pytest.fixture
def scene(store: ObjectStore, bench: Workbench, pool: ArqRedis, brisk: Rhythm) -> Scene:
    return Scene(store, bench, pool, brisk)
