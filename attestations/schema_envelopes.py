"""JSON Schema (2020-12) of what is no dataclass: DSSE envelopes, Sigstore bundles and the evidence bundle around them.

They are read by hand, in `attestations.dsse` and `attestations.bundle`, because their parts are megabytes long. The limits
here are those of these modules.
"""

from attestations import bundle, disclosure, documents
from attestations.documents import Digest, Text
from attestations.dsse import MAX_PAYLOAD
from attestations.schema_definitions import Schema, prose, text

_LONGEST_SIGNATURE = 200
_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"
_EITHER_BASE64 = "^[A-Za-z0-9+/_-]*={0,2}$"
"""Standard or URL-safe; the reader refuses a mixture and an inexact end."""


def base64_text(max_bytes: int, *, least: int = 0, url_safe: bool = False) -> Schema:
    """Padded base64 of at most so many bytes, exact to the last bit."""
    return {
        "type": "string",
        "minLength": (least + 2) // 3 * 4,
        "maxLength": (max_bytes + 2) // 3 * 4,
        "pattern": _EITHER_BASE64 if url_safe else _BASE64,
        "contentEncoding": "base64",
    }


def envelope(
    payload_type: str | None, *, max_bytes: int = MAX_PAYLOAD, most_signatures: int = 1, url_safe: bool = False
) -> Schema:
    """A DSSE envelope around a payload of this type, or of any; one signature, or up to so many."""
    signature = as_object(
        {
            "keyid": {"type": "string", "maxLength": _LONGEST_SIGNATURE},
            "sig": {"type": "string", "maxLength": _LONGEST_SIGNATURE},
        },
        optional=("keyid",),
    )
    return as_object(
        {
            "payload": base64_text(max_bytes, url_safe=url_safe),
            "payloadType": {"const": payload_type} if payload_type is not None else prose(),
            "signatures": {
                "type": "array",
                "items": signature,
                "minItems": 1 if most_signatures == 1 else 0,
                "maxItems": most_signatures,
            },
        }
    )


def bundle_schema() -> Schema:
    part = base64_text(bundle.MAX_PART, least=1)
    schema = as_object(
        {
            "mediaType": {"const": bundle.MEDIA_TYPE},
            "primary": {"$ref": "#/$defs/SigstoreBundle"},
            "model": {
                **as_object(
                    {"manifest": part, "oms": {"$ref": "#/$defs/SigstoreBundle"}}, optional=("manifest", "oms")
                ),
                "minProperties": 1,
            },
            "plan": part,
            "job": as_object({"record": part}),
            "statements": _array({"$ref": "#/$defs/SigstoreBundle"}, bundle.MAX_STATEMENTS),
            "timestamps": _array({"$ref": "#/$defs/Timestamp"}, bundle.MAX_TIMESTAMPS),
            "status": {"type": "string", "minLength": 1, "maxLength": bundle.MAX_STATUS},
            "disclosures": _array(
                {"anyOf": [{"$ref": "#/$defs/Opening"}, {"$ref": "#/$defs/Item"}]}, bundle.MAX_DISCLOSURES
            ),
        },
        optional=("model", "plan", "job", "statements", "timestamps", "status", "disclosures"),
    )
    return {
        "title": "Bundle",
        "description": "One file of evidence; its base64 parts have schemas of their own.",
        **schema,
        "$defs": _definitions(),
    }


def _definitions() -> dict[str, Schema]:
    digest = text(_rule(Digest))
    salt = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
    material = as_object(
        {"publicKey": as_object({"hint": {"type": "string", "minLength": 1}}), "tlogEntries": {"const": []}}
    )
    return {
        "SigstoreBundle": {
            "description": "A Sigstore bundle v0.3 in its public-key form; the hint equals the envelope's keyid.",
            **as_object(
                {
                    "mediaType": {"const": bundle.SIGSTORE_MEDIA_TYPE},
                    "verificationMaterial": material,
                    "dsseEnvelope": envelope(None),
                }
            ),
        },
        "Timestamp": {
            "description": "An RFC 3161 response over the primary signature, whose SHA-256 is over.",
            **as_object({"over": digest, "rfc3161": base64_text(bundle.MAX_TOKEN)}),
        },
        "Opening": {
            "description": "What is behind the commitment at a path, whose digest is over these three in canonical form.",
            **as_object(
                {"path": {"type": "string", "minLength": 1, "maxLength": 1000}, "salt": salt, "value": True},
            ),
        },
        "Item": {
            "description": "One kept answer, with its way up to the root that the predicate's outputs name.",
            **as_object(
                {
                    "tree": {"enum": ["baseline", "candidate"]},
                    "index": {"type": "integer", "minimum": 0},
                    "salt": salt,
                    "line": {"type": "string", "maxLength": disclosure.MAX_LINE_BYTES},
                    "path": {"type": "array", "items": digest, "maxItems": disclosure.MAX_TREE_DEPTH},
                }
            ),
        },
    }


def _rule(hint: object) -> Text:
    rule = documents.text_rule(hint)
    assert rule is not None  # noqa: S101 - only called with forms of text
    return rule


def _array(items: Schema, most: int) -> Schema:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": most}


def as_object(properties: dict[str, object], optional: tuple[str, ...] = ()) -> Schema:
    """An object of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [key for key in properties if key not in optional],
        "additionalProperties": False,
    }
