"""Reading what was issued. The bundle's bytes are never changed on the way out."""

from dataclasses import dataclass

from api.db.models import Attestation
from api.db.session import Database
from api.errors import NotFoundError
from api.evidence import repository
from api.paging import plausible_id
from api.storage import Storage
from api.tenancy.scope import Scope
from attestations.bundle import MAX_BYTES


@dataclass(frozen=True, slots=True)
class EvidenceService:
    database: Database
    storage: Storage

    async def get(self, scope: Scope, attestation_id: str) -> tuple[Attestation, bytes]:
        """The attestation and its bundle."""
        async with self.database.read() as session:
            found = await repository.find(session, scope, attestation_id) if plausible_id(attestation_id) else None
        if found is None:
            raise NotFoundError(f"No attestation has the id {attestation_id[:80]!r}.", param="attestation_id")
        return found, await self.storage.get_bytes(found.bundle_key, MAX_BYTES)
