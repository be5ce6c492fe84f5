"""Trust roots of format 2 for the tests: keys are made once, as making one takes longer than any rule here."""

from collections.abc import Sequence
from dataclasses import replace

from attestations import trust
from attestations.keys import LocalSigner
from attestations.trust import KeyRole, TrustedKey, TrustRoot, trusted_key

ISSUER = "https://tuning.example"
ROOTS = tuple(LocalSigner.generate() for _ in range(5))
ISSUERS = tuple(LocalSigner.generate() for _ in range(2))
EVALUATOR = LocalSigner.generate()
START, END = "2026-01-01T00:00:00Z", "2027-12-31T23:59:59Z"


def key_of(signer: LocalSigner, role: KeyRole = KeyRole.ISSUER, **more: object) -> TrustedKey:
    return replace(trusted_key(signer.public_pem, START, END, role=role, owner="somebody"), **{"owner": None, **more})


def make_root(roots: Sequence[LocalSigner] = ROOTS[:3], threshold: int = 2, **more: object) -> TrustRoot:
    fields = {
        "version": 1,
        "issuer": ISSUER,
        "created_at": "2026-02-01T00:00:00Z",
        "expires_at": "2026-12-01T00:00:00Z",
        "keys": (
            *(key_of(signer, KeyRole.ROOT) for signer in roots),
            key_of(ISSUERS[0]),
            key_of(EVALUATOR, KeyRole.EVALUATOR, owner="the evaluators"),
        ),
    }
    return TrustRoot(**{**fields, "threshold": threshold, **more})


def file_of(root: TrustRoot, signers: Sequence[LocalSigner] = ROOTS[:3]) -> bytes:
    return trust.encode_file(trust.seal(root, signers))


def with_key(root: TrustRoot, key_id: str, **changes: object) -> tuple[TrustedKey, ...]:
    return tuple(replace(key, **changes) if key.key_id == key_id else key for key in root.keys)
