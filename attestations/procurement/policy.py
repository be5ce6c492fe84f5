"""A policy that was read, with its digest and what is known of its author, and its application to evidence.

    policy = parse(unverified, keys=[...])          # raises where it is not understood, or not signed as demanded
    checks = apply(policy, Evidence(...))           # one check a rule and a tenet, never an exception

A policy file is JSON that people write by hand, or a DSSE envelope of the payload type `PAYLOAD_TYPE` around its canonical
bytes. `digest` is SHA-256 of the canonical form, so it is the same for a policy and its signed copy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attestations import canonical, dsse, kinds
from attestations.digests import Sha256
from attestations.errors import CryptographicError, MalformedError
from attestations.findings import Check, not_checked, passed
from attestations.keys import PublicKey, Signer
from attestations.kinds import Kind
from attestations.procurement.document import PolicyDocument, parse_document
from attestations.procurement.evidence import Evidence
from attestations.procurement.rules import apply_rules
from attestations.procurement.tenets import apply_tenets

PAYLOAD_TYPE = "application/vnd.tuneproof.acceptance-policy.v1+json"
MAX_POLICY = 256 * 1024
MAX_BYTES = 384 * 1024
"""Of a policy file: base64 of the largest policy, and room for the envelope."""
SIGNATURE = "policy.signature"


@dataclass(frozen=True, slots=True)
class AcceptancePolicy:
    document: PolicyDocument
    digest: Sha256
    signature: Check


def parse(unverified: bytes, *, keys: Sequence[PublicKey] = ()) -> AcceptancePolicy:
    """The policy in a file. With `keys` it must be signed by one of them, else `CryptographicError`.

    `MalformedError` where the file is no JSON or no envelope, `PolicyError` where the policy is not understood in full.
    """
    with kinds.expected(Kind.POLICY, unverified):
        return _parse(unverified, keys)


def _parse(unverified: bytes, keys: Sequence[PublicKey]) -> AcceptancePolicy:
    value = canonical.parse_relaxed(unverified, what="the policy", max_bytes=MAX_BYTES)
    if isinstance(value, dict) and "payloadType" in value:
        return _signed(value, keys)
    if keys:
        words = "the policy is not signed, and a key was given that should have signed it; sign it or leave the key out"
        raise CryptographicError("policy.unsigned", words)
    if len(unverified) > MAX_POLICY:
        raise MalformedError("json.too_large", f"a policy has at most {MAX_POLICY} bytes")
    found = not_checked(SIGNATURE, "the policy is not signed; whoever gave the file decides what is accepted")
    return AcceptancePolicy(parse_document(value), Sha256(canonical.digest(value)), found)


def apply(policy: AcceptancePolicy, evidence: Evidence) -> list[Check]:
    """Every rule and tenet of the policy on this evidence, after the finding about the policy's own signature."""
    document = policy.document
    return [policy.signature, *apply_rules(document.rules, evidence), *apply_tenets(document.tenets or (), evidence)]


def sign(unverified: bytes, signer: Signer) -> bytes:
    """The signed copy of a policy file that is understood in full."""
    value = canonical.parse_relaxed(unverified, what="the policy", max_bytes=MAX_POLICY)
    if isinstance(value, dict) and "payloadType" in value:
        raise MalformedError("policy.signed", "the policy is signed already; sign the document that is in it")
    parse_document(value)
    return canonical.encode(dsse.seal(canonical.encode(value), PAYLOAD_TYPE, signer).to_json())


def _signed(value: object, keys: Sequence[PublicKey]) -> AcceptancePolicy:
    envelope = dsse.parse_envelope(value, "policy")
    if envelope.payload_type != PAYLOAD_TYPE:
        raise MalformedError("policy.payload_type", f"the payload type of a signed policy must be {PAYLOAD_TYPE}")
    if keys:
        key = dsse.verify(envelope, keys).key
        found = passed(SIGNATURE, f"the policy is signed by the buyer's key {key.key_id[:16]}…")
    else:
        found = not_checked(SIGNATURE, "the policy is signed, and no key was given to check that with")
    payload = envelope.unverified_payload
    document = canonical.parse(payload, what="the signed policy", max_bytes=MAX_POLICY)
    return AcceptancePolicy(parse_document(document), Sha256.of(payload), found)
