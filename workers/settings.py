"""The worker's settings, read once from the environment at the entry point and handed down.

``TUNEPROOF_REDIS_URL`` (``redis://``, ``rediss://`` or ``unix://``), ``TUNEPROOF_CATALOG`` (path of ``catalog.json``) and
``TUNEPROOF_WORK_DIR`` (scratch space on a local disk). A missing or wrong one is a ``SettingsError`` that names it.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import getpid
from pathlib import Path
from urllib.parse import urlsplit


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the variable and never repeats a secret."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """``redis_url`` may hold a password, so it is in no ``repr``. ``name`` identifies this worker in messages."""

    redis_url: str = field(repr=False)
    catalog: Path
    work_dir: Path
    name: str

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> WorkerSettings:
        redis_url = _required(environment, "TUNEPROOF_REDIS_URL", "for example unix:///run/tuneproof/valkey.sock")
        if urlsplit(redis_url).scheme not in {"redis", "rediss", "unix"}:
            raise SettingsError("TUNEPROOF_REDIS_URL must begin with redis://, rediss:// or unix://")
        catalog = Path(_required(environment, "TUNEPROOF_CATALOG", "the path of catalog.json")).resolve()
        work_dir = Path(_required(environment, "TUNEPROOF_WORK_DIR", "a directory with room for models")).resolve()
        return cls(redis_url=redis_url, catalog=catalog, work_dir=work_dir, name=f"{socket.gethostname()}:{getpid()}")


def _required(environment: Mapping[str, str], name: str, example: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set: give {example}")
    return value
