"""Writes the signed samples of a format, once: `python -m tests.attestations.make_samples DIRECTORY [0.2|0.3]`.

The keys are made here and thrown away, so what was written cannot be written again; that is the point of samples. A later
format gets a directory and a function of its own. Format 0.3 needs `openssl` as a timestamp authority and the extra that
reads timestamps; the table in its README.md says which file gives which exit code, when, and under which trust root.
"""

import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from attestations import timestamps
from attestations.bundle import Bundle, UnverifiedTimestamp
from attestations.digests import Sha256
from attestations.keys import LocalSigner
from attestations.statements.notice import NoticeKind
from attestations.status import State
from attestations.timestamp_form import normalised
from attestations.trust import TimestampAuthority
from tests.attestations.evidence import make_failed_evidence, make_trust
from tests.attestations.evidence_02 import (
    APPROVED,
    BAD,
    DEPENDENT,
    GOOD,
    REJECTED,
    make_blocked,
    make_good,
    make_plan_02,
    make_reviewed,
    make_sweep,
    sweep,
)
from tests.attestations.evidence_03 import Keyring, World, answer, make_failed, make_hiding, make_plan_03, make_world

STAMPED = datetime(2026, 12, 5, tzinfo=UTC)
"""When the stamped sample is looked at: after the authority's time, and after the thefts that the later roots tell of."""
THEFT, EARLIER_THEFT = "2026-12-01T00:00:00Z", "2026-11-01T00:00:00Z"


def main(directory: Path) -> None:
    directory.mkdir(parents=True)
    signer = LocalSigner.generate()
    with tempfile.TemporaryDirectory() as models:
        made = {
            "released": make_good(Path(models) / "released", signer).bundle,
            "blocked": make_blocked(Path(models) / "blocked", signer).bundle,
            "held-approved": make_reviewed(Path(models) / "approved", signer=signer).bundle,
            "held-rejected": make_reviewed(Path(models) / "rejected", REJECTED, signer).bundle,
            "sweep": make_sweep(Path(models) / "sweep", signer).bundle,
            "failed": make_failed_evidence(signer, make_plan_02()),
        }
    for name, content in made.items():
        (directory / f"{name}.resilience.json").write_bytes(content)
    (directory / "trust.json").write_bytes(make_trust(signer))


def main_03(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    keys = Keyring.new()
    with tempfile.TemporaryDirectory() as models:
        made = _bundles(Path(models), keys)
        world = make_world(Path(models) / "stamped", keys=keys, name="stamped")
        stamped, authority = _stamped(world, Path(models) / "tsa")
    for name, parts in {**made, "timestamped": stamped}.items():
        (directory / f"{name}.resilience.json").write_bytes(parts.encode())
    (directory / "trust.json").write_bytes(keys.trust_file)
    for version, theft in ((2, THEFT), (3, EARLIER_THEFT)):
        root = replace(
            keys.changed(keys.issuer, compromised_at=theft),
            version=version,
            created_at=f"2026-12-0{version}T00:00:00Z",
            expires_at="2027-12-01T00:00:00Z",
            timestamp_authorities=(authority,),
        )
        (directory / f"trust-{version}.json").write_bytes(keys.file_of(root))


def _bundles(models: Path, keys: Keyring) -> dict[str, Bundle]:
    good = make_world(models / "good", keys=keys)
    plan = make_plan_03(candidates=("1", "0.5"))
    records = sweep(plan, {"1": BAD, "0.5": GOOD})
    _, hidden, openings = make_hiding(good)
    shown = (*(one.to_json() for one in openings), answer(2).to_json())
    fresh = good.parts.unverified_status
    countersigned = good.adding(good.countersigned(), by=keys.evaluator)
    later = good.adding(good.noticed(NoticeKind.REGRESSION_FOUND), by=keys.issuer)
    return {
        "released": good.parts,
        "blocked": make_world(models / "blocked", BAD, keys=keys).parts,
        "failed": replace(make_failed(good.plan, keys), unverified_status=fresh),
        "held-approved": make_world(models / "approved", DEPENDENT, keys=keys, reviews=(APPROVED,)).parts,
        "held-rejected": make_world(models / "rejected", DEPENDENT, keys=keys, reviews=(REJECTED,)).parts,
        "sweep": make_world(models / "sweep", GOOD, plan, keys, candidates=records).parts,
        "hidden": replace(hidden, unverified_status=fresh),
        "opened": replace(hidden, unverified_status=fresh, unverified_disclosures=shown),
        "countersigned": countersigned,
        "noticed": later,
        "revoked": replace(good.parts, unverified_status=good.listed(State.INVALID)),
        "superseded": make_world(models / "newer", keys=keys, supersedes=Sha256.of(good.stated.encode())).parts,
    }


def _stamped(world: World, directory: Path) -> tuple[Bundle, TimestampAuthority]:
    """The bundle with a real timestamp over its signature, of now, and whom to believe for that."""
    from tests.openssl_tsa import make_authority

    authority = make_authority(directory)
    signature = world.parts.envelope.signature
    token = normalised(authority.reply(timestamps.request(signature)))
    stamp = UnverifiedTimestamp(Sha256.of(signature).sha256, token)
    listed = world.listed(issued_at=STAMPED - timedelta(hours=6))
    believed = TimestampAuthority("Test stamps", authority.root_pem, "2026-01-01T00:00:00Z", "2027-12-31T00:00:00Z")
    return replace(world.parts, unverified_timestamps=(stamp,), unverified_status=listed), believed


if __name__ == "__main__":
    {"0.2": main, "0.3": main_03}[sys.argv[2] if len(sys.argv) > 2 else "0.3"](Path(sys.argv[1]))
