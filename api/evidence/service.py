"""Reading what was issued: rows, bundles with the newest status list and what was said later in them, states with their history.

The bytes under a bundle's key are never changed. What is put beside the signed parts on the way out is in ``bundles``.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import Attestation, StatusChange, StatusList
from api.db.session import Database
from api.errors import NotFoundError
from api.evidence import bundles, openings, repository
from api.evidence.bundles import Later
from api.evidence.repository import Known, Wanted
from api.paging import Page, Rows, cut, plausible_id
from api.storage import Storage
from api.tenancy.scope import Scope
from attestations.bundle import MAX_BYTES


@dataclass(frozen=True, slots=True)
class Handed:
    """A bundle to hand out; ``content`` is None where the client has the one of this ``etag`` already."""

    id: str
    etag: str
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Beside:
    """What a bundle carries on its way out beside the parts that were issued; ``token`` is the signed status list."""

    token: str | None
    later: Sequence[Later]
    shown: Sequence[openings.Opening] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """An attestation, the list with its entry, and what happened to it."""

    known: Known
    listed: StatusList | None
    history: Sequence[StatusChange]


@dataclass(frozen=True, slots=True)
class EvidenceService:
    """Each method with an id raises ``NotFoundError`` for what is not in the scope."""

    database: Database
    storage: Storage

    async def page(self, scope: Scope, page: Page, wanted: Wanted) -> Rows[Known]:
        async with self.database.read() as session:
            return cut(await repository.page_of(session, scope, page, wanted), page)

    async def get(self, scope: Scope, attestation_id: str) -> tuple[Known, bytes, list[str]]:
        """The attestation, its bundle as it is stored, and the paths that can be opened."""
        async with self.database.read() as session:
            known = await found(session, scope, attestation_id)
        stored = await self.storage.get_bytes(known.row.bundle_key, MAX_BYTES)
        return known, stored, sorted(await openings.kept(self.storage, known.row))

    async def bundle(
        self, scope: Scope, attestation_id: str, *, opened: Sequence[str], if_none_match: str | None
    ) -> Handed:
        """With the openings that are asked for by path. Raises ``InvalidRequestError`` for a path that is not hidden."""
        async with self.database.read() as session:
            known = await found(session, scope, attestation_id)
            token = await token_of(session, known)
            later = await repository.later_of(session, known.row.id)
        shown = openings.chosen(await openings.kept(self.storage, known.row), opened) if opened else []
        beside = Beside(token, later, shown)
        return await handed(self.storage, known.row, beside, if_none_match=if_none_match)

    async def status(self, scope: Scope, attestation_id: str) -> Held:
        async with self.database.read() as session:
            return await held(session, scope, attestation_id)


async def found(session: AsyncSession, scope: Scope, attestation_id: str) -> Known:
    """Raises ``NotFoundError``."""
    known = await repository.find(session, scope, attestation_id) if plausible_id(attestation_id) else None
    if known is None:
        raise NotFoundError(f"No attestation has the id {attestation_id[:80]!r}.", param="attestation_id")
    return known


async def held(session: AsyncSession, scope: Scope, attestation_id: str) -> Held:
    """Raises ``NotFoundError``."""
    known = await found(session, scope, attestation_id)
    listed = await repository.list_numbered(session, known.entry.list_number) if known.entry is not None else None
    return Held(known, listed, await repository.changes_of(session, scope, known.row.id))


async def token_of(session: AsyncSession, known: Known) -> str | None:
    """The newest signed list with the attestation's entry. An expired one too: the verifier says so better than silence."""
    listed = await repository.list_numbered(session, known.entry.list_number) if known.entry is not None else None
    return listed.token if listed is not None else None


async def handed(storage: Storage, row: Attestation, beside: Beside, *, if_none_match: str | None) -> Handed:
    """Put together beside the event loop: a bundle may have megabytes."""
    token, later, shown = beside.token, beside.later, beside.shown
    tag = bundles.etag(row.bundle_key, token=token, opened=[str(opening["path"]) for opening in shown], later=later)
    if bundles.matches(if_none_match, tag):
        return Handed(row.id, tag, None)
    stored = await storage.get_bytes(row.bundle_key, MAX_BYTES)
    content = await asyncio.to_thread(bundles.assembled, stored, token=token, openings=shown, later=later)
    return Handed(row.id, tag, content)
