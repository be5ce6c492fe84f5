"""``python -m api.control``: the control process."""

import asyncio
import sys

from api.control.process import run
from api.logs import configure_logs
from api.settings import ControlSettings, Settings, SettingsError


def main() -> int:
    configure_logs()
    try:
        settings, control = Settings.from_env(), ControlSettings.from_env()
    except SettingsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return asyncio.run(run(settings, control))


if __name__ == "__main__":
    sys.exit(main())
