"""The released directory: everything that decides what the tuned model answers, and nothing that does not.

For LoRA and QLoRA it holds the adapter and, beside it, the tokenizer, chat template and generation settings to serve it
with, ``base.manifest.json`` (which weights it belongs on) and ``served.json`` (how). For full tuning it holds the weights
instead of the adapter. No file names this machine, this run or its time, so equal tunings give equal bytes. Written by the
training run, read back by ``workers.models.load``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Literal

import msgspec

from attestations import canonical, manifest
from workers.contract import BaseRef
from workers.errors import RunFailure

SERVED_FILE = "served.json"
BASE_MANIFEST_FILE = "base.manifest.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_GENERATION_FILE = "generation_config.json"
_MAX_SERVED_BYTES = 256 * 1024


class Served(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Contents of ``served.json``. ``kind`` is ``adapter`` or ``full``; ``merged`` says that an adapter is part of the
    weights already (never so far)."""

    version: int = 1
    kind: Literal["adapter", "full"]
    base: BaseRef
    merged: bool
    quantization: str | None
    system_prompt: str | None


def write_served(directory: Path, served: Served, *, base_directory: Path) -> None:
    """Adds to a directory that already holds the weights what serving needs beside them, taken from the base unchanged."""
    for name in (*_TOKENIZER_FILES, _GENERATION_FILE):
        if (base_directory / name).is_file():
            shutil.copyfile(base_directory / name, directory / name)
    (directory / BASE_MANIFEST_FILE).write_bytes(manifest.build(base_directory).encode())
    (directory / SERVED_FILE).write_bytes(canonical.encode(msgspec.to_builtins(served)))


def read_served(directory: Path) -> Served:
    """Raises ``RunFailure`` for a directory that is not a released one."""
    try:
        with (directory / SERVED_FILE).open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_SERVED_BYTES), type=Served)
    except (OSError, msgspec.DecodeError) as error:
        raise RunFailure("artefact_mismatch", f"{SERVED_FILE} of the tuned artefact cannot be read: {error}") from error


def served_digests(directory: Path) -> dict[str, str]:
    """Digest of each thing that, beside the weights, decides what is answered; absent things are left out."""
    served = read_served(directory)
    found = {
        "tokenizer": directory / "tokenizer.json",
        "chat_template": directory / "chat_template.jinja",
        "generation_config": directory / _GENERATION_FILE,
    }
    digests = {name: _sha256(path.read_bytes()) for name, path in found.items() if path.is_file()}
    if served.system_prompt is not None:
        digests["system_prompt"] = _sha256(served.system_prompt.encode())
    if served.quantization is not None:
        digests["quantization"] = _sha256(served.quantization.encode())
    return digests


def save_adapter(model: Any, directory: Path, *, base_name: str, dtype: Any) -> None:
    """The adapter of a ``PeftModel`` in the precision it is served in, with a configuration that names the base by its
    catalog name and leaves out what only this library version and machine know."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    state = get_peft_model_state_dict(model)
    tensors = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in sorted(state.items())}
    save_file(tensors, str(directory / ADAPTER_WEIGHTS), metadata={"format": "pt"})
    config = model.peft_config["default"].to_dict()
    config.update(base_model_name_or_path=base_name, inference_mode=True, revision=None)
    config["target_modules"] = sorted(config["target_modules"])
    kept = {key: _plain(value) for key, value in config.items() if value is not None and key != "runtime_config"}
    (directory / ADAPTER_CONFIG).write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


def save_full(model: Any, directory: Path, *, dtype: Any) -> None:
    """All weights in the precision they are served in."""
    model.to(dtype)
    model.config.dtype = dtype
    model.config.use_cache = True
    model.config._name_or_path = ""  # noqa: SLF001 - otherwise the configuration names a path of this machine
    model.save_pretrained(str(directory), safe_serialization=True)


def _plain(value: object) -> object:
    if isinstance(value, set):
        return sorted(value)
    return str(value.value) if hasattr(value, "value") else value


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
