"""The operator's command that declares a project's sources once."""

import json
import os
import subprocess
import sys

from api.db.models import Project
from api.db.session import Database
from api.tenancy.bootstrap import DEFAULT_SCOPE

SOURCE = {
    "id": "desk",
    "name": "Help desk",
    "licence": "CC0-1.0",
    "consent": "synthetic",
    "origin": "written for a test",
    "personal_data": "none",
}


def command(url: str, path) -> subprocess.CompletedProcess:
    words = [sys.executable, "-m", "api.files", "set-default-provenance", str(path)]
    return subprocess.run(
        words, env=os.environ | {"TUNEPROOF_DATABASE_URL": url}, capture_output=True, text=True, check=False
    )


async def test_the_default_is_stored_whole_or_not_at_all(database: Database, database_url: str, tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"sources": [SOURCE]}))
    bad.write_text(json.dumps({"sources": [SOURCE | {"consent": "maybe"}]}))
    assert command(database_url, good).returncode == 0
    refused = command(database_url, bad)
    assert refused.returncode == 2
    assert "consent" in refused.stderr
    async with database.read() as session:
        project = await session.get_one(Project, DEFAULT_SCOPE.project_id)
    assert project.default_provenance == {"sources": [SOURCE]}
