"""`tuneproof show`: what a bundle says, without believing it."""

import argparse
from pathlib import Path

from attestations import bundle, disclosure, statement
from attestations.files import read_file
from attestations.findings import ExitCode
from attestations.report import unverified_text


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    show = commands.add_parser("show", help="print what a bundle says, without believing it")
    show.add_argument("bundle", type=Path, metavar="BUNDLE", help="the evidence, *.resilience.json")
    show.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    parts = bundle.parse(read_file(options.bundle, bundle.MAX_BYTES))
    opened = disclosure.parse(parts.unverified_disclosures)
    print(unverified_text(statement.parse(parts.envelope.unverified_payload, opened.predicate)))
    return ExitCode.ACCEPT
