"""Runs that are stopped, and runs whose worker goes down: what is left behind, and who takes over. With real processes."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workers.scene import Scene
from workers.assignment import without_grants
from workers.contract import Finished, Started, Stopped, Succeeded, encode, heartbeat_key, stop_key


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


async def test_the_stop_key_stops_the_run(scene: Scene) -> None:
    running = asyncio.create_task(scene.run(scene.screening("hang")))
    pid = await asyncio.wait_for(scene.child(), 10)
    await scene.pool.set(stop_key("run-1"), b"1")
    await asyncio.wait_for(running, 10)
    assert isinstance(scene.report().outcome, Stopped)
    assert not alive(pid)
    assert scene.left_behind() == []


async def test_a_run_stopped_before_its_inputs_arrive_ends_too(scene: Scene) -> None:
    task = scene.screening("well")
    scene.store.slow.clear()
    running = asyncio.create_task(scene.run(task))
    await scene.pool.set(stop_key("run-1"), b"1")
    await until(lambda: scene.left_behind() == [] and len(scene.store.requests) >= 1)
    scene.store.slow.set()
    await asyncio.wait_for(running, 10)
    assert isinstance(scene.report().outcome, Stopped)


async def test_a_worker_going_down_leaves_the_run_to_the_next_delivery(scene: Scene) -> None:
    running = asyncio.create_task(scene.run(scene.screening("hang")))
    pid = await asyncio.wait_for(scene.child(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(pid)
    assert scene.left_behind() == []
    assert "report" not in scene.store.objects
    first = await scene.messages()
    await scene.run(scene.screening("well"), delivery=2)
    assert isinstance(scene.report().outcome, Succeeded)
    second = [message for message in await scene.messages() if message.seq > first[-1].seq]
    assert isinstance(second[0], Started)
    assert isinstance(second[-1], Finished)


async def test_a_run_with_a_living_worker_is_left_alone(scene: Scene) -> None:
    owner = scene.lifeline()
    assert await owner.claim()
    async with owner.kept():
        await scene.run(scene.screening("well"), delivery=2)
    assert scene.store.requests == []
    assert await scene.messages() == []


async def test_a_run_of_a_dead_worker_is_taken_over(scene: Scene) -> None:
    assert await scene.lifeline().claim()  # and never beats again
    await scene.run(scene.screening("well"), delivery=2)
    assert isinstance(scene.report().outcome, Succeeded)


async def test_the_heartbeat_grows_and_expires(scene: Scene) -> None:
    running = asyncio.create_task(scene.run(scene.screening("hang")))
    await asyncio.wait_for(scene.child(), 10)
    first = int(await scene.pool.get(heartbeat_key("run-1")))
    await asyncio.sleep(0.15)
    assert int(await scene.pool.get(heartbeat_key("run-1"))) > first
    assert 0 < await scene.pool.ttl(heartbeat_key("run-1")) <= 60
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_killed_parent_takes_its_child_with_it(scene: Scene, tmp_path: Path) -> None:
    """A real worker process is not needed: any parent that starts a stage and is killed will do."""
    import sys

    (tmp_path / "scratch" / "run-x" / "scratch").mkdir(parents=True)
    root = tmp_path / "scratch" / "run-x"
    (root / "dataset.jsonl").write_text("hang")
    task = {"catalog": "x", "task": json.loads(encode(without_grants(scene.screening("hang"))))}
    (root / "task.json").write_text(json.dumps(task))
    program = (
        "import asyncio, pathlib\n"
        "from workers.child import Launch, StagePaths, run_stage_process\n"
        f"paths = StagePaths(pathlib.Path({str(root)!r}))\n"
        "asyncio.run(run_stage_process(paths, lambda event: None, Launch({}, 'tests.workers.pretend_stages')))\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    pid = await asyncio.wait_for(scene.child(), 15)
    assert alive(pid)
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await until(lambda: not alive(pid), 5)
