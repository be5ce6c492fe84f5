"""What the machine can do, as far as loading and training depend on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """``device`` is ``cpu`` or ``cuda``; ``bf16`` says that it multiplies bfloat16 in hardware."""

    device: str
    bf16: bool

    @property
    def dtype(self) -> str:
        """The precision that models run in here."""
        return "bfloat16" if self.bf16 else "float32"


def this_machine() -> Machine:
    import torch

    if torch.cuda.is_available():
        return Machine(device="cuda", bf16=torch.cuda.is_bf16_supported())
    # Without AVX-512 BF16 (or AMX, which includes it) bfloat16 products are emulated and slower than float32.
    return Machine(device="cpu", bf16=bool(torch.cpu._is_avx512_bf16_supported()))  # noqa: SLF001 - only it knows
