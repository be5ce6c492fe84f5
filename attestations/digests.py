"""A digest in in-toto's DigestSet form, `{"sha256": hex}`, as documents hold it."""

import hashlib
from dataclasses import dataclass

from attestations.documents import Digest


@dataclass(frozen=True, slots=True)
class Sha256:
    """SHA-256 of something's bytes; which bytes, the field says that holds it."""

    sha256: Digest

    @classmethod
    def of(cls, content: bytes) -> "Sha256":
        return cls(hashlib.sha256(content).hexdigest())
