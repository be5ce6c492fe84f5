"""What commands with `--json` print: one object, also where an error leaves nothing to report."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from attestations.errors import AttestationError
from attestations.report import error_json


def print_json(value: Mapping[str, object]) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=True))


@contextmanager
def errors_printed(*, as_json: bool) -> Iterator[None]:
    """Prints the error that comes out of the block, if asked to, and lets it go on to stderr and the exit code."""
    try:
        yield
    except AttestationError as error:
        if as_json:
            print_json(error_json(error))
        raise
