"""Read back what a job's finished stages reported. Reports lie in storage; a cached baseline's lies under an older job."""

from dataclasses import dataclass
from typing import Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from api.control import repository
from api.control.context import Control
from api.db.models import Job, JobStage, Run
from api.issuance.facts import JobReports
from workers.contract import (
    MAX_REPORT_BYTES,
    EvaluationResult,
    Result,
    ScreenResult,
    Stage,
    Succeeded,
    TuneResult,
    decode_report,
)

R = TypeVar("R", ScreenResult, EvaluationResult, TuneResult)


class ReportError(Exception):
    """A stage that counts as done has no report of the right kind: storage lost or changed it."""


@dataclass(frozen=True, slots=True)
class TuneReport:
    run: Run
    result: TuneResult

    @classmethod
    async def of(cls, control: Control, session: AsyncSession, job: Job) -> Self:
        run = await repository.succeeded_run(session, job.id, Stage.TUNE)
        stage = await repository.stage_named(session, job.id, Stage.TUNE)
        result = await read_result(control, stage, TuneResult)
        if run is None or result is None:
            raise ReportError(f"the tuning of {job.id} left no report")
        return cls(run, result)


async def read_reports(control: Control, stages: list[JobStage]) -> JobReports:
    by_name = {Stage(stage.name): stage for stage in stages}
    return JobReports(
        screen=await read_result(control, by_name[Stage.SCREEN], ScreenResult),
        baseline=await read_result(control, by_name[Stage.BASELINE], EvaluationResult),
        tune=await read_result(control, by_name[Stage.TUNE], TuneResult),
        candidate=await read_result(control, by_name[Stage.CANDIDATE], EvaluationResult),
    )


async def read_result(control: Control, stage: JobStage, kind: type[R]) -> R | None:
    """The stage's result, or None when it has none. Raises ``ReportError`` when the stored report is not of ``kind``."""
    if stage.state != "succeeded" or stage.result_key is None:
        return None
    report = decode_report(await control.storage.get_bytes(stage.result_key, max_bytes=MAX_REPORT_BYTES))
    result: Result | None = report.outcome.result if isinstance(report.outcome, Succeeded) else None
    if not isinstance(result, kind):
        raise ReportError(f"the report of stage {stage.name} is not a {kind.__name__}")
    return result
