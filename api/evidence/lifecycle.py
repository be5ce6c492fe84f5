"""Whether an attestation still holds, and which change of that may follow which. Pure.

    valid ──▶ suspended ──▶ valid          a suspension can be lifted
      │           │
      ├───────────┴──▶ superseded          by another attestation of the project that is valid
      └──▶ revoked ◀── (any of them)       final

A reason is given for whatever takes validity away, out of the words that the status list publishes.
"""

from dataclasses import dataclass
from enum import StrEnum

from api.errors import ConflictError, InvalidRequestError
from api.jobs.texts import Texts, prose
from attestations import status

_NOTE = Texts(longest=500)


class AttestationState(StrEnum):
    """A ``status.State`` by the name that the API speaks."""

    VALID = "valid"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"

    @property
    def listed(self) -> status.State:
        """As it stands in the status list."""
        return _LISTED[self]


_LISTED = {
    AttestationState.VALID: status.State.VALID,
    AttestationState.REVOKED: status.State.INVALID,
    AttestationState.SUSPENDED: status.State.SUSPENDED,
    AttestationState.SUPERSEDED: status.State.SUPERSEDED,
}
_NEXT = {
    AttestationState.VALID: {AttestationState.REVOKED, AttestationState.SUSPENDED, AttestationState.SUPERSEDED},
    AttestationState.SUSPENDED: {AttestationState.VALID, AttestationState.REVOKED, AttestationState.SUPERSEDED},
    AttestationState.SUPERSEDED: {AttestationState.REVOKED},
    AttestationState.REVOKED: set[AttestationState](),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of an attestation, and why. ``superseded_by`` is the id of the attestation that took its place."""

    state: AttestationState
    reason: status.Reason | None = None
    note: str | None = None
    superseded_by: str | None = None

    def __post_init__(self) -> None:
        """Raises ``InvalidRequestError`` naming the field."""
        if self.note is not None:
            prose(self.note, "note", _NOTE)
        if self.state is AttestationState.VALID and self.reason is not None:
            raise InvalidRequestError("A valid attestation has no reason; say why in note.", param="reason")
        if self.state is not AttestationState.VALID and self.reason is None:
            words = ", ".join(status.Reason)
            raise InvalidRequestError(
                f"reason is required. Give one of: {words}.", param="reason", code="missing_required_parameter"
            )
        superseded = self.state is AttestationState.SUPERSEDED
        if superseded and self.superseded_by is None:
            raise InvalidRequestError(
                "superseded_by is required: the id of the attestation that takes this one's place.",
                param="superseded_by",
                code="missing_required_parameter",
            )
        if self.superseded_by is not None and not superseded:
            raise InvalidRequestError(
                "superseded_by belongs to the state superseded; leave it out.", param="superseded_by"
            )


def changed(current: Standing, wanted: Standing) -> bool:
    """Whether ``wanted`` is news; what is said twice changes nothing. Raises ``ConflictError`` where it may not follow."""
    if current == wanted:
        return False
    if wanted.state in _NEXT[current.state]:
        return True
    possible = sorted(_NEXT[current.state])
    remedy = f"It can become {' or '.join(possible)}." if possible else "That is final; issue new evidence instead."
    raise ConflictError(
        f"The attestation is {current.state} and cannot become {wanted.state}. {remedy}", code="status_not_possible"
    )
