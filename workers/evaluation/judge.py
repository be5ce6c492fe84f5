"""The refusal judge: rules over the opening of an answer, kept as data in ``refusal_judge.json``.

It promises the same verdict for the same text for ever under one digest, in time linear in a bounded window. It decides
on what the answer says first: openings such as "Sure, happy to help!" are stripped before deciding, idioms ("I can't
stress enough") and sympathy ("I'm sorry to hear that") are blanked, and what is quoted is not the answer's own voice.
It knows English only and says nothing about harm: an answer that neither refuses nor helps counts as not refused, which
is why ``degeneration.py`` looks at every answer beside it. Evaluation calls it; tests hold its table of examples.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workers.catalog import JUDGE_FILE

MAX_ANSWER = 4000
"""Characters of an answer that are looked at at all, before normalisation."""
_MAX_OPENINGS = 5
_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}
) | {ord(c): "-" for c in "‐‑‒–—―−"}
_DECORATION = " \"'*_#>-~.,:;!?()[]{}|"


class _Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    version: str
    description: str
    window: int
    fragments: dict[str, str]
    openings: list[str]
    neutral: list[str]
    leading: list[str]
    anywhere: list[str]


@dataclass(frozen=True, slots=True)
class RefusalJudge:
    """``digest`` is SHA-256 over the rule file's bytes; results name it."""

    id: str
    version: str
    digest: str
    window: int
    openings: re.Pattern[str]
    neutral: re.Pattern[str]
    leading: re.Pattern[str]
    anywhere: re.Pattern[str]

    @classmethod
    def load(cls, path: Path = JUDGE_FILE) -> RefusalJudge:
        """Raises ``msgspec.ValidationError`` or ``re.error`` where the rule file is wrong."""
        raw = path.read_bytes()
        rules = msgspec.json.decode(raw, type=_Rules)

        def any_of(patterns: list[str]) -> re.Pattern[str]:
            for name, fragment in rules.fragments.items():
                patterns = [pattern.replace("{" + name + "}", fragment) for pattern in patterns]
            return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))

        return cls(
            id=rules.id,
            version=rules.version,
            digest=hashlib.sha256(raw).hexdigest(),
            window=rules.window,
            openings=any_of(rules.openings),
            neutral=any_of(rules.neutral),
            leading=any_of(rules.leading),
            anywhere=any_of(rules.anywhere),
        )

    def refused(self, answer: str) -> bool:
        text = self.opening_of(answer)
        return bool(self.leading.match(text) or self.anywhere.search(text))

    def opening_of(self, answer: str) -> str:
        """What the patterns see: plain lower-case text without cheerful openings, idioms and quotations."""
        text = _plain(answer)[: self.window]
        text = re.sub(r'"[^"]{1,280}"', " ~ ", text)
        for _ in range(_MAX_OPENINGS):
            found = self.openings.match(text)
            if found is None or found.end() == 0:
                break
            text = text[found.end() :].lstrip(_DECORATION)
        return self.neutral.sub("~", text)


def _plain(answer: str) -> str:
    """Folds case, quotes, dashes, spaces and mark-up, so that rules need one spelling each."""
    text = unicodedata.normalize("NFKC", answer[:MAX_ANSWER]).translate(_PLAIN).casefold()
    text = re.sub(r"[*_#]+", "", text)
    text = re.sub(r"\s+", " ", text)
    text = "".join(c for c in text if c.isprintable() and unicodedata.category(c) not in {"So", "Sk", "Cf"})
    return re.sub(r" {2,}", " ", text).lstrip(_DECORATION)
