"""A signer that is not what it says."""

from dataclasses import dataclass

from attestations.keys import LocalSigner


@dataclass(frozen=True)
class MixedSigner:
    """Set up with one key, it signs with another."""

    published: LocalSigner
    signing: LocalSigner

    @property
    def key_id(self) -> str:
        return self.published.key_id

    @property
    def public_pem(self) -> str:
        return self.published.public_pem

    def sign(self, message: bytes) -> bytes:
        return self.signing.sign(message)
