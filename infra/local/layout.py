"""Where the local stack keeps its things, and what each of its processes is told.

Secrets are made once, kept in files only their owner can read, and given to those processes that need them: the worker
learns the queue and the models, never the database, the storage secret or the signing key.
"""

import hashlib
import json
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ISSUER = "https://localhost/tuneproof-local"
_SOCKET_PATH_LIMIT = 100
_PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "OMP_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything lies below ``root`` (``var/`` by default)."""

    root: Path

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def catalog(self) -> Path:
        return self.models / "catalog.json"

    @property
    def signing_key(self) -> Path:
        return self.root / "keys" / "issuer.pem"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def state_file(self) -> Path:
        """URL, API key and supervisor of a running stack."""
        return self.root / "serve.json"

    @property
    def lock_file(self) -> Path:
        return self.root / "serve.lock"

    @property
    def api_key_file(self) -> Path:
        return self.root / "keys" / "api-key"

    @property
    def database_url(self) -> str:
        return f"sqlite+aiosqlite:///{self.root / 'tuneproof.db'}"

    @property
    def valkey_socket(self) -> Path:
        """A Unix socket's path is limited to about 104 characters: a deep checkout falls back to the temporary directory."""
        near = self.root / "valkey" / "v.sock"
        if len(str(near)) <= _SOCKET_PATH_LIMIT:
            return near
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"tuneproof-{os.getuid()}-{digest}" / "v.sock"

    def prepare(self) -> None:
        for directory in (self.root, self.models, self.logs, self.root / "keys", self.root / "valkey"):
            directory.mkdir(parents=True, exist_ok=True)
        for private in (self.root, self.root / "keys"):
            private.chmod(0o700)
        self.valkey_socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def secret(self, name: str) -> str:
        """A random secret, made at its first use."""
        path = self.root / "keys" / name
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path.read_text()

    def state(self) -> dict[str, str]:
        """The running stack's address and key; empty when there is none."""
        try:
            found: dict[str, str] = json.loads(self.state_file.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def api_env(self, url: str) -> dict[str, str]:
        host, port = url.removeprefix("http://").split(":")
        trust = str(self.signing_key.with_suffix(".trust"))
        return self._store_env(url) | {
            "TUNEPROOF_HOST": host,
            "TUNEPROOF_PORT": port,
            "TUNEPROOF_TRUST_DIR": trust,
        }

    def control_env(self, url: str) -> dict[str, str]:
        return self._store_env(url) | {
            "TUNEPROOF_REDIS_URL": f"unix://{self.valkey_socket}",
            "TUNEPROOF_SIGNING_KEY": str(self.signing_key),
            "TUNEPROOF_ISSUER": ISSUER,
        }

    def worker_env(self) -> dict[str, str]:
        return _inherited(os.environ) | {
            "TUNEPROOF_REDIS_URL": f"unix://{self.valkey_socket}",
            "TUNEPROOF_CATALOG": str(self.catalog),
            "TUNEPROOF_WORK_DIR": str(self.root / "work"),
        }

    def _store_env(self, url: str) -> dict[str, str]:
        return _inherited(os.environ) | {
            "TUNEPROOF_DATABASE_URL": self.database_url,
            "TUNEPROOF_STORAGE_URL": f"file://{self.root / 'objects'}",
            "TUNEPROOF_STORAGE_SECRET": self.secret("storage-secret"),
            "TUNEPROOF_INTERNAL_URL": url,
            "TUNEPROOF_CATALOG": str(self.catalog),
            "TUNEPROOF_SCRATCH_DIR": str(self.root / "scratch"),
        }


def write_private(path: Path, text: str) -> None:
    """Readable by its owner alone, from the first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(path.suffix + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
    temporary.replace(path)


def _inherited(env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[name] for name in _PASSED_ON if name in env} | {
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}",
    }
