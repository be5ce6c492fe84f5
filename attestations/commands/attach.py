"""`tuneproof attach`: puts countersignatures and notices into a bundle, without believing any of them."""

import argparse
from pathlib import Path

from attestations import bundle, canonical
from attestations.dsse import Envelope
from attestations.errors import MalformedError
from attestations.files import read_file, write_file
from attestations.findings import ExitCode
from attestations.statements import frame
from attestations.statements.attaching import attach

_MAX_FILE = 2 * frame.MAX_BYTES
"""A payload in base64, and what is around it."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "attach",
        help="put countersignatures and notices into a bundle",
        description="Put countersignatures and notices into a copy of a bundle. They must be about its attestation and not be"
        " there yet; nothing else is checked, no signature either: that is for `tuneproof verify` to do.",
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the evidence, *.resilience.json")
    parser.add_argument(
        "statements", type=Path, nargs="+", metavar="STATEMENT", help="a Sigstore bundle, *.sigstore.json"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE2", help="where to write the new bundle")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    parts = bundle.parse(read_file(options.bundle, bundle.MAX_BYTES))
    whole = attach(parts, [_envelope(path) for path in options.statements])
    write_file(options.out, whole.encode())
    print(f"{options.out}: {len(whole.unverified_statements)} statements beside the attestation; nothing was verified")
    return ExitCode.ACCEPT


def _envelope(path: Path) -> Envelope:
    unverified = read_file(path, _MAX_FILE)
    try:
        return bundle.parse_sigstore(
            canonical.parse_relaxed(unverified, what="the statement", max_bytes=_MAX_FILE), "statement"
        )
    except MalformedError as error:
        raise MalformedError(error.code, f"{path}: {error}") from error
