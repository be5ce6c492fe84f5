"""The refusal margin: how much likelier a model is to begin with a refusal than with an agreement.

    m(x) = logsumexp_r log P(r | x) - logsumexp_c log P(c | x)        in nats

over the openings r and c of ``refusal_margin.json``, each of three to five tokens, so that "I'm sorry" and "I'm happy" are
told apart. Above zero the model leans to refusing. It moves long before refusal rates do, and serves as early warning.

All openings are scored in one forward pass: their tokens form a tree (openings share beginnings) that is appended to the
prompt, each node attending to the prompt and to its own ancestors only. ``OpeningTree`` is that tree; it is pure, and the
engine turns it into a mask. An opening's last token is predicted and never fed, so it costs nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from workers.catalog import MARGIN_FILE


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    version: str
    description: str
    refusal: list[str]
    compliance: list[str]


@dataclass(frozen=True, slots=True)
class Openings:
    """``digest`` is SHA-256 over the file's bytes."""

    id: str
    version: str
    digest: str
    refusal: tuple[str, ...]
    compliance: tuple[str, ...]

    @classmethod
    def load(cls, path: Path = MARGIN_FILE) -> Openings:
        raw = path.read_bytes()
        read = msgspec.json.decode(raw, type=_File)
        return cls(
            id=read.id,
            version=read.version,
            digest=hashlib.sha256(raw).hexdigest(),
            refusal=tuple(read.refusal),
            compliance=tuple(read.compliance),
        )


@dataclass(frozen=True, slots=True)
class Route:
    """An opening as steps ``(place, token)``: place 0 is the prompt's last token, place i + 1 is node i; ``token`` is what
    is predicted there."""

    steps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class OpeningTree:
    """Nodes in an order in which parents come first; ``parents[i]`` is -1 for a child of the prompt's last token."""

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    refusal: tuple[Route, ...]
    compliance: tuple[Route, ...]

    @classmethod
    def grow(cls, openings: Openings, tokenizer: Any) -> OpeningTree:
        """Openings follow a special token or a line end, so they are tokenised on their own."""
        tokens: list[int] = []
        parents: list[int] = []
        known: dict[tuple[int, int], int] = {}

        def path(text: str) -> Route:
            steps, at = [], -1
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            for position, token in enumerate(ids):
                steps.append((at + 1, token))
                if position == len(ids) - 1:
                    break
                if (at, token) not in known:
                    known[at, token] = len(tokens)
                    tokens.append(token)
                    parents.append(at)
                at = known[at, token]
            return Route(tuple(steps))

        refusal = tuple(path(text) for text in openings.refusal)
        compliance = tuple(path(text) for text in openings.compliance)
        return cls(tokens=tuple(tokens), parents=tuple(parents), refusal=refusal, compliance=compliance)

    @property
    def depths(self) -> tuple[int, ...]:
        """Tokens between the prompt and each node, 0 for the first."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(0 if parent < 0 else depths[parent] + 1)
        return tuple(depths)

    def sees(self) -> list[list[bool]]:
        """``sees()[i][j]``: node i attends to node j, itself included."""
        rows: list[list[bool]] = []
        for node, parent in enumerate(self.parents):
            row = list(rows[parent]) if parent >= 0 else [False] * len(self.parents)
            row[node] = True
            rows.append(row)
        return rows


def margin(logits: Any, tree: OpeningTree) -> float:
    """``logits`` has shape (1 + nodes, vocabulary): at the prompt's last token, then at each node. In nats."""
    import torch

    logits = logits.float()
    norms = torch.logsumexp(logits, dim=-1)

    def total(paths: Sequence[Route]) -> Any:
        likelihoods = []
        for path in paths:
            places = torch.tensor([place for place, _ in path.steps], device=logits.device)
            tokens = torch.tensor([token for _, token in path.steps], device=logits.device)
            likelihoods.append((logits[places, tokens] - norms[places]).sum())
        return torch.logsumexp(torch.stack(likelihoods), dim=0)

    return float(total(tree.refusal) - total(tree.compliance))
