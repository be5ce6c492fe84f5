"""The operator's key commands; docs/keys.md says when to use which.

    TUNEPROOF_ISSUER=https://tuning.example python -m api.issuance create-key /secure/issuer.pem
    python -m api.issuance export-trust /secure/issuer.pem trust.json

KEY is any name of a key that `TUNEPROOF_SIGNING_KEY` may have; KEYRING is the folder of trust roots, or the key file beside
which it lies. Opens keys with `TUNEPROOF_SIGNING_PASSPHRASE`, `TUNEPROOF_PKCS11_MODULE` and `TUNEPROOF_PKCS11_PIN`.
"""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from api.issuance import commands
from api.issuance.errors import SigningKeyError
from api.settings import KeyAccess
from attestations.documents import parse_moment
from attestations.errors import AttestationError, MalformedError


def main() -> int:
    parser = _parser()
    parser.set_defaults(issuer=os.environ.get("TUNEPROOF_ISSUER", ""), access=KeyAccess.from_env())
    chosen = parser.parse_args()
    try:
        chosen.run(chosen)
    except (SigningKeyError, AttestationError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m api.issuance", description="Keys and trust roots of the issuer.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], None], words: str) -> argparse.ArgumentParser:
        command = subparsers.add_parser(name, help=words, description=words)
        command.set_defaults(run=run)
        return command

    for name, run, words in (
        ("create-key", commands.create_key, "make the issuer's keys and version 1 of its trust root"),
        ("upgrade-trust", commands.upgrade_trust, "make a signed trust root for a key that has an unsigned one"),
    ):
        begin = add(name, run, words)
        begin.add_argument("key", metavar="KEY")
        begin.add_argument("--trust-dir", type=Path, metavar="DIR", help="the keyring; for KEY.pem it is KEY.trust")
        named = os.environ.get("TUNEPROOF_STATUS_KEY") or None
        status = "signs status lists; by default TUNEPROOF_STATUS_KEY, else KEY.status.pem"
        begin.add_argument("--status-key", metavar="KEY", default=named, help=status)
        begin.add_argument(
            "--root-public", type=Path, metavar="PEM", action="append", default=[], help="kept elsewhere"
        )
        begin.add_argument("--threshold", type=int, metavar="N", help="how many root keys must sign")
        _add_root_key(begin)
    own = add(
        "create-root-key", commands.create_root_key, "make a root key on its keeper's machine; prints its public half"
    )
    own.add_argument("key", type=Path, metavar="FILE")
    public = add("public-key", commands.public_key, "print the public half of a key")
    public.add_argument("key", metavar="KEY")
    _add_changes(add)
    sign = add("sign-trust", commands.sign_trust, "sign a draft of a trust root with a root key")
    sign.add_argument("draft", type=Path, metavar="DRAFT")
    sign.add_argument("key", metavar="KEY")
    publish = add(
        "publish-trust", commands.publish_trust, "keep a draft that enough root keys signed as the newest version"
    )
    publish.add_argument("keyring", type=Path, metavar="KEYRING")
    publish.add_argument("draft", type=Path, metavar="DRAFT", nargs="?", help="by default the keyring's own")
    export = add("export-trust", commands.export_trust, "copy the trust root for buyers; to a folder, every version")
    export.add_argument("keyring", type=Path, metavar="KEYRING")
    export.add_argument("trust", metavar="TRUST", help="a file, or a folder; one that ends with a slash is made")
    return parser


def _add_changes(add: Callable[[str, Callable[[argparse.Namespace], None], str], argparse.ArgumentParser]) -> None:
    """The commands that make the next version of a trust root."""
    rotate = add("rotate-key", commands.rotate_key, "put a new key beside the issuer's or status key, which then ends")
    compromise = add("compromise-key", commands.compromise_key, "say since when somebody else may have had a key")
    evaluator = add("add-evaluator", commands.add_evaluator, "believe the countersignatures of somebody else's key")
    authority = add("add-timestamp-authority", commands.add_timestamp_authority, "believe RFC 3161 timestamps")
    roots = add("replace-roots", commands.replace_roots, "put the trust root under other root keys")
    renew = add("renew-trust", commands.renew_trust, "make the next version, with a later expiry")
    for command in (rotate, compromise, evaluator, authority, roots, renew):
        command.add_argument("keyring", type=Path, metavar="KEYRING")
        _add_root_key(command)
    rotate.add_argument("new", metavar="NEW", help="the new key; a file that does not exist is made")
    rotate.add_argument("--role", choices=("issuer", "status"), default="issuer")
    rotate.add_argument("--overlap-days", type=int, default=7, metavar="N", help="the old key ends after N days (7)")
    compromise.add_argument("key_id", metavar="KEYID", help="at least its first 8 digits")
    compromise.add_argument(
        "--at", type=_time, required=True, metavar="TIME", help="since when, like 2026-01-31T12:00:00Z"
    )
    evaluator.add_argument("public", type=Path, metavar="PEM")
    evaluator.add_argument("--owner", required=True, metavar="NAME", help="the organisation behind the key")
    authority.add_argument("certificate", type=Path, metavar="PEM", help="the authority's root certificate")
    authority.add_argument("--id", required=True, metavar="NAME")
    roots.add_argument(
        "public", type=Path, metavar="PEM", nargs="+", help="the public halves, those that stay included"
    )
    roots.add_argument("--threshold", type=int, required=True, metavar="N")


def _add_root_key(command: argparse.ArgumentParser) -> None:
    words = "a root key at hand that signs; may be given several times; by default the file KEY.root.pem"
    command.add_argument("--root-key", metavar="KEY", action="append", default=[], help=words)


def _time(text: str) -> datetime:
    try:
        return parse_moment(text)
    except MalformedError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
