"""``python -m api.files set-default-provenance FILE``: where the default project's records come from, unless a file says so.

The operator's third way to provenance, for customers whose code cannot be changed. Jobs that exist keep what they were
created with.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import msgspec

from api.db.models import Project
from api.db.session import Database
from api.errors import ApiError
from api.files.provenance import Provenance, parse_provenance
from api.tenancy.bootstrap import ensure_defaults


async def set_default(database: Database, provenance: Provenance) -> None:
    scope = await ensure_defaults(database)
    async with database.write() as session:
        project = await session.get_one(Project, scope.project_id)
        project.default_provenance = msgspec.to_builtins(provenance)


async def _set(url: str, provenance: Provenance) -> None:
    database = Database(url)
    try:
        await set_default(database, provenance)
    finally:
        await database.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api.files", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("set-default-provenance", help="declare the default project's sources")
    command.add_argument("file", type=Path, help="a provenance document (docs/api.md)")
    chosen = parser.parse_args()
    url = os.environ.get("TUNEPROOF_DATABASE_URL", "")
    if not url:
        parser.error("set TUNEPROOF_DATABASE_URL")
    try:
        provenance = parse_provenance(chosen.file.read_bytes())
    except OSError as error:
        parser.error(f"cannot read {chosen.file}: {error.strerror}")
    except ApiError as error:
        parser.error(error.message)
    asyncio.run(_set(url, provenance))
    return 0


if __name__ == "__main__":
    sys.exit(main())
