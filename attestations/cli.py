"""The command `tuneproof`: reads files within limits, calls the pure parts, prints, and ends with a code.

Exit codes: 0 accept, 1 cryptographic failure, 2 malformed input or wrong usage, 3 policy rejects, 4 stale or
undetermined. Bad input ends in one sentence on stderr, never in a traceback. Nothing here opens a socket.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from attestations import __version__, bundle, explode, policy, statement, trust
from attestations.documents import parse_moment
from attestations.errors import AttestationError, FileAccessError, MalformedError
from attestations.findings import ExitCode
from attestations.report import plain, report_json, report_text, unverified_text
from attestations.verify import verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `tuneproof` and `python -m attestations`; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter is no failure
    options = _parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
    except AttestationError as error:
        print(f"tuneproof: {plain(str(error))} [{error.code}]", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains again while it exits
        return ExitCode.UNDETERMINED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tuneproof",
        description="Verify, offline, what a fine-tuning did to a model's safety.",
        epilog="Exit codes: 0 accept, 1 cryptographic failure, 2 malformed, 3 policy rejects, 4 stale or undetermined.",
    )
    parser.add_argument("--version", action="version", version=f"tuneproof {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    check = commands.add_parser("verify", help="find out whether to believe and accept a bundle")
    check.add_argument("bundle", type=Path, metavar="BUNDLE", help="the evidence, *.resilience.json")
    check.add_argument("--trust", type=Path, required=True, help="the keys you believe, trust.json")
    check.add_argument("--policy", type=Path, help="your own rules, on top of the default ones")
    check.add_argument("--model", type=Path, metavar="DIR", help="the model's files, compared with the signed manifest")
    check.add_argument("--now", type=_time, metavar="TIME", help="judge as of this time, like 2026-01-31T12:00:00Z")
    check.add_argument("--json", action="store_true", help="print the report for programs")
    check.set_defaults(run=_verify)
    show = commands.add_parser("show", help="print what a bundle says, without believing it")
    show.add_argument("bundle", type=Path, metavar="BUNDLE")
    show.set_defaults(run=_show)
    parts = commands.add_parser("explode", help="write a bundle's parts as files for other tools")
    parts.add_argument("bundle", type=Path, metavar="BUNDLE")
    parts.add_argument("directory", type=Path, metavar="DIR", help="a new or empty directory")
    parts.set_defaults(run=_explode)
    return parser


def _verify(options: argparse.Namespace) -> int:
    acceptance = policy.parse(_read(options.policy, policy.MAX_BYTES)) if options.policy else None
    if options.model is not None and not os.path.isdir(options.model):  # noqa: PTH112 - Path.is_dir raises
        raise FileAccessError("file.not_a_directory", f"{options.model} is no directory")
    report = verify(
        _read(options.bundle, bundle.MAX_BYTES),
        _read(options.trust, trust.MAX_BYTES),
        now=options.now or datetime.now(UTC),
        model_dir=options.model,
        acceptance=acceptance,
    )
    print(json.dumps(report_json(report), indent=2, ensure_ascii=True) if options.json else report_text(report))
    return report.exit_code


def _show(options: argparse.Namespace) -> int:
    parts = bundle.parse(_read(options.bundle, bundle.MAX_BYTES))
    print(unverified_text(statement.parse(parts.envelope.unverified_payload)))
    return ExitCode.ACCEPT


def _explode(options: argparse.Namespace) -> int:
    for path in explode.explode(bundle.parse(_read(options.bundle, bundle.MAX_BYTES)), options.directory):
        print(path)
    return ExitCode.ACCEPT


def _read(path: Path, max_bytes: int) -> bytes:
    """The file's bytes; one byte more than allowed is enough for the parser to refuse it."""
    try:
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except OSError as error:
        raise FileAccessError("file.unreadable", f"{path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise FileAccessError("file.unreadable", "a file name holds a NUL") from error


def _time(text: str) -> datetime:
    try:
        return parse_moment(text)
    except MalformedError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
