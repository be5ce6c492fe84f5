"""Evidence as it is served: the decoded statement to read, and the issued bytes to verify."""

import asyncio
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from sqlalchemy import insert

from api.db.models import Attestation
from api.storage import LocalStorage
from api.storage.signing import GrantSigner
from api.tenancy.scope import Scope
from attestations import canonical
from attestations.bundle import MEDIA_TYPE, Bundle
from attestations.dsse import Envelope
from tests.api.conftest import Upload
from tests.api.evidence.issuing import Issuing
from tests.api.jobs.test_jobs import in_database
from tests.api.serving import BASE, Served

STATEMENT = {"_type": "https://in-toto.io/Statement/v1", "predicate": {"outcome": {"status": "blocked"}}}


def issue(served: Served, client: OpenAI, upload: Upload) -> bytes:
    """As control would: the bundle in storage, its row in the database."""
    job = client.fine_tuning.jobs.create(model=BASE, training_file=upload().id)
    envelope = Envelope(
        payload_type="application/vnd.in-toto+json",
        unverified_payload=canonical.encode(STATEMENT),
        key_id="ab" * 32,
        signature=b"not checked here",
    )
    content = Bundle(envelope=envelope).encode()
    key = "proj-default/attestations/att-1.resilience.json"
    storage = LocalStorage(served.directory / "objects", GrantSigner(served.url, "s" * 32))
    asyncio.run(storage.put_bytes(key, content))
    row = {
        "id": "att-1", "organization_id": "org-default", "project_id": "proj-default", "job_id": job.id,
        "outcome": "blocked", "statement_digest": "cd" * 32, "bundle_key": key, "issued_at": 1, "valid_until": 2,
    }  # fmt: skip
    in_database(served, insert(Attestation).values(row))
    return content


def test_an_attestation_shows_its_statement_and_its_bytes(
    client: OpenAI, other: OpenAI, upload: Upload, served: Served
) -> None:
    content = issue(served, client, upload)
    shown: Any = client.get("/attestations/att-1", cast_to=object)
    assert (shown["object"], shown["outcome"], shown["statement"]) == ("attestation", "blocked", STATEMENT)
    assert (shown["issued_at"], shown["valid_until"], shown["statement_digest"]) == (1, 2, "cd" * 32)
    answer = httpx.get(f"{served.url}{shown['bundle']}", headers={"authorization": f"Bearer {served.key}"})
    assert answer.content == content
    assert answer.headers["content-type"].startswith(MEDIA_TYPE)
    assert answer.headers["content-disposition"] == 'attachment; filename="att-1.resilience.json"'
    for path in ("/attestations/att-1", "/attestations/att-1/bundle"):
        with pytest.raises(openai.NotFoundError):
            other.get(path, cast_to=object)
    with pytest.raises(openai.NotFoundError):
        client.get("/attestations/att-2", cast_to=object)


def test_a_job_names_the_attestation_whose_place_its_own_will_take(
    client: OpenAI, issuing: Issuing, upload: Upload
) -> None:
    earlier = issuing.attestation()
    file = upload()

    def create(asked: str) -> Any:
        extra = {"evidence": {"supersedes": asked, "hide": ["tuning.steps"]}}
        return client.fine_tuning.jobs.create(model=BASE, training_file=file.id, extra_body=extra)

    job = create(earlier)
    assert job.evidence == {"hide": ["tuning.steps"], "supersedes": earlier}
    theirs = issuing.attestation(scope=Scope("org-b", "proj-b"))
    for wrong in ("nothing", theirs, "\u00e9 \n"):
        with pytest.raises(openai.NotFoundError) as caught:
            create(wrong)
        assert (caught.value.code, caught.value.param) == ("attestation_not_found", "evidence.supersedes")
