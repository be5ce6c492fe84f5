"""Signs what is drafted and packs the bundle. What leaves here verifies with the published half of the key.

Signing may ask a token or a key service far away, so it is slow and may fail: the control process calls it off its event
loop and tries again later. Nothing is kept here in between.
"""

from dataclasses import dataclass, field

from api.issuance.draft import Draft
from api.issuance.signing_key import SigningKey
from attestations.bundle import Bundle, UnverifiedTimestamp
from attestations.digests import Sha256
from attestations.dsse import Envelope
from attestations.statements import frame
from attestations.statements.frame import Predicate, Statement


@dataclass(frozen=True, slots=True)
class Issued:
    """A draft under its signatures."""

    draft: Draft
    attestation: Envelope
    provenance: Envelope | None
    model_sig: Envelope | None

    @property
    def statement_digest(self) -> str:
        """SHA-256 over the signed payload."""
        return Sha256.of(self.attestation.unverified_payload).sha256

    def bundle(self, stamp: UnverifiedTimestamp | None) -> bytes:
        """The bundle's bytes, without a status list and without openings; ``stamp`` is over the attestation's signature."""
        draft, plan = self.draft, self.draft.plan
        statements = (plan.statement if plan is not None else None, self.provenance)
        stamps = (stamp, plan.timestamp if plan is not None else None)
        return Bundle(
            envelope=self.attestation,
            unverified_manifest=draft.manifest,
            unverified_plan=plan.content if plan is not None else None,
            unverified_job_record=draft.record,
            unverified_oms=self.model_sig,
            unverified_statements=tuple(one for one in statements if one is not None),
            unverified_timestamps=tuple(one for one in stamps if one is not None),
        ).encode()


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who says so: an identity and the key that signs for it."""

    id: str
    signer: SigningKey = field(repr=False)
    validity_days: int

    def seal(self, statement: Statement[Predicate] | bytes) -> Envelope:
        """Raises ``SigningKeyError`` where the key cannot be reached or is not believed (``KeyNotBelievedError``), and
        ``CryptographicError`` where it is not the published one."""
        return frame.seal(statement, self.signer)

    def issue(self, draft: Draft) -> Issued:
        """Raises as ``seal``."""
        return Issued(
            draft=draft,
            attestation=self.seal(draft.attestation),
            provenance=self.seal(draft.provenance) if draft.provenance is not None else None,
            model_sig=self.seal(draft.model_sig) if draft.model_sig is not None else None,
        )
