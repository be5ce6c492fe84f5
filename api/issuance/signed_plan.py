"""The plan as it is signed before the tuning: its bytes, the eval-plan statement about them, and what both keep back.

A plan may hide the settings of its tuning. What is hidden is decided before it is signed, so its bytes hold commitments from
then on, and the openings are kept with the job until its evidence is issued. ``SignedPlan.to_json`` is how a job's row keeps
all of it. Made by the plan stage; without one no worker is told to tune (``api.control.dispatch``).
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api.issuance import hiding
from attestations import canonical, disclosure, documents
from attestations.bundle import UnverifiedTimestamp, parse_sigstore, sigstore_json
from attestations.digests import Sha256
from attestations.disclosure import Opening
from attestations.documents import moment, parse_moment
from attestations.dsse import Envelope
from attestations.plan import Plan, parse
from attestations.statements import eval_plan, reading
from attestations.statements.eval_plan import EvalPlan
from attestations.statements.frame import Statement

CLOSE_DAYS = 30
"""How long after its plan a job may tune: longer than its stages may wait for workers, all attempts together."""

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPlan:
    """``content`` are the plan's bytes, ``statement`` the envelope of the statement about them. ``timestamp`` is over that
    envelope's signature, where an authority gave one: it proves that the plan was there before the tuning."""

    content: bytes
    statement: Envelope
    openings: tuple[Opening, ...] = ()
    timestamp: UnverifiedTimestamp | None = None

    @property
    def digest(self) -> Sha256:
        return Sha256.of(self.content)

    @property
    def statement_digest(self) -> Sha256:
        return Sha256.of(self.statement.unverified_payload)

    def closed(self, now: int) -> bool:
        """Whether the time is over by which the statement says that its runs end; ``now`` in Unix seconds."""
        said = reading.parse_envelope(self.statement).predicate
        return not isinstance(said, EvalPlan) or parse_moment(said.close_by).timestamp() <= now

    def to_json(self) -> JsonObject:
        """All but the plan's bytes, which the job keeps as text."""
        stored: JsonObject = {
            "statement": sigstore_json(self.statement),
            "openings": [one.to_json() for one in self.openings],
        }
        if self.timestamp is not None:
            token = base64.b64encode(self.timestamp.token).decode()
            stored["timestamp"] = {"over": self.timestamp.over, "rfc3161": token}
        return stored

    @classmethod
    def of(cls, content: str, stored: JsonObject) -> "SignedPlan":
        """From a job's row. Raises ``MalformedError`` where that is not as ``to_json`` made it."""
        openings, stamp = stored["openings"], stored.get("timestamp")
        return cls(
            content=content.encode(),
            statement=parse_sigstore(stored["statement"], "plan_statement"),
            openings=disclosure.parse(openings if isinstance(openings, list) else []).plan,
            timestamp=UnverifiedTimestamp(stamp["over"], base64.b64decode(stamp["rfc3161"]))
            if isinstance(stamp, dict)
            else None,
        )


def concealed(plan: Plan, hide: list[str], new_salt: Callable[[], bytes]) -> tuple[bytes, tuple[Opening, ...]]:
    """The plan's bytes without the settings that the patterns, written for the attestation, keep back; and the openings."""
    patterns = hiding.plan_paths(plan.tuning, hide)
    tree, openings = disclosure.hide(documents.encode(plan), patterns, new_salt, disclosure.PLAN)
    content = canonical.encode(tree)
    parse(content, openings)
    return content, openings


def statement_about(content: bytes, *, issuer: str, signed_at: int) -> Statement[EvalPlan]:
    """To be signed at ``signed_at`` (Unix seconds), before the tuning."""
    at = datetime.fromtimestamp(signed_at, UTC)
    close_by = moment(at + timedelta(days=CLOSE_DAYS))
    return eval_plan.build(content, issuer=issuer, created_at=moment(at), close_by=close_by)
