"""One file of evidence, `*.resilience.json`: the signed statement and everything that is needed to check it offline.

    {"mediaType": …, "primary": <Sigstore bundle v0.3, publicKey form>,
     "model": {"manifest": base64, "oms": <Sigstore bundle of model.sig>}, "plan": base64, "job": {"record": base64},
     "statements": [<Sigstore bundle>, …], "timestamps": [{"over": hex, "rfc3161": base64}, …], "status": "<JWT>",
     "disclosures": [{…}, …]}

Only the first two are always there. `statements` are the signed plan, the provenance of the tuning, notices and
countersignatures; `timestamps` are over the bytes of the primary signature; `disclosures` open what the statement hides.
The file is canonical JSON, so it has one form. It carries no key: who is believed comes from the buyer's trust root.
Nothing in here is verified; that is `attestations.verify`. `attestations.explode` writes the parts as native files.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from attestations import canonical, documents, kinds
from attestations.documents import Digest
from attestations.dsse import Envelope, from_base64, parse_envelope, to_base64
from attestations.errors import MalformedError
from attestations.kinds import Kind

MEDIA_TYPE = "application/vnd.tuneproof.evidence.v1+json"
SIGSTORE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BYTES = 16 * 1024 * 1024
MAX_STATEMENTS = 64
MAX_TIMESTAMPS = 8
MAX_DISCLOSURES = 4096
MAX_PART = 8 * 1024 * 1024
MAX_TOKEN = 64 * 1024
MAX_STATUS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class UnverifiedTimestamp:
    """An RFC 3161 response; `over` is SHA-256 of the signature (DER) that it is said to be about."""

    over: str
    token: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """An unverified bundle: envelopes, and the bytes of the other parts as far as they are there."""

    envelope: Envelope
    unverified_manifest: bytes | None = None
    unverified_plan: bytes | None = None
    unverified_job_record: bytes | None = None
    unverified_oms: Envelope | None = None
    unverified_statements: tuple[Envelope, ...] = ()
    unverified_timestamps: tuple[UnverifiedTimestamp, ...] = ()
    unverified_status: str | None = None
    unverified_disclosures: tuple[object, ...] = ()

    def encode(self) -> bytes:
        document: dict[str, object] = {"mediaType": MEDIA_TYPE, "primary": sigstore_json(self.envelope)}
        model: dict[str, object] = {}
        if self.unverified_manifest is not None:
            model["manifest"] = to_base64(self.unverified_manifest)
        if self.unverified_oms is not None:
            model["oms"] = sigstore_json(self.unverified_oms)
        optional: dict[str, object] = {
            "model": model,
            "statements": [sigstore_json(envelope) for envelope in self.unverified_statements],
            "timestamps": [{"over": one.over, "rfc3161": to_base64(one.token)} for one in self.unverified_timestamps],
            "status": self.unverified_status,
            "disclosures": list(self.unverified_disclosures),
        }
        if self.unverified_plan is not None:
            optional["plan"] = to_base64(self.unverified_plan)
        if self.unverified_job_record is not None:
            optional["job"] = {"record": to_base64(self.unverified_job_record)}
        return canonical.encode(document | {key: part for key, part in optional.items() if part})


def sigstore_json(envelope: Envelope) -> dict[str, object]:
    """The Sigstore bundle. Its log entries stay empty: they mean Rekor, and our statements are not there."""
    return {
        "mediaType": SIGSTORE_MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": envelope.key_id}, "tlogEntries": []},
        "dsseEnvelope": envelope.to_json(),
    }


def parse(unverified: bytes) -> Bundle:
    """The parts of a bundle file; its base64 is the standard alphabet only, so that the file has one form."""
    with kinds.expected(Kind.BUNDLE, unverified):
        return _parse(unverified)


def _parse(unverified: bytes) -> Bundle:
    value = canonical.parse(unverified, what="the bundle", max_bytes=MAX_BYTES)
    optional = {"model", "plan", "job", "statements", "timestamps", "status", "disclosures"}
    document = _object(value, "bundle", required={"mediaType", "primary"}, optional=optional)
    if document["mediaType"] != MEDIA_TYPE:
        raise MalformedError("bundle.media_type", f"must be {MEDIA_TYPE}", at="bundle.mediaType")
    for key in optional & set(document):
        _refuse_empty(document[key], f"bundle.{key}")
    model: dict[str, object] = {}
    if "model" in document:
        model = _object(document["model"], "bundle.model", required=set(), optional={"manifest", "oms"})
        for key in model:
            _refuse_empty(model[key], f"bundle.model.{key}")
    job: dict[str, object] = {}
    if "job" in document:
        job = _object(document["job"], "bundle.job", required={"record"})
        _refuse_empty(job["record"], "bundle.job.record")
    return Bundle(
        envelope=parse_sigstore(document["primary"], "bundle.primary"),
        unverified_manifest=_part(model.get("manifest"), "bundle.model.manifest"),
        unverified_plan=_part(document.get("plan"), "bundle.plan"),
        unverified_job_record=_part(job.get("record"), "bundle.job.record"),
        unverified_oms=parse_sigstore(model["oms"], "bundle.model.oms") if "oms" in model else None,
        unverified_statements=tuple(
            parse_sigstore(one, f"bundle.statements[{i}]")
            for i, one in enumerate(_items(document, "statements", MAX_STATEMENTS))
        ),
        unverified_timestamps=tuple(
            _timestamp(one, f"bundle.timestamps[{i}]")
            for i, one in enumerate(_items(document, "timestamps", MAX_TIMESTAMPS))
        ),
        unverified_status=_status(document.get("status")),
        unverified_disclosures=tuple(_items(document, "disclosures", MAX_DISCLOSURES)),
    )


def parse_sigstore(unverified: object, at: str) -> Envelope:
    """The envelope in a Sigstore bundle of the form that `sigstore_json` makes."""
    found = _object(unverified, at, required={"mediaType", "verificationMaterial", "dsseEnvelope"})
    if found["mediaType"] != SIGSTORE_MEDIA_TYPE:
        raise MalformedError("bundle.media_type", f"must be {SIGSTORE_MEDIA_TYPE}", at=f"{at}.mediaType")
    material_at = f"{at}.verificationMaterial"
    material = _object(found["verificationMaterial"], material_at, required={"publicKey", "tlogEntries"})
    if material["tlogEntries"] != []:
        raise MalformedError("bundle.tlog_entries", "must be empty", at=f"{material_at}.tlogEntries")
    hint = _object(material["publicKey"], f"{material_at}.publicKey", required={"hint"})["hint"]
    envelope = parse_envelope(found["dsseEnvelope"], f"{at}.dsseEnvelope", url_safe=False)
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


def _items(document: dict[str, object], key: str, most: int) -> list[object]:
    if key not in document:
        return []
    items, at = document[key], f"bundle.{key}"
    if not isinstance(items, list):
        raise MalformedError("document.type", "must be an array", at=at)
    if len(items) > most:
        raise MalformedError("document.too_many", f"has {len(items)} items; at most {most} are accepted", at=at)
    return items


def _refuse_empty(part: object, at: str) -> None:
    """An empty part, or null, and an absent one would be two forms of the same bundle."""
    if not part:
        raise MalformedError("bundle.empty", "must be left out where there is nothing in it", at=at)


def _timestamp(unverified: object, at: str) -> UnverifiedTimestamp:
    found = _object(unverified, at, required={"over", "rfc3161"})
    over = documents.decode(_Over, {"over": found["over"]}, at).over
    token = found["rfc3161"]
    if not isinstance(token, str):
        raise MalformedError("document.type", "must be a string", at=f"{at}.rfc3161")
    return UnverifiedTimestamp(over, from_base64(token, f"{at}.rfc3161", max_bytes=MAX_TOKEN))


@dataclass(frozen=True, slots=True)
class _Over:
    over: Digest


def _status(unverified: object) -> str | None:
    if unverified is None:
        return None
    if not isinstance(unverified, str) or not 0 < len(unverified) <= MAX_STATUS:
        words = f"must be a JWT of 1 to {MAX_STATUS} characters"
        raise MalformedError("document.text", words, at="bundle.status")
    return unverified


def _part(unverified: object, at: str) -> bytes | None:
    if unverified is None:
        return None
    if not isinstance(unverified, str):
        raise MalformedError("document.type", "must be a string", at=at)
    return from_base64(unverified, at, max_bytes=MAX_PART)
