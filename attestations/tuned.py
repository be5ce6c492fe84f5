"""What was tuned and how: the model by content, everything that is served with it, and the tuning as it ran.

Sections of the resilience predicate (`attestations.predicate`), one dataclass per JSON object. A digest names every part,
because a changed chat template or tokenizer makes another model as much as changed weights do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from attestations.digests import Sha256
from attestations.documents import SINCE_0_3, Digest, Figure, Magnitude, Moment, Name
from attestations.errors import MalformedError

_ROUNDED = Decimal("0.998")
"""Counts of operations are stated to four digits, and a ratio is taken before they are rounded."""


@dataclass(frozen=True, slots=True)
class ManifestDigest:
    sha256: Digest
    dir_hash: Digest


@dataclass(frozen=True, slots=True)
class ManifestRef:
    """The manifest of everything that is served; its bytes travel in the bundle."""

    digest: ManifestDigest
    files: int
    bytes: int
    media_type: Name = "application/vnd.tuneproof.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class BaseModel:
    name: Name
    manifest: Sha256 | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """Digests of what shapes answers beside the weights; absent where nothing of the kind is served."""

    tokenizer: Sha256 | None = None
    chat_template: Sha256 | None = None
    generation_config: Sha256 | None = None
    system_prompt: Sha256 | None = None
    quantization: Sha256 | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """`oms_root` is the subject digest of `model.sig`, the OpenSSF signature beside the weights: it binds no file names."""

    base: BaseModel
    manifest: ManifestRef | None = None
    adapter: Sha256 | None = None
    merged: bool | None = None
    served: Served | None = None
    oms_root: Sha256 | None = field(default=None, metadata=SINCE_0_3)


@dataclass(frozen=True, slots=True)
class Compute:
    """Floating-point operations of the tuning and of the base's training, their ratio, and how they were counted.

    The ratio is what the EU AI Act's guidelines on general-purpose models ask of whoever modifies one.
    """

    modification_flop: Magnitude
    method: str
    base_flop: Magnitude | None = None
    ratio: Figure | None = None

    def __post_init__(self) -> None:
        if self.ratio is None or self.base_flop is None:
            return
        least = Decimal(self.modification_flop) / Decimal(self.base_flop)
        if Decimal(self.ratio) < least * _ROUNDED:
            raise MalformedError("tuning.compute", "the ratio is smaller than that of the two counts of operations")


@dataclass(frozen=True, slots=True)
class Tuning:
    """What ran, not what was asked for. Numbers in `parameters` are decimal strings; `software` maps package to version.

    `provenance` is SHA-256 of the payload of the SLSA statement in the bundle.
    """

    method: Name
    parameters: Mapping[str, str]
    seed: Name
    code: Sha256 | None = None
    started_at: Moment | None = None
    finished_at: Moment | None = None
    steps: int | None = None
    tokens: int | None = None
    software: Mapping[str, str] | None = None
    provenance: Sha256 | None = field(default=None, metadata=SINCE_0_3)
    compute: Compute | None = field(default=None, metadata=SINCE_0_3)
