"""A key in use: it signs only while the newest trust root believes it.

A signature that buyers refuse cannot be taken back, and an operator may end a key, or say that it was stolen, while the control
process has it open. So each signature is preceded by a look into the folder of trust roots; where that says no, or cannot be
read, nothing is signed. Whatever seals a statement or a status list does it with one of these. An expired trust root is no reason
to refuse: its renewal makes what was signed meanwhile believed again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from api.issuance.errors import KeyNotBelievedError, TrustChangeError
from api.issuance.keyring import Keyring, newest
from attestations import trust
from attestations.findings import Status
from attestations.keys import Signer
from attestations.trust import KeyRole, TrustRoot

_SETTINGS = {KeyRole.ISSUER: "TUNEPROOF_SIGNING_KEY", KeyRole.STATUS: "TUNEPROOF_STATUS_KEY"}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A ``Signer`` for one role. Without keyrings there is nothing to hold it against, and it always signs."""

    signer: Signer = field(repr=False)
    role: KeyRole
    keyrings: tuple[Keyring, ...]
    clock: Callable[[], int] = field(repr=False)

    @property
    def key_id(self) -> str:
        return self.signer.key_id

    @property
    def public_pem(self) -> str:
        return self.signer.public_pem

    def doubt(self) -> str | None:
        """Why the key must not sign now, and what to do about it; None where it may. Reads the keyrings' files."""
        if not self.keyrings:
            return None
        try:
            root = newest(self.keyrings)
        except TrustChangeError as error:
            return f"whether the {self.role} key is believed cannot be told: {error}"
        why = doubt(root, self.key_id, role=self.role, at=datetime.fromtimestamp(self.clock(), UTC))
        return f"{why} ({self._places}); {self._remedy}" if why is not None else None

    def sign(self, message: bytes) -> bytes:
        """Raises ``KeyNotBelievedError``, and what the signer does."""
        why = self.doubt()
        if why is not None:
            raise KeyNotBelievedError(why)
        return self.signer.sign(message)

    @property
    def _places(self) -> str:
        return ", ".join(str(keyring.directory) for keyring in self.keyrings)

    @property
    def _remedy(self) -> str:
        setting = _SETTINGS.get(self.role, "the setting of this key")
        return f"set {setting} to a key that is believed (rotate-key makes one) and restart control, which then signs what waits"


def doubt(root: TrustRoot, key_id: str, *, role: KeyRole, at: datetime) -> str | None:
    """Why buyers who have this trust root would not believe what the key signs at that time; None where they would. Pure.

    A key that is known to be stolen is out for good: only a timestamp of before the theft could help it, and there is none for
    what is signed now.
    """
    where, name = f"version {root.version} of the trust root", f"{key_id[:16]}…"
    key = next((one for one in root.keys if one.key_id == key_id), None)
    if key is None:
        return f"{where} does not know the {role} key {name}"
    if key.role is not role:
        return f"{where} has the key {name} in the role {key.role}, and {role} is needed"
    if trust.believed(key, claimed=at, proven=None).status is Status.PASS:
        return None
    if key.compromised_at is not None:
        return f"{where} says that the {role} key {name} was compromised on {key.compromised_at}"
    return f"{where} believes the {role} key {name} from {key.valid_from} to {key.valid_until} only"
