"""One file of evidence, `*.resilience.json`: the signed statement and the documents that its digests name.

    {"mediaType": …, "primary": <Sigstore bundle v0.3, publicKey form>, "model": {"manifest": base64},
     "plan": base64, "job": {"record": base64}}

`model`, `plan` and `job` are there only where the statement refers to them. The file is canonical JSON, so it has one form.
It carries no key: who is believed comes from the buyer's trust root. `explode` writes the parts as native files for clients
that we did not write. Nothing in here is verified; that is `attestations.verify`.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from attestations import canonical, dsse
from attestations.dsse import Envelope, from_base64, parse_envelope, to_base64
from attestations.errors import FileAccessError, MalformedError

MEDIA_TYPE = "application/vnd.tuneproof.evidence.v1+json"
SIGSTORE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BYTES = 16 * 1024 * 1024
_MAX_PART = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bundle:
    """An unverified bundle: the envelope, and the bytes of manifest, plan and job record as far as they are there."""

    envelope: Envelope
    unverified_manifest: bytes | None = None
    unverified_plan: bytes | None = None
    unverified_job_record: bytes | None = None

    def encode(self) -> bytes:
        document: dict[str, object] = {"mediaType": MEDIA_TYPE, "primary": self.sigstore_json()}
        if self.unverified_manifest is not None:
            document["model"] = {"manifest": to_base64(self.unverified_manifest)}
        if self.unverified_plan is not None:
            document["plan"] = to_base64(self.unverified_plan)
        if self.unverified_job_record is not None:
            document["job"] = {"record": to_base64(self.unverified_job_record)}
        return canonical.encode(document)

    def sigstore_json(self) -> dict[str, object]:
        """The Sigstore bundle. Its log entries stay empty: they mean Rekor, and this statement is not there."""
        return {
            "mediaType": SIGSTORE_MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": self.envelope.key_id}, "tlogEntries": []},
            "dsseEnvelope": self.envelope.to_json(),
        }


def parse(unverified: bytes) -> Bundle:
    """The parts of a bundle file; its base64 is the standard alphabet only, so that the file has one form."""
    value = canonical.parse(unverified, what="the bundle", max_bytes=MAX_BYTES)
    document = _object(value, "bundle", required={"mediaType", "primary"}, optional={"model", "plan", "job"})
    if document["mediaType"] != MEDIA_TYPE:
        raise MalformedError("bundle.media_type", f"must be {MEDIA_TYPE}", at="bundle.mediaType")
    model = _object(document["model"], "bundle.model", required={"manifest"}) if "model" in document else {}
    job = _object(document["job"], "bundle.job", required={"record"}) if "job" in document else {}
    return Bundle(
        envelope=_primary(document["primary"]),
        unverified_manifest=_part(model.get("manifest"), "bundle.model.manifest"),
        unverified_plan=_part(document.get("plan"), "bundle.plan"),
        unverified_job_record=_part(job.get("record"), "bundle.job.record"),
    )


def explode(bundle: Bundle, directory: Path) -> list[Path]:
    """Writes the parts into a directory that is empty or does not exist yet; the paths, in the order written.

    `primary.pae` and `primary.sig` are what `openssl dgst -sha256 -verify KEY -signature primary.sig primary.pae` wants.
    """
    envelope = bundle.envelope
    parts = {
        "primary.sigstore.json": canonical.encode(bundle.sigstore_json()),
        "primary.dsse.json": canonical.encode(envelope.to_json()),
        "primary.pae": dsse.pae(envelope.payload_type, envelope.unverified_payload),
        "primary.sig": envelope.signature,
        "statement.json": envelope.unverified_payload,
        "manifest.json": bundle.unverified_manifest,
        "plan.json": bundle.unverified_plan,
        "job.json": bundle.unverified_job_record,
    }
    written = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise FileAccessError("explode.not_empty", f"{directory} is not empty; name a new directory")
        for name, content in parts.items():
            if content is not None:
                (directory / name).write_bytes(content)
                written.append(directory / name)
    except OSError as error:
        raise FileAccessError("explode.unwritable", f"{directory}: {error.strerror}") from error
    return written


def _primary(unverified: object) -> Envelope:
    at = "bundle.primary"
    primary = _object(unverified, at, required={"mediaType", "verificationMaterial", "dsseEnvelope"})
    if primary["mediaType"] != SIGSTORE_MEDIA_TYPE:
        raise MalformedError("bundle.media_type", f"must be {SIGSTORE_MEDIA_TYPE}", at=f"{at}.mediaType")
    material_at = f"{at}.verificationMaterial"
    material = _object(primary["verificationMaterial"], material_at, required={"publicKey", "tlogEntries"})
    if material["tlogEntries"] != []:
        raise MalformedError("bundle.tlog_entries", "must be empty", at=f"{material_at}.tlogEntries")
    hint = _object(material["publicKey"], f"{material_at}.publicKey", required={"hint"})["hint"]
    envelope = parse_envelope(primary["dsseEnvelope"], f"{at}.dsseEnvelope", url_safe=False)
    if not envelope.key_id or envelope.key_id != hint:
        raise MalformedError("bundle.hint", "the key hint and the envelope's keyid must be the same", at=material_at)
    return envelope


def _object(
    unverified: object, at: str, *, required: AbstractSet[str], optional: AbstractSet[str] = frozenset()
) -> dict[str, object]:
    if not isinstance(unverified, dict):
        raise MalformedError("document.type", "must be an object", at=at)
    missing, unknown = required - set(unverified), set(unverified) - required - optional
    if missing:
        raise MalformedError("document.missing_field", f"the field {min(missing)!r} is missing", at=at)
    if unknown:
        raise MalformedError("document.unknown_field", f"the field {min(unknown)[:80]!a} is not known here", at=at)
    return unverified


def _part(unverified: object, at: str) -> bytes | None:
    if unverified is None:
        return None
    if not isinstance(unverified, str):
        raise MalformedError("document.type", "must be a string", at=at)
    return from_base64(unverified, at, max_bytes=_MAX_PART)
