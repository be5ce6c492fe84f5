"""Records of the predicate beside its measurements: a person's review of a held model, and what the answers were.

A review is a fact like any other: who decided, when, why and under which conditions. It changes nothing that was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from attestations.digests import Sha256
from attestations.documents import Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.statistics import PairedDifferences, PairedTable

MAX_TABLES = 16_384
MAX_PAIRS_IN_ALL = 2_000_000


class ReviewDecision(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Review:
    """One person's decision on a held model. Each of its `conditions` is a control in the boundaries' `requires`."""

    decision: ReviewDecision
    reviewer: Name
    rationale: str
    conditions: tuple[str, ...] | None
    at: Moment

    def __post_init__(self) -> None:
        parse_moment(self.at)


@dataclass(frozen=True, slots=True)
class OutputTree:
    """The Merkle tree over one model's kept answers, as `attestations.leaves` makes it."""

    root: Sha256
    leaves: int


@dataclass(frozen=True, slots=True)
class OutputsRef:
    """What base and candidate answered, item by item: kept by the service, and shown line by line to who may see it."""

    baseline: OutputTree
    candidate: OutputTree


def require_order(reviews: Sequence[Review], *, finished: Moment | None, issued: Moment) -> None:
    """Refuses reviews from before the model was finished, where that is said, and from after the statement was issued."""
    for review in reviews:
        if parse_moment(review.at) > parse_moment(issued):
            raise MalformedError("predicate.reviews", "a review is dated after the statement that tells of it")
        if finished is not None and parse_moment(review.at) < parse_moment(finished):
            raise MalformedError("predicate.reviews", "a review is dated before there was a model to review")


def require_countable(counted: Sequence[PairedTable | PairedDifferences]) -> None:
    """Bounds what a verifier computes again: an exact test takes time for every pair, an interval for every table."""
    if len(counted) > MAX_TABLES or sum(statistics.n for statistics in counted) > MAX_PAIRS_IN_ALL:
        words = f"has more than {MAX_TABLES} tables, or more than {MAX_PAIRS_IN_ALL} pairs in them"
        raise MalformedError("predicate.too_much", words)
