"""What an evaluation needs is fetched, checked, and laid where its child process looks for it."""

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.workers.object_store import ObjectStore
from workers.assignment import Workbench, _fetch_inputs, without_grants
from workers.child import StagePaths
from workers.contract import (
    ArtefactRef,
    BaseRef,
    ControlTask,
    DatasetRef,
    Decoding,
    EvaluateTask,
    OwnDataTask,
    ScreenTask,
    SuiteSelection,
    VariantRef,
    encode,
)
from workers.errors import RunFailure
from workers.evaluation.questions import suite_file
from workers.stages import _brought

OWN_SUITE = b'{"id": "own-questions"}'


class Scene:
    """An evaluation of an adapter with all that can come with it, and the store that holds it."""

    def __init__(self, store: ObjectStore, bench: Workbench, root: Path) -> None:
        self.store, self.bench, self.paths = store, bench, StagePaths(root)
        root.mkdir()
        for name in ("artefact", "variant"):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w") as tar:
                member = tarfile.TarInfo("weights")
                member.size = len(name)
                tar.addfile(member, io.BytesIO(name.encode()))
            store.objects[name] = buffer.getvalue()
        store.objects |= {"suite": OWN_SUITE, "dataset": b"records"}

    def suite(self, content: bytes = OWN_SUITE) -> SuiteSelection:
        digest = hashlib.sha256(content).hexdigest()
        return SuiteSelection(id="x", version="1", digest=digest, item_ids=["a"], content=self.store.grant("suite"))

    def task(self, **fields: Any) -> EvaluateTask:
        given: dict[str, Any] = {
            "base": BaseRef(name="base", manifest_digest="0" * 64),
            "artefact": self.artefact("artefact"),
            "suites": [self.suite(), SuiteSelection(id="y", version="1", digest="2" * 64, item_ids=["b"])],
            "scorers": [],
            "decoding": Decoding(max_new_tokens=1, batch_size=1),
            "system_prompt": None,
            "quantization": None,
            "outputs": self.store.grant("outputs"),
            "variants": [VariantRef(scale=scale, artefact=self.artefact("variant")) for scale in ("0.5", "0.25")],
            "own_data": OwnDataTask(dataset=self.dataset(), heldout=[0], members=[], max_length=9),
        }
        return EvaluateTask(**(given | fields))

    def artefact(self, name: str) -> ArtefactRef:
        return ArtefactRef(archive=self.store.grant(name), manifest_digest="1" * 64)

    def dataset(self, content: bytes = b"records") -> DatasetRef:
        return DatasetRef(content=self.store.grant("dataset"), sha256=hashlib.sha256(content).hexdigest(), sources=[])


@pytest.fixture
def scene(store: ObjectStore, bench: Workbench, tmp_path: Path) -> Scene:
    return Scene(store, bench, tmp_path / "run")


async def test_everything_lies_where_the_child_looks(scene: Scene) -> None:
    await _fetch_inputs(scene.task(), scene.paths, scene.bench)
    assert (scene.paths.artefact / "weights").read_text() == "artefact"
    assert [(scene.paths.variants / scale / "weights").read_text() for scale in ("0.5", "0.25")] == ["variant"] * 2
    assert suite_file(scene.paths.suites, hashlib.sha256(OWN_SUITE).hexdigest()).read_bytes() == OWN_SUITE
    assert len(list(scene.paths.suites.iterdir())) == 1
    assert scene.paths.dataset.read_bytes() == b"records"


async def test_suites_of_controls_are_fetched_and_each_only_once(scene: Scene) -> None:
    control = ControlTask(kind="negative", level="1", suites=[scene.suite()], batch_size=1)
    await _fetch_inputs(scene.task(suites=[scene.suite()], controls=[control, control]), scene.paths, scene.bench)
    assert [name for _, name in scene.store.requests].count("suite") == 1


async def test_screening_gets_the_customers_suites(scene: Scene) -> None:
    task = ScreenTask(
        dataset=scene.dataset(),
        base=BaseRef(name="base", manifest_digest="0" * 64),
        max_length=9,
        suites=[scene.suite()],
    )
    await _fetch_inputs(task, scene.paths, scene.bench)
    assert suite_file(scene.paths.suites, hashlib.sha256(OWN_SUITE).hexdigest()).read_bytes() == OWN_SUITE
    assert scene.paths.dataset.read_bytes() == b"records"
    assert b"topsecret" not in encode(without_grants(task))
    with pytest.raises(RunFailure, match="a suite of yours cannot be read") as caught:
        _brought(task, scene.paths)
    assert caught.value.param == "safety.suites"


async def test_what_is_not_what_the_plan_names_is_refused(scene: Scene) -> None:
    cases = {
        "suite_mismatch": {"suites": [scene.suite(b"other")]},
        "dataset_mismatch": {
            "own_data": OwnDataTask(dataset=scene.dataset(b"other"), heldout=[], members=[], max_length=9)
        },
        "variant_mismatch": {"variants": [VariantRef(scale="../../up", artefact=scene.artefact("variant"))]},
        "input_missing": {"artefact": scene.artefact("nowhere")},
    }
    for number, (code, fields) in enumerate(cases.items()):
        root = scene.paths.root / str(number)
        root.mkdir()
        with pytest.raises(RunFailure) as caught:
            await _fetch_inputs(scene.task(**fields), StagePaths(root), scene.bench)
        assert caught.value.code == code
    assert not list(scene.paths.root.glob("**/up"))


def test_the_child_is_told_of_no_grant(scene: Scene) -> None:
    control = ControlTask(kind="negative", level="1", suites=[scene.suite()], batch_size=1)
    task = scene.task(controls=[control])
    assert encode(task).count(b"topsecret") == 7
    blanked = without_grants(task)
    assert b"topsecret" not in encode(blanked)
    assert isinstance(blanked, EvaluateTask)
    assert [suite.content is None for suite in blanked.suites] == [False, True]
