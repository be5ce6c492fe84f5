"""A timestamp over a signature where an authority is set, and what becomes of the job where the authority fails.

A job does not depend on it. An authority that does not answer is asked again by the stage's next attempts, seconds apart, which
sign anew; after ``ATTEMPTS`` of them, or as soon as it refuses, the evidence goes out without one. It then says NOT_CHECKED where
a buyer reads of the time of signing, and the customer finds a warning among the job's events.
"""

from dataclasses import dataclass

import structlog

from api.control.context import Control
from api.db.models import Run
from api.issuance.timestamping import TimestampError, TimestampUnavailableError
from attestations.bundle import UnverifiedTimestamp

log = structlog.get_logger()

ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Stamping:
    """The timestamp, or why there is none although an authority is set."""

    stamp: UnverifiedTimestamp | None = None
    warning: str | None = None


async def stamped(control: Control, run: Run, signature: bytes, what: str) -> Stamping:
    """Raises ``TimestampUnavailableError`` where the stage should be tried again; ``what`` was signed."""
    if control.timestamps is None:
        return Stamping()
    try:
        return Stamping(await control.timestamps.stamp(signature))
    except TimestampUnavailableError as error:
        if run.attempt < ATTEMPTS:
            raise
        failure: TimestampError = error
    except TimestampError as error:
        failure = error
    log.warning("no timestamp", job_id=run.job_id, what=what, reason=str(failure))
    return Stamping(warning=f"No timestamp proves when {what} was signed: {failure}")
