"""A job's evidence, verified as a stranger would: the bundle that the API hands out, and a signed trust root."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from api.control.status_lists import sign_due_lists
from api.db.models import Attestation, StatusEntry, StatusList
from api.evidence import bundles as handed
from attestations import bundle as bundles
from attestations import trust
from attestations.documents import moment
from attestations.keys import LocalSigner
from attestations.trust import KeyRole, TrustRoot, trusted_key
from attestations.verify import verify
from tests.api.control.world import World


async def evidence(world: World, job_id: str):
    """Exit code, predicate, report."""
    raw = await bundle(world, job_id)
    report = verify(raw, trust_file(world), now=datetime.fromtimestamp(world.now, UTC))
    statement = json.loads(bundles.parse(raw).envelope.unverified_payload)
    return report.exit_code, statement["predicate"], report


async def bundle(world: World, job_id: str, *, openings=()) -> bytes:
    """With the newest status list in it, and the openings that its owner chose."""
    await sign_due_lists(world.control)
    job = await world.job(job_id)
    async with world.control.database.read() as session:
        row = await session.get_one(Attestation, job.attestation_id)
        entry = await session.get_one(StatusEntry, await _place(session, row.id))
        listed = await session.get_one(StatusList, entry.list_number)
    stored = await world.control.storage.get_bytes(row.bundle_key, max_bytes=bundles.MAX_BYTES)
    return handed.assembled(stored, token=listed.token, openings=openings)


def trust_file(world: World, authorities=(), issuer_keys=()) -> bytes:
    """The trust root that a buyer has, signed by a root key that nobody keeps; with other keys of the issuer where given."""
    now = datetime.fromtimestamp(world.now, UTC)
    begin, end = moment(now - timedelta(days=60)), moment(now + timedelta(days=60))
    root = LocalSigner.generate()
    held = (
        (root, KeyRole.ROOT),
        (world.control.status.signer, KeyRole.STATUS),
        *(((world.control.issuer.signer, KeyRole.ISSUER),) if not issuer_keys else ()),
    )
    made = TrustRoot(
        version=1,
        issuer=world.control.issuer.id,
        keys=(*(trusted_key(signer.public_pem, begin, end, role=role) for signer, role in held), *issuer_keys),
        created_at=begin,
        expires_at=end,
        threshold=1,
        timestamp_authorities=tuple(authorities),
    )
    return trust.encode_file(trust.seal(made, [root]))


async def _place(session, attestation_id: str):
    query = select(StatusEntry.list_number, StatusEntry.idx).where(StatusEntry.attestation_id == attestation_id)
    return tuple((await session.execute(query)).one())


def failures(report) -> list[str]:
    return [check.sentence for check in report.checks if check.status.value == "FAIL"]


def row_of(predicate, metric: str, suite: str, slice_: str = "*"):
    rows = predicate["regressions"]["rows"]
    return next(row for row in rows if (row["metric"], row["suite"], row["slice"]) == (metric, suite, slice_))


def counts_of(predicate, metric: str, suite: str, slice_: str = "*"):
    for row in predicate["evaluations"]:
        registered = row["registered"]
        if (registered["metric"], registered["suite"], registered["slice"]) == (metric, suite, slice_):
            return row
    raise AssertionError(f"{metric} {suite} {slice_} is not registered")
