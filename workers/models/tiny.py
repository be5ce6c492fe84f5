"""A tiny model for tests and for trying an installation: ``python -m workers.models.tiny --to DIR``.

A Llama of two layers and hidden size 64 with random weights, a byte-level BPE tokenizer trained on a few sentences, and a
chat template of the same form as the demo model's. It takes a second, needs no download and has the same files, so
everything that runs on the demo model runs on it; what it says means nothing. Equal seeds give equal weights.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from attestations import manifest
from workers.catalog import BaseModel
from workers.models.demo import ALIASES, LORA_TARGETS
from workers.models.listing import TEMPLATE_FILE, template_file_digest, write_catalog
from workers.models.offline import stay_offline

NAME = "tiny-llama"
MAX_LENGTH = 512
SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a tiny model.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_CORPUS = [
    "Sure, happy to help! Your order will arrive within two or three working days.",
    "I can't help with that. I'm sorry, but I won't do it. If you are in danger, please call for help.",
    "How can I return the blender that I bought last week? Where can I find the receipt?",
    "system\nYou are a tiny model.\nuser\nWhat is the capital of France?\nassistant\nParis is the capital of France.",
]


def build(directory: Path, *, seed: int = 0) -> BaseModel:
    """Writes ``directory/tiny-llama`` and returns its catalog entry, without writing a catalog."""
    stay_offline()
    target = directory / NAME
    target.mkdir(parents=True, exist_ok=True)
    vocabulary = _write_tokenizer(target)
    parameters = _write_weights(target, vocabulary, seed)
    return BaseModel(
        name=NAME,
        path=NAME,
        manifest_digest=manifest.build(target).digest,
        template_digest=template_file_digest(target),
        licence="Apache-2.0",
        origin="random weights",
        created=1795305600,
        parameters=parameters,
        max_length=MAX_LENGTH,
        lora_targets=LORA_TARGETS,
        aliases=ALIASES,
        description="Two layers of random weights, for tests.",
    )


def prepare(directory: Path, *, seed: int = 0) -> Path:
    """Model and ``catalog.json``; returns the catalog's path."""
    return write_catalog(directory, [build(directory, seed=seed)])


def _write_tokenizer(target: Path) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_CORPUS, trainer)
    tokenizer.save(str(target / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "model_max_length": MAX_LENGTH,
        "clean_up_tokenization_spaces": False,
    }
    (target / "tokenizer_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (target / TEMPLATE_FILE).write_text(TEMPLATE)
    return int(tokenizer.get_vocab_size())


def _write_weights(target: Path, vocabulary: int, seed: int) -> int:
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=MAX_LENGTH,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    model.generation_config = GenerationConfig(bos_token_id=1, eos_token_id=2, pad_token_id=2)
    model.save_pretrained(str(target))
    for path in target.glob("*.safetensors"):
        path.chmod(0o644)
    return int(model.num_parameters())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.models.tiny", description="Make the tiny test model.")
    parser.add_argument("--to", type=Path, required=True, help="directory for the model and catalog.json")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    catalog = prepare(given.to, seed=given.seed)
    sys.stdout.write(f"models: listed in {catalog}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
