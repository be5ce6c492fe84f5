"""The operator's key commands.

python -m api.issuance create-key KEY           (reads TUNEPROOF_ISSUER and TUNEPROOF_SIGNING_PASSPHRASE)
python -m api.issuance export-trust KEY TRUST   the file that buyers get, by another way than the evidence
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from api.issuance import keyfile


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m api.issuance", description="Keys of the issuer.")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create-key", help="make the issuer's key and its trust root")
    create.add_argument("key", type=Path)
    export = commands.add_parser("export-trust", help="copy the trust root that belongs to a key")
    export.add_argument("key", type=Path)
    export.add_argument("trust", type=Path)
    chosen = parser.parse_args()
    issuer = os.environ.get("TUNEPROOF_ISSUER", "")
    if chosen.command == "create-key" and not issuer:
        parser.error("set TUNEPROOF_ISSUER to the identity that signs, a URL that you control")
    try:
        if chosen.command == "create-key":
            passphrase = os.environ.get("TUNEPROOF_SIGNING_PASSPHRASE")
            signer = keyfile.create(chosen.key, issuer=issuer, passphrase=passphrase)
            sys.stdout.write(f"{signer.key_id}\n")
        else:
            shutil.copyfile(keyfile.trust_path(chosen.key), chosen.trust)
    except (keyfile.KeyFileError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
