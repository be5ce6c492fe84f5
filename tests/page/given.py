"""What several tests of the page give it: parsed documents, a trust root with a key for status lists, and lists."""

from dataclasses import replace
from datetime import datetime, timedelta

from attestations import canonical, status, trust
from attestations.keys import LocalSigner
from attestations.status import StatusList
from attestations.trust import KeyRole, trusted_key
from tests.attestations.statements.complete import FROM, UNTIL, Complete
from tests.page.engine import NOW, Case, by_page

STATUS_URI = "https://tuning.example/status/1"
STATUS_SIGNER = LocalSigner.generate()


def trust_of(complete: Complete, **changes: object) -> bytes:
    """The trust root with a key for status lists, signed by its root key."""
    root = complete.signers.trust_root
    key = trusted_key(STATUS_SIGNER.public_pem, FROM, UNTIL, role=KeyRole.STATUS)
    return trust.encode_file(trust.seal(replace(root, keys=(*root.keys, key), **changes), [complete.signers.root]))


def token(states: bytes = bytes(8), at: datetime = NOW - timedelta(hours=1), **changes: object) -> str:
    fields = {"uri": STATUS_URI, "issued_at": at, "expires_at": at + timedelta(hours=24), "states": states}
    return status.encode(StatusList(**{**fields, **changes}), STATUS_SIGNER)


def parsed(content: bytes) -> object:
    return canonical.parse(content, what="it", max_bytes=10**7)


def codes_of(cases: list[Case]) -> dict[str, int]:
    return {case.name: found["exitCode"] for case, found in zip(cases, by_page(cases), strict=True)}
