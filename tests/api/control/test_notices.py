"""Notices as control signs them, on both databases; read back as a verifier reads them."""

import asyncio
import dataclasses
import json
from datetime import UTC, datetime

from sqlalchemy import select

from api.control.notices import NOTICE_FUNCTION, sign_due_notices, sign_notice
from api.control.relay import relay
from api.db.models import Attestation, AttestationNotice
from api.evidence.changes import Asking
from api.evidence.notices import NoticesService
from api.evidence.schemas import AskedNotice
from api.issuance.issuer import Issuer
from api.tenancy.bootstrap import create_key
from api.tenancy.rights import Right
from api.tenancy.scope import Scope
from attestations import bundle, canonical
from attestations.documents import moment
from attestations.keys import LocalSigner, load_public_key
from attestations.statements import reading
from attestations.statements.notice import Notice, NoticeKind
from tests.api.control.world import World
from workers.contract import CONTROL_QUEUE

HERE = Scope("org-a", "proj-a")
EVIDENCE = "5e" * 32


async def issued(world: World, attestation_id: str) -> None:
    """An attestation without a place in a status list, as issuing leaves it behind."""
    job_id = await world.new_job()
    row = Attestation(id=attestation_id, job_id=job_id, outcome="released", bundle_key=f"x/{attestation_id}")
    row.statement_digest, row.issued_at, row.valid_until = attestation_id.encode().hex().ljust(64, "0"), 1, 2
    row.organization_id, row.project_id = HERE.organization_id, HERE.project_id
    async with world.control.database.write() as session:
        session.add(row)


async def given(world: World, attestation_id: str, *, reason: str = "found later", **asked) -> AttestationNotice:
    key = await create_key(world.control.database, "Ada", HERE, rights=[Right.ATTEST])
    service = NoticesService(world.control.database, clock=lambda: world.now)
    wanted = AskedNotice(**({"kind": NoticeKind.REGRESSION_FOUND, "reason": reason, "evidence": [EVIDENCE]} | asked))
    return await service.give(Asking(HERE, key.id), attestation_id, wanted)


async def kept(world: World, notice_id: str) -> AttestationNotice:
    async with world.control.database.read() as session:
        return await session.get_one(AttestationNotice, notice_id)


def said(world: World, row: AttestationNotice) -> tuple[str, Notice]:
    """The digest that it is about, and what the issuer signed."""
    assert row.envelope is not None
    envelope = bundle.parse_sigstore(canonical.parse(row.envelope.encode(), what="it", max_bytes=10**6), "it")
    key = load_public_key(world.control.issuer.signer.public_pem)
    statement, _ = reading.open_envelope(envelope, [key])
    assert isinstance(statement.predicate, Notice)
    assert statement.digest.sha256 == row.statement_digest
    return statement.subject.digest.sha256, statement.predicate


async def test_what_was_given_is_what_is_signed(world):
    await issued(world, "a")
    row = await given(world, "a", reason="It fails on Ünicode — often.\nSee the log.")
    world.now += 30
    assert await sign_due_notices(world.control) == 1
    row = await kept(world, row.id)
    about, notice = said(world, row)
    assert about == b"a".hex().ljust(64, "0")
    assert (notice.kind, notice.reason) == (NoticeKind.REGRESSION_FOUND, "It fails on Ünicode — often.\nSee the log.")
    assert [one.sha256 for one in notice.evidence] == [EVIDENCE]
    assert (notice.issuer.id, notice.superseded_by) == ("https://issuer.test", None)
    assert (notice.at, row.signed_at) == (moment(datetime.fromtimestamp(world.now, UTC)), world.now)
    assert await sign_due_notices(world.control) == 0


async def test_a_notice_wakes_the_control_process_within_the_same_transaction(world):
    await issued(world, "a")
    row = await given(world, "a")
    assert await relay(world.control) == 1
    (message_id,) = await world.redis.zrange(CONTROL_QUEUE, 0, -1)
    message = json.loads(await world.redis.get(b"arq:job:" + message_id))
    assert (message["f"], message["a"]) == (NOTICE_FUNCTION, [row.id])
    await sign_notice(world.control, row.id)
    first = await kept(world, row.id)
    world.now += 100
    await sign_notice(world.control, row.id)
    again = await kept(world, row.id)
    assert (again.envelope, again.signed_at) == (first.envelope, first.signed_at)
    await sign_notice(world.control, "notice-that-is-not-there")


class BrokenSigner:
    def __init__(self, signer: LocalSigner) -> None:
        self.key_id, self.public_pem = signer.key_id, signer.public_pem

    def sign(self, message: bytes) -> bytes:
        raise OSError("the key service is away")


class StrangerSigner(BrokenSigner):
    """Set up as one key, and signs with another."""

    def sign(self, message: bytes) -> bytes:
        return LocalSigner.generate().sign(message)


async def test_a_key_that_is_away_or_another_signs_nothing_and_is_asked_again(world):
    await issued(world, "a")
    rows = [await given(world, "a", reason=reason) for reason in ("one", "two")]
    signer = world.control.issuer.signer
    for bad in (BrokenSigner(signer), StrangerSigner(signer)):
        broken = dataclasses.replace(world.control, issuer=Issuer("https://issuer.test", world.key(bad), 30))
        assert await sign_due_notices(broken) == 2
        assert [(await kept(world, row.id)).envelope for row in rows] == [None, None]
    assert await sign_due_notices(world.control) == 2
    assert [said(world, await kept(world, row.id))[1].reason for row in rows] == ["one", "two"]


async def test_of_two_that_sign_at_once_the_first_is_kept(world):
    await issued(world, "a")
    row = await given(world, "a")
    loop = asyncio.get_running_loop()
    signer = world.control.issuer.signer

    class SlowSigner:
        key_id, public_pem = signer.key_id, signer.public_pem

        def sign(self, message: bytes) -> bytes:
            signature = signer.sign(message)
            asyncio.run_coroutine_threadsafe(sign_notice(world.control, row.id), loop).result(20)
            world.now += 5
            return signature

    before = world.now
    await sign_notice(dataclasses.replace(world.control, issuer=Issuer("x", world.key(SlowSigner()), 30)), row.id)
    found = await kept(world, row.id)
    assert (found.signed_at, said(world, found)[1].issuer.id) == (before, "https://issuer.test")


async def test_what_waits_is_found_without_any_message(world):
    for name in ("a", "b"):
        await issued(world, name)
        await given(world, name)
    await world.redis.flushdb()
    assert await sign_due_notices(world.control) == 2
    async with world.control.database.read() as session:
        waiting = await session.execute(select(AttestationNotice.id).where(AttestationNotice.envelope.is_(None)))
        assert waiting.all() == []
