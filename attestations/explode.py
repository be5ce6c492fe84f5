"""A bundle's parts as native files, so that other people's tools check them unmodified. Verifies nothing.

Each signed statement becomes `NAME.sigstore.json`, `NAME.dsse.json` (the envelope alone), `NAME.pae` and `NAME.sig`, which are
what `openssl dgst -sha256 -verify KEY -signature NAME.sig NAME.pae` wants, and `NAME.json` (what was signed). The primary
one is `primary`, its payload also `statement.json`; the others are named by type and number. `model.sig` lies beside
`manifest.json`; `claims.intoto.jsonl` holds all envelopes, one a line; `status.jwt`, `primary.tsr` and `disclosures.json`
where they are there.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from attestations import canonical, dsse
from attestations.bundle import Bundle, sigstore_json
from attestations.dsse import Envelope
from attestations.errors import FileAccessError, MalformedError

_LONGEST_NAME = 40


def explode(bundle: Bundle, directory: Path) -> list[Path]:
    """Writes the parts into a directory that is empty or does not exist yet; the paths, in the order written."""
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise FileAccessError("explode.not_empty", f"{directory} is not empty; name a new directory")
        for name, content in parts(bundle):
            (directory / name).write_bytes(content)
            written.append(directory / name)
    except OSError as error:
        raise FileAccessError("explode.unwritable", f"{directory}: {error.strerror}") from error
    return written


def parts(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    """File names with their bytes."""
    yield from _signed("primary", bundle.envelope)
    yield "statement.json", bundle.envelope.unverified_payload
    for name, content in (
        ("manifest.json", bundle.unverified_manifest),
        ("plan.json", bundle.unverified_plan),
        ("job.json", bundle.unverified_job_record),
        ("model.sig", canonical.encode(sigstore_json(bundle.unverified_oms)) if bundle.unverified_oms else None),
        ("status.jwt", bundle.unverified_status.encode() if bundle.unverified_status else None),
    ):
        if content is not None:
            yield name, content
    numbers: Counter[str] = Counter()
    for envelope in bundle.unverified_statements:
        kind = _kind(envelope)
        numbers[kind] += 1
        name = f"{kind}-{numbers[kind]}"
        yield from _signed(name, envelope)
        yield f"{name}.json", envelope.unverified_payload
    for number, stamp in enumerate(bundle.unverified_timestamps, 1):
        yield f"primary-{number}.tsr", stamp.token
    if bundle.unverified_disclosures:
        yield "disclosures.json", canonical.encode(bundle.unverified_disclosures)
    envelopes = (bundle.envelope, *bundle.unverified_statements)
    yield "claims.intoto.jsonl", b"".join(canonical.encode(one.to_json()) + b"\n" for one in envelopes)


def _signed(name: str, envelope: Envelope) -> Iterator[tuple[str, bytes]]:
    yield f"{name}.sigstore.json", canonical.encode(sigstore_json(envelope))
    yield f"{name}.dsse.json", canonical.encode(envelope.to_json())
    yield f"{name}.pae", dsse.pae(envelope.payload_type, envelope.unverified_payload)
    yield f"{name}.sig", envelope.signature


def _kind(envelope: Envelope) -> str:
    """A file name from the predicate's type: the last part that says what it is, of letters that every disk takes."""
    try:
        value = canonical.parse_relaxed(envelope.unverified_payload, what="a statement", max_bytes=dsse.MAX_PAYLOAD)
    except MalformedError:
        return "statement"
    kind = value.get("predicateType") if isinstance(value, dict) else None
    words = [part for part in str(kind).split("/") if part and not part.startswith("v")] if kind else []
    letters = (
        [letter for letter in words[-1] if letter.isascii() and (letter.isalnum() or letter == "-")] if words else []
    )
    return "".join(letters)[:_LONGEST_NAME] or "statement"
