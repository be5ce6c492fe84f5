"""Signs a predicate and packs the bundle. What leaves here has been read back under the verifier's own rules."""

from dataclasses import dataclass, field

from attestations import dsse
from attestations.bundle import Bundle
from attestations.digests import Sha256
from attestations.keys import Signer, load_public_key, refuse_bad_signature
from attestations.plan import Plan
from attestations.predicate import ResiliencePredicate
from attestations.statement import JobRecord, build_statement


@dataclass(frozen=True, slots=True)
class Issued:
    """``statement_digest`` is SHA-256 over the signed payload."""

    bundle: bytes
    statement_digest: str


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who says so: an identity and the key that signs for it."""

    id: str
    signer: Signer = field(repr=False)
    validity_days: int

    def issue(
        self, predicate: ResiliencePredicate, *, manifest: bytes | None, plan: Plan | None, record: JobRecord | None
    ) -> Issued:
        """Raises ``AttestationError`` when the parts do not belong together or the signer's key is not the published one."""
        job_record = record.encode() if record is not None else None
        payload = build_statement(predicate, job_record).encode()
        envelope = dsse.seal(payload, dsse.IN_TOTO_PAYLOAD_TYPE, self.signer)
        public = load_public_key(self.signer.public_pem)
        refuse_bad_signature(self.signer, public, dsse.pae(dsse.IN_TOTO_PAYLOAD_TYPE, payload), envelope.signature)
        bundle = Bundle(
            envelope=envelope,
            unverified_manifest=manifest,
            unverified_plan=plan.encode() if plan is not None else None,
            unverified_job_record=job_record,
        )
        return Issued(bundle=bundle.encode(), statement_digest=Sha256.of(payload).sha256)
