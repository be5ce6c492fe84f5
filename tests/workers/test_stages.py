"""The real stages in real child processes, on the tiny model: screen, tune, and evaluate what was stored."""

import dataclasses
import hashlib
import io
import json
import tarfile
from pathlib import Path

import msgspec
import pytest
from arq.connections import ArqRedis

from tests.workers.object_store import ObjectStore
from workers import catalog
from workers.assignment import Workbench, carry_out
from workers.child import Launch
from workers.contract import (
    ArtefactRef,
    BaseRef,
    ControlTask,
    DatasetRef,
    Decoding,
    EvaluateTask,
    EvaluationResult,
    Failed,
    Outcome,
    OwnDataTask,
    RunRequest,
    SafetyMix,
    ScorerRef,
    ScreenResult,
    ScreenTask,
    SourceRef,
    Succeeded,
    SuiteSelection,
    Task,
    Technique,
    TuneResult,
    TuneSettings,
    TuneTask,
    VariantGrant,
    VariantRef,
    decode_report,
)
from workers.evaluation.rejudge import root_of
from workers.lifeline import Lifeline, Rhythm, RunIdentity

pytestmark = pytest.mark.ml

HELDOUT = [3, 7]
RECORDS = [
    {
        "messages": [
            {"role": "user", "content": f"Where is order {i}?"},
            {"role": "assistant", "content": f"Sure! It is {i} days away."},
        ]
    }
    for i in range(12)
]


class Worker:
    """Carries tasks out one after the other."""

    def __init__(self, store: ObjectStore, bench: Workbench, pool: ArqRedis, rhythm: Rhythm, models: Path) -> None:
        from workers.models.tiny import prepare

        listed = prepare(models)
        (base,) = catalog.Catalog.load(listed).bases
        self.base = BaseRef(name=base.name, manifest_digest=base.manifest_digest)
        self.store, self._pool, self._rhythm, self._runs = store, pool, rhythm, 0
        self._bench = dataclasses.replace(bench, catalog=listed, launch=Launch({"PATH": "/usr/bin:/bin"}))

    async def outcome(self, task: Task) -> Outcome:
        self._runs += 1
        run_id = f"run-{self._runs}"
        request = RunRequest(run_id=run_id, attempt=1, task=task, report=self.store.grant(run_id))
        identity = RunIdentity(run_id=run_id, attempt=1, delivery=1, worker="me")
        await carry_out(request, self._bench, Lifeline(self._pool, identity, self._rhythm))
        assert list(self._bench.scratch.iterdir()) == []
        return decode_report(self.store.objects[run_id]).outcome

    def dataset(self, records: list[object]) -> DatasetRef:
        content = "\n".join(json.dumps(record) for record in records).encode()
        self.store.objects["dataset"] = content
        return DatasetRef(
            content=self.store.grant("dataset"),
            sha256=hashlib.sha256(content).hexdigest(),
            sources=[SourceRef(id="desk", personal_data="none")],
        )

    def evaluation(self, artefact: ArtefactRef | None) -> EvaluateTask:
        suites = [
            SuiteSelection(id=s.id, version=s.version, digest=s.digest, item_ids=[item.id for item in s.items[:3]])
            for s in catalog.suites()
        ]
        return EvaluateTask(
            base=self.base,
            artefact=artefact,
            suites=suites,
            scorers=[ScorerRef(id=s.id, version=s.version, digest=s.digest) for s in catalog.scorers()],
            decoding=Decoding(max_new_tokens=4, batch_size=4),
            system_prompt=None,
            quantization=None,
            outputs=self.store.grant("outputs"),
        )


@pytest.fixture
def worker(store: ObjectStore, bench: Workbench, pool: ArqRedis, brisk: Rhythm, tmp_path: Path) -> Worker:
    return Worker(store, bench, pool, brisk, tmp_path / "models")


async def test_from_records_to_a_measured_artefact(worker: Worker, tmp_path: Path) -> None:
    dataset = worker.dataset(list(RECORDS))
    screened = await worker.outcome(ScreenTask(dataset=dataset, base=worker.base, max_length=128))
    assert isinstance(screened, Succeeded), screened
    assert isinstance(screened.result, ScreenResult)
    assert screened.result.records == len(RECORDS)

    settings = TuneSettings(
        technique=Technique.LORA, epochs=1, batch_size=4, learning_rate="0.01", seed=1, max_length=128, packing=False,
        rank=4, alpha=8, dropout="0", target_modules=["q_proj", "v_proj"],
    )  # fmt: skip
    tuning = TuneTask(
        base=worker.base,
        dataset=dataset,
        settings=settings,
        mix=SafetyMix(ratio="0", pack_digest=catalog.safety_pack_digest()),
        system_prompt=None,
        artefact=worker.store.grant("artefact"),
        checkpoint=worker.store.grant("checkpoint"),
        heldout=HELDOUT,
        canary_seed=3,
        variants=[VariantGrant(scale="0.5", artefact=worker.store.grant("half"))],
    )
    tuned = await worker.outcome(tuning)
    assert isinstance(tuned, Succeeded), tuned
    assert isinstance(tuned.result, TuneResult)
    assert tuned.result.archive_bytes == len(worker.store.objects["artefact"])
    with tarfile.open(fileobj=io.BytesIO(worker.store.objects["artefact"])) as tar:
        assert {"adapter_model.safetensors", "served.json"} <= set(tar.getnames())

    artefact = ArtefactRef(archive=worker.store.grant("artefact"), manifest_digest=tuned.result.manifest_digest)
    (half,) = tuned.result.variants
    variant = ArtefactRef(archive=worker.store.grant("half"), manifest_digest=half.manifest_digest)
    own = OwnDataTask(dataset=dataset, heldout=HELDOUT, members=[0, 1], max_length=128, canary_seed=3)
    measured = await worker.outcome(
        msgspec.structs.replace(
            worker.evaluation(artefact), variants=[VariantRef(scale="0.5", artefact=variant)], own_data=own
        )
    )
    assert isinstance(measured, Succeeded), measured
    assert isinstance(measured.result, EvaluationResult)
    assert measured.result.model_manifest_digest == tuned.result.manifest_digest
    stored = tmp_path / "outputs.jsonl"
    stored.write_bytes(worker.store.objects["outputs"])
    assert root_of(stored) == measured.result.outputs_digest

    (other,) = measured.result.variants
    assert (other.scale, other.model_manifest_digest) == ("0.5", half.manifest_digest)
    assert [(s.suite, s.item) for s in other.scores] == [(s.suite, s.item) for s in measured.result.scores]
    assert [s.values for s in other.scores] != [s.values for s in measured.result.scores]
    assert measured.result.outputs_leaves == 2 * len(measured.result.scores)

    before = await worker.outcome(msgspec.structs.replace(worker.evaluation(None), own_data=own))
    assert isinstance(before, Succeeded), before
    assert isinstance(before.result, EvaluationResult)
    assert [s.item for s in before.result.scores] == [s.item for s in measured.result.scores]
    assert [s.values for s in before.result.scores] != [s.values for s in measured.result.scores]


async def test_controls_run_beside_the_base(worker: Worker) -> None:
    suites = worker.evaluation(None).suites[:1]
    controls = [
        ControlTask(kind="negative", level="1", suites=suites, batch_size=2, threads=1),
        ControlTask(kind="negative", level="2", suites=suites, batch_size=4, dtype="float32"),
    ]
    outcome = await worker.outcome(msgspec.structs.replace(worker.evaluation(None), controls=controls))
    assert isinstance(outcome, Succeeded), outcome
    assert isinstance(outcome.result, EvaluationResult)
    assert [found.level for found in outcome.result.controls] == ["1", "2"]
    assert [found.conditions.startswith("batches of ") for found in outcome.result.controls] == [True, True]
    for found in outcome.result.controls:
        assert [score.item for score in found.scores] == suites[0].item_ids


async def test_a_positive_control_needs_an_adapter_in_the_catalog(worker: Worker) -> None:
    suites = worker.evaluation(None).suites[:1]
    control = ControlTask(kind="positive", level="0.5", suites=suites, batch_size=2)
    outcome = await worker.outcome(msgspec.structs.replace(worker.evaluation(None), controls=[control]))
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "invalid_control"


async def test_what_is_wrong_with_the_data_reaches_the_report(worker: Worker) -> None:
    broken = [*RECORDS, {"messages": [{"role": "assistant", "content": "Nobody asked."}]}]
    outcome = await worker.outcome(ScreenTask(dataset=worker.dataset(broken), base=worker.base, max_length=128))
    assert isinstance(outcome, Failed)
    assert (outcome.error.param, outcome.error.retryable) == ("training_file", False)
    assert "line 13" in outcome.error.message


async def test_an_artefact_with_other_bytes_is_refused(worker: Worker) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("weights"), io.BytesIO())
    worker.store.objects["artefact"] = buffer.getvalue()
    artefact = ArtefactRef(archive=worker.store.grant("artefact"), manifest_digest="0" * 64)
    outcome = await worker.outcome(worker.evaluation(artefact))
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "artefact_mismatch"


async def test_a_base_that_the_worker_lacks_may_be_elsewhere(worker: Worker) -> None:
    worker.base = BaseRef(name="unheard-of", manifest_digest="0" * 64)
    outcome = await worker.outcome(worker.evaluation(None))
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.error.retryable) == ("base_missing", True)
