"""Places in status lists and the lists as control signs them, on both databases; read back as a verifier reads them."""

import asyncio
import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from api.control import status_lists
from api.control.relay import relay
from api.control.status_lists import (
    ENTRIES,
    MOST_TAKEN,
    REFRESH_SECONDS,
    STATUS_FUNCTION,
    Withdrawn,
    allocate_status,
    as_listed,
    sign_due_lists,
    sign_list,
)
from api.db.models import Attestation, Job, StatusEntry, StatusList
from api.errors import ApiError
from api.evidence.changes import Asking, ChangesService
from api.evidence.lifecycle import AttestationState
from api.evidence.schemas import AskedStatus
from api.tenancy.bootstrap import create_key
from api.tenancy.rights import Right
from api.tenancy.scope import Scope
from attestations import status
from attestations.documents import moment
from attestations.findings import Status
from attestations.predicate import StatusRef
from attestations.status import Reason, State
from attestations.trust import KeyRole, TrustedKey
from tests.api.control.world import World
from workers.contract import CONTROL_QUEUE

HERE = Scope("org-a", "proj-a")
URL = "https://issuer.test"


async def issued(world: World, attestation_id: str, draw=None) -> StatusRef:
    """An attestation with its place, as issuing leaves it behind."""
    job_id = await world.new_job()
    async with world.control.database.write() as session:
        job = await session.get_one(Job, job_id)
        options = {} if draw is None else {"draw": draw}
        ref = await allocate_status(session, job, attestation_id, now=world.now, base_url=URL, **options)
        row = Attestation(id=attestation_id, job_id=job_id, outcome="released", bundle_key=f"x/{attestation_id}")
        row.statement_digest, row.issued_at, row.valid_until = attestation_id.encode().hex().ljust(64, "0"), 1, 2
        row.organization_id, row.project_id = job.organization_id, job.project_id
        session.add(row)
    return ref


async def change(world: World, attestation_id: str, *, state: str, **asked):
    key = await create_key(world.control.database, "Ada", HERE, rights=[Right.ATTEST])
    service = ChangesService(world.control.database, world.control.storage, clock=lambda: world.now)
    return await service.change(
        Asking(HERE, key.id), attestation_id, AskedStatus(state=AttestationState(state), **asked)
    )


async def listed(world: World, number: int = 1) -> StatusList:
    async with world.control.database.read() as session:
        return await session.get_one(StatusList, number)


def verdict(world: World, ref: StatusRef, token: str | None):
    """As the verifier judges."""
    signer = world.control.status.signer
    now = datetime.fromtimestamp(world.now, UTC)
    window = moment(now - timedelta(days=30)), moment(now + timedelta(days=30))
    key = TrustedKey(signer.key_id, KeyRole.STATUS, signer.public_pem, *window)
    return status.examine(ref, token, [key], now=now)[0]


async def test_a_place_is_random_taken_once_and_the_same_when_asked_again(world):
    drawn = iter([7, 7, 7, 60_000])
    first = await issued(world, "a", draw=lambda _: next(drawn))
    second = await issued(world, "b", draw=lambda _: next(drawn))
    assert (first, second) == (StatusRef(f"{URL}/status/1", 7), StatusRef(f"{URL}/status/1", 60_000))
    async with world.control.database.write() as session:
        job = (await session.execute(select(Job).limit(1))).scalar_one()
        assert await allocate_status(session, job, "a", now=world.now, base_url=URL) == first
    places = {(await issued(world, f"many-{number}")).idx for number in range(20)}
    assert len(places) == 20
    assert places != set(range(20))
    assert all(0 <= place < ENTRIES for place in places)
    assert (await listed(world)).entries == 22


async def test_two_at_once_get_two_places_in_one_list(world):
    await issued(world, "first")
    job_ids = [await world.new_job() for _ in range(4)]

    async def take(job_id: str) -> StatusRef:
        async with world.control.database.write() as session:
            job = await session.get_one(Job, job_id)
            return await allocate_status(session, job, job_id, now=world.now, base_url=URL)

    refs = await asyncio.gather(*map(take, job_ids))
    assert len({ref.idx for ref in refs}) == 4
    assert (await listed(world)).entries == 5


async def test_a_list_half_full_and_another_address_open_another(world):
    await issued(world, "a")
    async with world.control.database.write() as session:
        await session.execute(update(StatusList).values(entries=MOST_TAKEN))
    assert (await issued(world, "b")).uri == f"{URL}/status/2"
    async with world.control.database.write() as session:
        job = (await session.execute(select(Job).limit(1))).scalar_one()
        moved = await allocate_status(session, job, "c", now=world.now, base_url="https://moved.test")
    assert moved.uri == "https://moved.test/status/3"
    assert await sign_due_lists(world.control) == 3
    assert verdict(world, moved, (await listed(world, 3)).token).status is Status.PASS
    assert verdict(world, moved, (await listed(world, 2)).token).status is Status.STALE


async def test_the_list_says_what_was_asked_for(world):
    refs = {name: await issued(world, name) for name in ("a", "b", "c", "d")}
    await sign_due_lists(world.control)
    before = (await listed(world)).token
    await change(world, "a", state="revoked", reason=Reason.KEY_COMPROMISE, note="Stolen in May.")
    await change(world, "b", state="suspended", reason=Reason.UNDER_REVIEW)
    await change(world, "c", state="superseded", superseded_by="d")
    assert await sign_due_lists(world.control) == 1
    token = (await listed(world)).token
    sentences = {name: verdict(world, ref, token) for name, ref in refs.items()}
    assert sentences["d"].status is Status.PASS
    assert [sentences[name].status for name in "abc"] == [Status.FAIL] * 3
    assert "revoked" in sentences["a"].sentence
    assert "Stolen in May." in sentences["a"].sentence
    assert "suspended" in sentences["b"].sentence
    assert "64".ljust(16, "0") in sentences["c"].sentence
    assert all(verdict(world, ref, before).status is Status.PASS for ref in refs.values())
    await change(world, "b", state="valid", note="Nothing was found.")
    await sign_due_lists(world.control)
    assert verdict(world, refs["b"], (await listed(world)).token).status is Status.PASS


async def test_a_change_wakes_the_control_process_within_the_same_transaction(world):
    await issued(world, "a")
    await sign_due_lists(world.control)
    while await relay(world.control):
        pass
    await world.redis.flushdb()
    await change(world, "a", state="revoked", reason=Reason.EVIDENCE_WRONG)
    assert await relay(world.control) == 1
    (message_id,) = await world.redis.zrange(CONTROL_QUEUE, 0, -1)
    message = json.loads(await world.redis.get(b"arq:job:" + message_id))
    assert (message["f"], message["a"]) == (STATUS_FUNCTION, ["1"])
    await sign_list(world.control, int(message["a"][0]))
    row = await listed(world)
    assert row.signed_revision == row.revision == 2
    assert await sign_due_lists(world.control) == 0


async def test_a_refused_change_changes_nothing(world):
    await issued(world, "a")
    await change(world, "a", state="revoked", reason=Reason.OTHER)
    before = await listed(world)
    with pytest.raises(ApiError) as caught:
        await change(world, "a", state="valid")
    assert caught.value.status == 409
    await change(world, "a", state="revoked", reason=Reason.OTHER)
    assert (await listed(world)).revision == before.revision


async def test_it_is_signed_again_long_before_it_ends(world):
    ref = await issued(world, "a")
    await sign_due_lists(world.control)
    first = await listed(world)
    assert first.expires_at - first.signed_at == status.LIFE.total_seconds()
    world.now += REFRESH_SECONDS - 1
    assert await sign_due_lists(world.control) == 0
    world.now += 1
    assert await sign_due_lists(world.control) == 1
    second = await listed(world)
    assert second.signed_at == first.signed_at + REFRESH_SECONDS
    world.now += 2 * 86_400
    assert verdict(world, ref, second.token).status is Status.STALE


async def test_a_clock_that_was_set_back_makes_no_older_list(world):
    await issued(world, "a")
    await sign_due_lists(world.control)
    first = await listed(world)
    world.now -= 1000
    await change(world, "a", state="revoked", reason=Reason.OTHER)
    await sign_due_lists(world.control)
    second = await listed(world)
    assert second.token != first.token
    assert second.signed_at == first.signed_at


class SlowSigner:
    """Signs the first list only after the second has been signed and stored by somebody else."""

    def __init__(self, signer, meanwhile):
        self.signer, self.meanwhile = signer, meanwhile
        self.key_id, self.public_pem = signer.key_id, signer.public_pem

    def sign(self, message: bytes) -> bytes:
        signature = self.signer.sign(message)
        self.meanwhile()
        return signature


async def test_what_was_signed_late_never_replaces_a_later_list(world):
    ref = await issued(world, "a")
    loop = asyncio.get_running_loop()

    async def revoke_and_sign() -> None:
        await change(world, "a", state="revoked", reason=Reason.OTHER)
        await sign_list(world.control, 1)

    def meanwhile() -> None:
        asyncio.run_coroutine_threadsafe(revoke_and_sign(), loop).result(20)

    slow = dataclasses.replace(
        world.control.status, signer=world.key(SlowSigner(world.control.status.signer, meanwhile))
    )
    await sign_list(dataclasses.replace(world.control, status=slow), 1)
    row = await listed(world)
    assert row.signed_revision == row.revision == 2
    assert verdict(world, ref, row.token).status is Status.FAIL


class BrokenSigner:
    key_id, public_pem = "0" * 64, ""

    def sign(self, message: bytes) -> bytes:
        raise OSError("the key service is away")


async def test_a_key_service_that_is_away_is_asked_again(world):
    ref = await issued(world, "a")
    broken = dataclasses.replace(world.control.status, signer=world.key(BrokenSigner()))
    assert await sign_due_lists(dataclasses.replace(world.control, status=broken)) == 1
    assert (await listed(world)).token is None
    await sign_due_lists(world.control)
    assert verdict(world, ref, (await listed(world)).token).status is Status.PASS


async def test_a_place_whose_attestation_was_never_issued_reads_as_valid(world):
    job_id = await world.new_job()
    async with world.control.database.write() as session:
        job = await session.get_one(Job, job_id)
        ref = await allocate_status(session, job, "never", now=world.now, base_url=URL)
    await sign_due_lists(world.control)
    assert verdict(world, ref, (await listed(world)).token).status is Status.PASS
    async with world.control.database.read() as session:
        assert (await session.execute(select(StatusEntry.attestation_id))).scalars().all() == ["never"]


def test_reasons_that_do_not_fit_are_left_out_and_states_never() -> None:
    withdrawn = [
        Withdrawn(idx, AttestationState.REVOKED, Reason.OTHER, "é" * 500, None, changed_at=1_800_000_000 + idx)
        for idx in range(5000)
    ]
    made = as_listed("https://x.test/status/1", withdrawn, issued_at=datetime.fromtimestamp(1_800_010_000, UTC))
    assert all(made.state(idx) is State.INVALID for idx in range(5000))
    assert made.state(5000) is State.VALID
    assert 0 < len(made.reasons) < 5000
    assert set(made.reasons) == set(range(5000 - len(made.reasons), 5000))
    from attestations.keys import LocalSigner

    assert len(status.encode(made, LocalSigner.generate())) < 1024 * 1024
    assert status_lists.MAX_REASON_BYTES < 1024 * 1024
