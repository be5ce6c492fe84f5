"""Models: bases, aliases, and what was released."""

from typing import Any

import openai
import pytest
from openai import OpenAI
from sqlalchemy import insert

from api.db.models import Attestation, TunedModel
from tests.api.conftest import Upload
from tests.api.jobs.test_jobs import in_database
from tests.api.serving import ALIAS, BASE, Served


def tuned(served: Served, client: OpenAI, upload: Upload, state: str, *, attested: bool = True) -> str:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=upload().id)
    name = f"ft:{BASE}:org-default::{job.id[-8:]}"
    row = {
        "id": name, "organization_id": "org-default", "project_id": "proj-default", "job_id": job.id, "base": BASE,
        "state": state, "manifest_digest": "ef" * 32, "archive_key": "k", "created_at": 7,
    }  # fmt: skip
    in_database(served, insert(TunedModel).values(row))
    if attested:
        evidence = {name: row[name] for name in ("organization_id", "project_id", "job_id")} | {
            "id": f"att-{job.id[-8:]}", "outcome": state, "statement_digest": "ab" * 32, "bundle_key": "k",
            "issued_at": 7, "valid_until": 8,
        }  # fmt: skip
        in_database(served, insert(Attestation).values(evidence))
    return name


def test_a_model_without_evidence_is_not_offered(client: OpenAI, upload: Upload, served: Served) -> None:
    tuned(served, client, upload, "released", attested=False)
    assert [model.id for model in client.models.list()] == [BASE]


def test_bases_are_listed_and_aliases_found(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [BASE]
    alias: Any = client.models.retrieve(ALIAS)
    assert (alias.id, alias.base, alias.object, alias.licence) == (ALIAS, BASE, "model", "Apache-2.0")


def test_only_released_models_are_shown_and_only_to_their_owner(
    client: OpenAI, other: OpenAI, upload: Upload, served: Served
) -> None:
    released, blocked = tuned(served, client, upload, "released"), tuned(served, client, upload, "blocked")
    assert [model.id for model in client.models.list()] == [BASE, released]
    found: Any = client.models.retrieve(released)
    assert (found.id, found.base, found.owned_by, found.created) == (released, BASE, "org-default", 7)
    for who, name in ((client, blocked), (other, released), (client, "a/b"), (client, "no such"), (client, "\0")):
        with pytest.raises(openai.NotFoundError) as caught:
            who.models.retrieve(name)
        assert caught.value.code in {"model_not_found", "unknown_url"}
    assert [model.id for model in other.models.list()] == [BASE]
