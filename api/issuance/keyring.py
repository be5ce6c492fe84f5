"""The folder that keeps every version of an issuer's trust root, and the drafts of the next one.

A keyring is a folder with `1.root.json`, `2.root.json`, … as TUF names them; beside it, under the same name with
`.json`, lies a copy of the newest, the file that buyers get. A change makes the next version as a draft and gathers the
signatures of root keys; it counts once `attestations.trust_update` accepts it as successor, the very rule that buyers
apply. Until then it waits as `draft.json`, to be carried to whoever keeps the other root keys. Files appear whole or not
at all, and versions are never written over. What a version may say is made in `api.issuance.trust_changes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.issuance.errors import TrustChangeError
from attestations import trust, trust_update
from attestations.dsse import ThresholdEnvelope, add_signature, signers_of
from attestations.errors import AttestationError, CryptographicError, FileAccessError
from attestations.files import write_file
from attestations.keys import Signer
from attestations.trust import TrustRoot


@dataclass(frozen=True, slots=True)
class Standing:
    """A draft and what it still lacks: root keys, by id, of which that many more must sign; none when it is done."""

    draft: TrustRoot
    signed_by: tuple[str, ...]
    missing: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def complete(self) -> bool:
        return not self.missing


@dataclass(frozen=True, slots=True)
class Keyring:
    """The folder of one issuer's trust roots."""

    directory: Path

    @classmethod
    def at(cls, place: Path) -> "Keyring":
        """The folder itself, or the one that belongs to a key file: `issuer.trust` to `issuer.pem`."""
        return cls(place if place.is_dir() or place.suffix == ".trust" else place.with_suffix(".trust"))

    @property
    def exported(self) -> Path:
        return self.directory.with_name(self.directory.name + ".json")

    @property
    def draft(self) -> Path:
        return self.directory / "draft.json"

    @property
    def own_root_key(self) -> Path:
        """Where development keeps its root key. Elsewhere root keys belong to people, not to this machine."""
        return self.directory.with_suffix(".root.pem")

    @property
    def begun(self) -> bool:
        return (self.directory / "1.root.json").exists()

    def history(self) -> list[bytes]:
        """Every version's file, from the first. Raises ``TrustChangeError`` where there is none."""
        files: list[bytes] = []
        while (path := self.directory / f"{len(files) + 1}.root.json").exists():
            files.append(_read(path))
        if not files:
            raise TrustChangeError(f"{self.directory} holds no trust root; make one with create-key or upgrade-trust")
        return files

    def current(self) -> TrustRoot:
        """The newest version, after the whole chain was followed from the first."""
        first, *successors = self.history()
        try:
            root = trust.parse(first)
            for unverified in successors:
                root = trust_update.update(root, unverified)
        except AttestationError as error:
            raise TrustChangeError(
                f"the trust roots in {self.directory} do not follow from each other: {error}"
            ) from error
        return root

    def refuse_waiting_draft(self) -> None:
        """Raises ``TrustChangeError``: one change at a time, or the second would be lost with the first."""
        if self.draft.exists():
            words = f"{self.draft} waits for signatures; finish it with publish-trust, or remove it, first"
            raise TrustChangeError(words)

    def propose(self, successor: TrustRoot, signers: Sequence[Signer]) -> Standing:
        """Publishes a change that the signers at hand are enough for; else it waits as draft under their signatures."""
        self.refuse_waiting_draft()
        envelope = trust.seal(successor, _root_signers(successor, self._before(), signers))
        lacks = self.standing(envelope)
        if lacks.complete:
            self.publish(trust.encode_file(envelope))
        else:
            _write(self.draft, trust.encode_file(envelope))
        return lacks

    def standing(self, envelope: ThresholdEnvelope) -> Standing:
        return standing(envelope, self._before())

    def publish(self, unverified: bytes) -> TrustRoot:
        """Keeps a signed successor as the newest version. Raises ``TrustChangeError`` where buyers would refuse it."""
        before = self._before()
        try:
            root = trust_update.update(before, unverified) if before is not None else trust.parse(unverified)
            if before is None and root.version != 1:
                raise CryptographicError("trust.version", "the first version here must be version 1")
        except AttestationError as error:
            raise TrustChangeError(f"buyers would refuse this trust root: {error}") from error
        path = self.directory / f"{root.version}.root.json"
        if path.exists():
            raise TrustChangeError(f"{path} exists; a version is never written over")
        _write(path, unverified)
        _write(self.exported, unverified)
        self.draft.unlink(missing_ok=True)
        return root

    def _before(self) -> TrustRoot | None:
        return self.current() if self.begun else None


def newest(keyrings: Sequence[Keyring]) -> TrustRoot:
    """The highest version that lies in any of them, of which there is at least one. Raises as ``current``."""
    return max((keyring.current() for keyring in keyrings), key=lambda root: root.version)


def standing(envelope: ThresholdEnvelope, before: TrustRoot | None) -> Standing:
    """What a draft lacks to be believed by whoever believes `before`, or, for a first version, by itself."""
    draft = trust.parse_payload(envelope)
    made = draft.created_at or ""
    signed: list[str] = []
    missing = []
    for root in (draft,) if before is None else (before, draft):
        keys = root.counting_root_keys(made)
        signers = [key.key_id for key in signers_of(envelope, keys)]
        signed += [key_id for key_id in signers if key_id not in signed]
        if len(signers) < root.threshold:
            others = tuple(key.key_id for key in keys if key.key_id not in signers)
            missing.append((root.threshold - len(signers), others))
    return Standing(draft, tuple(signed), tuple(missing))


def sign_draft(unverified: bytes, signer: Signer) -> tuple[bytes, ThresholdEnvelope]:
    """A draft with one signature more, as file and as envelope. Nobody signs what no reader accepts."""
    envelope = trust.parse_envelope(unverified)
    trust.parse_payload(envelope)
    signed = add_signature(envelope, signer)
    content = trust.encode_file(signed)
    trust.parse_envelope(content)
    return content, signed


def _root_signers(successor: TrustRoot, before: TrustRoot | None, signers: Sequence[Signer]) -> list[Signer]:
    """Those that count; a key that was named and does not is a mistake, found before it signs."""
    made = successor.created_at or ""
    counting = {key.key_id for root in (successor, before) if root is not None for key in root.counting_root_keys(made)}
    strangers = [signer.key_id[:16] for signer in signers if signer.key_id not in counting]
    if strangers:
        raise TrustChangeError(f"these are no root keys that count here: {', '.join(strangers)}…")
    return list(signers)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrustChangeError(f"cannot read {path}: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file(path, content)
    except FileAccessError as error:
        raise TrustChangeError(error.sentence) from error
    except OSError as error:
        raise TrustChangeError(f"cannot write {path}: {error.strerror}") from error
