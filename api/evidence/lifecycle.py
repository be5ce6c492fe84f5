"""Whether an attestation still holds, and which change of that may follow which. Pure.

    valid ──▶ suspended ──▶ valid          a suspension can be lifted
      │           │
      ├───────────┴──▶ superseded          by another attestation of the project that is valid
      └──▶ revoked ◀── (any of them)       final

A reason is given for whatever takes validity away, out of the words that the status list publishes. A signed notice that an
attestation is revoked or superseded stands only beside a list that says so: the state comes first, the notice after it.
"""

from dataclasses import dataclass
from enum import StrEnum

from api.errors import ConflictError, InvalidRequestError
from api.jobs.texts import Texts, prose
from attestations import status
from attestations.statements.notice import NoticeKind

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
_STATED = {NoticeKind.REVOKED: AttestationState.REVOKED, NoticeKind.SUPERSEDED: AttestationState.SUPERSEDED}
"""The kinds of notice that say what a status list says too."""


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


def refuse_contradiction(kind: NoticeKind, state: AttestationState | None) -> None:
    """Raises ``ConflictError`` where a notice would say otherwise than the status list. ``state`` is None where the statement
    names no list: then nothing but a notice can tell that it is revoked, and what supersedes it is written down nowhere."""
    needed = _STATED.get(kind)
    if needed is None or needed is state or (state is None and needed is AttestationState.REVOKED):
        return
    if state is None:
        raise ConflictError(
            "The statement names no status list, so what supersedes it is not known here; give a notice of the kind "
            "correction or revoked.",
            code="status_not_listed",
        )
    raise ConflictError(
        f"The attestation is {state}, so a notice that it is {kind} would contradict its status list. "
        f"First: POST /v1/attestations/{{id}}/status with the state {needed}.",
        code="notice_contradicts_status",
    )
