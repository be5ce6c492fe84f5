"""Whether a key may sign now; where not, the log says why and what to do, and whatever needs the key waits.

Called before anything is spent on what could not be signed: an attempt at a stage, a place in a status list. The signature itself
is guarded by the key (``api.issuance.signing_key``).
"""

import asyncio
from dataclasses import dataclass, field

import structlog

from api.issuance.signing_key import SigningKey
from attestations.trust import KeyRole

log = structlog.get_logger()

REPEAT_SECONDS = 60


@dataclass(slots=True)
class Holding:
    """Remembers what it said, so that many waiting jobs do not fill the log: the same once a minute."""

    _said: dict[KeyRole, tuple[str, int]] = field(default_factory=dict)

    async def may_sign(self, key: SigningKey, *, waiting: str) -> bool:
        """``waiting`` is what needs the signature, for the log."""
        why = await asyncio.to_thread(key.doubt)
        if why is None:
            if self._said.pop(key.role, None) is not None:
                log.info("key believed again", role=key.role.value, key_id=key.key_id)
            return True
        now, (words, said_at) = key.clock(), self._said.get(key.role, ("", 0))
        if words != why or not 0 <= now - said_at < REPEAT_SECONDS:
            self._said[key.role] = (why, now)
            log.error("nothing is signed: the key is not believed", role=key.role.value, waiting=waiting, reason=why)
        return False
