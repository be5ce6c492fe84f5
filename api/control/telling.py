"""What a job's events say of its measurements, of its gate and of its evidence: for whoever lists the events of a job.

An event that a message brings about is kept under a ``dedupe`` key made of run and milestone, so a message that is delivered
twice, or after a later one, is one event or none. Its writer holds the job's row. The other events are written by
``api.control.settle`` together with the end of a run, which happens once. No answer, prompt or record is ever quoted.
Called by ``api.control.messages``, ``api.control.settle`` and the stages ``gate`` and ``attest``.
"""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from api.control import repository
from api.db.models import Job, JobEvent, JobStage, Run
from api.issuance.facts import Judged
from attestations.gate import GateDecision, GateOutcome
from workers.contract import EvaluationResult, Progress, Stage

MILESTONES = 10
"""A measurement of any length tells of its progress at these parts of it, the last of which is its end."""
_MEASURED = {Stage.BASELINE.value: "the base", Stage.CANDIDATE.value: "the tuned model"}
_WORK = (Stage.BASELINE.value, Stage.TUNE.value)


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells of one job, within the transaction that holds its row. ``now`` is in Unix seconds."""

    session: AsyncSession
    job: Job
    now: int

    async def begun(self, stage: JobStage, run: Run) -> None:
        """The job has started, if nobody said so, and its measurement begins, if this is one."""
        if stage.name in _WORK:
            await self._once(f"{self.job.id}:started", "Fine-tuning job started")
        if stage.name in _MEASURED:
            again = f" again (attempt {run.attempt})" if run.attempt > 1 else ""
            await self._once(f"{run.id}:begun", f"Measuring {_what(stage)} begins{again}", {"stage": stage.name})

    async def progressed(self, stage: JobStage, message: Progress) -> None:
        """A measurement has come to another tenth; the last is told by ``measured``."""
        if stage.name not in _MEASURED or not 0 < message.done < message.total:
            return
        part = message.done * MILESTONES // message.total
        if part:
            percent = message.done * 100 // message.total
            text = f"Measuring {_what(stage)}: {message.done:,} of {message.total:,} {message.unit} ({percent} %)"
            data: dict[str, object] = {"stage": stage.name, "done": message.done, "total": message.total}
            await self._once(f"{message.run_id}:part-{part}", text, data | {"unit": message.unit})

    def measured(self, stage: JobStage, result: EvaluationResult) -> None:
        text = f"Measured {_what(stage)}: {len(result.scores):,} items in {result.seconds} seconds"
        self._say(text, {"stage": stage.name, "items": len(result.scores), "seconds": result.seconds})

    def decided(self, judged: Judged, decision: GateDecision) -> None:
        level = {GateOutcome.HELD: "warn", GateOutcome.BLOCKED: "error"}.get(decision.outcome, "info")
        if judged.candidates:
            self._say(_swept(judged))
        data: dict[str, object] = {"outcome": decision.outcome.value, "policy": judged.plan.policy.id}
        self._say(decision_sentence(judged, decision), data | {"reasons": list(decision.reasons)}, level=level)

    def signed(self, attestation_id: str) -> None:
        href = f"/v1/attestations/{attestation_id}/bundle"
        self._say(
            f"Attestation {attestation_id} is signed; fetch the file to verify by GET {href}",
            {"attestation": attestation_id, "bundle": href},
        )

    def _say(self, text: str, data: dict[str, object] | None = None, *, level: str = "info") -> JobEvent:
        row = repository.event(self.job, self.now, text, level=level, data=data)
        self.session.add(row)
        return row

    async def _once(self, dedupe: str, text: str, data: dict[str, object] | None = None) -> None:
        if not await repository.has_event(self.session, dedupe):
            self._say(text, data).dedupe = dedupe


def decision_sentence(judged: Judged, decision: GateDecision) -> str:
    """What the gate decided and why."""
    reasons = "; ".join(decision.reasons)
    match decision.outcome:
        case GateOutcome.HELD:
            return f"The safety gate holds the model for a review: {reasons}"
        case GateOutcome.BLOCKED:
            return f"The safety gate blocked the model: {reasons}"
    rows = f"its {judged.plan.gating_rows} gating rows" if judged.plan.gating_rows != 1 else "its gating row"
    return f"The safety gate released the model: nothing in {rows} makes the policy {judged.plan.policy.id} block or hold it"


def _what(stage: JobStage) -> str:
    return f"{_MEASURED[stage.name]} on this job's own records" if stage.reused_key else _MEASURED[stage.name]


def _swept(judged: Judged) -> str:
    """What came of the sweep, in a sentence."""
    decisions = ", ".join(f"{one.scale}: {one.gate.outcome.value}" for one in judged.candidates)
    if judged.gate is not None and judged.gate.outcome is GateOutcome.RELEASED:
        return f"Scale {judged.scale} of the adapter is the largest that passes ({decisions})"
    return f"No scale of the adapter passes, so the whole one stands ({decisions})"
