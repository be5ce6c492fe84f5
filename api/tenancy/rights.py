"""What a key may do beyond what every key of its project may."""

from enum import StrEnum


class Right(StrEnum):
    """``review``: decide about models that the gate held, unless the key created the job. ``attest``: say whether
    attestations still hold, and publish them."""

    REVIEW = "review"
    ATTEST = "attest"
