"""What goes out as evidence at the end of real stages: every statement that belongs to it, and what becomes of it when a key, an
authority or an older version stands in the way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from api.control.stamping import ATTEMPTS
from api.db.models import Attestation, Job, StatusEntry
from api.issuance.errors import SigningKeyError
from api.issuance.signed_plan import CLOSE_DAYS, SignedPlan
from api.issuance.timestamping import TimestampClient, TimestampRefusedError, TimestampUnavailableError
from api.jobs.request import EvidenceChoice
from attestations import bundle as bundles
from attestations.bundle import UnverifiedTimestamp
from attestations.documents import moment
from attestations.findings import ExitCode, Status
from attestations.keys import LocalSigner
from attestations.statements import reading
from attestations.statements.eval_plan import EvalPlan
from attestations.statements.provenance import Provenance, Role
from attestations.trust import TimestampAuthority, trusted_key
from attestations.verify import verify
from tests.api.control.evidence import bundle, evidence, failures, trust_file
from tests.api.control.played import BASE, Played, played
from tests.api.control.world import World
from tests.openssl_tsa import make_authority, needs_openssl, serve
from workers.contract import Failed, RunError, Succeeded, TuneTask


@pytest.fixture(autouse=True)
def without_drawings():
    """A traceback drawn with the values of a whole world takes seconds."""
    with capture_logs():
        yield


COMPLETE = ("plan.statement", "provenance", "model.signing", "status", "subject", "plan", "verdicts", "outcome")


def statuses(report) -> dict[str, Status]:
    return {check.code: check.status for check in report.checks}


async def test_a_released_model_comes_with_every_statement_that_belongs_to_it(world):
    job_id = await world.new_job(rank=16)
    await world.run_through(job_id)
    code, predicate, report = await evidence(world, job_id)
    assert code is ExitCode.ACCEPT, failures(report)
    assert {name: statuses(report)[name] for name in COMPLETE} == dict.fromkeys(COMPLETE, Status.PASS)
    parts = bundles.parse(await bundle(world, job_id))
    signed, made_by = (reading.parse_envelope(one).predicate for one in parts.unverified_statements)
    assert isinstance(signed, EvalPlan)
    assert isinstance(made_by, Provenance)
    assert made_by.having(Role.CODE)[0].sha256 == predicate["tuning"]["code"]["sha256"] == "7" * 64
    assert made_by.build_definition.external_parameters["rank"] == "16"
    assert made_by.build_definition.internal_parameters["lora.r"] == "16"
    assert made_by.run_details.metadata.invocation_id.startswith("run-")
    assert parts.unverified_oms is not None
    assert predicate["schema"] == "0.3.0"


async def test_its_boundaries_say_what_was_tested_and_what_ends_it(world):
    job_id = await world.new_job(system_prompt="Be brief.")
    await world.run_through(job_id)
    _, predicate, _ = await evidence(world, job_id)
    bounds = predicate["boundaries"]
    assert bounds["context"] == {"testedPromptTokens": 61}, "the shorter of the two: both models were given it"
    assert bounds["turns"] == 1
    assert bounds["decoding"].startswith("greedy")
    assert bounds["systemPrompt"] == predicate["model"]["served"]["systemPrompt"]
    assert bounds["transformsPermitted"] == []
    assert any("quantisation" in trigger for trigger in bounds["retestOn"])
    assert "outside the conditions" in bounds["prohibited"][-1]


async def test_the_compute_of_the_tuning_is_stated_beside_that_of_its_base(world):
    known = replace(world.control.catalog, bases=(_pretrained(10**9),))
    world.control = replace(world.control, catalog=known)
    job_id = await world.new_job()
    await world.run_through(job_id)
    _, predicate, _ = await evidence(world, job_id)
    compute = predicate["tuning"]["compute"]
    assert compute["modificationFlop"] == "4.02e6"
    assert compute["baseFlop"] == "6e12"
    assert compute["ratio"] == "0.00000067"
    assert "padding not" in compute["method"]


def _pretrained(tokens: int):
    from msgspec import structs

    return structs.replace(BASE, pretraining_tokens=tokens)


async def test_evidence_without_a_model_still_has_bounds_a_status_and_its_signed_plan(world):
    early, late = await world.new_job(), await world.new_job()
    await world.advance(early)
    failed = RunError(code="invalid_training_file", message="line 7 is empty")
    await world.report(await world.take(), Failed(error=failed))
    await world.run_through(early)
    await world.advance(late)
    await world.report(first := await world.take(), Succeeded(result=played(first)))
    await world.advance(late)
    await world.report(await world.take(), Failed(error=RunError(code="out_of_memory", message="no memory is left")))
    await world.run_through(late)
    for job_id, planned in ((early, False), (late, True)):
        code, predicate, report = await evidence(world, job_id)
        assert code is ExitCode.POLICY
        assert failures(report)[-1].startswith("the job failed")
        assert statuses(report)["status"] is Status.PASS
        assert predicate["boundaries"]["prohibited"][0] == "Every use: the job failed, and nothing was released."
        assert predicate["boundaries"]["turns"] == 0
        assert ("plan" in predicate) is planned
        assert len(bundles.parse(await bundle(world, job_id)).unverified_statements) == planned


@pytest.mark.parametrize("cancel", [False, True])
async def test_a_model_that_is_not_released_prohibits_every_use(world, cancel):
    job_id = await world.new_job()
    if cancel:
        await world.advance(job_id)
        await world.request_cancel(job_id)
        await world.advance(job_id)
    else:
        await world.run_through(job_id, Played(refusals=0.2))
    code, predicate, report = await evidence(world, job_id)
    assert code is ExitCode.POLICY
    assert statuses(report)["outcome"] is Status.FAIL
    assert predicate["boundaries"]["prohibited"][0].startswith("Every use: the ")


async def test_what_takes_the_place_of_earlier_evidence_names_it_by_digest(world):
    choice = EvidenceChoice(supersedes="x", superseded_digest="6" * 64)
    job_id = await world.new_job(evidence=choice)
    await world.run_through(job_id)
    code, predicate, _ = await evidence(world, job_id)
    assert code is ExitCode.ACCEPT
    assert predicate["supersedes"] == {"sha256": "6" * 64}


async def until_tuning(world: World, job_id: str) -> None:
    """Every stage before the tuning is done, and nobody has been told to tune."""
    await world.advance(job_id)
    for _ in range(2):
        request = await world.take()
        assert request is not None
        assert not isinstance(request.task, TuneTask)
        await world.report(request, Succeeded(result=played(request)))
        await world.advance(job_id)


async def test_the_plan_is_signed_before_anybody_is_told_to_tune(world):
    job_id = await world.new_job()
    await world.advance(job_id)
    request = await world.take()
    await world.report(request, Succeeded(result=played(request)))
    await world.advance(job_id)
    job = await world.job(job_id)
    signed = SignedPlan.of(job.plan, job.plan_statement)
    statement = reading.parse_envelope(signed.statement)
    assert statement.subject.digest.sha256 == job.plan_digest == signed.digest.sha256
    assert statement.predicate.strays(_parsed(job), signed.content) == []


def _parsed(job: Job):
    from attestations import plan

    return plan.parse(job.plan.encode())


@pytest.mark.parametrize("expired", [False, True])
async def test_nothing_is_tuned_without_a_signed_plan_or_after_its_time(world, expired):
    job_id = await world.new_job()
    await until_tuning(world, job_id)
    if expired:
        world.now += CLOSE_DAYS * 86400 + 1
    else:
        async with world.control.database.write() as session:
            (await session.get_one(Job, job_id)).plan_statement = None
    assert await world.take() is None
    await world.advance(job_id)
    job = await world.job(job_id)
    assert (job.status, job.error["code"]) == ("failed", "plan_expired" if expired else "plan_not_signed")
    code, predicate, _ = await evidence(world, job_id)
    assert code is ExitCode.POLICY
    assert "tuning" not in predicate


async def test_a_plan_that_an_earlier_version_left_unsigned_is_not_passed_off_as_signed_before(world):
    job_id = await world.new_job()
    await until_tuning(world, job_id)
    request = await world.take()
    async with world.control.database.write() as session:
        (await session.get_one(Job, job_id)).plan_statement = None
    world.now += 3600
    await world.report(request, Succeeded(result=played(request)))
    await world.run_through(job_id)
    code, _, report = await evidence(world, job_id)
    assert code is ExitCode.POLICY
    assert any("after the tuning began" in sentence for sentence in failures(report))


class Unreachable:
    """A key service that is away for the first ``times`` signatures."""

    def __init__(self, signer, times: int) -> None:
        self.signer, self.times = signer, times
        self.key_id, self.public_pem = signer.key_id, signer.public_pem

    def sign(self, message: bytes) -> bytes:
        self.times -= 1
        if self.times >= 0:
            raise SigningKeyError("KMS does not sign")
        return self.signer.sign(message)


async def test_a_key_service_that_is_away_delays_the_evidence_and_loses_nothing(world):
    issuer = world.control.issuer
    service = Unreachable(issuer.signer, 2)
    away = replace(issuer, signer=world.key(service))
    world.control = replace(world.control, issuer=away)
    job_id = await world.new_job()
    job = await world.run_through(job_id)
    assert job.plan is None
    for _ in range(2):
        await world.sweep(after=300)
    service.times = 3
    await world.run_through(job_id)
    assert (await world.job(job_id)).attestation_id is None
    for _ in range(3):
        await world.sweep(after=300)
    code, _, report = await evidence(world, job_id)
    assert code is ExitCode.ACCEPT, failures(report)
    async with world.control.database.read() as session:
        evidences = (await session.execute(select(Attestation.id))).scalars().all()
        places = (await session.execute(select(StatusEntry.attestation_id))).scalars().all()
    assert len(evidences) == 1
    assert evidences[0] in places


async def test_a_key_that_was_changed_between_plan_and_attestation_leaves_both_believed(world):
    """The provenance is signed with the attestation, by a key that was not there yet when the tuning ended."""
    before, began = world.control.issuer.signer, datetime.fromtimestamp(world.now, UTC)
    job_id = await world.new_job()
    await until_tuning(world, job_id)
    request = await world.take()
    await world.report(request, Succeeded(result=played(request)))
    world.now += 20 * 86400
    after = LocalSigner.generate()
    world.control = replace(world.control, issuer=replace(world.control.issuer, signer=world.key(after)))
    await world.run_through(job_id)
    change = moment(began + timedelta(days=10))
    keys = (
        trusted_key(before.public_pem, moment(began - timedelta(days=1)), change),
        trusted_key(after.public_pem, change, moment(began + timedelta(days=90))),
    )
    report = verify(
        await bundle(world, job_id), trust_file(world, issuer_keys=keys), now=datetime.fromtimestamp(world.now, UTC)
    )
    assert report.exit_code is ExitCode.ACCEPT, [check for check in report.checks if check.exit_code]


class Authority:
    """Fails as told; else it answers with a token that nobody looks at here."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.asked = list(failures), 0

    async def stamp(self, signature: bytes) -> UnverifiedTimestamp:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return UnverifiedTimestamp("0" * 64, b"token")


async def stamped_job(world: World, authority) -> tuple[str, bundles.Bundle, list[str]]:
    world.control = replace(world.control, timestamps=authority)
    job_id = await world.new_job()
    await world.run_through(job_id)
    for _ in range(2 * ATTEMPTS):
        await world.sweep(after=300)
        await world.run_through(job_id)
    return job_id, bundles.parse(await bundle(world, job_id)), await world.events(job_id)


async def test_an_authority_that_is_busy_is_asked_again(world):
    busy = TimestampUnavailableError("it is busy")
    authority = Authority(*[busy] * (ATTEMPTS - 1))
    _, parts, _ = await stamped_job(world, authority)
    assert authority.asked == ATTEMPTS - 1 + 2, "the plan at its fourth attempt, the attestation at its first"
    assert len(parts.unverified_timestamps) == 2


@pytest.mark.parametrize(
    ("failure", "asked"), [(TimestampUnavailableError("it is away"), 2 * ATTEMPTS), (TimestampRefusedError("no"), 2)]
)
async def test_an_authority_that_fails_for_good_costs_the_timestamp_and_not_the_job(world, failure, asked):
    authority = Authority(*[failure] * 100)
    job_id, parts, events = await stamped_job(world, authority)
    assert authority.asked == asked
    assert parts.unverified_timestamps == ()
    assert [event for event in events if event.startswith("No timestamp proves when the ")] == [
        f"No timestamp proves when the plan was signed: {failure}",
        f"No timestamp proves when the attestation was signed: {failure}",
    ]
    code, _, report = await evidence(world, job_id)
    assert code is ExitCode.ACCEPT
    assert statuses(report)["time.signing"] is Status.NOT_CHECKED


@needs_openssl
async def test_timestamps_prove_the_order_of_plan_and_tuning_to_a_buyer(world, tmp_path):
    authority = make_authority(tmp_path / "tsa")
    known = TimestampAuthority("Test stamps", authority.root_pem, "2026-01-01T00:00:00Z", "2099-12-31T00:00:00Z")
    with serve(authority.answer) as url:
        job_id, parts, _ = await stamped_job(world, TimestampClient(url, [known]))
    assert len(parts.unverified_timestamps) == 2
    later = datetime.fromtimestamp(max(world.now, datetime.now(UTC).timestamp() + 60), UTC)
    report = verify(await bundle(world, job_id), trust_file(world, [known]), now=later)
    found = {check.code: check for check in report.checks}
    assert found["time.signing"].status is Status.PASS, found["time.signing"].sentence
    assert "as a timestamp proves" in found["plan.statement"].sentence
