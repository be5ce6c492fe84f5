"""What each key command does. Called by `api.issuance.__main__` with parsed arguments; raises what that one reports.

Beside its own arguments every command finds `access`, what opens keys, and `issuer`, from the environment.

A command that changes the trust root needs the signatures of root keys: those named by `--root-key`, else, in development,
the file `issuer.root.pem` beside the keyring. Where they are enough the new version is there at once; where they are not,
a draft waits for the other keepers (`sign-trust`, `publish-trust`).
"""

import argparse
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from api.issuance import keyfile, trust_changes
from api.issuance.errors import SigningKeyError, TrustChangeError
from api.issuance.key_settings import FileKey, parse
from api.issuance.keyring import Keyring, sign_draft
from api.issuance.signing import open_signer, status_key
from api.settings import KeyAccess
from attestations import trust
from attestations.commands.trust import trust_lines
from attestations.documents import moment
from attestations.files import write_file
from attestations.keys import Signer, load_certificate_pem
from attestations.trust import KeyRole, TimestampAuthority, TrustRoot

_MAX_PEM_BYTES = 16 * 1024


def create_key(options: argparse.Namespace) -> None:
    """The issuer's key comes last, so that whoever finds it finds the others, too."""
    keyring = _empty_keyring(options)
    key = parse(options.key)
    if isinstance(key, FileKey) and key.path.exists():
        words = "exists; a signing key is never overwritten. To renew it use rotate-key, to sign its trust root upgrade-trust"
        raise SigningKeyError(f"{key.path} {words}")
    keys = _Beginning.of(options, keyring)
    signer = _made_or_opened(options.key, options.access)
    _settle(keyring, keys.first_root(signer), keys.signers)
    sys.stdout.write(f"{signer.key_id}\n")


def upgrade_trust(options: argparse.Namespace) -> None:
    """For a key that was made before trust roots were signed: the keys that it lacks, and version 1 of its keyring."""
    keyring = _empty_keyring(options)
    signer = open_signer(options.key, options.access)
    keys = _Beginning.of(options, keyring)
    root = keys.first_root(signer)
    if keyring.exported.exists():
        root = trust_changes.upgraded(trust.parse(keyring.exported.read_bytes()), root)
    _settle(keyring, root, keys.signers)


def create_root_key(options: argparse.Namespace) -> None:
    sys.stdout.write(keyfile.create(options.key, passphrase=options.access.passphrase).public_pem)


def public_key(options: argparse.Namespace) -> None:
    sys.stdout.write(open_signer(options.key, options.access).public_pem)


def rotate_key(options: argparse.Namespace) -> None:
    keyring, now = Keyring.at(options.keyring), _now()
    current = keyring.current()
    signers = _root_keys(options, keyring)
    keyring.refuse_waiting_draft()
    key = trust_changes.new_key(_made_or_opened(options.new, options.access).public_pem, KeyRole(options.role), now)
    retire_at = now + timedelta(days=options.overlap_days)
    _settle(keyring, trust_changes.rotated(current, key, retire_at=retire_at, now=now), signers)
    variable = {"issuer": "TUNEPROOF_SIGNING_KEY", "status": "TUNEPROOF_STATUS_KEY"}[options.role]
    _say(f"set {variable}={options.new} and restart control by {moment(retire_at)}, when the old key ends")


def compromise_key(options: argparse.Namespace) -> None:
    keyring = Keyring.at(options.keyring)
    successor = trust_changes.compromised(keyring.current(), options.key_id, at=options.at, now=_now())
    _settle(keyring, successor, _root_keys(options, keyring))
    _say("if it was a key in use, make a new one now: rotate-key --overlap-days 0")


def add_evaluator(options: argparse.Namespace) -> None:
    keyring, now = Keyring.at(options.keyring), _now()
    key = trust_changes.new_key(_text(options.public), KeyRole.EVALUATOR, now, owner=options.owner)
    successor = trust_changes.with_key(keyring.current(), key, now=now)
    _settle(keyring, successor, _root_keys(options, keyring))


def add_timestamp_authority(options: argparse.Namespace) -> None:
    keyring, pem = Keyring.at(options.keyring), _text(options.certificate)
    certificate = load_certificate_pem(pem)
    start, end = moment(certificate.not_valid_before_utc), moment(certificate.not_valid_after_utc)
    authority = TimestampAuthority(options.id, pem, start, end)
    successor = trust_changes.with_authority(keyring.current(), authority, now=_now())
    _settle(keyring, successor, _root_keys(options, keyring))


def replace_roots(options: argparse.Namespace) -> None:
    keyring = Keyring.at(options.keyring)
    pems = [_text(path) for path in options.public]
    successor = trust_changes.with_roots(keyring.current(), pems, options.threshold, now=_now())
    _settle(keyring, successor, _root_keys(options, keyring))


def renew_trust(options: argparse.Namespace) -> None:
    keyring = Keyring.at(options.keyring)
    successor = trust_changes.renewed(keyring.current(), now=_now())
    _settle(keyring, successor, _root_keys(options, keyring))


def sign_trust(options: argparse.Namespace) -> None:
    """On the keeper's machine: needs the draft alone. What it says is shown before the key is asked to sign it."""
    unverified = options.draft.read_bytes()
    _say("\n".join(trust_lines(trust.parse_payload(trust.parse_envelope(unverified)))))
    signer = open_signer(options.key, options.access)
    content, envelope = sign_draft(unverified, signer)
    roots = trust.parse_payload(envelope).keys_of(KeyRole.ROOT)
    if signer.key_id not in {key.key_id for key in roots}:
        _say("this key is no root key of the draft: it counts only if it is one of the version before")
    write_file(options.draft, content)
    _say(f"signed; the draft has {len(envelope.signatures)} signatures now")


def publish_trust(options: argparse.Namespace) -> None:
    keyring = Keyring.at(options.keyring)
    unverified = (options.draft or keyring.draft).read_bytes()
    lacks = keyring.standing(trust.parse_envelope(unverified))
    if not lacks.complete:
        raise TrustChangeError(_lacking(lacks.missing))
    root = keyring.publish(unverified)
    _say(f"version {root.version} is the trust root now: {keyring.exported}")


def export_trust(options: argparse.Namespace) -> None:
    """To a file the newest version; to a folder every version, for buyers who follow the chain. A slash at the end of the
    name says that it is a folder, which is made where there is none."""
    keyring = Keyring.at(options.keyring)
    keyring.current()  # nothing is handed out that does not follow from the first version
    history = keyring.history()
    place = Path(options.trust)
    if not options.trust.endswith(("/", os.sep)) and not place.is_dir():
        write_file(place, history[-1])
        _say(
            f"version {len(history)} is in the file {place}; for a folder with every version, end its name with a slash"
        )
        return
    place.mkdir(parents=True, exist_ok=True)
    for version, content in enumerate(history, start=1):
        write_file(place / f"{version}.root.json", content)
    _say(f"every version, 1.root.json to {len(history)}.root.json, is in the folder {place}")


def _settle(keyring: Keyring, successor: TrustRoot, signers: list[Signer]) -> None:
    lacks = keyring.propose(successor, signers)
    if lacks.complete:
        _say(f"version {successor.version} is the trust root now: {keyring.exported}")
    else:
        _say(f"{keyring.draft} waits: {_lacking(lacks.missing)}")
        _say("take it to the keepers (sign-trust DRAFT KEY), then run publish-trust")


def _lacking(missing: tuple[tuple[int, tuple[str, ...]], ...]) -> str:
    return "; and ".join(f"{n} of the root keys {', '.join(key[:16] for key in keys)} must sign" for n, keys in missing)


@dataclass(frozen=True, slots=True)
class _Beginning:
    """The keys beside the issuer's that a first trust root needs; of root keys kept elsewhere the public halves alone."""

    issuer: str
    status_pem: str
    root_pems: tuple[str, ...]
    threshold: int
    signers: list[Signer]

    @classmethod
    def of(cls, options: argparse.Namespace, keyring: Keyring) -> "_Beginning":
        if not options.issuer:
            raise SigningKeyError("set TUNEPROOF_ISSUER to the identity that signs, a URL that you control")
        publics = [_text(path) for path in options.root_public]
        count = max(1, len(publics) + len(options.root_key))
        threshold = options.threshold if options.threshold is not None or count > 1 else 1
        if threshold is None or not 1 <= threshold <= count:
            raise SigningKeyError(f"say by --threshold how many of the {count} root keys must sign, 1 to {count}")
        status_setting = status_key(options.key, options.status_key)
        settings = options.root_key or ([] if publics else [str(keyring.own_root_key)])
        signers: list[Signer] = [_made_or_opened(setting, options.access) for setting in settings]
        status = _made_or_opened(status_setting, options.access)
        pems = (*(signer.public_pem for signer in signers), *publics)
        return cls(options.issuer, status.public_pem, pems, threshold, signers)

    def first_root(self, signer: Signer) -> TrustRoot:
        parts = trust_changes.FirstRoot(
            issuer=self.issuer,
            issuer_pem=signer.public_pem,
            status_pem=self.status_pem,
            root_pems=self.root_pems,
            threshold=self.threshold,
        )
        return trust_changes.first_root(parts, now=_now())


def _empty_keyring(options: argparse.Namespace) -> Keyring:
    """The keyring's place, where no signed trust root is yet."""
    key = parse(options.key)
    if options.trust_dir is not None:
        keyring = Keyring(options.trust_dir)
    elif isinstance(key, FileKey):
        keyring = Keyring.at(key.path)
    else:
        raise SigningKeyError("a key in a token or in KMS has no folder beside it: say --trust-dir DIR")
    if keyring.begun:
        raise TrustChangeError(f"{keyring.directory} has a signed trust root already; rotate-key adds a key to it")
    keyring.refuse_waiting_draft()
    return keyring


def _made_or_opened(setting: str, access: KeyAccess) -> Signer:
    """A file that does not exist yet is made; a key in a token or in KMS must have been made there."""
    key = parse(setting)
    if isinstance(key, FileKey) and not key.path.exists():
        return keyfile.create(key.path, passphrase=access.passphrase)
    return open_signer(setting, access)


def _root_keys(options: argparse.Namespace, keyring: Keyring) -> list[Signer]:
    own = [str(keyring.own_root_key)] if keyring.own_root_key.exists() else []
    return [open_signer(setting, options.access) for setting in options.root_key or own]


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(_MAX_PEM_BYTES + 1)
    if len(content) > _MAX_PEM_BYTES or not content.isascii():
        raise SigningKeyError(f"{path} is no PEM text")
    return content.decode("ascii")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
