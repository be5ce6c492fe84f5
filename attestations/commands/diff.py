"""`tuneproof diff`: what changed between two bundles. A report, so it ends with 0 whatever it finds."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from attestations import bundle, disclosure, plan, statement, trust
from attestations.commands.arguments import time_argument
from attestations.commands.json_output import errors_printed, print_json
from attestations.diff import Side, compare
from attestations.diff_report import diff_json, diff_text
from attestations.digests import Sha256
from attestations.errors import CryptographicError
from attestations.files import read_file
from attestations.findings import ExitCode
from attestations.verify import verify


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    diff = commands.add_parser(
        "diff",
        help="say what changed between two bundles",
        description="Say what changed between two bundles. It believes what both say; with --trust both are verified first.",
    )
    diff.add_argument("before", type=Path, metavar="BUNDLE", help="the earlier evidence, *.resilience.json")
    diff.add_argument("after", type=Path, metavar="BUNDLE", help="the later evidence")
    diff.add_argument("--trust", type=Path, help="the keys you believe, trust.json: verify both before comparing")
    diff.add_argument("--now", type=time_argument, metavar="TIME", help="verify as of this time")
    diff.add_argument("--json", action="store_true", help="print all changes for programs, or why there are none")
    diff.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    with errors_printed(as_json=options.json):
        trusted = read_file(options.trust, trust.MAX_BYTES) if options.trust else None
        now = options.now or datetime.now(UTC)
        before, after = (_side(path, trusted, now) for path in (options.before, options.after))
    found = compare(before, after)
    if options.json:
        print_json(diff_json(found))
    else:
        print(diff_text(found))
    return ExitCode.ACCEPT


def _side(path: Path, trusted: bytes | None, now: datetime) -> Side:
    """One bundle; under a trust root only where its signature holds, as otherwise nobody said what it says."""
    content = read_file(path, bundle.MAX_BYTES)
    if trusted is not None:
        report = verify(content, trusted, now=now)
        if report.verified is None:
            raise CryptographicError(
                "diff.signature", f"{path}: no trusted key signed it, so there is nothing to compare"
            )
        return Side(report.verified.statement, report.planned, report.exit_code)
    parts = bundle.parse(content)
    opened = disclosure.parse(parts.unverified_disclosures)
    stated = statement.parse(parts.envelope.unverified_payload, opened.predicate)
    named, there = stated.predicate.plan, parts.unverified_plan
    if named is None or there is None or Sha256.of(there) != named.digest:
        return Side(stated)
    return Side(stated, plan.parse(there, opened.plan))
