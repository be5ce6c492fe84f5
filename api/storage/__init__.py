"""Object storage: one protocol, on local disk and in S3. ``open_storage`` is called once, at an entry point."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from api.settings import SettingsError, StorageSettings
from api.storage.local import LocalStorage
from api.storage.protocol import (
    InvalidKey,
    ObjectMissing,
    ObjectTooLarge,
    Storage,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from api.storage.signing import GrantSigner

__all__ = [
    "InvalidKey",
    "LocalStorage",
    "ObjectMissing",
    "ObjectTooLarge",
    "Storage",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "open_storage",
]


def open_storage(settings: StorageSettings) -> Storage:
    """Raises ``SettingsError`` for a URL that is neither ``file:///directory`` nor ``s3://bucket/prefix``."""
    parts = urlsplit(settings.url)
    if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
        try:
            signer = GrantSigner(internal_url=settings.internal_url, secret=settings.secret)
        except ValueError as error:
            raise SettingsError(f"TUNEPROOF_STORAGE_SECRET: {error}") from error
        return LocalStorage(Path(unquote(parts.path)), signer)
    if parts.scheme == "s3" and parts.netloc:
        from api.storage.s3 import connect

        return connect(settings.url, endpoint=settings.s3_endpoint, region=settings.s3_region)
    raise SettingsError("TUNEPROOF_STORAGE_URL is neither file:///directory nor s3://bucket/prefix")
