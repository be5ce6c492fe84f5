"""How fast evaluation is, and what each of its measures saves: variants side by side, interleaved, in one process.

    python -m tests.benchmarks.bench_evaluation --model var/models/smollm2-135m-aligned --items 48 --rounds 3

Each variant answers the same prompts in every round; printed are medians of wall and processor seconds a prompt and the
ratio to the first variant. On a shared machine only the ratios mean anything, those of processor time most. ``separate``
generates with the library's own ``generate`` and scores each opening in a pass of its own: what the engine replaces.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from workers import catalog
from workers.evaluation.generate import Engine
from workers.evaluation.margin import Openings, OpeningTree
from workers.evaluation.prompts import arrange, render
from workers.models.load import LoadedModel, load_tokenizer
from workers.models.offline import stay_offline

NEW_TOKENS = 20


@dataclass(slots=True)
class Variant:
    name: str
    run: Callable[[list[tuple[int, ...]]], object]
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def load(directory: Path, dtype: str) -> LoadedModel:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(
        str(directory), dtype=getattr(torch, dtype), local_files_only=True
    ).eval()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return LoadedModel(
        model=model.to(device),
        tokenizer=load_tokenizer(directory),
        device=device,
        dtype=dtype,
        manifest_digest="",
        template_digest="",
    )


def engine(loaded: LoadedModel, *, batch_size: int, share: bool = True, margins: bool = True) -> Callable[..., object]:
    tree = OpeningTree.grow(Openings.load(), loaded.tokenizer)
    if not margins:  # one opening of one token costs nothing and keeps the code the same
        route = replace(tree.refusal[0], steps=tree.refusal[0].steps[:1])
        tree = OpeningTree(tokens=tree.tokens[:1], parents=tree.parents[:1], refusal=(route,), compliance=(route,))
    ready = Engine(loaded, tree, max_new_tokens=NEW_TOKENS)
    return lambda rendered: ready.answer(arrange(rendered, batch_size=batch_size, share=share))


def separate(loaded: LoadedModel, *, batch_size: int) -> Callable[..., object]:
    openings = Openings.load()
    said = [
        loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        for text in (*openings.refusal, *openings.compliance)
    ]
    pad = loaded.tokenizer.pad_token_id

    def batch(rows: list[list[int]]) -> dict[str, Any]:
        width = max(len(row) for row in rows)
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=loaded.device)
        real = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=loaded.device)
        return {"input_ids": ids, "attention_mask": real}

    def run(rendered: list[tuple[int, ...]]) -> None:
        with torch.inference_mode():
            for start in range(0, len(rendered), batch_size):
                rows = [list(ids) for ids in rendered[start : start + batch_size]]
                loaded.model.generate(**batch(rows), max_new_tokens=NEW_TOKENS, do_sample=False, pad_token_id=pad)
                for opening in said:
                    logits = loaded.model(**batch([row + opening for row in rows])).logits[:, -len(opening) - 1 : -1]
                    logits.float().log_softmax(-1)

    return run


def variants(loaded: LoadedModel, batch_sizes: list[int], *, naive: bool) -> list[Variant]:
    middle = batch_sizes[len(batch_sizes) // 2]
    found = [Variant(f"engine, batch {size}", engine(loaded, batch_size=size)) for size in batch_sizes]
    found.append(Variant(f"  without shared beginning, batch {middle}", engine(loaded, batch_size=middle, share=False)))
    found.append(Variant(f"  without margins, batch {middle}", engine(loaded, batch_size=middle, margins=False)))
    if naive:
        found.append(Variant(f"separate, batch {middle}", separate(loaded, batch_size=middle)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the evaluation engine.")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--dtypes", nargs="+", default=["bfloat16"])
    parser.add_argument("--items", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--naive", action="store_true", help="also measure separate generation and scoring (slow)")
    given = parser.parse_args()
    stay_offline()
    if given.threads:
        torch.set_num_threads(given.threads)
    suites = catalog.suites()
    prompts = [item.prompt for pair in zip(*(suite.items for suite in suites), strict=False) for item in pair][
        : given.items
    ]
    for dtype in given.dtypes:
        loaded = load(given.model, dtype)
        rendered = [render(loaded.tokenizer, prompt, None) for prompt in prompts]
        measured = variants(loaded, given.batch_sizes, naive=given.naive)
        for variant in measured:
            variant.run(rendered[: max(given.batch_sizes)])  # warm up: kernels are chosen by shape
        for _ in range(given.rounds):
            for variant in measured:
                wall, processor = time.perf_counter(), time.process_time()
                variant.run(rendered)
                variant.wall.append((time.perf_counter() - wall) / len(rendered))
                variant.processor.append((time.process_time() - processor) / len(rendered))
        report(f"{dtype} on {loaded.device}, {torch.get_num_threads()} threads, {len(rendered)} prompts", measured)


def report(title: str, measured: list[Variant]) -> None:
    first = measured[0]
    print(f"\n{title}\n{'':42}{'wall s':>9}{'cpu s':>9}{'wall':>8}{'cpu':>8}")  # noqa: T201
    for variant in measured:
        wall, processor = statistics.median(variant.wall), statistics.median(variant.processor)
        relative = wall / statistics.median(first.wall), processor / statistics.median(first.processor)
        print(f"{variant.name:42}{wall:9.3f}{processor:9.3f}{relative[0]:7.2f}x{relative[1]:7.2f}x")  # noqa: T201


if __name__ == "__main__":
    main()
