"""What anybody may fetch. What is not published, or not any more, does not exist here."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from api.db.models import StatusList
from api.db.session import Database
from api.errors import InvalidRequestError, NotFoundError
from api.evidence.repository import later_of
from api.evidence.service import Beside, Handed, handed
from api.paging import plausible_id
from api.published import repository
from api.published.index import PAGE, index_of
from api.published.trust_files import trust_root
from api.storage import Storage

AT_ONCE = 4
"""Bundles that are put together at the same time for strangers; who comes later waits."""


@dataclass(frozen=True, slots=True)
class PublishedService:
    """``trust`` is the folder of trust roots. Each method raises ``NotFoundError`` for what is not there."""

    database: Database
    storage: Storage
    trust: Path | None
    _turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE), repr=False, compare=False)

    async def index(self, after: str | None) -> bytes:
        if after is not None and not plausible_id(after):
            raise InvalidRequestError("after must be the id of the last attestation of the page before.", param="after")
        async with self.database.read() as session:
            return index_of(await repository.page_of(session, after=after, limit=PAGE + 1))

    async def bundle(self, attestation_id: str, *, if_none_match: str | None) -> Handed:
        """With the newest status list and what was said later, and without any opening."""
        async with self.database.read() as session:
            found = await repository.find(session, attestation_id) if plausible_id(attestation_id) else None
            if found is None:
                raise NotFoundError("No attestation is published under this id.")
            row, token = found
            beside = Beside(token, await later_of(session, row.id))
        async with self._turns:
            return await handed(self.storage, row, beside, if_none_match=if_none_match)

    async def status_list(self, number: int) -> StatusList:
        """A list that was signed at least once."""
        async with self.database.read() as session:
            found = await repository.status_list(session, number) if 0 < number < 1 << 31 else None
        if found is None or found.token is None:
            raise NotFoundError("There is no such status list.")
        return found

    async def trust_root(self, name: str) -> bytes:
        content = await asyncio.to_thread(trust_root, self.trust, name)
        if content is None:
            raise NotFoundError("There is no such trust root here.")
        return content
