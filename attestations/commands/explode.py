"""`tuneproof explode`: a bundle's parts as files for other people's tools."""

import argparse
from pathlib import Path

from attestations import bundle
from attestations.explode import explode
from attestations.files import read_file
from attestations.findings import ExitCode


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parts = commands.add_parser("explode", help="write a bundle's parts as files for other tools")
    parts.add_argument("bundle", type=Path, metavar="BUNDLE", help="the evidence, *.resilience.json")
    parts.add_argument("directory", type=Path, metavar="DIR", help="a new or empty directory")
    parts.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    for path in explode(bundle.parse(read_file(options.bundle, bundle.MAX_BYTES)), options.directory):
        print(path)
    return ExitCode.ACCEPT
