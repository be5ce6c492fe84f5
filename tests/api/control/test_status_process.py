"""``python -m api.control`` as a process: what is said of an attestation stands in the signed list, and is signed,
moments later."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from api.control.status_lists import allocate_status
from api.db.models import Attestation, AttestationNotice, StatusList
from api.db.session import Database
from api.evidence.changes import Asking, ChangesService
from api.evidence.lifecycle import AttestationState
from api.evidence.notices import NoticesService
from api.evidence.schemas import AskedNotice, AskedStatus
from api.storage import LocalStorage
from api.storage.signing import GrantSigner
from api.tenancy.bootstrap import DEFAULT_SCOPE, create_key
from api.tenancy.rights import Right
from attestations import canonical, status, trust
from attestations.bundle import parse_sigstore
from attestations.dsse import Envelope
from attestations.findings import Status
from attestations.predicate import StatusRef
from attestations.statements import reading
from attestations.statements.notice import NoticeKind
from attestations.status import Reason
from attestations.trust import KeyRole
from tests.api.evidence.issuing import new_job
from tests.api.serving import write_catalog

ROOT = Path(__file__).parents[3]
PUBLIC_URL = "https://evidence.test"


def environment(tmp_path: Path, database_url: str, valkey: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TUNEPROOF_DATABASE_URL": database_url,
        "TUNEPROOF_STORAGE_URL": f"file://{tmp_path}/objects",
        "TUNEPROOF_INTERNAL_URL": "http://127.0.0.1:1",
        "TUNEPROOF_STORAGE_SECRET": "s" * 32,
        "TUNEPROOF_CATALOG": str(write_catalog(tmp_path)),
        "TUNEPROOF_SCRATCH_DIR": str(tmp_path / "scratch"),
        "TUNEPROOF_REDIS_URL": valkey,
        "TUNEPROOF_SIGNING_KEY": str(tmp_path / "issuer.pem"),
        "TUNEPROOF_ISSUER": "https://issuer.test",
        "TUNEPROOF_PUBLIC_URL": f"{PUBLIC_URL}/",
    }


def make_keys(env: dict[str, str]) -> None:
    key = env["TUNEPROOF_SIGNING_KEY"]
    subprocess.run([sys.executable, "-m", "api.issuance", "create-key", key], env=env, check=True, capture_output=True)


@pytest.fixture
def control_env(tmp_path: Path, database_url: str, valkey: str) -> Iterator[dict[str, str]]:
    env = environment(tmp_path, database_url, valkey)
    make_keys(env)
    process = subprocess.Popen([sys.executable, "-m", "api.control"], env=env, stdout=subprocess.PIPE, text=True)
    yield env
    process.terminate()
    output, _ = process.communicate(timeout=20)
    assert "Traceback" not in output
    assert process.returncode == 0


async def signed(database: Database, number: int, *, revision: int, within: float) -> str:
    """The list's token as soon as it speaks of that revision."""
    deadline = time.monotonic() + within
    while True:
        async with database.read() as session:
            row = await session.get_one(StatusList, number)
        if row.signed_revision == revision:
            assert row.token is not None
            return row.token
        assert time.monotonic() < deadline, "the list was not signed in time"
        await asyncio.sleep(0.05)


async def signed_notice(database: Database, notice_id: str, *, within: float) -> Envelope:
    deadline = time.monotonic() + within
    while True:
        async with database.read() as session:
            row = await session.get_one(AttestationNotice, notice_id)
        if row.envelope is not None:
            return parse_sigstore(canonical.parse(row.envelope.encode(), what="it", max_bytes=10**6), "it")
        assert time.monotonic() < deadline, "the notice was not signed in time"
        await asyncio.sleep(0.05)


async def place(database: Database) -> tuple[str, StatusRef]:
    """An attestation with a place in a list, as issuing leaves it."""
    await create_key(database, "whoever")
    async with database.write() as session:
        job = new_job("tiny", DEFAULT_SCOPE, 1)
        session.add(job)
        await session.flush()
        ref = await allocate_status(session, job, "att-1", now=int(time.time()), base_url=PUBLIC_URL)
        row = Attestation(id="att-1", job_id=job.id, outcome="released", statement_digest="a" * 64, bundle_key="x")
        row.issued_at, row.valid_until = 1, 2
        row.organization_id, row.project_id = job.organization_id, job.project_id
        session.add(row)
    return row.id, ref


async def test_a_revocation_and_its_notice_are_signed_within_seconds(
    control_env: dict[str, str], database: Database, tmp_path: Path
) -> None:
    keys = trust.parse((tmp_path / "issuer.trust.json").read_bytes()).keys_of(KeyRole.STATUS)
    attestation_id, ref = await place(database)
    number = int(ref.uri.rpartition("/")[2])
    assert ref.uri == f"{PUBLIC_URL}/status/{number}"
    first = await signed(database, number, revision=1, within=30)  # the process starts meanwhile
    assert status.examine(ref, first, keys, now=datetime.now(UTC))[0].status is Status.PASS
    storage = LocalStorage(tmp_path / "objects", GrantSigner(internal_url="http://127.0.0.1:1", secret="s" * 32))
    ada = await create_key(database, "Ada", rights=[Right.ATTEST])
    asked = AskedStatus(state=AttestationState.REVOKED, reason=Reason.SAFETY_FINDING)
    await ChangesService(database, storage).change(Asking(DEFAULT_SCOPE, ada.id), attestation_id, asked)
    second = await signed(database, number, revision=2, within=10)
    verdict, _ = status.examine(ref, second, keys, now=datetime.now(UTC))
    assert verdict.status is Status.FAIL
    assert "safety finding" in verdict.sentence
    asked_notice = AskedNotice(kind=NoticeKind.REVOKED, reason="It is off the market.")
    given = await NoticesService(database).give(Asking(DEFAULT_SCOPE, ada.id), attestation_id, asked_notice)
    envelope = await signed_notice(database, given.id, within=10)
    issuers = trust.parse((tmp_path / "issuer.trust.json").read_bytes()).issuer_keys()
    statement, _ = reading.open_envelope(envelope, [key.load() for key in issuers])
    assert statement.subject.digest.sha256 == "a" * 64


def test_without_a_key_for_status_lists_it_says_how_to_make_one(tmp_path: Path) -> None:
    env = environment(tmp_path, "sqlite+aiosqlite://", "redis://127.0.0.1:1")
    make_keys(env)
    (tmp_path / "issuer.status.pem").unlink()
    ended = subprocess.run(
        [sys.executable, "-m", "api.control"], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 2
    assert "upgrade-trust" in ended.stdout
    env["TUNEPROOF_PUBLIC_URL"] = "https://x.test/" + "a" * 200
    ended = subprocess.run(
        [sys.executable, "-m", "api.control"], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, "TUNEPROOF_PUBLIC_URL" in ended.stderr) == (2, True)
