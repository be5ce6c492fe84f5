"""``python -m migrations upgrade|downgrade|check [REVISION]``."""

import argparse
import os
import sys

from migrations import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m migrations", description=__doc__)
    parser.add_argument("action", choices=["upgrade", "downgrade", "check"])
    parser.add_argument("revision", nargs="?", help="default: head for upgrade, base for downgrade")
    chosen = parser.parse_args()
    url = os.environ.get("TUNEPROOF_DATABASE_URL", "")
    if not url:
        parser.error("set TUNEPROOF_DATABASE_URL")
    if chosen.action == "check":
        run.check(url)
    elif chosen.action == "upgrade":
        run.upgrade(url, chosen.revision or "head")
    else:
        run.downgrade(url, chosen.revision or "base")
    return 0


if __name__ == "__main__":
    sys.exit(main())
