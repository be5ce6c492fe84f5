"""Build the request that hands one worker stage over: the task's values and fresh grants to the objects of this one run."""

from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncSession

from api.control import keys, repository
from api.control.candidates import WHOLE, smaller_scales
from api.control.context import Control
from api.control.controls import control_tasks, is_large
from api.control.decoding import BATCH_SIZE, SAMPLING_SEED, TEMPERATURE
from api.control.own_records import OwnRecords, own_records
from api.control.reports import TuneReport, read_result
from api.control.suites import CUSTOMER, Suites, sampled, suites_of_plan
from api.db.models import Job, JobStage, Run
from api.issuance.signed_plan import CLOSE_DAYS, SignedPlan
from api.jobs.request import JobRequest, stored_request
from api.storage import Storage
from attestations import plan as plans
from attestations.plan import Plan
from workers.catalog import safety_pack_digest
from workers.contract import (
    ArtefactRef,
    BaseRef,
    ControlTask,
    DatasetRef,
    Decoding,
    EvaluateTask,
    OwnDataTask,
    RunError,
    RunRequest,
    SafetyMix,
    ScorerRef,
    ScreenResult,
    ScreenTask,
    SourceRef,
    Stage,
    SuiteSelection,
    TuneTask,
    VariantGrant,
    VariantRef,
)


class RefusedError(Exception):
    """A stage that must not be handed over, now or later; ``error`` is the customer's."""

    def __init__(self, error: RunError) -> None:
        super().__init__(error.message)
        self.error = error


GRANT_SECONDS = 6 * 24 * 3600
"""Waiting for a worker and the stage itself may take this long together; S3 signs for seven days at most."""


async def build_request(control: Control, session: AsyncSession, *, job: Job, stage: JobStage, run: Run) -> RunRequest:
    """The request for ``run``, an attempt at a worker stage of ``job``. Raises ``RefusedError``."""
    handing = _Handing(control, session, job, run)
    match Stage(stage.name):
        case Stage.SCREEN:
            task: ScreenTask | TuneTask | EvaluateTask = await handing.screen()
        case Stage.TUNE:
            task = await handing.tune(await repository.runs_of(session, stage.id))
        case Stage.BASELINE:
            task = await handing.baseline(own_records_only=stage.reused_key is not None)
        case _:
            task = await handing.candidate()
    report = await control.storage.grant_write(run.report_key, GRANT_SECONDS)
    return RunRequest(run_id=run.id, attempt=run.attempt, task=task, report=report)


class _Handing:
    """Builds the tasks of one run. Digests are the plan's, so a worker that has other suites or scorers by now refuses
    instead of measuring those."""

    def __init__(self, control: Control, session: AsyncSession, job: Job, run: Run) -> None:
        self._control, self._session, self._job, self._run = control, session, job, run
        self._storage: Storage = control.storage
        self._request: JobRequest = stored_request(job.request)

    async def screen(self) -> ScreenTask:
        """The customer's own suites go with it, so that their items are found among the records."""
        brought = [choice for choice in self._request.safety.suites if choice.key is not None]
        return ScreenTask(
            dataset=await self._dataset(),
            base=self._base(),
            max_length=self._request.settings.max_length,
            system_prompt=self._request.deployment.system_prompt,
            suites=[
                SuiteSelection(
                    id=choice.id,
                    version=choice.version or "",
                    digest=choice.digest or "",
                    item_ids=[],
                    content=await self._storage.grant_read(choice.key or "", GRANT_SECONDS),
                )
                for choice in brought
            ],
        )

    async def tune(self, attempts: list[Run]) -> TuneTask:
        """Resumes from the newest checkpoint that an earlier attempt left, or from its own when it is delivered again. Nothing
        is tuned whose plan was not signed first, or when the time is over by which that plan promised to be done."""
        self._require_signed_plan()
        run, resume = self._run, keys.checkpoint_key(self._run)
        for earlier in reversed([attempt for attempt in attempts if attempt.attempt < run.attempt]):
            if await self._storage.exists(keys.checkpoint_key(earlier)):
                resume = keys.checkpoint_key(earlier)
                break
        own = await self._own_records()
        return TuneTask(
            base=self._base(),
            dataset=await self._dataset(),
            settings=self._request.settings,
            mix=SafetyMix(ratio=self._request.safety.mix, pack_digest=safety_pack_digest()),
            system_prompt=self._request.deployment.system_prompt,
            artefact=await self._storage.grant_write(keys.artefact_key(run), GRANT_SECONDS),
            checkpoint=await self._storage.grant_write(keys.checkpoint_key(run), GRANT_SECONDS),
            resume=await self._storage.grant_read(resume, GRANT_SECONDS),
            heldout=list(own.places.heldout),
            canary_seed=own.canary_seed,
            variants=[
                VariantGrant(
                    scale=scale,
                    artefact=await self._storage.grant_write(keys.variant_key(run, scale), GRANT_SECONDS),
                )
                for scale in smaller_scales(self._plan())
            ],
            served_system_prompt=self._request.served_system_prompt,
        )

    def _require_signed_plan(self) -> None:
        job, why = self._job, None
        if job.plan is None or job.plan_statement is None:
            why = RunError(code="plan_not_signed", message="The plan was made by a version that signed none")
        elif SignedPlan.of(job.plan, job.plan_statement).closed(self._control.clock()):
            why = RunError(code="plan_expired", message=f"The plan was signed more than {CLOSE_DAYS} days ago")
        if why is not None:
            message = f"{why.message}, and what is tuned under it would have no evidence; create the job again."
            raise RefusedError(structs.replace(why, message=message))

    async def baseline(self, *, own_records_only: bool) -> EvaluateTask:
        """The base on every suite, with the controls; or, where that was measured before, on the job's own records alone."""
        plan = self._plan()
        selections = {} if own_records_only else await self._selections(plan)
        base = self._control.catalog.find(self._job.base)
        controls = []
        if selections and base is not None:
            controls = control_tasks(plan, selections=selections, large=is_large(base))
        return await self._evaluate(plan, selections=selections, controls=controls, artefacts=[])

    async def candidate(self) -> EvaluateTask:
        """The tuned model as it will be served, and its adapter at every other planned scale."""
        plan = self._plan()
        artefacts = await self._artefacts(plan)
        return await self._evaluate(plan, selections=await self._selections(plan), controls=[], artefacts=artefacts)

    async def _evaluate(
        self,
        plan: Plan,
        *,
        selections: dict[str, SuiteSelection],
        controls: list[ControlTask],
        artefacts: list[VariantRef],
    ) -> EvaluateTask:
        """``artefacts`` begin with the whole adapter; without any it is the base that is measured, as it is served today."""
        deployment = self._request.deployment
        scorers = (plan.judge, *(plan.judges or ()), *((plan.margin,) if plan.margin is not None else ()))
        return EvaluateTask(
            base=self._base(),
            artefact=artefacts[0].artefact if artefacts else None,
            suites=list(selections.values()),
            scorers=[ScorerRef(id=one.id, version=one.version, digest=one.digest.sha256) for one in scorers],
            decoding=Decoding(
                max_new_tokens=plan.decoding.max_new_tokens,
                batch_size=BATCH_SIZE,
                repeats=plan.repeats or 0,
                temperature=TEMPERATURE,
                seed=SAMPLING_SEED,
            ),
            system_prompt=self._request.served_system_prompt if artefacts else deployment.system_prompt,
            quantization=self._request.quantization,
            outputs=await self._storage.grant_write(keys.outputs_key(self._run), GRANT_SECONDS),
            variants=artefacts[1:],
            controls=controls,
            own_data=await self._own_data(),
        )

    async def _selections(self, plan: Plan) -> dict[str, SuiteSelection]:
        suites: Suites = await suites_of_plan(
            self._storage, plan=plan, request=self._request, offered=self._control.suites
        )
        keys_of = {choice.id: choice.key for choice in self._request.safety.suites}
        selections = {}
        for planned in plan.suites:
            if planned.id not in suites:
                continue
            key = keys_of.get(planned.id) if planned.origin == CUSTOMER else None
            selections[planned.id] = SuiteSelection(
                id=planned.id,
                version=planned.version,
                digest=planned.digest.sha256,
                item_ids=[item.id for item in sampled(planned, suites[planned.id])],
                content=await self._storage.grant_read(key, GRANT_SECONDS) if key is not None else None,
            )
        return selections

    async def _own_data(self) -> OwnDataTask | None:
        own = await self._own_records()
        if not own.measured:
            return None
        return OwnDataTask(
            dataset=await self._dataset(),
            heldout=list(own.places.heldout),
            members=list(own.places.members),
            max_length=self._request.settings.max_length,
            canary_seed=own.canary_seed,
        )

    async def _own_records(self) -> OwnRecords:
        screening = await repository.stage_named(self._session, self._job.id, Stage.SCREEN)
        screened = await read_result(self._control, screening, ScreenResult)
        return own_records(self._request, screened.records if screened is not None else 0)

    async def _artefacts(self, plan: Plan) -> list[VariantRef]:
        """What the tuning stored, the largest scale first. Digests come from its report, bytes from storage: the worker
        compares them."""
        tuned = await TuneReport.of(self._control, self._session, self._job)
        stored = {WHOLE: (keys.artefact_key(tuned.run), tuned.result.manifest_digest)} | {
            variant.scale: (keys.variant_key(tuned.run, variant.scale), variant.manifest_digest)
            for variant in tuned.result.variants
            if variant.scale in smaller_scales(plan)
        }
        return [
            VariantRef(
                scale=scale,
                artefact=ArtefactRef(
                    archive=await self._storage.grant_read(key, GRANT_SECONDS), manifest_digest=digest
                ),
            )
            for scale, (key, digest) in stored.items()
        ]

    async def _dataset(self) -> DatasetRef:
        sources = [
            SourceRef(id=source["id"], personal_data=source["personal_data"])
            for source in self._job.provenance["sources"]
        ]
        content = await self._storage.grant_read(self._job.dataset_key, GRANT_SECONDS)
        return DatasetRef(content=content, sha256=self._job.dataset_digest, sources=sources)

    def _base(self) -> BaseRef:
        return BaseRef(name=self._job.base, manifest_digest=self._job.base_manifest_digest)

    def _plan(self) -> Plan:
        return plans.parse((self._job.plan or "").encode())
