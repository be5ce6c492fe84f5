"""What a job was asked to do, with every default filled in: the form in which ``Job.request`` stores it.

Written by ``api.jobs.service`` from the customer's request, read by ``api.control``. Rates and ratios are decimal strings.
"""

import msgspec

from workers.contract import Frozen, Technique, TuneSettings

QUANTIZATION = {Technique.LORA: None, Technique.QLORA: "nf4", Technique.FULL: None}
"""How a model tuned by each technique is served, and therefore how its base is measured."""


class SafetyChoice(Frozen, frozen=True):
    """``mix`` is the share of safety records added to the customer's, e.g. ``"0.05"``; ``"0"`` adds none."""

    policy: str
    profile: str
    mix: str


class Deployment(Frozen, frozen=True):
    """Where the customer means to use the model. Goes into the attestation's boundaries; ``system_prompt`` is served."""

    objective: str | None = None
    rationale: str | None = None
    intended_use: list[str] = []
    prohibited_uses: list[str] = []
    system_prompt: str | None = None
    languages: list[str] = []


class JobRequest(Frozen, frozen=True):
    """``hyperparameters`` is what the API reports back in OpenAI's shape (numbers or ``"auto"``)."""

    settings: TuneSettings
    safety: SafetyChoice
    deployment: Deployment
    hyperparameters: dict[str, int | float | str]
    suffix: str | None = None
    metadata: dict[str, str] | None = None

    @property
    def quantization(self) -> str | None:
        return QUANTIZATION[self.settings.technique]


def stored_request(value: object) -> JobRequest:
    """The request in ``Job.request``."""
    return msgspec.convert(value, JobRequest)
