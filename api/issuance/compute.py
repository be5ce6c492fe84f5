"""The floating-point operations of a tuning and of its base's training, as the evidence states them. Pure.

Estimates by the usual count (Kaplan et al. 2020, arXiv:2001.08361, section 2.1): a multiplication and an addition for every
parameter and token, once forward, and twice backward: for the activations, and for the gradients of what is trained. The
European Commission's guidelines on general-purpose models compare the two: who modifies a model by more than a third of its
training becomes its provider.
"""

from decimal import ROUND_CEILING, Decimal

from attestations.tuned import Compute
from workers.catalog import BaseModel
from workers.contract import Technique, TuneResult

_ADAPTER = "(4 N + 2 T) D: all N parameters forward and backward, and the gradients of the T that are trained"
_FULL = "6 N D: all N parameters forward, backward, and their gradients"
_ALL_TOKENS = "D are the tokens of all training sequences in all epochs, prompts included, padding not"
_LOSS_TOKENS = (
    "D are the tokens that took a loss, since no others were counted: prompts, which pass through as well, are missing"
)
_AGAIN = "2 N D more, since activations were computed a second time (gradient checkpointing)"
_LEFT_OUT = "Not counted: attention beyond its weights, attempts that were lost, screening and evaluation"
_BASE = (
    "The base: 6 N D with the number of tokens that its makers state; what they did to it afterwards is not counted. The "
    "ratio is rounded up"
)
_NO_BASE = "How many tokens the base was trained on is not known here, so no ratio is stated"
_SOURCE = "Estimated after Kaplan et al. 2020 (arXiv:2001.08361)"
_PLACES = Decimal("1e-12")


def compute_of(tuned: TuneResult, technique: Technique, base: BaseModel) -> Compute | None:
    """None where nothing was trained on."""
    every, trained = tuned.total_parameters, tuned.trainable_parameters
    tokens = tuned.processed_tokens if tuned.processed_tokens is not None else tuned.trained_tokens
    again = tuned.parameters.get("gradient_checkpointing") == "true"
    per_token = (6 * every if technique is Technique.FULL else 4 * every + 2 * trained) + (2 * every if again else 0)
    spent = per_token * tokens
    if spent == 0:
        return None
    before = 6 * base.parameters * base.pretraining_tokens if base.pretraining_tokens is not None else None
    sentences = (
        f"{_SOURCE}: {_FULL if technique is Technique.FULL else _ADAPTER}",
        *((_AGAIN,) if again else ()),
        _ALL_TOKENS if tuned.processed_tokens is not None else _LOSS_TOKENS,
        _LEFT_OUT,
        _BASE if before is not None else _NO_BASE,
    )
    return Compute(
        modification_flop=magnitude(spent),
        base_flop=magnitude(before) if before is not None else None,
        ratio=_ratio(spent, before) if before is not None else None,
        method=". ".join(sentences) + ".",
    )


def magnitude(count: int) -> str:
    """A positive number to four digits, like ``1.614e21``."""
    mantissa, exponent = f"{Decimal(count):.3e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def _ratio(spent: int, before: int) -> str:
    """Rounded up to twelve places, so that it is never stated too small."""
    share = (Decimal(spent) / Decimal(before)).quantize(_PLACES, ROUND_CEILING)
    return f"{share:f}".rstrip("0").rstrip(".")
