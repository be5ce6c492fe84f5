"""From what a customer asked for to what will be done: every default filled in, every combination checked. Pure.

Refuses, by ``InvalidRequestError`` naming the field: what this server cannot do, what contradicts itself, and numbers that
the types cannot bound. Called by ``api.jobs.service`` when a job is created.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from api.errors import InvalidRequestError
from api.jobs import hiding
from api.jobs.decimals import PLACES, decimal, text
from api.jobs.request import Deployment, EvidenceChoice, JobRequest
from api.jobs.safety_options import Files, fill_in_safety
from api.jobs.schemas import CreateJob, DeploymentAsked, EvidenceAsked, Hyperparameters, Safety, Tuning
from api.jobs.texts import Texts, optional_prose, texts
from workers.catalog import BaseModel
from workers.contract import Technique, TuneSettings

# The defaults, all of them. Learning rates are those of the multiplier 1.
EPOCHS = 3
BATCH_SIZE = 8
RANK = 16
ALPHA_PER_RANK = 2
DROPOUT = Decimal("0.0")
MAX_LENGTH = 1024
ADAPTER_RATE_SMALL = Decimal("1e-3")
ADAPTER_RATE_LARGE = Decimal("2e-4")
FULL_RATE = Decimal("5e-5")
SMALL_PARAMETERS = 1_000_000_000
"""Below this many parameters a base is small."""

_SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")


def fill_in(
    asked: CreateJob, *, base: BaseModel, seed: int, offered: Sequence[str] = (), files: Files | None = None
) -> JobRequest:
    """``seed`` is used where none was asked for; ``offered`` are the suites that can be asked for by name, ``files`` those in
    the files of evaluation items that were. Raises ``InvalidRequestError``."""
    _refuse_unsupported(asked)
    hyper, where = _hyperparameters(asked)
    tuning = asked.tuning or Tuning()
    multiplier = Decimal(1)
    if hyper.learning_rate_multiplier != "auto":
        multiplier = Decimal(repr(float(hyper.learning_rate_multiplier)))
        if tuning.learning_rate is not None:
            raise InvalidRequestError(
                f"tuning.learning_rate and {where}.learning_rate_multiplier say the same in two ways; give one.",
                param="tuning.learning_rate",
            )
    epochs = EPOCHS if hyper.n_epochs == "auto" else hyper.n_epochs
    batch_size = BATCH_SIZE if hyper.batch_size == "auto" else hyper.batch_size
    adapter = _adapter(tuning, base)
    settings = TuneSettings(
        technique=tuning.technique,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=_learning_rate(tuning, base, multiplier),
        seed=seed if asked.seed is None else asked.seed,
        max_length=_max_length(tuning, base),
        packing=tuning.packing,
        rank=adapter.rank,
        alpha=adapter.alpha,
        dropout=adapter.dropout,
        target_modules=adapter.target_modules,
    )
    return JobRequest(
        settings=settings,
        safety=fill_in_safety(asked.safety or Safety(), technique=tuning.technique, offered=offered, files=files or {}),
        deployment=_deployment(asked.deployment or DeploymentAsked()),
        hyperparameters={
            "n_epochs": epochs,
            "batch_size": batch_size,
            "learning_rate_multiplier": float(multiplier),
        },
        suffix=_suffix(asked.suffix),
        metadata=asked.metadata,
        evidence=_evidence(asked.evidence or EvidenceAsked()),
    )


def _refuse_unsupported(asked: CreateJob) -> None:
    if asked.validation_file is not None:
        remedy = "Leave it out: a share of the training file is held out to measure with (safety.holdout)."
        raise _unsupported("validation_file", remedy)
    if asked.integrations:
        raise _unsupported("integrations", "Leave it out and read the job's events.")
    if asked.method is not None and asked.method.type != "supervised":
        raise _unsupported("method.type", f"Use 'supervised' in place of {asked.method.type!r}.")
    for name in ("dpo", "reinforcement"):
        if asked.method is not None and getattr(asked.method, name) is not None:
            raise _unsupported(f"method.{name}", "Leave it out; use method.supervised.")


def _unsupported(param: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(f"{param} is not supported yet. {remedy}", param=param, code="not_supported")


def _hyperparameters(asked: CreateJob) -> tuple[Hyperparameters, str]:
    """Those that count, and the path at which they were given. The old place and the new one may not disagree."""
    new = asked.method.supervised.hyperparameters if asked.method and asked.method.supervised else None
    if new is not None and asked.hyperparameters is not None and new != asked.hyperparameters:
        raise InvalidRequestError(
            "hyperparameters and method.supervised.hyperparameters differ; give the latter alone.",
            param="hyperparameters",
        )
    if new is not None:
        return new, "method.supervised.hyperparameters"
    return asked.hyperparameters or Hyperparameters(), "hyperparameters"


@dataclass(frozen=True, slots=True)
class _Adapter:
    rank: int | None = None
    alpha: int | None = None
    dropout: str | None = None
    target_modules: list[str] | None = None


def _adapter(tuning: Tuning, base: BaseModel) -> _Adapter:
    if tuning.technique is Technique.FULL:
        for name in ("rank", "alpha", "dropout", "target_modules"):
            if getattr(tuning, name) is not None:
                raise InvalidRequestError(
                    f"tuning.{name} has no meaning with technique 'full', which tunes every weight; leave it out.",
                    param=f"tuning.{name}",
                )
        return _Adapter()
    modules = base.lora_targets if tuning.target_modules is None else tuning.target_modules
    if not modules:
        raise InvalidRequestError("tuning.target_modules is empty; leave it out.", param="tuning.target_modules")
    strange = [name for name in modules if name not in base.lora_targets]
    if strange or len(set(modules)) != len(modules):
        raise InvalidRequestError(
            f"tuning.target_modules: {base.name} takes each of {', '.join(base.lora_targets)} at most once.",
            param="tuning.target_modules",
        )
    rank = RANK if tuning.rank is None else tuning.rank
    dropout = DROPOUT if tuning.dropout is None else decimal(tuning.dropout, "tuning.dropout")
    if not 0 <= dropout < 1:
        raise InvalidRequestError("tuning.dropout must be at least 0 and below 1.", param="tuning.dropout")
    return _Adapter(
        rank=rank,
        alpha=ALPHA_PER_RANK * rank if tuning.alpha is None else tuning.alpha,
        dropout=text(dropout),
        target_modules=list(modules),
    )


def _learning_rate(tuning: Tuning, base: BaseModel, multiplier: Decimal) -> str:
    if tuning.learning_rate is not None:
        rate = decimal(tuning.learning_rate, "tuning.learning_rate")
    elif tuning.technique is Technique.FULL:
        rate = FULL_RATE * multiplier
    else:
        rate = (ADAPTER_RATE_SMALL if base.parameters < SMALL_PARAMETERS else ADAPTER_RATE_LARGE) * multiplier
    rate = round(rate, PLACES)
    if not 0 < rate <= 1:
        raise InvalidRequestError(
            f"The learning rate comes to {text(rate)}; it must be above 0 and at most 1.",
            param="tuning.learning_rate",
        )
    return text(rate)


def _max_length(tuning: Tuning, base: BaseModel) -> int:
    if tuning.max_length is None:
        return min(base.max_length, MAX_LENGTH)
    if tuning.max_length > base.max_length:
        raise InvalidRequestError(
            f"tuning.max_length: {base.name} takes at most {base.max_length} tokens.", param="tuning.max_length"
        )
    return tuning.max_length


def _deployment(asked: DeploymentAsked) -> Deployment:
    return Deployment(
        objective=optional_prose(asked.objective, "deployment.objective"),
        rationale=optional_prose(asked.rationale, "deployment.rationale"),
        intended_use=texts(asked.intended_use, "deployment.intended_use"),
        prohibited_uses=texts(asked.prohibited_uses, "deployment.prohibited_uses"),
        system_prompt=optional_prose(asked.system_prompt, "deployment.system_prompt", Texts(longest=8000)),
        languages=_languages(asked.languages or []),
        context_tokens=asked.context_tokens,
    )


def _evidence(asked: EvidenceAsked) -> EvidenceChoice:
    """Whoever knows the stored attestations adds the digest of the superseded one."""
    return EvidenceChoice(hide=hiding.checked(asked.hide), supersedes=asked.supersedes)


def _languages(asked: list[str]) -> list[str]:
    strange = next((index for index, tag in enumerate(asked) if not _LANGUAGE.fullmatch(tag)), None)
    if strange is not None or len(asked) > 50:
        param = "deployment.languages" if strange is None else f"deployment.languages[{strange}]"
        raise InvalidRequestError(f"{param}: give at most 50 language tags like 'en' or 'pt-BR'.", param=param)
    return asked


def _suffix(suffix: str | None) -> str | None:
    if suffix is not None and not _SUFFIX.fullmatch(suffix):
        raise InvalidRequestError(
            "suffix becomes part of the model's name: use letters, digits, '.', '_' and '-', beginning with a letter "
            "or digit.",
            param="suffix",
        )
    return suffix
