"""``python -m api``: serve REST on ``TUNEPROOF_HOST`` and ``TUNEPROOF_PORT`` (default 127.0.0.1 and 8000)."""

import asyncio
import os
import signal
import sys
from typing import NoReturn

import uvicorn

from api.app import create_app
from api.db.session import Database
from api.logs import configure_logs
from api.settings import Settings, SettingsError
from api.storage import open_storage
from workers.catalog import Catalog, CatalogError

GRACE_SECONDS = 3


async def serve(settings: Settings, host: str, port: int) -> None:
    catalog = Catalog.load(settings.catalog)
    database = Database(settings.database_url)
    app = create_app(settings, database, open_storage(settings.storage), catalog)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    try:
        await uvicorn.Server(config).serve()
    finally:
        await database.close()


def leave_when_told() -> None:
    """Leave with status 0 on SIGTERM and Ctrl-C. The server stops gracefully by itself and then raises the signal again:
    without this the second one would kill the process before the database is closed."""

    def leave(_number: int, _frame: object) -> NoReturn:
        raise SystemExit(0)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)


def main() -> int:
    configure_logs()
    leave_when_told()
    host, port = os.environ.get("TUNEPROOF_HOST", "127.0.0.1"), os.environ.get("TUNEPROOF_PORT", "8000")
    if not (port.isdigit() and 0 < int(port) < 65536):
        sys.stderr.write("TUNEPROOF_PORT must be a number from 1 to 65535\n")
        return 2
    try:
        asyncio.run(serve(Settings.from_env(), host, int(port)))
    except (SettingsError, CatalogError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
