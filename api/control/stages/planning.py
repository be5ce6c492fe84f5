"""Fix, before training, everything that will decide a verdict: suites, items, scorers, controls, rows, margins, policy, seeds.
The issuer signs what was fixed; no worker is told to tune before that."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from api.control import repository
from api.control.context import Control
from api.control.controls import planned_controls
from api.control.decoding import MAX_NEW_TOKENS, SAMPLING_SEED
from api.control.own_records import OwnRecords, own_records, own_rows, planned_own_suites
from api.control.reports import read_result
from api.control.rows import rows_of
from api.control.settle import Settlement
from api.control.stamping import Stamping, stamped
from api.control.suites import ChosenSuite, Suites, SuitesError, brought_suites, choose, planned_suite
from api.db.models import Job, Run
from api.issuance.provenance import tuning_as_asked
from api.issuance.signed_plan import SignedPlan, concealed, statement_about
from api.jobs.lifecycle import RunEnd
from api.jobs.request import JobRequest, stored_request
from attestations.controls import PlannedControl
from attestations.digests import Sha256
from attestations.disclosure import SALT_BYTES
from attestations.documents import moment
from attestations.plan import MAX_ROWS, Decoding, Plan, PlannedBase, PlannedJudge
from attestations.verdicts import RegisteredRow
from workers.catalog import PROFILES, BaseModel, Profile, ScorerInfo, judge, margin, scorers
from workers.catalog.calibration import kappa
from workers.catalog.policies import POLICIES
from workers.contract import RunError, ScreenResult, Stage

MOST_OUTCOMES = 100_000
"""Items that one stage measures, each once for every scale of the adapter. Its report holds up to some 350 bytes an item, and
control reads no report above ``workers.contract.MAX_REPORT_BYTES``: what could not be read is refused before training."""


async def plan(control: Control, run_id: str) -> Settlement:
    async with control.database.read() as session:
        run = await session.get_one(Run, run_id)
        job = await session.get_one(Job, run.job_id)
        screening = await repository.stage_named(session, job.id, Stage.SCREEN)
    base = control.catalog.find(job.base)
    if base is None or base.manifest_digest != job.base_manifest_digest:
        message = (
            f"The base model {job.base!r} changed or left the catalog since the job was created; create the job again."
        )
        return Settlement(RunEnd.FAILED, error=RunError(code="base_changed", message=message, param="model"))
    screened = await read_result(control, screening, ScreenResult)
    request = stored_request(job.request)
    try:
        brought = await brought_suites(control.storage, request)
        material = Material(
            base=base,
            dataset_digest=job.dataset_digest,
            offered=control.suites,
            brought=brought,
            records=screened.records if screened is not None else 0,
        )
        planned = build_plan(request, material, created=datetime.fromtimestamp(control.clock(), UTC))
    except SuitesError as error:
        message = f"The evaluation cannot be planned: {error}."
        return Settlement(
            RunEnd.FAILED, error=RunError(code="suite_unavailable", message=message, param="safety.suites")
        )

    signed, stamping = await sign_plan(control, run, planned, hide=request.evidence.hide)

    def change(session: AsyncSession, row: Job) -> None:
        row.plan, row.plan_digest = signed.content.decode(), signed.digest.sha256
        row.plan_statement = signed.to_json()
        if stamping.warning is not None:
            session.add(repository.event(row, control.clock(), stamping.warning, level="warn"))

    return Settlement(RunEnd.SUCCEEDED, change=change)


async def sign_plan(control: Control, run: Run, planned: Plan, *, hide: list[str]) -> tuple[SignedPlan, Stamping]:
    """The plan without what the job hides, under the issuer's signature. Raises what the key or the authority does."""
    content, openings = concealed(planned, hide, lambda: secrets.token_bytes(SALT_BYTES))
    statement = statement_about(content, issuer=control.issuer.id, signed_at=control.clock())
    envelope = await asyncio.to_thread(control.issuer.seal, statement)
    stamping = await stamped(control, run, envelope.signature, "the plan")
    return SignedPlan(content=content, statement=envelope, openings=openings, timestamp=stamping.stamp), stamping


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a plan is made from beside the request. ``records`` are those that screening counted."""

    base: BaseModel
    dataset_digest: str
    offered: Suites
    brought: Suites
    records: int


def build_plan(request: JobRequest, material: Material, *, created: datetime) -> Plan:
    """The plan that follows from a job's request; pure. Raises ``SuitesError``."""
    policy, profile = POLICIES[request.safety.policy], PROFILES[request.safety.profile]
    chosen = choose(policy, profile, request=request, offered=material.offered, brought=material.brought)
    _refuse_too_many(chosen, scales=max(1, len(request.safety.scaling)))
    own = own_records(request, material.records)
    base = material.base
    repeats = max(request.safety.repeats, policy.repeats or 0)
    return Plan(
        created_at=moment(created),
        base=PlannedBase(name=base.name, manifest=Sha256(base.manifest_digest)),
        datasets=(Sha256(material.dataset_digest),),
        suites=(*map(planned_suite, chosen), *planned_own_suites(own, material.dataset_digest)),
        judge=_scorer(judge()),
        judges=tuple(_scorer(scorer) for scorer in scorers() if scorer not in {judge(), margin()}),
        margin=_scorer(margin()),
        decoding=_decoding(request, base),
        rows=_rows(chosen, own),
        policy=policy,
        profile=profile.id,
        may_claim_equivalence=profile.may_claim_equivalence,
        seeds=_seeds(request, own, repeats),
        tuning=tuning_as_asked(request),
        controls=_controls(profile, base, request, chosen),
        candidates=tuple(request.safety.scaling) or None,
        repeats=repeats or None,
    )


def _refuse_too_many(chosen: Sequence[ChosenSuite], *, scales: int) -> None:
    items = sum(len(entry.items) for entry in chosen)
    if items * scales > MOST_OUTCOMES:
        raise SuitesError(
            f"the suites have {items} items, each measured at {scales} scale(s) of the adapter, and a job takes "
            f"{MOST_OUTCOMES} such measurements; ask for fewer suites or scales"
        )


def _decoding(request: JobRequest, base: BaseModel) -> Decoding:
    """With a safety prompt the tuned model is served behind it, and the base is measured as it is served today."""
    own, safety = request.deployment.system_prompt, request.safety_prompt
    return Decoding(
        max_new_tokens=MAX_NEW_TOKENS,
        greedy=True,
        chat_template=Sha256(base.template_digest),
        system_prompt=_digest(request.served_system_prompt),
        safety_prompt=_digest(safety.text) if safety is not None else None,
        base_system_prompt=_digest(own) if safety is not None else None,
    )


def _digest(text: str | None) -> Sha256 | None:
    return Sha256.of(text.encode()) if text is not None else None


def _rows(chosen: Sequence[ChosenSuite], own: OwnRecords) -> tuple[RegisteredRow, ...]:
    rows = (*(row for entry in chosen for row in rows_of(entry)), *own_rows(own))
    if len(rows) > MAX_ROWS:
        raise SuitesError(
            f"the suites register {len(rows)} rows and a plan takes {MAX_ROWS}; ask for fewer suites, or give yours fewer slices"
        )
    return rows


def _controls(
    profile: Profile, base: BaseModel, request: JobRequest, chosen: Sequence[ChosenSuite]
) -> tuple[PlannedControl, ...] | None:
    return planned_controls(profile, POLICIES[request.safety.policy], base=base, chosen=chosen) or None


def _scorer(scorer: ScorerInfo) -> PlannedJudge:
    return PlannedJudge(
        id=scorer.id, version=scorer.version, digest=Sha256(scorer.digest), kappa=kappa(scorer.id, scorer.digest)
    )


def _seeds(request: JobRequest, own: OwnRecords, repeats: int) -> dict[str, str]:
    seeds = {"training": str(request.settings.seed)}
    if own.places.heldout:
        seeds["holdout"] = str(request.settings.seed)
    if own.canary_seed is not None:
        seeds["canaries"] = str(own.canary_seed)
    if repeats:
        seeds["sampling"] = str(SAMPLING_SEED)
    return seeds
