"""Taking in what evaluators signed about an attestation. By any key of the project, for what counts is the evaluator's own.

A countersignature is taken if it is about this attestation, a key in the role evaluator of the newest published trust root made
it in its time, and what it says follows from its own counts. Whether it agrees is not asked: disagreement is kept and handed
out like agreement, and nobody can take either back. The rules are the verifier's own code. What a trust root says later about
the key is for buyers' verifiers to heed.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import ApiKey, Attestation, AttestationCountersignature
from api.db.session import Database
from api.errors import ApiError, ConflictError, InvalidRequestError
from api.evidence import repository
from api.evidence.changes import Asking
from api.evidence.service import found
from api.ids import new_id
from api.published.trust_files import NEWEST, trust_root
from api.storage import Storage
from api.tenancy.scope import Scope
from attestations import bundle, canonical, statement, trust
from attestations.bundle import Bundle, sigstore_json
from attestations.documents import parse_moment
from attestations.dsse import Envelope
from attestations.errors import AttestationError, MalformedError
from attestations.findings import Check, ExitCode
from attestations.statements import reading
from attestations.statements.case import Attached, Case, believe
from attestations.statements.countersignature import Countersignature
from attestations.statements.frame import Statement
from attestations.statements.later import COUNTERSIGNATURE, check_countersignature
from attestations.status import CLOCK_TOLERANCE
from attestations.trust import KeyRole, TrustRoot

log = structlog.get_logger()

MAX_COUNTERSIGNATURE = 512 * 1024
"""Bytes of a request; the largest plan has 512 rows, which take some 300 KiB."""
MOST_COUNTERSIGNATURES = 16
_ROOM = 4 * 1024 * 1024
"""What a bundle keeps free for its status list, notices and openings."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A countersignature that is believed, and the id of its key."""

    envelope: Envelope
    said: Countersignature
    digest: str
    key_id: str


@dataclass(frozen=True, slots=True)
class CountersignaturesService:
    """``trust`` is the folder of published trust roots. Methods raise ``ApiError``: 404 for what is not in the scope."""

    database: Database
    storage: Storage
    trust: Path | None
    clock: Callable[[], float] = time.time

    async def take(self, asking: Asking, attestation_id: str, unverified: bytes) -> AttestationCountersignature:
        """Also raises 400 for what is not believed, and 409 where no trust root is published or the bundle is full. The same
        one again changes nothing."""
        async with self.database.read() as session:
            known = await found(session, asking.scope, attestation_id)
        attached = await asyncio.to_thread(read, unverified, known.row.statement_digest)
        stored = await self.storage.get_bytes(known.row.bundle_key, bundle.MAX_BYTES)
        now = self.clock()
        taken = await asyncio.to_thread(self._judged, attached, stored, datetime.fromtimestamp(now, UTC))
        row = _row(known.row, taken)
        async with self.database.write() as session:
            await repository.locked(session, known.row.id)
            there = await repository.countersignatures_of(session, known.row.id)
            same = next((one for one in there if one.statement_digest == row.statement_digest), None)
            if same is not None:
                return same
            later = await repository.later_of(session, known.row.id)
            sizes = [len(row.envelope), *(len(one.envelope) for one in later)]
            _refuse_full(len(there), len(stored) + sum(sizes))
            _enter(session, row, key=await session.get_one(ApiKey, asking.key_id), now=int(now))
        log.info("countersignature", attestation_id=row.attestation_id, key_id=row.key_id, conclusion=row.conclusion)
        return row

    async def taken(self, scope: Scope, attestation_id: str) -> Sequence[AttestationCountersignature]:
        """Newest first."""
        async with self.database.read() as session:
            known = await found(session, scope, attestation_id)
            return await repository.countersignatures_of(session, known.row.id)

    def _judged(self, attached: Attached[Countersignature], stored: bytes, now: datetime) -> Taken:
        return judge(attached, bundle.parse(stored), _published(self.trust), now=now)


def read(unverified: bytes, attestation: str) -> Attached[Countersignature]:
    """The countersignature in a Sigstore bundle, if it is about the attestation whose payload has this digest. Raises
    ``InvalidRequestError``."""
    try:
        value = canonical.parse_relaxed(unverified, what="the body", max_bytes=MAX_COUNTERSIGNATURE)
        envelope = bundle.parse_sigstore(value, "countersignature")
        stated = reading.parse_envelope(envelope)
    except MalformedError as error:
        raise InvalidRequestError(
            f"The body is no countersignature: {error}. Send the Sigstore bundle that `tuneproof countersign` wrote.",
            code="invalid_countersignature",
        ) from error
    if not isinstance(stated.predicate, Countersignature):
        raise InvalidRequestError(
            f"The body is a statement of the type {stated.predicate.TYPE}; only countersignatures are taken here.",
            code="invalid_countersignature",
        )
    attached = Attached(envelope, Statement(stated.subject, stated.predicate))
    if stated.subject.digest.sha256 != attestation:
        raise _refused(
            f"it is about another attestation, {stated.subject.digest.sha256[:16]}…, not {attestation[:16]}…"
        )
    return attached


def judge(attached: Attached[Countersignature], parts: Bundle, root: TrustRoot, *, now: datetime) -> Taken:
    """Raises ``InvalidRequestError`` saying what a verifier would have against it, other than that it disagrees."""
    said = attached.unverified.predicate
    stated = statement.parse(parts.envelope.unverified_payload)
    case = Case(parts, stated, None, root, now, None, ())
    signed = believe(case, attached.envelope, COUNTERSIGNATURE, roles=(KeyRole.EVALUATOR,), claimed=said.at)
    if isinstance(signed, Check):
        raise _refused(f"{signed.sentence} (version {root.version} of the trust root)")
    if parse_moment(stated.predicate.issued_at) - parse_moment(said.at) > CLOCK_TOLERANCE:
        raise _refused("it is dated before the attestation that it is about")
    strays = said.strays(stated.predicate)
    if strays:
        raise _refused(f"what it says does not follow from its counts and this attestation: {'; '.join(strays[:3])}")
    check, _ = check_countersignature(case, attached)
    if check.exit_code not in (ExitCode.ACCEPT, ExitCode.POLICY):  # what is left of the latter is disagreement
        raise _refused(check.sentence)
    return Taken(attached.envelope, said, attached.digest.sha256, signed.key.key_id)


def _published(folder: Path | None) -> TrustRoot:
    """The newest trust root that buyers find here. Raises ``ConflictError``."""
    content = trust_root(folder, NEWEST)
    try:
        if content is not None:
            return trust.parse(content)
        why = "publishes no trust root"
    except AttestationError as error:
        log.exception("the published trust root cannot be used", folder=str(folder))
        why = f"publishes a trust root that does not hold: {error}"
    raise ConflictError(
        f"This service {why}, so no evaluator is known here. The operator sets TUNEPROOF_TRUST_DIR.",
        code="trust_root_missing",
    )


def _refused(why: str) -> ApiError:
    return InvalidRequestError(f"The countersignature is not taken: {why}.", code="countersignature_refused")


def _refuse_full(there: int, size: int) -> None:
    if there >= MOST_COUNTERSIGNATURES or size > bundle.MAX_BYTES - _ROOM:
        raise ConflictError(
            f"The bundle of the attestation has no room for another countersignature ({there} are there). "
            "Hand it to buyers beside the bundle; `tuneproof attach` puts it into theirs.",
            code="bundle_full",
        )


def _row(about: Attestation, taken: Taken) -> AttestationCountersignature:
    row = AttestationCountersignature(id=new_id("csig-"), attestation_id=about.id, statement_digest=taken.digest)
    row.key_id, row.evaluator = taken.key_id, taken.said.evaluator.organisation
    row.mode, row.conclusion = taken.said.mode.value, taken.said.conclusion.value
    row.signed_at = int(parse_moment(taken.said.at).timestamp())
    row.envelope = canonical.encode(sigstore_json(taken.envelope)).decode()
    row.organization_id, row.project_id = about.organization_id, about.project_id
    return row


def _enter(session: AsyncSession, row: AttestationCountersignature, *, key: ApiKey, now: int) -> None:
    row.created_by, row.created_by_name, row.created_at = key.id, key.name, now
    session.add(row)
