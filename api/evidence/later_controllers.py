"""``/v1/attestations/{id}/notices`` and ``/v1/attestations/{id}/countersignatures``: what was said after the signing."""

from typing import Any

from litestar import Controller, Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.bodies import read_body, read_json
from api.evidence import views
from api.evidence.changes import Asking
from api.evidence.countersignatures import MAX_COUNTERSIGNATURE, CountersignaturesService
from api.evidence.notices import NoticesService
from api.evidence.schemas import AskedNotice, CountersignatureList, CountersignatureObject, NoticeList, NoticeObject
from api.openapi import BringsCountersignature, GivesNotice
from api.queries import known_query
from api.tenancy.scope import Scope


class LaterWordsController(Controller):
    path = "/attestations/{attestation_id:str}"
    tags = ("Attestations",)
    guards = (known_query,)

    @get("/notices")
    async def list_notices(
        self,
        tenant: NamedDependency[Scope],
        notices: NamedDependency[NoticesService],
        attestation_id: FromPath[str],
    ) -> NoticeList:
        """Newest first; those that wait for their signature are pending."""
        return NoticeList(data=[views.notice_object(row) for row in await notices.given(tenant, attestation_id)])

    @post("/notices", status_code=200, operation_class=GivesNotice)
    async def give_notice(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        notices: NamedDependency[NoticesService],
        attestation_id: FromPath[str],
    ) -> NoticeObject:
        """Say what was found out later; it is signed moments afterwards and then goes with every bundle."""
        asked = await read_json(request, AskedNotice)
        return views.notice_object(await notices.give(Asking(tenant, request.user), attestation_id, asked))

    @get("/countersignatures")
    async def list_countersignatures(
        self,
        tenant: NamedDependency[Scope],
        countersignatures: NamedDependency[CountersignaturesService],
        attestation_id: FromPath[str],
    ) -> CountersignatureList:
        """Newest first, by when they came."""
        found = await countersignatures.taken(tenant, attestation_id)
        return CountersignatureList(data=[views.countersignature_object(row) for row in found])

    @post("/countersignatures", status_code=200, operation_class=BringsCountersignature)
    async def bring_countersignature(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        countersignatures: NamedDependency[CountersignaturesService],
        attestation_id: FromPath[str],
    ) -> CountersignatureObject:
        """Bring what an evaluator signed, as the Sigstore bundle that it is; it then goes with every bundle."""
        unverified = await read_body(request, max_bytes=MAX_COUNTERSIGNATURE)
        taken = await countersignatures.take(Asking(tenant, request.user), attestation_id, unverified)
        return views.countersignature_object(taken)
