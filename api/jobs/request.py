"""What a job was asked to do, with every default filled in: the form in which ``Job.request`` stores it.

Written by ``api.jobs.service`` from the customer's request, read by ``api.control``. Rates and ratios are decimal strings.
"""

import msgspec

from workers.catalog.prompts import SystemPrompt, joined
from workers.catalog.split import DEFAULT_SHARE
from workers.contract import Frozen, Technique, TuneSettings

QUANTIZATION = {Technique.LORA: None, Technique.QLORA: "nf4", Technique.FULL: None}
"""How a model tuned by each technique is served, and therefore how its base is measured."""


class SuiteChoice(Frozen, frozen=True):
    """A suite beside those of the policy. ``margin`` is the share of its items by which it may get worse. A customer's own
    suite names its ``file`` and the storage ``key`` of its document; an offered one has neither."""

    id: str
    gating: bool
    margin: str
    version: str | None = None
    digest: str | None = None
    file: str | None = None
    key: str | None = None


class SafetyChoice(Frozen, frozen=True):
    """``mix`` is the share of safety records added to the customer's, e.g. ``"0.05"``; ``"0"`` adds none. ``holdout`` is the
    share of the customer's records that is kept out of training to measure with. ``canaries`` plants invented secrets.
    ``repeats`` are sampled answers to each item beside the greedy one. ``scaling`` are the scales of the adapter that are
    tried, the largest first, where more than the whole one is. ``system_prompt`` is the text of the safety prompt that the
    model is served behind; it is kept as it was when the job was created."""

    policy: str
    profile: str
    mix: str
    suites: list[SuiteChoice] = []
    holdout: str = DEFAULT_SHARE
    canaries: bool = False
    repeats: int = 0
    scaling: list[str] = []
    system_prompt: str | None = None


class Deployment(Frozen, frozen=True):
    """Where the customer means to use the model. Goes into the attestation's boundaries; ``system_prompt`` is served,
    ``context_tokens`` is the longest context that the deployment is meant for."""

    objective: str | None = None
    rationale: str | None = None
    intended_use: list[str] = []
    prohibited_uses: list[str] = []
    system_prompt: str | None = None
    languages: list[str] = []
    context_tokens: int | None = None


class EvidenceChoice(Frozen, frozen=True):
    """``hide`` are patterns of the values that the attestation keeps back. ``supersedes`` is the attestation whose place the
    job's own takes, ``superseded_digest`` that of its statement."""

    hide: list[str] = []
    supersedes: str | None = None
    superseded_digest: str | None = None


class JobRequest(Frozen, frozen=True):
    """``hyperparameters`` is what the API reports back in OpenAI's shape (numbers or ``"auto"``)."""

    settings: TuneSettings
    safety: SafetyChoice
    deployment: Deployment
    hyperparameters: dict[str, int | float | str]
    suffix: str | None = None
    metadata: dict[str, str] | None = None
    evidence: EvidenceChoice = EvidenceChoice()

    @property
    def files(self) -> set[str]:
        """The files of evaluation items that the job is measured with."""
        return {suite.file for suite in self.safety.suites if suite.file is not None}

    @property
    def safety_prompt(self) -> SystemPrompt | None:
        return None if self.safety.system_prompt is None else SystemPrompt(self.safety.system_prompt)

    @property
    def served_system_prompt(self) -> str | None:
        """What the tuned model is served and measured with; it is tuned, and the base measured, with the deployment's own."""
        return joined(self.safety_prompt, self.deployment.system_prompt)

    @property
    def quantization(self) -> str | None:
        return QUANTIZATION[self.settings.technique]


def stored_request(value: object) -> JobRequest:
    """The request in ``Job.request``."""
    return msgspec.convert(value, JobRequest)
