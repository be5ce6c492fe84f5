"""The service with its objects in S3: the same answers, and no storage routes of its own."""

import json
import shutil
from pathlib import Path

import httpx
import openai
import pytest

from api.settings import StorageSettings
from tests.api.conftest import PROVENANCE, RECORDS
from tests.api.serving import BASE, serving


def test_files_and_jobs_with_objects_in_a_bucket(
    s3_settings: StorageSettings, migrated_sqlite: Path, tmp_path: Path
) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "test.db")
    with serving(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/test.db", storage=s3_settings) as running:
        served = running.with_new_keys()
        assert httpx.get(f"{served.url}/readyz").status_code == 200
        with served.client() as client:
            extra = {"provenance": json.dumps(PROVENANCE)}
            file = client.files.create(file=("train.jsonl", RECORDS), purpose="fine-tune", extra_body=extra)
            assert client.files.content(file.id).read() == RECORDS
            job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id)
            client.fine_tuning.jobs.cancel(job.id)
            assert client.files.delete(file.id).deleted
            with pytest.raises(openai.NotFoundError):
                client.files.content(file.id)
        unknown = httpx.get(f"{served.url}/storage/anything?method=GET&expires=1&signature=x")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_url")
        assert not (tmp_path / "objects").exists()
