"""Types of arguments that several commands take."""

import argparse
from datetime import datetime

from attestations.documents import parse_moment
from attestations.errors import MalformedError


def time_argument(text: str) -> datetime:
    """A time like 2026-01-31T12:00:00Z."""
    try:
        return parse_moment(text)
    except MalformedError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
