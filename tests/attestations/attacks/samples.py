"""Row 2 with real timestamps: cheats on kept samples, of which an authority has stamped one.

The sample's key was stolen in December by what version 2 of the trust root says, and before the authority's time by version
3. Where the library that checks timestamps is missing they are not carried out.
"""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from attestations import bundle
from attestations.bundle import Bundle
from attestations.digests import Sha256
from tests.attestations.attacks.scene import CRYPTO, FAIL, STALE, UNDETERMINED, Attack, Handed, Scene
from tests.attestations.make_samples import STAMPED

SAMPLES = Path(__file__).parents[1] / "samples" / "v0.3"
LIBRARY = "rfc3161_client"


def sample(name: str) -> Bundle:
    return bundle.parse((SAMPLES / f"{name}.resilience.json").read_bytes())


def handed(parts: Bundle, *, version: int = 2, now: datetime = STAMPED) -> Handed:
    fresh = sample("timestamped").unverified_status
    return Handed(
        replace(parts, unverified_status=fresh).encode(), (SAMPLES / f"trust-{version}.json").read_bytes(), now
    )


def stamped_after_the_theft(_: Scene) -> Handed:
    """What the key signed says a time before the theft; its timestamp is of after it."""
    return handed(sample("timestamped"), version=3)


def without_its_stamp(_: Scene) -> Handed:
    """What a thief claims to have been signed in spring, or what lost its proof: nobody can tell the two apart."""
    return handed(replace(sample("timestamped"), unverified_timestamps=()))


def borrowed(_: Scene) -> Handed:
    """A genuine stamp over another signature."""
    return handed(replace(sample("released"), unverified_timestamps=sample("timestamped").unverified_timestamps))


def relabelled(_: Scene) -> Handed:
    """The same, said to be over this signature."""
    [stamp] = sample("timestamped").unverified_timestamps
    mine = replace(stamp, over=Sha256.of(sample("released").envelope.signature).sha256)
    return handed(replace(sample("released"), unverified_timestamps=(mine,)))


def from_the_future(_: Scene) -> Handed:
    return handed(sample("timestamped"), now=datetime(2026, 10, 5, tzinfo=UTC))


def spoilt(_: Scene) -> Handed:
    [stamp] = sample("timestamped").unverified_timestamps
    middle = len(stamp.token) // 2
    token = stamp.token[:middle] + bytes([stamp.token[middle] ^ 1]) + stamp.token[middle + 1 :]
    return handed(replace(sample("timestamped"), unverified_timestamps=(replace(stamp, token=token),)))


def drawn_away(_: Scene) -> Handed:
    """A second statement under the attestation's own signature bytes, so that the stamp would belong to that one."""
    whole = sample("timestamped")
    others = list(sample("countersigned").unverified_statements)
    decoy = replace(others[-1], signature=whole.envelope.signature)
    return handed(replace(whole, unverified_statements=(*whole.unverified_statements, decoy)))


ATTACKS = (
    Attack(2, "a theft before the timestamp, and a statement dated to before the theft", stamped_after_the_theft, "key.validity", STALE, UNDETERMINED, LIBRARY),
    Attack(2, "a statement dated to before the theft, without a timestamp", without_its_stamp, "key.validity", STALE, UNDETERMINED, LIBRARY),
    Attack(2, "a timestamp over another signature", borrowed, "time.signing", FAIL, CRYPTO, LIBRARY),
    Attack(2, "the same, said to be over this one", relabelled, "time.signing", FAIL, CRYPTO, LIBRARY),
    Attack(2, "a timestamp of the future", from_the_future, "time.signing", STALE, UNDETERMINED, LIBRARY),
    Attack(2, "a timestamp with one bit changed", spoilt, "time.signing", FAIL, CRYPTO, LIBRARY),
    Attack(2, "a decoy that draws the timestamp away", drawn_away, "countersignature", FAIL, CRYPTO, LIBRARY),
)  # fmt: skip
