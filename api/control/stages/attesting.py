"""Issue the evidence: gather what is known of the job, say it, sign it, store it. Every job comes here, however it went.

Signing happens off the event loop. A key or an authority that cannot be reached fails the attempt, and the stage is tried again
for hours: nothing is lost by it but a place in a status list.
"""

import asyncio
import secrets
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from api.control import keys, repository
from api.control.candidates import chosen_tuning
from api.control.context import Control
from api.control.measuring import not_run
from api.control.reports import read_reports
from api.control.settle import Settlement
from api.control.stages.comparing import judge_job
from api.control.stages.planning import sign_plan
from api.control.stamping import stamped
from api.control.status_lists import allocate_status
from api.control.telling import Telling
from api.db.models import Attestation, Job, JobReview, JobStage, Run
from api.evidence import openings
from api.ids import uuid7
from api.issuance.draft import Identity, draft
from api.issuance.facts import JobFacts, JobReports, Judged, Reviewed
from api.issuance.signed_plan import SignedPlan
from api.jobs.lifecycle import JobOutcome, RunEnd, StageState, outcome_of
from api.jobs.request import stored_request
from api.jobs.views import view_of
from attestations import plan as plans
from attestations.disclosure import SALT_BYTES
from workers.catalog import BaseModel
from workers.contract import RunError, Stage


async def attest(control: Control, run_id: str) -> Settlement:
    async with control.database.read() as session:
        run = await session.get_one(Run, run_id)
        job = await session.get_one(Job, run.job_id)
        stages = await repository.stages_of(session, job.id)
        review = await repository.review_of(session, job.id)
        tuning = await repository.succeeded_run(session, job.id, Stage.TUNE)
    base = control.catalog.find(job.base)
    if base is None:
        message = f"The base model {job.base!r} left the catalog, so its licence cannot be stated; restore the catalog."
        return Settlement(RunEnd.FAILED_RETRYABLE, error=RunError(code="attestation_failed", message=message))
    reports = await read_reports(control, stages)
    known = Known(
        reports=reports,
        judged=await _judged(control, job, stages, reports),
        signed_plan=await _signed_plan(control, job, run),
        tuning_run=tuning.id if tuning is not None else None,
        review=_reviewed(review) if review is not None else None,
    )
    return await _issue(control, run, job, gather(job, stages, known, base=base, now=control.clock()))


async def _issue(control: Control, run: Run, job: Job, facts: JobFacts) -> Settlement:
    issuer, attestation_id = control.issuer, str(uuid7())
    async with control.database.write() as session:
        status = await allocate_status(
            session, job, attestation_id, now=control.clock(), base_url=control.status.base_url
        )
    identity = Identity(
        attestation_id=attestation_id, issuer=issuer.id, validity_days=issuer.validity_days, status=status
    )
    drafted = draft(facts, identity, lambda: secrets.token_bytes(SALT_BYTES))
    issued = await asyncio.to_thread(issuer.issue, drafted)
    stamping = await stamped(control, run, issued.attestation.signature, "the attestation")
    bundle_key = keys.bundle_key(job, attestation_id)
    openings_key = openings.openings_key(job.project_id, attestation_id) if drafted.openings else None
    await control.storage.put_bytes(bundle_key, issued.bundle(stamping.stamp))
    if openings_key is not None:
        await openings.keep(control.storage, openings_key, [one.to_json() for one in drafted.openings])

    def change(session: AsyncSession, row: Job) -> None:
        row.attestation_id = attestation_id
        evidence = Attestation(id=attestation_id, job_id=row.id, outcome=facts.outcome, bundle_key=bundle_key)
        evidence.statement_digest, evidence.issued_at = issued.statement_digest, facts.ended_at
        evidence.valid_until = facts.ended_at + issuer.validity_days * 86400
        evidence.openings_key = openings_key
        evidence.organization_id, evidence.project_id = row.organization_id, row.project_id
        session.add(evidence)
        if stamping.warning is not None:
            session.add(repository.event(row, control.clock(), stamping.warning, level="warn"))
        Telling(session, row, control.clock()).signed(attestation_id)

    return Settlement(RunEnd.SUCCEEDED, change=change)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the reports come to, what was planned, which run made the model, and who reviewed it."""

    reports: JobReports
    judged: Judged | None
    signed_plan: SignedPlan | None
    tuning_run: str | None
    review: Reviewed | None


async def _signed_plan(control: Control, job: Job, run: Run) -> SignedPlan | None:
    """As it was signed before the tuning. A plan of an earlier version, which signed none, is signed now: the statement says
    so by its time, and verifiers do not take it for one that was there before."""
    if job.plan is None:
        return None
    if job.plan_statement is not None:
        return SignedPlan.of(job.plan, job.plan_statement)
    signed, _ = await sign_plan(control, run, plans.parse(job.plan.encode()), hide=[])
    return signed


async def _judged(control: Control, job: Job, stages: list[JobStage], reports: JobReports) -> Judged | None:
    """Verdicts and the gate's answer, computed again from the reports; of a job that was not compared, rows that were not
    run. None without a plan."""
    if job.plan is None:
        return None
    by_name = {stage.name: StageState(stage.state) for stage in stages}
    if by_name[Stage.COMPARE.value] is StageState.SUCCEEDED:
        return await judge_job(control, job, reports)
    plan = plans.parse(job.plan.encode())
    failed = next((stage for stage in stages if stage.state == StageState.FAILED.value), None)
    measurements = not_run(plan, _why_not_measured(outcome_of(view_of(job, stages)), failed))
    return Judged(plan, measurements, (), plan.judge_rows(measurements), None)


def _reviewed(row: JobReview) -> Reviewed:
    return Reviewed(
        approved=row.decision == "approve",
        reviewer=f"{row.reviewer_name} ({row.reviewer})"[:200],
        rationale=row.rationale,
        conditions=tuple(row.conditions),
        at=row.created_at,
    )


def gather(job: Job, stages: list[JobStage], known: Known, *, base: BaseModel, now: int) -> JobFacts:
    """The facts as they stand."""
    failed = next((stage for stage in stages if stage.state == StageState.FAILED.value), None)
    begun = [stage for stage in stages if stage.attempt > 0 and stage.name != Stage.ATTEST.value]
    error = (failed.error or {}) if failed is not None else None
    return JobFacts(
        job_id=job.id,
        model=job.model,
        base=base,
        base_manifest_digest=job.base_manifest_digest,
        dataset_digest=job.dataset_digest,
        provenance=job.provenance,
        request=stored_request(job.request),
        reports=_of_the_chosen(known),
        judged=known.judged,
        signed_plan=known.signed_plan,
        tuning_run=known.tuning_run,
        review=known.review,
        outcome=outcome_of(view_of(job, stages)).value,
        error=(error.get("code", "unknown"), error.get("message", "")) if error is not None else None,
        last_stage=begun[-1].name if begun else None,
        baseline_reused=any(stage.cached for stage in stages),
        created_at=job.created_at,
        # Clocks of two machines may differ, and no statement is older than the review that it tells of.
        ended_at=max(now, known.review.at if known.review is not None else now),
    )


def _of_the_chosen(known: Known) -> JobReports:
    """The reports, of which the tuning's speaks of the scale that was chosen."""
    reports = known.reports
    if reports.tune is None or known.judged is None:
        return reports
    return replace(reports, tune=chosen_tuning(reports.tune, known.judged.scale))


def _why_not_measured(outcome: JobOutcome, failed: JobStage | None) -> str:
    if outcome is JobOutcome.CANCELLED:
        return "the job was cancelled before the model could be measured"
    where = f" in the {failed.name} stage" if failed is not None else ""
    return f"the job failed{where} before the model could be measured"
