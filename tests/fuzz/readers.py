"""What is fuzzed: each reader of untrusted bytes, with good documents to start from.

A reader takes bytes and returns, or raises one of our errors. Where that is a promise, it also holds what it accepted
against the bytes: what encodes again encodes to the same ones.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from attestations import (
    attachments,
    bundle,
    canonical,
    disclosure,
    last_seen,
    manifest,
    plan,
    procurement,
    report,
    statement,
    status,
    timestamps,
    trust,
    trust_update,
)
from attestations.bundle import UnverifiedTimestamp
from attestations.digests import Sha256
from attestations.errors import AttestationError
from attestations.statements import frame, reading
from attestations.statements.notice import NoticeKind
from attestations.timestamp_form import normalised
from attestations.trust import TimestampAuthority
from attestations.value_paths import format_path, parse_path
from attestations.verify import verify
from tests.attestations.evidence_03 import NOW, OUTPUTS, World, answer, make_hiding, make_world

SAMPLES = Path(__file__).parents[1] / "attestations" / "samples"
STAMPED = datetime(2026, 12, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Reader:
    """`share` is how often it is chosen beside the others."""

    name: str
    read: Callable[[bytes], object]
    good: tuple[bytes, ...]
    share: int = 10


def readers(directory: Path) -> list[Reader]:
    world = make_world(directory)
    whole, hiding, openings = make_hiding(world)
    keys = world.keys
    attached = _attached(world)
    shown = [*(one.to_json() for one in openings), answer(2).to_json()]
    seen = last_seen.encode(last_seen.advance(last_seen.LastSeen(), keys.trust_root, None))
    token = world.listed()
    return [
        Reader("bundle", bundle.parse, tuple(path.read_bytes() for path in SAMPLES.glob("v0.3/*.resilience.json")), 10),
        Reader("canonical JSON", _canonical, (world.stated.encode(), b'{"a":[1,"\xc3\xa9"]}')),
        Reader("statement", _statement, (world.stated.encode(), hiding.envelope.unverified_payload), 15),
        Reader("attached statement", lambda it: reading.parse(it).encode(), attached, 15),
        Reader("plan", plan.parse, (world.plan.encode(), hiding.unverified_plan or b""), 15),
        Reader("manifest", _manifest, (world.manifest.encode(),)),
        Reader("trust root 1", _trust, ((SAMPLES / "v0.2" / "trust.json").read_bytes(),)),
        Reader("trust root 2", _trust, (keys.trust_file,)),
        Reader("trust payload", _signed_root(world), (keys.trust_root.encode(),)),
        Reader("successor", lambda it: trust_update.update(keys.trust_root, it), (_successor(world),)),
        Reader("status list", _status(world), (token.encode(),)),
        Reader("status claims", _signed_claims(world), (_claims(token),)),
        Reader("timestamp", _timestamp, _tokens(), 6),
        Reader("timestamp response", normalised, _tokens(), 6),
        Reader("policy", procurement.parse, _policies()),
        Reader("openings", _disclosures(hiding.envelope.unverified_payload), (canonical.encode(shown),)),
        Reader("path", _path, (b"data.sources[0].id", b"tuning.parameters.a~0b")),
        Reader("state file", last_seen.parse, (seen,)),
        Reader("signed statement", _verify_statement(world), (world.stated.encode(),), 3),
        Reader("signed plan", _verify_plan(whole), (whole.plan.encode(),), 2),
        Reader("whole bundle", _verify(world), (world.parts.encode(), hiding.encode()), 3),
        Reader("signed attachment", _verify_attached(world), attached, 3),
    ]


def _canonical(content: bytes) -> None:
    value = canonical.parse(content, what="it", max_bytes=10**6)
    assert canonical.encode(value) == content


def _statement(content: bytes) -> None:
    read = statement.parse(content)
    assert read.hidden or read.encode() == content


def _manifest(content: bytes) -> None:
    assert manifest.parse(content).encode() == content


def _trust(content: bytes) -> None:
    """A v2 root was signed over its payload, so only its own keepers' documents are read at all."""
    root = trust.parse(content)
    assert root.threshold or root.encode() == content


def _signed_root(world: World) -> Callable[[bytes], object]:
    def read(content: bytes) -> object:
        envelope = replace(trust.seal(world.keys.trust_root, ()), unverified_payload=content)
        return trust.parse_payload(envelope)

    return read


def _successor(world: World) -> bytes:
    keys = world.keys
    return keys.file_of(replace(keys.trust_root, version=2, created_at="2026-03-01T00:00:00Z"))


def _status(world: World) -> Callable[[bytes], object]:
    keys = world.keys.trust_root.keys_of(trust.KeyRole.STATUS)
    return lambda it: status.examine(world.predicate.status, it.decode("latin-1"), keys, now=NOW)


def _claims(token: str) -> bytes:
    from attestations.packed_states import from_base64url

    return from_base64url(token.split(".")[1], "it", max_bytes=10**6)


def _signed_claims(world: World) -> Callable[[bytes], object]:
    """Claims under the genuine signature of a status key, as a careless service could make them."""
    from attestations.packed_states import to_base64url
    from tests.attestations.attacks.reading import jwt_of

    header = to_base64url(canonical.encode({"alg": "ES256", "typ": "statuslist+jwt"}))
    keys = world.keys.trust_root.keys_of(trust.KeyRole.STATUS)

    def read(content: bytes) -> object:
        token = jwt_of(f"{header}.{to_base64url(content)}", world.keys.status)
        return status.examine(world.predicate.status, token, keys, now=NOW)

    return read


def _tokens() -> tuple[bytes, ...]:
    parts = bundle.parse((SAMPLES / "v0.3" / "timestamped.resilience.json").read_bytes())
    return tuple(one.token for one in parts.unverified_timestamps)


def _timestamp(content: bytes) -> None:
    parts = bundle.parse((SAMPLES / "v0.3" / "timestamped.resilience.json").read_bytes())
    signature = parts.envelope.signature
    stamp = UnverifiedTimestamp(Sha256.of(signature).sha256, content)
    _, proven = timestamps.check([stamp], signature, _authorities(), now=STAMPED)
    assert proven is None or content in _tokens()


def _authorities() -> tuple[TimestampAuthority, ...]:
    return trust.parse((SAMPLES / "v0.3" / "trust-2.json").read_bytes()).timestamp_authorities


def _policies() -> tuple[bytes, ...]:
    examples = Path(__file__).parents[2] / "docs" / "policies-of-buyers"
    first = {"maxAgeDays": 90, "requiredSuites": ["harmful-requests"], "allowNotMeasurable": False, "minLevel": 0}
    return (
        json.dumps({"schema": "0.1.0", "rules": first}).encode(),
        *(path.read_bytes() for path in sorted(examples.glob("*.json"))),
    )


def _disclosures(payload: bytes) -> Callable[[bytes], object]:
    trees = {"candidate": (OUTPUTS.candidate.root.sha256, OUTPUTS.candidate.leaves)}

    def read(content: bytes) -> object:
        value = canonical.parse_relaxed(content, what="it", max_bytes=10**6)
        opened = disclosure.parse(value if isinstance(value, list) else [value])
        for item in opened.items:
            disclosure.verify_item(item, trees)
        return statement.parse(payload, opened.predicate)

    return read


def _path(content: bytes) -> None:
    text = content.decode("latin-1")
    assert format_path(parse_path(text)) == text


def _attached(world: World) -> tuple[bytes, ...]:
    made = (
        world.signed_plan,
        world.made_by,
        world.model_sig,
        world.countersigned(),
        world.noticed(NoticeKind.CORRECTION),
    )
    return tuple(one.encode() for one in made)


# Whole evidence around something that the issuer has signed


def _verify(world: World) -> Callable[[bytes], object]:
    trusted = world.keys.trust_file

    def read(content: bytes) -> object:
        return report.report_text(verify(content, trusted, now=NOW))

    return read


def _verify_statement(world: World) -> Callable[[bytes], object]:
    read = _verify(world)
    return lambda it: read(world.signed(it).encode())


def _verify_plan(world: World) -> Callable[[bytes], object]:
    read = _verify(world)

    def with_plan(content: bytes) -> object:
        try:
            signed = world.with_plan(content)
        except AttestationError:  # nothing that could have been promised in time: then the issuer only names it
            named = replace(world.predicate.plan, digest=Sha256.of(content))
            signed = replace(world.lying(plan=named), unverified_plan=content)
        return read(signed.encode())

    return with_plan


def _verify_attached(world: World) -> Callable[[bytes], object]:
    trusted, others = world.keys.trust_file, world.parts.unverified_statements

    def read(content: bytes) -> object:
        sealed = frame.seal(content, world.keys.evaluator)
        parts = replace(world.parts, unverified_statements=(*others, sealed))
        attachments.stamps_of_attestation(parts)
        return verify(parts.encode(), trusted, now=NOW)

    return read
