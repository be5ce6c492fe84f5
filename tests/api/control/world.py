"""A whole control plane in one process, with a real database, real storage and a real queue.

Only the worker is played: ``Worker.take`` pops the next request off the real queue as arq would, and ``report`` stores a
report and sends ``Finished``, as the contract asks. What a played worker reports is made up; what control makes of it is not.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
from arq.connections import create_pool
from sqlalchemy import select

from api.control.advance import advance
from api.control.context import Control, StatusIssuing
from api.control.messages import apply
from api.control.relay import relay
from api.control.sweeper import sweep
from api.db.models import Job, JobEvent, JobStage, Organization, Project
from api.db.session import Database
from api.ids import new_id
from api.issuance.issuer import Issuer
from api.issuance.keyring import Keyring
from api.issuance.signing_key import SigningKey
from api.jobs.request import Deployment, EvidenceChoice, JobRequest, SafetyChoice
from api.queue import Queue, deserialize, redis_settings, serialize
from api.storage import LocalStorage
from api.storage.signing import GrantSigner
from attestations.keys import LocalSigner, Signer
from attestations.trust import KeyRole
from tests.api.control.played import BASE, GOOD, Played, played
from tests.api.control.small_suites import SUITES
from workers.catalog import Catalog, Suite, parse_suite
from workers.contract import (
    WORK_QUEUE,
    EvaluateTask,
    Finished,
    Outcome,
    RunReport,
    RunRequest,
    Stage,
    Started,
    Succeeded,
    Task,
    Technique,
    TuneSettings,
    decode_request,
    encode,
    heartbeat_key,
)

PROVENANCE = {
    "sources": [
        {
            "id": "desk",
            "name": "Help desk",
            "licence": "CC0-1.0",
            "consent": "synthetic",
            "origin": "written for a test",
            "personal_data": "none",
        }
    ]
}


@dataclass
class World:
    control: Control
    now: int = 1_800_000_000
    tasks: list[Task] = field(default_factory=list)

    @classmethod
    async def build(cls, database: Database, valkey: str, tmp_path: Path) -> "World":
        world = cls.__new__(cls)
        world.now, world.tasks = 1_800_000_000, []
        world.redis = await create_pool(redis_settings(valkey), job_serializer=serialize, job_deserializer=deserialize)
        world.control = Control(
            database=database,
            storage=LocalStorage(tmp_path / "objects", GrantSigner(internal_url="http://127.0.0.1:1", secret="s" * 64)),
            queue=await Queue.connect(valkey),
            catalog=Catalog(directory=tmp_path, bases=(BASE,)),
            suites=SUITES,
            issuer=Issuer("https://issuer.test", world.key(LocalSigner.generate()), 30),
            clock=lambda: world.now,
            status=StatusIssuing(world.key(LocalSigner.generate(), KeyRole.STATUS), "https://issuer.test"),
        )
        async with database.write() as session:
            session.add(Organization(id="org-a", name="a", created_at=1))
            await session.flush()
            session.add(Project(id="proj-a", organization_id="org-a", name="a", created_at=1))
        return world

    def key(self, signer: Signer, role: KeyRole = KeyRole.ISSUER, *keyrings: Keyring) -> SigningKey:
        """A key of this world, held against nothing where no keyring is named."""
        return SigningKey(signer, role, keyrings, lambda: self.now)

    async def close(self) -> None:
        await self.redis.aclose()
        await self.control.queue.close()

    async def new_job(
        self,
        *,
        technique: Technique = Technique.LORA,
        mix: str = "0",
        safety: Mapping[str, Any] | None = None,
        system_prompt: str | None = None,
        evidence: EvidenceChoice | None = None,
        **changes: Any,
    ) -> str:
        """A job as the API writes it; ``safety`` is what it asks for beside the general policy and the standard profile,
        ``changes`` are settings of the tuning."""
        plain = {"epochs": 1, "batch_size": 2, "learning_rate": "0.001", "seed": 7, "max_length": 64, "packing": False}
        settings = TuneSettings(technique=technique, **(plain | changes))
        request = JobRequest(
            settings=settings,
            safety=SafetyChoice(**({"policy": "general", "profile": "standard", "mix": mix} | dict(safety or {}))),
            deployment=Deployment(objective="test", languages=["en"], system_prompt=system_prompt),
            hyperparameters={"n_epochs": 1},
            suffix="t",
            evidence=evidence or EvidenceChoice(),
        )
        job = Job(id=new_id("ftjob-"), status="validating_files", model="tiny", base="tiny", created_by="key-a")
        job.base_manifest_digest, job.training_file, job.dataset_key = BASE.manifest_digest, "file-a", "proj-a/files/a"
        job.dataset_digest, job.dataset_name, job.request_digest = "d" * 64, "a.jsonl", "0" * 64
        job.request, job.provenance, job.created_at = msgspec.to_builtins(request), PROVENANCE, self.now
        async with self.control.database.write() as session:
            self._scope(job)
            session.add(job)
            await session.flush()
            for position, name in enumerate(Stage):
                stage = JobStage(
                    id=new_id("stage-"), job_id=job.id, name=name.value, position=position, state="pending"
                )
                stage.attempt, stage.done, stage.total, stage.unit = 0, 0, 0, ""
                self._scope(stage)
                session.add(stage)
        return job.id

    async def request_cancel(self, job_id: str) -> None:
        """As the API's service does it."""
        async with self.control.database.write() as session:
            job = await session.get_one(Job, job_id)
            job.cancel_requested, job.status, job.finished_at = True, "cancelled", self.now
        await advance(self.control, job_id)

    async def take(self, *, started: bool = True) -> RunRequest | None:
        """The next request off the work queue, or None; the message is gone afterwards, as when a worker has begun it.
        ``started``: control hears of that."""
        await relay(self.control)
        waiting = await self.redis.zrange(WORK_QUEUE, 0, 0)
        if not waiting:
            return None
        message_id = waiting[0].decode()
        raw = await self.redis.get(f"arq:job:{message_id}")
        await self.redis.zrem(WORK_QUEUE, message_id)
        request = decode_request(json.loads(raw)["a"][0])
        if started:
            await self.say(Started(run_id=request.run_id, attempt=request.attempt, seq=1, worker="played"))
        return request

    async def report(self, request: RunRequest, outcome: Outcome, *, announce: bool = True) -> None:
        key = request.report.url.split("/storage/")[1].split("?")[0]
        report = RunReport(run_id=request.run_id, attempt=request.attempt, outcome=outcome)
        await self.control.storage.put_bytes(key, encode(report))
        if announce:
            await self.say(Finished(run_id=request.run_id, attempt=request.attempt, seq=1_000_000))

    async def say(self, message) -> None:
        await apply(self.control, message)

    async def beat(self, request: RunRequest, counter: int) -> None:
        await self.redis.set(heartbeat_key(request.run_id), counter)

    async def advance(self, job_id: str) -> None:
        await advance(self.control, job_id)

    async def sweep(self, *, after: int = 0) -> None:
        self.now += after
        await sweep(self.control)

    async def job(self, job_id: str) -> Job:
        async with self.control.database.read() as session:
            return await session.get_one(Job, job_id)

    async def stages(self, job_id: str) -> dict[str, JobStage]:
        async with self.control.database.read() as session:
            found = await session.execute(select(JobStage).where(JobStage.job_id == job_id).order_by(JobStage.position))
            return {row.name: row for row in found.scalars()}

    async def events(self, job_id: str) -> list[str]:
        async with self.control.database.read() as session:
            found = await session.execute(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.sequence))
            return [row.message for row in found.scalars()]

    async def run_through(self, job_id: str, tuned: Played = GOOD, *, base: Played = GOOD, records: int = 20) -> Job:
        """Play a worker until nothing is left to do."""
        await self.advance(job_id)
        while (request := await self.take()) is not None:
            self.tasks.append(request.task)
            suites = await self.suites_for(request.task)
            result = played(request, tuned, base=base, records=records, suites=suites, at=self.now)
            await self.report(request, Succeeded(result=result))
            await self.advance(job_id)
        return await self.job(job_id)

    async def suites_for(self, task: Task) -> dict[str, Suite]:
        """The suites on offer, and those whose documents the task grants to read."""
        found = dict(self.control.suites)
        for selection in task.suites if isinstance(task, EvaluateTask) else []:
            if selection.content is not None:
                key = selection.content.url.split("/storage/")[1].split("?")[0]
                raw = await self.control.storage.get_bytes(unquote(key), max_bytes=1 << 24)
                found[selection.id] = parse_suite(raw, origin="customer")
        return found

    @staticmethod
    def _scope(row) -> None:
        row.organization_id, row.project_id = "org-a", "proj-a"
