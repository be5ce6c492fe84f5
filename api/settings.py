"""Settings of the control plane, read once at an entry point and handed down.

Secrets have no ``repr``. ``from_env`` is called by ``api.__main__``, ``api.control.__main__``, ``api.issuance.__main__`` and
``migrations`` alone.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LONGEST_URL = 160


class SettingsError(Exception):
    """A variable is missing or malformed; the message names it."""


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """``url`` is ``file:///directory`` or ``s3://bucket/prefix``.

    On local disk the API itself serves the objects to workers below ``internal_url``, under signatures made with ``secret``.
    """

    url: str
    internal_url: str
    secret: str = field(repr=False)
    s3_endpoint: str | None = None
    s3_region: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """``max_upload_bytes`` bounds one uploaded file, ``max_line_bytes`` one record in it. ``trust`` is the folder of the
    issuer's trust roots, to be published."""

    database_url: str = field(repr=False)
    storage: StorageSettings
    catalog: Path
    scratch: Path
    max_upload_bytes: int = 512 * 1024 * 1024
    max_line_bytes: int = 1024 * 1024
    trust: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Raises ``SettingsError``."""
        env = os.environ if env is None else env
        return cls(
            database_url=_required(env, "TUNEPROOF_DATABASE_URL"),
            storage=StorageSettings(
                url=_required(env, "TUNEPROOF_STORAGE_URL"),
                internal_url=_required(env, "TUNEPROOF_INTERNAL_URL"),
                secret=_required(env, "TUNEPROOF_STORAGE_SECRET"),
                s3_endpoint=env.get("TUNEPROOF_S3_ENDPOINT"),
                s3_region=env.get("TUNEPROOF_S3_REGION"),
            ),
            catalog=Path(_required(env, "TUNEPROOF_CATALOG")),
            scratch=Path(_required(env, "TUNEPROOF_SCRATCH_DIR")),
            trust=Path(trust) if (trust := env.get("TUNEPROOF_TRUST_DIR")) else None,
        )


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """What opens signing keys beside their names: a key file's passphrase, a PKCS#11 token's library and PIN."""

    passphrase: str | None = field(default=None, repr=False)
    pkcs11_module: Path | None = None
    pkcs11_pin: str | None = field(default=None, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "KeyAccess":
        env = os.environ if env is None else env
        module = env.get("TUNEPROOF_PKCS11_MODULE")
        return cls(
            passphrase=env.get("TUNEPROOF_SIGNING_PASSPHRASE") or None,
            pkcs11_module=Path(module) if module else None,
            pkcs11_pin=env.get("TUNEPROOF_PKCS11_PIN") or None,
        )


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """What the control process needs beyond ``Settings``: the queue and the issuer's keys.

    Keys are named as ``api.issuance.key_settings`` says; without ``status_key`` it is the file beside the signing key.
    ``public_url`` is where everybody reaches the api: what is signed names its status list there. Where ``timestamp_url``
    names an RFC 3161 authority, signatures get its timestamps.
    """

    redis_url: str = field(repr=False)
    signing_key: str
    issuer: str
    public_url: str
    status_key: str | None = None
    access: KeyAccess = KeyAccess()
    validity_days: int = 180
    timestamp_url: str | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "ControlSettings":
        """Raises ``SettingsError``."""
        env = os.environ if env is None else env
        issuer = _required(env, "TUNEPROOF_ISSUER")
        return cls(
            redis_url=_required(env, "TUNEPROOF_REDIS_URL"),
            signing_key=_required(env, "TUNEPROOF_SIGNING_KEY"),
            issuer=issuer,
            public_url=_public_url(env.get("TUNEPROOF_PUBLIC_URL") or issuer),
            status_key=env.get("TUNEPROOF_STATUS_KEY") or None,
            access=KeyAccess.from_env(env),
            timestamp_url=env.get("TUNEPROOF_TIMESTAMP_URL") or None,
        )


def _public_url(named: str) -> str:
    """Signed statements hold it, in a name of at most 200 characters."""
    if not named.isprintable() or len(named) > _LONGEST_URL:
        raise SettingsError(
            f"TUNEPROOF_PUBLIC_URL (else TUNEPROOF_ISSUER) has at most {_LONGEST_URL} printable characters"
        )
    return named.rstrip("/")


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"set {name}: it is required (see docs/operating.md)")
    return value
