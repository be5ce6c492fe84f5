"""Attestations as control leaves them behind: jobs, bundles and openings in storage, places in status lists, signed lists."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from openai import OpenAI
from sqlalchemy import insert

from api.control.context import Control, StatusIssuing
from api.control.notices import sign_due_notices
from api.control.status_lists import allocate_status, sign_due_lists
from api.db.models import Attestation, Job, Organization, Project
from api.db.session import Database
from api.evidence import openings
from api.ids import uuid7
from api.issuance.issuer import Issuer
from api.issuance.signing_key import SigningKey
from api.storage import LocalStorage
from api.storage.signing import GrantSigner
from api.tenancy.bootstrap import DEFAULT_SCOPE, create_key
from api.tenancy.rights import Right
from api.tenancy.scope import Scope
from attestations import canonical
from attestations.bundle import Bundle, parse
from attestations.digests import Sha256
from attestations.dsse import Envelope
from attestations.keys import LocalSigner
from attestations.predicate import StatusRef
from attestations.trust import KeyRole
from tests.api.serving import Served
from workers.catalog import Catalog

NOW = 1_800_000_000
URL = "https://issuer.test"
OPENINGS = [
    {"path": "data.sources[0].name", "salt": "ab" * 16, "value": "Support FAQ"},
    {"path": "tuning.parameters.rank", "salt": "cd" * 16, "value": "8"},
]
HIDDEN = {"$commit": {"alg": "sha256-jcs-salted-v1", "value": "ef" * 32}}


@dataclass
class Issuing:
    """What control does at the end of a job, as far as serving sees it. ``signer`` signs the status lists, ``issuing_key`` for
    ``issuer`` the notices."""

    served: Served
    signer: LocalSigner = field(default_factory=LocalSigner.generate)
    issuing_key: LocalSigner = field(default_factory=LocalSigner.generate)
    issuer: str = "https://issuer.test"
    now: int = NOW

    def attestation(
        self,
        *,
        base: str = "tiny",
        outcome: str = "released",
        listed: bool = True,
        hides: bool = False,
        scope: Scope = DEFAULT_SCOPE,
    ) -> str:
        """The new attestation's id. What is signed is made up, as far as serving reads it."""
        payload = bundle_of(statement(base, outcome, hides=hides))
        return asyncio.run(self._issue(base, outcome, lambda _: payload, listed=listed, hides=hides, scope=scope))

    def issued(self, make: Callable[[StatusRef], Bundle]) -> str:
        """The same around real evidence, which names the place that it is given."""
        return asyncio.run(self._issue("tiny", "released", lambda ref: make(ref).encode(), listed=True, hides=False))

    def sign_lists(self) -> int:
        """How many were due."""
        return asyncio.run(self._sign(sign_due_lists))

    def sign_notices(self) -> int:
        """How many waited."""
        return asyncio.run(self._sign(sign_due_notices))

    def key_with_right(self, name: str = "Ada") -> str:
        async def make() -> str:
            database = Database(self.served.database_url)
            try:
                return (await create_key(database, name, rights=[Right.ATTEST])).key
            finally:
                await database.close()

        return asyncio.run(make())

    @property
    def storage(self) -> LocalStorage:
        return LocalStorage(self.served.directory / "objects", GrantSigner(self.served.url, "s" * 32))

    async def _issue(
        self,
        base: str,
        outcome: str,
        make: Callable[[Any], bytes],
        *,
        listed: bool,
        hides: bool,
        scope: Scope = DEFAULT_SCOPE,
    ) -> str:
        attestation_id = str(uuid7())
        database = Database(self.served.database_url)
        key = f"{scope.project_id}/attestations/{attestation_id}.resilience.json"
        kept = openings.openings_key(scope.project_id, attestation_id) if hides else None
        if kept is not None:
            await openings.keep(self.storage, kept, OPENINGS)
        try:
            async with database.write() as session:
                job = new_job(base, scope, self.now)
                if await session.get(Organization, scope.organization_id) is None:
                    session.add(Organization(id=scope.organization_id, name="x", created_at=1))
                    await session.flush()
                    session.add(
                        Project(id=scope.project_id, organization_id=scope.organization_id, name="x", created_at=1)
                    )
                    await session.flush()
                session.add(job)
                await session.flush()
                ref = None
                if listed:
                    ref = await allocate_status(session, job, attestation_id, now=self.now, base_url=URL)
                stored = make(ref)
                await self.storage.put_bytes(key, stored)
                digest = Sha256.of(parse(stored).envelope.unverified_payload).sha256
                values = {"organization_id": scope.organization_id, "project_id": scope.project_id}
                values |= {"id": attestation_id, "job_id": job.id, "outcome": outcome, "bundle_key": key}
                values |= {"statement_digest": digest}
                values |= {"issued_at": self.now, "valid_until": self.now + 86_400, "openings_key": kept}
                await session.execute(insert(Attestation).values(**values))
        finally:
            await database.close()
        return attestation_id

    async def _sign(self, what: Callable[[Control], Awaitable[int]]) -> int:
        database = Database(self.served.database_url)
        control = Control(
            database=database,
            storage=self.storage,
            queue=None,  # type: ignore[arg-type]  # signing publishes nothing
            catalog=Catalog(directory=self.served.directory, bases=()),
            suites={},
            issuer=Issuer(self.issuer, SigningKey(self.issuing_key, KeyRole.ISSUER, (), lambda: self.now), 30),
            clock=lambda: self.now,
            status=StatusIssuing(SigningKey(self.signer, KeyRole.STATUS, (), lambda: self.now), URL),
        )
        try:
            return await what(control)
        finally:
            await database.close()


def statement(base: str, outcome: str, *, hides: bool = False) -> dict[str, Any]:
    """As far as serving reads it."""
    predicate = {
        "issuedAt": "2027-01-15T08:00:00Z",
        "validUntil": "2027-01-16T08:00:00Z",
        "issuer": {"id": URL},
        "outcome": {"status": outcome},
        "model": {"base": {"name": HIDDEN if hides else base}, "manifest": {"digest": {"sha256": "12" * 32}}},
        "tuning": {"method": "lora"},
    }
    return {"_type": "https://in-toto.io/Statement/v1", "predicate": predicate}


def bundle_of(payload: dict[str, Any]) -> bytes:
    envelope = Envelope(
        payload_type="application/vnd.in-toto+json",
        unverified_payload=canonical.encode(payload),
        key_id="ab" * 32,
        signature=b"not checked here",
    )
    return Bundle(envelope=envelope).encode()


def new_job(base: str, scope: Scope, now: int) -> Job:
    job = Job(id=f"ftjob-{uuid7().hex}", status="succeeded", model=base, base=base, created_by="key-a", created_at=now)
    job.base_manifest_digest, job.training_file, job.dataset_key = "b" * 64, "file-a", "x"
    job.dataset_digest, job.dataset_name, job.request_digest = "d" * 64, "a.jsonl", "0" * 64
    job.request, job.provenance = {"settings": {"technique": "lora"}}, {"sources": []}
    job.organization_id, job.project_id = scope.organization_id, scope.project_id
    return job


def shown(client: OpenAI, path: str) -> Any:
    return client.get(f"/attestations{path}", cast_to=object)
