"""The command `tuneproof`: chooses a command, prints what it says, and ends with a code.

Exit codes: 0 accept, 1 cryptographic failure, 2 malformed input or wrong usage, 3 policy rejects, 4 stale or
undetermined. Bad input ends in one sentence on stderr, never in a traceback. Nothing here opens a socket. Each command is a
module of `attestations.commands` whose `add` declares it; only the one that was asked for is imported, so that starting is quick.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from attestations.errors import AttestationError
from attestations.findings import ExitCode

COMMANDS = {
    "verify": "find out whether to believe and accept a bundle",
    "show": "print what a bundle says, without believing it",
    "diff": "say what changed between two bundles",
    "explode": "write a bundle's parts as files for other tools",
    "policy": "sign your own rules, or say in words what they demand",
    "countersign": "say in a statement of your own what you found about evidence",
    "attach": "put countersignatures and notices into a bundle",
    "trust": "look at a trust root, or follow it to a newer one",
    "page": "write the page that verifies in a browser",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `tuneproof` and `python -m attestations`; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter is no failure
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser(given[0] if given else "").parse_args(given)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
    except AttestationError as error:
        from attestations.report import plain

        print(f"tuneproof: {plain(str(error))} [{error.code}]", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again while it exits
        return ExitCode.UNDETERMINED
    return code


def _parser(chosen: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuneproof",
        description="Verify, offline, what a fine-tuning did to a model's safety.",
        epilog="Exit codes: 0 accept, 1 cryptographic failure, 2 malformed, 3 policy rejects, 4 stale or undetermined.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, words in COMMANDS.items():
        if name == chosen:
            import_module(f"attestations.commands.{name}").add(commands)
        else:
            commands.add_parser(name, help=words)
    return parser


class _Version(argparse.Action):
    """As argparse's own, but looks the version up only when it is asked for: that takes longer than all else here."""

    def __call__(self, parser: argparse.ArgumentParser, *_rest: object) -> None:
        from attestations.version import version

        print(f"tuneproof {version()}")
        parser.exit()
