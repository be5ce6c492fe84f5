"""A buyer's verdict on evidence, signed by the buyer: an SVR v0.2 in a Sigstore bundle of its own.

Its properties name every check that passed, and its `verifier.policies` the buyer's policy by digest, so that whoever relies
on the buyer can hold it to what was looked at. A rejection can be signed as well as an acceptance; only where the evidence is
not signed by a trusted key there is nothing to give a verdict on.
"""

from dataclasses import dataclass

from attestations import canonical
from attestations.bundle import sigstore_json
from attestations.digests import Sha256
from attestations.documents import Moment
from attestations.findings import Check
from attestations.keys import Signer
from attestations.procurement.policy import AcceptancePolicy
from attestations.statement import Subject
from attestations.statements import frame, svr
from attestations.statements.svr import PolicyDescriptor, Verdict, Verifier

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Reached:
    """What was verified and what came of it: `attestation` is SHA-256 of the payload of its envelope."""

    subject: Subject
    attestation: Sha256
    checks: tuple[Check, ...]
    level: int | None


def sign_verdict(reached: Reached, policy: AcceptancePolicy | None, *, signer: Signer, at: Moment) -> bytes:
    """The canonical bytes of the Sigstore bundle; the signer's key also names the verifier."""
    name = Verifier(f"urn:sha256:{signer.key_id}", _descriptors(policy))
    verdict = Verdict.of(reached.checks, reached.attestation, reached.level)
    payload = svr.build(reached.subject, verdict, verifier=name, at=at).encode()
    return canonical.encode(sigstore_json(frame.seal(payload, signer)))


def _descriptors(policy: AcceptancePolicy | None) -> tuple[PolicyDescriptor, ...]:
    """None stands for the default rules alone."""
    return (PolicyDescriptor(policy.document.title[:_LONGEST_NAME], policy.digest),) if policy is not None else ()
