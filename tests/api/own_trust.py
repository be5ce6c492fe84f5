"""A real keyring on disk for keys of a test, changed by the very functions that the key commands call."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.issuance import trust_changes
from api.issuance.keyring import Keyring
from attestations.keys import LocalSigner, Signer
from attestations.trust import KeyRole, TrustRoot


@dataclass
class OwnTrust:
    """``made`` is when version 1 was made, in Unix seconds, as are all times here."""

    directory: Path
    made: int
    issuer: str = "https://issuer.test"
    root: LocalSigner = field(default_factory=LocalSigner.generate)

    @property
    def keyring(self) -> Keyring:
        return Keyring(self.directory)

    def begin(self, issuing: Signer, status: Signer) -> Keyring:
        parts = trust_changes.FirstRoot(
            issuer=self.issuer,
            issuer_pem=issuing.public_pem,
            status_pem=status.public_pem,
            root_pems=(self.root.public_pem,),
            threshold=1,
        )
        return self._settle(trust_changes.first_root(parts, now=_time(self.made)))

    def rotate(self, new: Signer, role: KeyRole, *, now: int, overlap_days: int = 0) -> Keyring:
        at = _time(now)
        key = trust_changes.new_key(new.public_pem, role, at)
        end = at + timedelta(days=overlap_days)
        return self._settle(trust_changes.rotated(self.keyring.current(), key, retire_at=end, now=at))

    def compromise(self, key: Signer, *, at: int, now: int) -> Keyring:
        changed = trust_changes.compromised(self.keyring.current(), key.key_id, at=_time(at), now=_time(now))
        return self._settle(changed)

    def renew(self, *, now: int) -> Keyring:
        return self._settle(trust_changes.renewed(self.keyring.current(), now=_time(now)))

    def _settle(self, successor: TrustRoot) -> Keyring:
        assert self.keyring.propose(successor, [self.root]).complete
        return self.keyring


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
