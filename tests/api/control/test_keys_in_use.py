"""Whatever control signs waits while the newest trust root does not believe the key, and goes on after the remedy: nothing is
signed, no attempt and no place in a status list is spent."""

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from api.control.holding import REPEAT_SECONDS
from api.control.notices import sign_due_notices, sign_notice
from api.control.status_lists import sign_due_lists
from api.db.models import AttestationNotice, Run, StatusEntry, StatusList
from api.db.session import Database
from api.evidence.changes import Asking
from api.evidence.notices import NoticesService
from api.evidence.schemas import AskedNotice
from api.issuance import signing
from api.issuance.keyring import Keyring
from api.settings import KeyAccess
from api.tenancy.bootstrap import DEFAULT_SCOPE, create_key
from api.tenancy.rights import Right
from attestations import canonical
from attestations.bundle import parse_sigstore
from attestations.documents import parse_moment
from attestations.findings import ExitCode
from attestations.keys import LocalSigner
from attestations.statements.notice import NoticeKind
from attestations.trust import KeyRole
from attestations.verify import verify
from tests.api.control.evidence import bundle, failures
from tests.api.control.played import played
from tests.api.control.test_notices import given, issued, kept
from tests.api.control.test_status_process import environment, place, signed_notice
from tests.api.control.world import World
from tests.api.own_trust import OwnTrust
from workers.contract import EvaluateTask, RunRequest, ScreenTask, Succeeded, Task

DAY = 86_400


@pytest.fixture
def own(world: World, tmp_path: Path) -> OwnTrust:
    """The world's keys, held against trust roots on disk from now on."""
    made = OwnTrust(tmp_path / "issuer.trust", world.now)
    made.begin(world.control.issuer.signer, world.control.status.signer)
    use(world, made, world.control.issuer.signer.signer, KeyRole.ISSUER)
    use(world, made, world.control.status.signer.signer, KeyRole.STATUS)
    return made


def use(world: World, own: OwnTrust, signer: LocalSigner, role: KeyRole) -> None:
    """As control does when it is started with this key."""
    part = world.control.issuer if role is KeyRole.ISSUER else world.control.status
    changed = replace(part, signer=world.key(signer, role, own.keyring))
    name = "issuer" if role is KeyRole.ISSUER else "status"
    world.control = replace(world.control, **{name: changed})


def end(world: World, own: OwnTrust, how: str, role: KeyRole) -> None:
    """Takes the belief from the key in use."""
    key = (world.control.issuer if role is KeyRole.ISSUER else world.control.status).signer
    match how:
        case "ended":
            own.rotate(LocalSigner.generate(), role, now=world.now)
            world.now += 1
        case "compromised":
            own.compromise(key, at=world.now, now=world.now)
        case "not begun":
            world.now = own.made - DAY
        case "another role":
            wrong = world.control.status.signer if role is KeyRole.ISSUER else world.control.issuer.signer
            use(world, own, wrong.signer, role)
        case "not known":
            use(world, own, LocalSigner.generate(), role)


def mend(world: World, own: OwnTrust, role: KeyRole) -> None:
    """A new key that is believed from now on, and a restart with it."""
    world.now = max(world.now, own.made) + 1
    fresh = LocalSigner.generate()
    own.rotate(fresh, role, now=world.now)
    use(world, own, fresh, role)


WAYS = ("ended", "compromised", "not begun", "another role", "not known")


@pytest.mark.parametrize("how", WAYS)
async def test_a_notice_waits_for_a_believed_key(world: World, own: OwnTrust, how: str) -> None:
    await issued(world, "a")
    row = await given(world, "a")
    end(world, own, how, KeyRole.ISSUER)
    with capture_logs() as logs:
        await sign_due_notices(world.control)
        await sign_notice(world.control, row.id)
    assert (await kept(world, row.id)).envelope is None
    (line,) = [one for one in logs if one["log_level"] == "error"]
    assert line["waiting"] == f"notice {row.id}"
    assert "TUNEPROOF_SIGNING_KEY" in line["reason"]
    assert "restart control" in line["reason"]
    mend(world, own, KeyRole.ISSUER)
    await sign_due_notices(world.control)
    signed = await kept(world, row.id)
    assert signed.envelope is not None
    assert signed.signed_at == world.now
    assert said_by(signed.envelope) == world.control.issuer.signer.key_id


@pytest.mark.parametrize("how", WAYS)
async def test_a_status_list_stays_as_it_was_last_signed(world: World, own: OwnTrust, how: str) -> None:
    job_id = await world.new_job()
    await world.run_through(job_id)
    await sign_due_lists(world.control)
    before = await listed(world)
    assert before.token is not None
    world.now += 2 * 3600
    end(world, own, how, KeyRole.STATUS)
    async with world.control.database.write() as session:
        (await session.get_one(StatusList, 1)).revision += 1
    with capture_logs() as logs:
        await sign_due_lists(world.control)
    now = await listed(world)
    assert (now.token, now.signed_revision) == (before.token, before.signed_revision)
    assert ["TUNEPROOF_STATUS_KEY" in one["reason"] for one in logs if one["log_level"] == "error"] == [True]
    mend(world, own, KeyRole.STATUS)
    await sign_due_lists(world.control)
    after = await listed(world)
    assert after.token != before.token
    assert after.signed_revision == after.revision


async def listed(world: World) -> StatusList:
    async with world.control.database.read() as session:
        return await session.get_one(StatusList, 1)


def said_by(envelope: str) -> str:
    return parse_sigstore(canonical.parse(envelope.encode(), what="it", max_bytes=10**6), "it").key_id


async def spent(world: World) -> tuple[int, int]:
    """Attempts at all stages, and places in status lists."""
    async with world.control.database.read() as session:
        runs = (await session.execute(select(func.count()).select_from(Run))).scalar_one()
        places = (await session.execute(select(func.count()).select_from(StatusEntry))).scalar_one()
    return runs, places


async def step(world: World, job_id: str, request: RunRequest) -> None:
    """The played worker's answer, and what follows from it."""
    result = played(request, suites=await world.suites_for(request.task), at=world.now)
    await world.report(request, Succeeded(result=result))
    await world.advance(job_id)


async def begun(world: World, last: Callable[[Task], bool]) -> tuple[str, RunRequest]:
    """A job, and the request for the first task like that: a worker has it."""
    job_id = await world.new_job()
    await world.advance(job_id)
    while (request := await world.take()) is not None:
        if last(request.task):
            return job_id, request
        await step(world, job_id, request)
    raise AssertionError("no such task came")


def measures_the_tuned(task: Task) -> bool:
    return isinstance(task, EvaluateTask) and task.artefact is not None


@pytest.mark.parametrize("how", WAYS)
async def test_a_job_waits_with_its_evidence_and_loses_nothing(world: World, own: OwnTrust, how: str) -> None:
    job_id, request = await begun(world, measures_the_tuned)
    end(world, own, how, KeyRole.ISSUER)
    await step(world, job_id, request)
    before = await spent(world)
    with capture_logs() as logs:
        for _ in range(40):
            await world.sweep(after=1)
    stages = await world.stages(job_id)
    assert (stages["gate"].state, stages["attest"].state, stages["attest"].attempt) == ("succeeded", "pending", 0)
    assert await spent(world) == before
    assert before[1] == 0
    job = await world.job(job_id)
    assert (job.attestation_id, job.finished_at, job.status) == (None, None, "running")
    assert len([one for one in logs if one["log_level"] == "error"]) <= 1 + 40 // REPEAT_SECONDS
    mend(world, own, KeyRole.ISSUER)
    await world.sweep(after=300)
    stages = await world.stages(job_id)
    assert (stages["attest"].state, stages["attest"].attempt) == ("succeeded", 1)
    assert (await world.job(job_id)).status == "succeeded"
    assert (await spent(world))[1] == 1


async def test_evidence_of_before_and_after_a_rotation_is_accepted(world: World, own: OwnTrust) -> None:
    """The old key ends while a worker measures: nothing goes out that buyers would refuse."""
    early = await world.new_job()
    await world.run_through(early)
    late, request = await begun(world, measures_the_tuned)
    fresh = LocalSigner.generate()
    own.rotate(fresh, KeyRole.ISSUER, now=world.now)
    world.now += 60
    await step(world, late, request)
    await world.sweep(after=300)
    assert (await world.job(late)).attestation_id is None
    use(world, own, fresh, KeyRole.ISSUER)
    await world.sweep(after=300)
    now = datetime.fromtimestamp(world.now, UTC)
    for job_id in (early, late):
        report = verify(await bundle(world, job_id), own.keyring.exported.read_bytes(), now=now)
        assert report.exit_code is ExitCode.ACCEPT, failures(report)


@pytest.mark.parametrize("how", ["ended", "compromised"])
async def test_nobody_is_told_to_tune_under_a_plan_that_could_not_be_signed(
    world: World, own: OwnTrust, how: str
) -> None:
    job_id, request = await begun(world, lambda task: isinstance(task, ScreenTask))
    end(world, own, how, KeyRole.ISSUER)
    await step(world, job_id, request)
    for _ in range(12):
        await world.sweep(after=300)
    assert await world.take() is None
    stages, job = await world.stages(job_id), await world.job(job_id)
    assert (stages["plan"].state, stages["plan"].attempt, job.plan) == ("pending", 0, None)
    mend(world, own, KeyRole.ISSUER)
    await world.sweep(after=300)
    assert (await world.job(job_id)).plan_statement is not None
    assert await world.take() is not None


async def test_a_job_that_is_cancelled_while_it_waits_is_cancelled_at_once_and_gets_its_evidence_later(
    world: World, own: OwnTrust
) -> None:
    job_id, request = await begun(world, lambda task: isinstance(task, ScreenTask))
    end(world, own, "ended", KeyRole.ISSUER)
    await step(world, job_id, request)
    await world.request_cancel(job_id)
    await world.sweep(after=300)
    job = await world.job(job_id)
    assert (job.status, job.attestation_id, await spent(world)) == ("cancelled", None, (1, 0))
    mend(world, own, KeyRole.ISSUER)
    await world.sweep(after=300)
    assert (await world.job(job_id)).attestation_id is not None


async def test_the_log_says_it_once_a_minute_and_when_it_is_over(world: World, own: OwnTrust) -> None:
    may_sign, key = world.control.holding.may_sign, world.control.issuer.signer
    own.rotate(fresh := LocalSigner.generate(), KeyRole.ISSUER, now=world.now)
    world.now += 1
    with capture_logs() as logs:
        for _ in range(REPEAT_SECONDS + 1):
            assert not await may_sign(key, waiting="a job")
            world.now += 1
        use(world, own, fresh, KeyRole.ISSUER)
        assert await may_sign(world.control.issuer.signer, waiting="a job")
    assert [one["log_level"] for one in logs] == ["error", "error", "info"]


async def test_the_control_process_keeps_what_a_key_that_ended_meanwhile_cannot_sign(
    database: Database, database_url: str, valkey: str, tmp_path: Path
) -> None:
    """As an operator rotates without an overlap, forgets to restart control, and then does."""
    env = environment(tmp_path, database_url, valkey)
    key, fresh = tmp_path / "issuer.pem", tmp_path / "issuer-2.pem"
    issuance(env, "create-key", key)
    attestation_id, _ = await place(database)
    env["PYTHONUNBUFFERED"] = "1"
    with control_process(env, log := tmp_path / "control.log"):
        first = await notice(database, attestation_id, "found early")
        await signed_notice(database, first, within=30)
        issuance(env, "rotate-key", key, fresh, "--overlap-days", 0)
        ended = parse_moment(Keyring.at(key).current().issuer_keys()[0].valid_until).timestamp()
        while time.time() < ended + 1:
            await asyncio.sleep(0.1)
        second = await notice(database, attestation_id, "found later")
        line = await said(log, "the key is not believed", within=10)
        assert second in line
        assert "TUNEPROOF_SIGNING_KEY" in line
    async with database.read() as session:
        assert (await session.get_one(AttestationNotice, second)).envelope is None
    env |= {"TUNEPROOF_SIGNING_KEY": str(fresh), "TUNEPROOF_STATUS_KEY": str(tmp_path / "issuer.status.pem")}
    with control_process(env, tmp_path / "again.log"):
        envelope = await signed_notice(database, second, within=30)
    assert envelope.key_id == signing.open_signer(str(fresh), KeyAccess()).key_id


def issuance(env: dict[str, str], *arguments: object) -> None:
    command = [sys.executable, "-m", "api.issuance", *map(str, arguments)]
    subprocess.run(command, env=env, check=True, capture_output=True)


async def notice(database: Database, attestation_id: str, reason: str) -> str:
    ada = await create_key(database, "Ada", rights=[Right.ATTEST])
    asked = AskedNotice(kind=NoticeKind.REGRESSION_FOUND, reason=reason, evidence=["5e" * 32])
    given_notice = await NoticesService(database).give(Asking(DEFAULT_SCOPE, ada.id), attestation_id, asked)
    return given_notice.id


@contextlib.contextmanager
def control_process(env: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("w") as output:
        process = subprocess.Popen([sys.executable, "-m", "api.control"], env=env, stdout=output)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)
    assert process.returncode == 0


async def said(log: Path, words: str, *, within: float) -> str:
    """The first line of the log with these words."""
    deadline = time.monotonic() + within
    while not (found := [line for line in log.read_text().splitlines() if words in line]):
        assert time.monotonic() < deadline, "the log does not say it"
        await asyncio.sleep(0.05)
    return found[0]
