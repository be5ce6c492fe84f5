"""`tuneproof page OUT.html`: writes the page that verifies in a browser, as it is in this package."""

import argparse
import os
from pathlib import Path

from attestations.errors import FileAccessError
from attestations.files import write_file
from attestations.findings import ExitCode
from attestations.page import document


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    page = commands.add_parser("page", help="write the page that verifies in a browser")
    page.add_argument("out", type=Path, metavar="OUT.html", help="a new file; one that exists is left alone")
    page.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    if os.path.lexists(options.out):
        raise FileAccessError("file.exists", f"{options.out} exists already; name a new file")
    write_file(options.out, document.read())
    print(options.out)
    return ExitCode.ACCEPT
