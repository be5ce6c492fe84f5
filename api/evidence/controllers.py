"""``/v1/attestations``."""

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.evidence.schemas import AttestationObject
from api.evidence.service import EvidenceService
from api.tenancy.scope import Scope
from attestations.bundle import MEDIA_TYPE, parse


class AttestationsController(Controller):
    path = "/attestations"
    tags = ("Attestations",)

    @get("/{attestation_id:str}")
    async def retrieve(
        self,
        tenant: NamedDependency[Scope],
        evidence: NamedDependency[EvidenceService],
        attestation_id: FromPath[str],
    ) -> AttestationObject:
        found, bundle = await evidence.get(tenant, attestation_id)
        return AttestationObject(
            id=found.id,
            job=found.job_id,
            outcome=found.outcome,
            statement_digest=found.statement_digest,
            issued_at=found.issued_at,
            valid_until=found.valid_until,
            bundle=f"/v1/attestations/{found.id}/bundle",
            statement=msgspec.json.decode(parse(bundle).envelope.unverified_payload),
        )

    @get("/{attestation_id:str}/bundle", media_type=MEDIA_TYPE)
    async def bundle(
        self,
        tenant: NamedDependency[Scope],
        evidence: NamedDependency[EvidenceService],
        attestation_id: FromPath[str],
    ) -> Response[bytes]:
        """The file that a procurement team verifies, byte for byte as it was issued."""
        found, content = await evidence.get(tenant, attestation_id)
        name = f"{found.id}.resilience.json"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type=MEDIA_TYPE, headers=headers)
