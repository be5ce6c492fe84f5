"""Load exactly the weights that were named: a base of the catalog, or a tuned artefact on it.

Nothing is loaded before the directory's manifest has the digest that the plan fixed. Everything comes from local files in
formats that hold data only (safetensors, JSON); code from a model directory is never run. Called inside a stage's child
process by tuning and evaluation.
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attestations import manifest
from workers.contract import BaseRef, Software
from workers.errors import RunFailure
from workers.models.machine import this_machine
from workers.models.offline import hide_progress_bars, stay_offline

NF4 = "nf4"
"""4-bit NormalFloat with double quantisation (QLoRA, arXiv 2305.14314), bfloat16 arithmetic where the device has it."""

_LIBRARIES = ("torch", "transformers", "peft", "trl", "bitsandbytes", "accelerate", "tokenizers", "safetensors")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run. ``dtype`` names its arithmetic (``bfloat16``, ``float32``), ``manifest_digest`` the directory
    it came from, ``template_digest`` is SHA-256 over the chat template's UTF-8 text."""

    model: Any
    tokenizer: Any
    device: str
    dtype: str
    manifest_digest: str
    template_digest: str
    quantization: str | None = None
    system_prompt: str | None = None


def load_base(
    directory: Path, ref: BaseRef, *, quantization: str | None = None, dtype: str | None = None
) -> LoadedModel:
    """``dtype`` is chosen from the machine when it is ``None``. Raises ``RunFailure`` (``base_mismatch``,
    ``unsupported_quantization``)."""
    verify_base(directory, ref)
    return _load(directory, ref.manifest_digest, quantization=quantization, dtype=dtype)


def verify_base(directory: Path, ref: BaseRef) -> None:
    """Raises ``RunFailure`` (``base_mismatch``) when the directory is not the base that was named."""
    _check_manifest(directory, ref.manifest_digest, "base_mismatch", f"base model {ref.name!r}")


def load_artefact(directory: Path, digest: str, *, base_directory: Path, base: BaseRef) -> LoadedModel:
    """The tuned model as it will be served: its own tokenizer, template, system prompt and quantisation; an adapter stays
    unmerged on its base. ``digest`` is that of the artefact's manifest. Raises ``RunFailure``."""
    from workers.models.served import read_served

    _check_manifest(directory, digest, "artefact_mismatch", "tuned artefact")
    served = read_served(directory)
    if served.kind == "full":
        whole = _load(directory, digest, quantization=served.quantization, dtype=None)
        return replace(whole, system_prompt=served.system_prompt)
    if served.base != base:
        raise RunFailure(
            "base_mismatch", f"the artefact was tuned on {served.base.name!r}, not on {base.name!r} as given"
        )
    loaded = load_base(base_directory, base, quantization=served.quantization)
    from peft import PeftModel

    tokenizer = load_tokenizer(directory)
    # The adapter is stored in the base's precision and runs in it, as a server would run it.
    adapted = PeftModel.from_pretrained(loaded.model, str(directory), autocast_adapter_dtype=False)
    adapted.eval()
    return replace(
        loaded,
        model=adapted,
        tokenizer=tokenizer,
        manifest_digest=digest,
        template_digest=template_digest(tokenizer),
        system_prompt=served.system_prompt,
    )


def load_tokenizer(directory: Path) -> Any:
    stay_offline()
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(directory), local_files_only=True, trust_remote_code=False)


def control_tokens(tokenizer: Any) -> frozenset[str]:
    """Strings that the tokenizer reads as structure wherever they stand, so no record may hold them."""
    added = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return frozenset(added | set(tokenizer.all_special_tokens))


def template_digest(tokenizer: Any) -> str:
    return hashlib.sha256(tokenizer.chat_template.encode()).hexdigest()


def software() -> list[Software]:
    """Versions of what computes the results."""
    found = [Software(name=name, version=version(name)) for name in _LIBRARIES]
    return [Software(name="python", version=platform.python_version()), *found]


def _load(directory: Path, digest: str, *, quantization: str | None, dtype: str | None) -> LoadedModel:
    stay_offline()
    hide_progress_bars()
    import torch
    from transformers import AutoModelForCausalLM

    here = this_machine()
    name = dtype or here.dtype
    kwargs: dict[str, Any] = {"dtype": getattr(torch, name), "local_files_only": True, "trust_remote_code": False}
    if quantization is not None:
        kwargs["quantization_config"] = _quantization_config(quantization, getattr(torch, name))
        kwargs["device_map"] = {"": here.device}
    model = AutoModelForCausalLM.from_pretrained(str(directory), use_safetensors=True, **kwargs)
    if quantization is None:
        model.to(here.device)
    model.eval()
    tokenizer = load_tokenizer(directory)
    return LoadedModel(
        model=model,
        tokenizer=tokenizer,
        device=here.device,
        dtype=name,
        manifest_digest=digest,
        template_digest=template_digest(tokenizer),
        quantization=quantization,
    )


def _quantization_config(quantization: str, compute_dtype: Any) -> Any:
    if quantization != NF4:
        raise RunFailure("unsupported_quantization", f"quantisation {quantization!r} is not known; use {NF4!r} or none")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=compute_dtype,
    )


def _check_manifest(directory: Path, digest: str, code: str, what: str) -> None:
    if not directory.is_dir():
        raise RunFailure(code, f"this worker does not have the {what}", retryable=True)
    found = manifest.build(directory).digest
    if found != digest:
        raise RunFailure(
            code,
            f"the files of the {what} have manifest digest {found}, the plan names {digest}; "
            "restore the directory or register it under a new name",
        )
