"""The version of what is installed."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    try:
        return installed("tuneproof")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+source"
