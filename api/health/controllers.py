"""``/healthz`` says that the process answers; ``/readyz`` that database and storage do, or which of them does not."""

import asyncio
from collections.abc import Awaitable

import structlog
from litestar import Response, get
from litestar.di import NamedDependency
from msgspec import Struct
from sqlalchemy import text

from api.db.session import Database
from api.storage import Storage

PROBE_SECONDS = 5.0

log = structlog.get_logger()


class Health(Struct):
    """``failing`` maps what does not work to the kind of its error; the log has the rest."""

    status: str
    failing: dict[str, str] = {}


@get("/healthz", tags=["Health"])
async def healthz() -> Health:
    return Health(status="ok")


@get("/readyz", tags=["Health"])
async def readyz(database: NamedDependency[Database], storage: NamedDependency[Storage]) -> Response[Health]:
    probes = {"database": _ask(database), "storage": storage.check()}
    answers = await asyncio.gather(*(_failure(name, probe) for name, probe in probes.items()))
    failing = {name: failure for name, failure in zip(probes, answers, strict=True) if failure is not None}
    if failing:
        return Response(Health(status="unavailable", failing=failing), status_code=503)
    return Response(Health(status="ok"))


async def _ask(database: Database) -> None:
    async with database.read() as session:
        await session.execute(text("SELECT 1 FROM organizations"))


async def _failure(name: str, probe: Awaitable[None]) -> str | None:
    try:
        await asyncio.wait_for(probe, PROBE_SECONDS)
    except Exception as error:  # whatever is wrong with it, it is not ready
        log.warning("not_ready", part=name, reason=str(error))
        return type(error).__name__
    return None
