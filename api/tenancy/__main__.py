"""``python -m api.tenancy create-key --name NAME [--right review]``: print a new API key of the default project, once.

A key with the right ``review`` decides about models that the gate held; its name goes into the evidence of what it decides. One
with the right ``attest`` revokes, suspends and publishes attestations.
"""

import argparse
import asyncio
import os
import sys

from api.db.session import Database
from api.tenancy.bootstrap import create_key
from api.tenancy.rights import Right


async def _create(url: str, name: str, rights: list[Right]) -> str:
    database = Database(url)
    try:
        return (await create_key(database, name, rights=rights)).key
    finally:
        await database.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api.tenancy", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create-key", help="create a key and print it; it cannot be shown again")
    create.add_argument("--name", required=True, help="whose key it is, for your own records (at most 200 characters)")
    create.add_argument(
        "--right",
        action="append",
        default=[],
        choices=[right.value for right in Right],
        help="what it may do beyond using the API; may be given several times",
    )
    chosen = parser.parse_args()
    url = os.environ.get("TUNEPROOF_DATABASE_URL", "")
    if not url:
        parser.error("set TUNEPROOF_DATABASE_URL")
    if not 0 < len(chosen.name) <= 200 or not chosen.name.isprintable():
        parser.error("--name takes 1 to 200 printable characters")
    rights = [Right(name) for name in dict.fromkeys(chosen.right)]
    sys.stdout.write(asyncio.run(_create(url, chosen.name, rights)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
