"""Cursor pages as the API speaks them: ``limit`` rows after the row whose id is ``after``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from api.errors import InvalidRequestError

T = TypeVar("T")

_ID = re.compile(r"[!-~]{1,300}")


@dataclass(frozen=True, slots=True)
class Page:
    limit: int
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    rows: Sequence[T]
    has_more: bool


def asked_page(after: str | None, limit: int, *, most: int) -> Page:
    """Raises ``InvalidRequestError``."""
    if not 1 <= limit <= most:
        raise InvalidRequestError(f"limit must be from 1 to {most}.", param="limit")
    if after is not None and not _ID.fullmatch(after):
        raise InvalidRequestError("after must be the id of the last object of the page before.", param="after")
    return Page(limit=limit, after=after)


def cut(rows: Sequence[T], page: Page) -> Rows[T]:
    """``rows`` were queried with one more than the limit."""
    return Rows(rows=rows[: page.limit], has_more=len(rows) > page.limit)


def plausible_id(unverified: str) -> bool:
    """Whether it is worth a query: databases refuse some characters with errors of their own."""
    return _ID.fullmatch(unverified) is not None
