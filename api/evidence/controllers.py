"""``/v1/attestations``."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, QueryParameter

from api.bodies import read_json
from api.errors import InvalidRequestError
from api.evidence import views
from api.evidence.changes import Asking, ChangesService
from api.evidence.lifecycle import AttestationState
from api.evidence.repository import Wanted
from api.evidence.schemas import (
    AskedPublishing,
    AskedStatus,
    AttestationObject,
    AttestationPage,
    AttestationSummary,
    StatusObject,
)
from api.evidence.service import EvidenceService
from api.openapi import ChangesStatus, PublishesAttestation
from api.paging import asked_page, plausible_id
from api.queries import known_query
from api.tenancy.scope import Scope
from attestations.bundle import MEDIA_TYPE, parse
from attestations.predicate import OutcomeStatus

MOST_ATTESTATIONS = 100
_LATEST = 253402300799  # the end of the year 9999


def asked_filters(
    *,
    outcome: FromQuery[OutcomeStatus | None] = None,
    base: FromQuery[str | None] = None,
    job: FromQuery[str | None] = None,
    status: FromQuery[AttestationState | None] = None,
    published: FromQuery[bool | None] = None,
    issued_after: FromQuery[int | None] = None,
    issued_before: FromQuery[int | None] = None,
) -> Wanted:
    """Raises ``InvalidRequestError``."""
    for name, text in (("base", base), ("job", job)):
        if text is not None and not plausible_id(text):
            raise InvalidRequestError(f"{name} must be 1 to 300 printable characters without spaces.", param=name)
    for name, seconds in (("issued_after", issued_after), ("issued_before", issued_before)):
        if seconds is not None and not 0 <= seconds <= _LATEST:
            raise InvalidRequestError(f"{name} must be a time in Unix seconds.", param=name)
    return Wanted(
        outcome=outcome,
        base=base,
        job=job,
        state=status,
        published=published,
        issued_after=issued_after,
        issued_before=issued_before,
    )


class AttestationsController(Controller):
    path = "/attestations"
    tags = ("Attestations",)
    guards = (known_query,)

    @get(dependencies={"wanted": Provide(asked_filters, sync_to_thread=False)})
    async def list_attestations(
        self,
        tenant: NamedDependency[Scope],
        evidence: NamedDependency[EvidenceService],
        wanted: NamedDependency[Wanted],
        after: FromQuery[str | None] = None,
        limit: FromQuery[int] = 20,
    ) -> AttestationPage:
        """Newest first. ``issued_after`` is included, ``issued_before`` is not; both are Unix seconds."""
        found = await evidence.page(tenant, asked_page(after, limit, most=MOST_ATTESTATIONS), wanted)
        shown = [views.summary(known) for known in found.rows]
        return AttestationPage(
            data=shown,
            first_id=shown[0].id if shown else None,
            last_id=shown[-1].id if shown else None,
            has_more=found.has_more,
        )

    @get("/{attestation_id:str}")
    async def retrieve(
        self,
        tenant: NamedDependency[Scope],
        evidence: NamedDependency[EvidenceService],
        attestation_id: FromPath[str],
    ) -> AttestationObject:
        known, stored, hidden = await evidence.get(tenant, attestation_id)
        statement = msgspec.json.decode(parse(stored).envelope.unverified_payload)
        return views.whole(known, hidden=hidden, statement=statement)

    @get("/{attestation_id:str}/bundle", media_type=MEDIA_TYPE)
    async def bundle(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        evidence: NamedDependency[EvidenceService],
        attestation_id: FromPath[str],
        opened: Annotated[list[str] | None, QueryParameter(name="open")] = None,
    ) -> Response[bytes | None]:
        """The file that a procurement team verifies: the parts byte for byte as they were issued, and beside them the newest
        status list and what ``open=path`` names of the hidden values (``open=*``: all)."""
        header = request.headers.get("if-none-match")
        handed = await evidence.bundle(tenant, attestation_id, opened=opened or (), if_none_match=header)
        return views.handed_out(handed, {"cache-control": "private, no-cache"})

    @get("/{attestation_id:str}/status")
    async def status(
        self,
        tenant: NamedDependency[Scope],
        evidence: NamedDependency[EvidenceService],
        attestation_id: FromPath[str],
    ) -> StatusObject:
        return views.status_object(await evidence.status(tenant, attestation_id))

    @post("/{attestation_id:str}/status", status_code=200, operation_class=ChangesStatus)
    async def change_status(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        changes: NamedDependency[ChangesService],
        attestation_id: FromPath[str],
    ) -> StatusObject:
        """Revoke, suspend, supersede, or lift a suspension."""
        asked = await read_json(request, AskedStatus)
        return views.status_object(await changes.change(Asking(tenant, request.user), attestation_id, asked))

    @post("/{attestation_id:str}/publish", status_code=200, operation_class=PublishesAttestation)
    async def publish(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        changes: NamedDependency[ChangesService],
        attestation_id: FromPath[str],
    ) -> AttestationSummary:
        """Show it to the world, or take it back; private until then."""
        asked = await read_json(request, AskedPublishing)
        known = await changes.publish(Asking(tenant, request.user), attestation_id, published=asked.published)
        return views.summary(known)
