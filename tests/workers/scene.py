"""One run at a workbench with pretend stages, and what came of it."""

import asyncio
import hashlib
from pathlib import Path

from arq.connections import ArqRedis

from tests.workers.object_store import ObjectStore
from workers.assignment import Workbench, carry_out
from workers.contract import (
    CONTROL_QUEUE,
    BaseRef,
    DatasetRef,
    Grant,
    RunMessage,
    RunReport,
    RunRequest,
    SafetyMix,
    ScreenTask,
    Task,
    Technique,
    TuneSettings,
    TuneTask,
    VariantGrant,
    decode_message,
    decode_report,
)
from workers.lifeline import Lifeline, Rhythm, RunIdentity

BASE = BaseRef(name="tiny", manifest_digest="0" * 64)
SETTINGS = TuneSettings(
    technique=Technique.LORA, epochs=1, batch_size=1, learning_rate="0.001", seed=1, max_length=64, packing=False
)


class Scene:
    """One run and what came of it."""

    def __init__(self, store: ObjectStore, bench: Workbench, pool: ArqRedis, rhythm: Rhythm) -> None:
        self.store, self.bench, self.pool, self.rhythm = store, bench, pool, rhythm

    def dataset(self, mode: str) -> DatasetRef:
        self.store.objects["dataset"] = mode.encode()
        digest = hashlib.sha256(mode.encode()).hexdigest()
        return DatasetRef(content=self.store.grant("dataset"), sha256=digest, sources=[])

    def screening(self, mode: str) -> ScreenTask:
        return ScreenTask(dataset=self.dataset(mode), base=BASE, max_length=64)

    def tuning(self, mode: str, *, resume: bool = False, scales: tuple[str, ...] = ()) -> TuneTask:
        return TuneTask(
            base=BASE,
            dataset=self.dataset(mode),
            settings=SETTINGS,
            mix=SafetyMix(ratio="0", pack_digest="0" * 64),
            system_prompt=None,
            artefact=self.store.grant("artefact"),
            checkpoint=self.store.grant("checkpoint"),
            resume=self.store.grant("checkpoint") if resume else None,
            variants=[VariantGrant(scale=scale, artefact=self.store.grant(f"artefact-{scale}")) for scale in scales],
        )

    def request(self, task: Task, *, report: Grant | None = None) -> RunRequest:
        return RunRequest(run_id="run-1", attempt=3, task=task, report=report or self.store.grant("report"))

    def lifeline(self, *, delivery: int = 1) -> Lifeline:
        identity = RunIdentity(run_id="run-1", attempt=3, delivery=delivery, worker="me")
        return Lifeline(self.pool, identity, self.rhythm)

    async def run(self, task: Task, *, delivery: int = 1, report: Grant | None = None) -> None:
        await carry_out(self.request(task, report=report), self.bench, self.lifeline(delivery=delivery))

    def report(self) -> RunReport:
        return decode_report(self.store.objects["report"])

    async def messages(self) -> list[RunMessage]:
        found = []
        for job in await self.pool.queued_jobs(queue_name=CONTROL_QUEUE):
            assert job.function == "receive_message"
            message = decode_message(job.args[0])
            assert job.job_id == f"run-1:{message.seq}"
            assert (message.run_id, message.attempt) == ("run-1", 3)
            found.append(message)
        return sorted(found, key=lambda message: message.seq)

    def left_behind(self) -> list[Path]:
        return list(self.bench.scratch.iterdir())

    async def child(self) -> int:
        """The process id of the pretend stage, once it runs."""
        while True:
            for path in self.bench.scratch.glob("run-*/scratch/pid"):
                if text := path.read_text():
                    return int(text)
            await asyncio.sleep(0.01)
