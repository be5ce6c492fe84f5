"""What a job's events tell of its measurements, its gate and its evidence: each thing once, whatever is delivered how often."""

import asyncio

from sqlalchemy import select

from api.control.messages import apply
from api.db.models import JobEvent
from tests.api.control.played import Played, played
from tests.api.control.world import World
from workers.contract import (
    LEASE_SECONDS,
    EvaluateTask,
    Finished,
    Progress,
    RunRequest,
    Started,
    Succeeded,
)


async def rows(world: World, job_id: str) -> list[JobEvent]:
    async with world.control.database.read() as session:
        found = await session.execute(select(JobEvent).where(JobEvent.job_id == job_id).order_by(JobEvent.sequence))
        return list(found.scalars())


async def start_measuring(world: World, job_id: str) -> RunRequest:
    """The first stage that measures is with the worker; `take` has said that it started."""
    await world.advance(job_id)
    while not isinstance((request := await world.take()).task, EvaluateTask):
        await world.report(request, Succeeded(result=played(request)))
        await world.advance(job_id)
    return request


def progress(request: RunRequest, done: int, total: int, *, seq: int) -> Progress:
    return Progress(run_id=request.run_id, attempt=request.attempt, seq=seq, done=done, total=total, unit="items")


async def test_the_events_of_a_released_job_name_every_step(world):
    job_id = await world.new_job()
    job = await world.run_through(job_id)
    href = f"/v1/attestations/{job.attestation_id}/bundle"
    told = [text for text in await world.events(job_id) if not text.startswith("Measured ")]
    rows_gating = sum(row["role"] == "gating" for row in job.comparison["rows"])
    assert told == [
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
        "Measuring the base begins",
        "Measuring the tuned model begins",
        f"The safety gate released the model: nothing in its {rows_gating} gating rows makes the policy general block or hold it",
        f"Attestation {job.attestation_id} is signed; fetch the file to verify by GET {href}",
        f"New fine-tuned model created: {job.fine_tuned_model}",
        "The job has successfully completed",
    ]
    data = {row.message.split(":")[0].split(";")[0]: row.data for row in await rows(world, job_id)}
    measured = data["Measured the base"]
    assert (measured["stage"], measured["seconds"]) == ("baseline", "1.0")
    assert measured["items"] > 100
    assert data["The safety gate released the model"] == {"outcome": "released", "policy": "general", "reasons": []}
    assert data[f"Attestation {job.attestation_id} is signed"] == {
        "attestation": job.attestation_id,
        "bundle": href,
    }


async def test_a_blocked_model_is_told_of_with_every_reason(world):
    job_id = await world.new_job()
    job = await world.run_through(job_id, Played(refusals=0.2))
    (event,) = [row for row in await rows(world, job_id) if row.message.startswith("The safety gate")]
    assert (event.level, event.message) == ("error", job.error["message"])
    assert event.data["outcome"] == "blocked"
    assert event.data["reasons"]
    assert event.message.endswith("; ".join(event.data["reasons"]))
    assert f"Attestation {job.attestation_id} is signed" in "\n".join(await world.events(job_id))


async def test_progress_is_thinned_to_tenths_however_often_and_in_which_order_it_comes(world):
    job_id = await world.new_job()
    request = await start_measuring(world, job_id)
    said = [progress(request, done, 2000, seq=done + 1) for done in range(1, 2001)][::7]
    for first, second in zip(said[::2], said[1::2], strict=False):
        for message in (second, first, second):
            await apply(world.control, message)
    told = [row for row in await rows(world, job_id) if row.message.startswith("Measuring the base:")]
    assert [row.data["done"] * 10 // row.data["total"] for row in told] == list(range(1, 10))
    assert told[0].message == f"Measuring the base: {told[0].data['done']} of 2,000 items (10 %)"
    assert {(row.level, row.type, row.data["stage"]) for row in told} == {("info", "message", "baseline")}


async def test_a_jump_over_several_tenths_is_one_event_and_the_end_is_told_by_the_report_alone(world):
    job_id = await world.new_job()
    request = await start_measuring(world, job_id)
    for seq, done in enumerate((0, 9, 55, 100, 100), start=2):
        await apply(world.control, progress(request, done, 100, seq=seq))
    for _ in range(2):
        await world.report(request, Succeeded(result=played(request)))
    told = [text for text in await world.events(job_id) if "the base" in text]
    items = len(played(request).scores)
    assert told == [
        "Measuring the base begins",
        "Measuring the base: 55 of 100 items (55 %)",
        f"Measured the base: {items:,} items in 1.0 seconds",
    ]


async def test_two_deliveries_at_once_are_one_event(world):
    job_id = await world.new_job()
    request = await start_measuring(world, job_id)
    await asyncio.gather(*(apply(world.control, progress(request, 30, 100, seq=2)) for _ in range(4)))
    assert [text for text in await world.events(job_id) if "30 of 100" in text] == [
        "Measuring the base: 30 of 100 items (30 %)"
    ]


async def test_a_beginning_whose_message_was_lost_is_told_before_the_end(world):
    job_id = await world.new_job()
    await world.advance(job_id)
    screening = await world.take()
    await world.report(screening, Succeeded(result=played(screening)))
    await world.advance(job_id)
    request = await world.take(started=False)
    assert "Measuring the base begins" not in await world.events(job_id)
    await world.report(request, Succeeded(result=played(request)), announce=False)
    for seq in (3, 4):
        await apply(world.control, Finished(run_id=request.run_id, attempt=1, seq=seq))
    await apply(world.control, Started(run_id=request.run_id, attempt=1, seq=1, worker="late"))
    told = [text.split(":")[0] for text in await world.events(job_id)][-3:]
    assert told == ["Fine-tuning job started", "Measuring the base begins", "Measured the base"]


async def test_another_attempt_says_that_it_is_one_and_the_lost_one_is_not_heard_any_more(world):
    job_id = await world.new_job()
    lost = await start_measuring(world, job_id)
    await world.sweep(after=LEASE_SECONDS + 1)
    await world.advance(job_id)
    again = await world.take()
    await apply(world.control, progress(lost, 50, 100, seq=2))
    await apply(world.control, progress(again, 20, 100, seq=2))
    told = [text for text in await world.events(job_id) if text.startswith(("Measur", "Fine-tuning job started"))]
    assert told == [
        "Fine-tuning job started",
        "Measuring the base begins",
        "Measuring the base begins again (attempt 2)",
        "Measuring the base: 20 of 100 items (20 %)",
    ]


async def test_a_job_whose_baseline_is_reused_has_started_all_the_same(world):
    await world.run_through(await world.new_job())
    second = await world.new_job()
    await world.run_through(second)
    told = [
        text for text in await world.events(second) if text.startswith(("Baseline", "Fine-tuning job", "Measuring"))
    ]
    assert told == [
        "Baseline reused: this base was measured in exactly this way before",
        "Fine-tuning job started",
        "Measuring the tuned model begins",
    ]


async def test_a_base_measured_on_the_jobs_own_records_alone_is_told_of_as_that(world):
    await world.run_through(await world.new_job(), records=300)
    second = await world.new_job()
    await world.run_through(second, records=300)
    told = [text.split(": ")[0] for text in await world.events(second) if "the base" in text]
    assert told == [
        "Baseline reused; measuring the base on this job's own records",
        "Measuring the base on this job's own records begins",
        "Measured the base on this job's own records",
    ]
