"""A run from request to report, with real child processes, a real queue server and a small object store."""

import dataclasses
import io
import json
import tarfile

import pytest
from structlog.testing import capture_logs

from tests.workers.scene import BASE, Scene
from workers.assignment import Limits, without_grants
from workers.contract import (
    DatasetRef,
    Failed,
    Finished,
    Progress,
    ScreenResult,
    ScreenTask,
    Started,
    Succeeded,
    TuneResult,
    encode,
    heartbeat_key,
)


async def test_a_run_ends_in_a_report_and_then_says_so(scene: Scene) -> None:
    await scene.run(scene.screening("well"))
    outcome = scene.report().outcome
    assert isinstance(outcome, Succeeded)
    assert isinstance(outcome.result, ScreenResult)
    messages = await scene.messages()
    assert isinstance(messages[0], Started)
    assert messages[0].worker == "me"
    assert isinstance(messages[-1], Finished)
    assert [message.seq for message in messages] == sorted({message.seq for message in messages})
    assert scene.left_behind() == []
    assert await scene.pool.get(heartbeat_key("run-1")) is None


async def test_the_child_sees_no_grant_and_no_credential(scene: Scene) -> None:
    await scene.run(scene.screening("well"))
    outcome = scene.report().outcome
    assert isinstance(outcome, Succeeded)
    assert isinstance(outcome.result, ScreenResult)
    seen = json.loads(outcome.result.warnings[0])
    assert "topsecret" not in seen["task"]
    assert "http" not in seen["task"]
    shown = json.dumps(seen["environment"])
    assert "hunter2" not in shown
    assert "REDIS" not in shown
    assert (seen["environment"]["HF_HUB_OFFLINE"], seen["environment"]["TOKENIZERS_PARALLELISM"]) == ("1", "false")
    assert seen["environment"]["TMPDIR"].startswith(str(scene.bench.scratch))


def test_grants_are_blanked_at_any_depth(scene: Scene) -> None:
    for task in (scene.screening("x"), scene.tuning("x", resume=True, scales=("0.5",))):
        assert b"topsecret" in encode(task)
        blanked = encode(without_grants(task))
        assert b"topsecret" not in blanked
        assert scene.store.url.encode() not in blanked


async def test_progress_is_thinned_out_but_its_end_is_told(scene: Scene) -> None:
    scene.rhythm = dataclasses.replace(scene.rhythm, progress=60)
    await scene.run(scene.screening("many"))
    told = [message.done for message in await scene.messages() if isinstance(message, Progress)]
    assert told == [0, 100]


async def test_every_step_with_metrics_is_told(scene: Scene) -> None:
    scene.rhythm = dataclasses.replace(scene.rhythm, progress=60)
    await scene.run(scene.tuning("patient"))
    told = [message for message in await scene.messages() if isinstance(message, Progress)]
    assert [message.done for message in told if message.metrics is not None] == [1, 2, 3, 4]
    assert [message.checkpoint_step for message in told if message.checkpoint_step is not None] == [2]


async def test_an_artefact_is_stored_and_its_size_is_measured(scene: Scene) -> None:
    await scene.run(scene.tuning("patient"))
    outcome = scene.report().outcome
    assert isinstance(outcome, Succeeded)
    assert isinstance(outcome.result, TuneResult)
    stored = scene.store.objects["artefact"]
    assert outcome.result.archive_bytes == len(stored) > 1000
    with tarfile.open(fileobj=io.BytesIO(stored)) as tar:
        assert tar.getnames() == ["weights"]


async def test_each_scale_of_the_adapter_is_stored_under_its_own_grant(scene: Scene) -> None:
    await scene.run(scene.tuning("quick", scales=("0.75", "0.5")))
    outcome = scene.report().outcome
    assert isinstance(outcome, Succeeded)
    assert isinstance(outcome.result, TuneResult)
    assert [made.scale for made in outcome.result.variants] == ["0.75", "0.5"]
    for made in outcome.result.variants:
        stored = scene.store.objects[f"artefact-{made.scale}"]
        assert made.archive_bytes == len(stored)
        with tarfile.open(fileobj=io.BytesIO(stored)) as tar:
            content = tar.extractfile("weights")
            assert content is not None
            assert content.read() == made.scale.encode() * 1000
    assert outcome.result.archive_bytes == len(scene.store.objects["artefact"])


async def test_a_scale_that_was_asked_for_and_not_made_fails_the_run(scene: Scene) -> None:
    await scene.run(scene.tuning("forgetful", scales=("0.75", "0.5")))
    assert _error(scene) == ("stage_crashed", False)
    assert "artefact" not in scene.store.objects


async def test_another_attempt_resumes_from_the_stored_checkpoint(scene: Scene) -> None:
    await scene.run(scene.tuning("patient"))
    with tarfile.open(fileobj=io.BytesIO(scene.store.objects["checkpoint"])) as tar:
        assert tar.getnames() == ["step"]
    await scene.run(scene.tuning("quick", resume=True), delivery=2)
    outcome = scene.report().outcome
    assert isinstance(outcome, Succeeded)
    assert isinstance(outcome.result, TuneResult)
    assert outcome.result.resumed_from_step == 2


@pytest.mark.parametrize("left", [None, b"a damaged checkpoint"])
async def test_without_a_readable_checkpoint_the_run_starts_over(scene: Scene, left: bytes | None) -> None:
    if left is not None:
        scene.store.objects["checkpoint"] = left
    await scene.run(scene.tuning("quick", resume=True))
    outcome = scene.report().outcome
    assert isinstance(outcome, Succeeded)
    assert isinstance(outcome.result, TuneResult)
    assert outcome.result.resumed_from_step is None


@pytest.mark.parametrize(
    ("mode", "code", "retryable", "said"),
    [
        ("segfault", "stage_crashed", True, "SIGSEGV: [31mlast words"),
        ("killed", "stage_crashed", True, "memory runs out"),
        ("exit", "stage_crashed", True, "ended with status 3"),
        ("nonsense", "stage_crashed", True, "no event"),
        ("foreign", "stage_crashed", True, "no event"),
        ("refuse", "invalid_training_file", False, "line 3"),
    ],
)
async def test_failure_is_a_report(scene: Scene, mode: str, code: str, retryable: bool, said: str) -> None:
    await scene.run(scene.screening(mode))
    outcome = scene.report().outcome
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.error.retryable) == (code, retryable)
    assert said in outcome.error.message
    assert isinstance((await scene.messages())[-1], Finished)
    assert scene.left_behind() == []


async def test_a_noisy_child_fills_nothing(scene: Scene) -> None:
    await scene.run(scene.screening("noisy"))
    outcome = scene.report().outcome
    assert isinstance(outcome, Failed)
    assert len(outcome.error.message) < 600


async def test_inputs_are_checked_before_anything_runs(scene: Scene) -> None:
    task = scene.screening("well")
    scene.store.objects["dataset"] = b"something else"
    await scene.run(task)
    assert _error(scene) == ("dataset_mismatch", False)
    del scene.store.objects["dataset"]
    await scene.run(task, delivery=2)
    assert _error(scene) == ("input_missing", False)
    scene.bench = dataclasses.replace(scene.bench, limits=Limits(dataset=2))
    await scene.run(scene.screening("well"), delivery=3)
    assert _error(scene) == ("input_too_large", False)


async def test_an_expired_grant_is_worth_another_attempt(scene: Scene) -> None:
    task = scene.screening("well")
    expired = DatasetRef(content=scene.store.grant("dataset", seconds=-1), sha256=task.dataset.sha256, sources=[])
    await scene.run(ScreenTask(dataset=expired, base=BASE, max_length=64))
    assert _error(scene) == ("grant_expired", True)


async def test_a_full_disk_is_worth_another_attempt(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("workers.assignment.tempfile.mkdtemp", full)
    await scene.run(scene.screening("well"))
    assert _error(scene) == ("disk_full", True)


async def test_without_a_place_to_report_nothing_is_announced(scene: Scene) -> None:
    await scene.run(scene.screening("well"), report=scene.store.grant("report", seconds=-1))
    assert not any(isinstance(message, Finished) for message in await scene.messages())
    assert "report" not in scene.store.objects
    assert scene.left_behind() == []


async def test_no_secret_in_any_log_line(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    with capture_logs() as lines:
        await scene.run(scene.screening("well"))
        await scene.run(scene.screening("segfault"), delivery=2)
        await scene.run(scene.screening("well"), delivery=3, report=scene.store.grant("report", seconds=-1))
    shown = json.dumps(lines, default=repr) + caplog.text + repr(scene.bench) + repr(scene.request(scene.tuning("x")))
    assert "topsecret" not in shown
    assert "hunter2" not in shown
    assert [line["outcome"] for line in lines if line["event"] == "run_ended"] == ["Succeeded", "Failed", "Succeeded"]


def _error(scene: Scene) -> tuple[str, bool]:
    outcome = scene.report().outcome
    assert isinstance(outcome, Failed)
    return outcome.error.code, outcome.error.retryable
