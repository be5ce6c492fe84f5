"""Where training records come from: the document that a customer declares with a file. Pure.

    {"sources": [{"id": "faq", "name": "Support FAQ", "licence": "CC-BY-4.0", "consent": "contract",
                  "origin": "https://example.com/faq, exported 2026-01-05", "personal_data": "none"}]}

Tuning is refused without it. A record names its source by ``id``; with a single source it need not. The same document may
be a project's default. What it says is copied into every attestation, so it is bounded and has no control characters.
"""

import re
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from api.bodies import decode
from api.db.models.base import JsonObject
from api.errors import InvalidRequestError, RequestTooLargeError

MAX_PROVENANCE_BYTES = 64 * 1024
MAX_SOURCES = 256

_ID = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_Name = Annotated[str, Meta(max_length=200)]
_Prose = Annotated[str, Meta(max_length=2000)]


class Consent(StrEnum):
    """On what ground the records may be used."""

    CONSENTED = "consented"
    CONTRACT = "contract"
    PUBLIC = "public"
    SYNTHETIC = "synthetic"


class PersonalData(StrEnum):
    NONE = "none"
    REMOVED = "removed"
    PRESENT = "present"


class Source(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """``origin`` says where the records were taken from and when, in the customer's words."""

    id: str
    name: _Name
    licence: _Name
    consent: Consent
    origin: _Prose
    personal_data: PersonalData
    description: _Prose | None = None


class Provenance(Struct, frozen=True, forbid_unknown_fields=True):
    sources: list[Source]

    def stored(self) -> JsonObject:
        """The JSON value that the database keeps."""
        value: JsonObject = msgspec.to_builtins(self)
        return value


def parse_provenance(unverified: bytes, *, within: str = "") -> Provenance:
    """Raises ``InvalidRequestError`` whose ``param`` is the path below ``within``, and ``RequestTooLargeError``."""
    if len(unverified) > MAX_PROVENANCE_BYTES:
        raise RequestTooLargeError(f"The provenance exceeds {MAX_PROVENANCE_BYTES} bytes.", param=within or None)
    try:
        declared = decode(unverified, Provenance)
        check(declared)
    except InvalidRequestError as error:
        param = ".".join(part for part in (within, error.param) if part)
        message = f"{within}: {error.message}" if within else error.message
        raise InvalidRequestError(message, param=param or None, code="invalid_provenance") from error
    return declared


def check(declared: Provenance) -> None:
    """What the types cannot say. Raises ``InvalidRequestError``."""
    if not declared.sources:
        raise InvalidRequestError("sources is empty; declare at least one source.", param="sources")
    if len(declared.sources) > MAX_SOURCES:
        raise InvalidRequestError(f"sources has more than {MAX_SOURCES} entries.", param="sources")
    seen: set[str] = set()
    for index, source in enumerate(declared.sources):
        path = f"sources[{index}]"
        if not _ID.fullmatch(source.id):
            raise InvalidRequestError(
                f"{path}.id {source.id[:64]!r} is no id; use 1 to 64 lower-case letters, digits, '.', '_' and '-', "
                "beginning and ending with a letter or digit.",
                param=f"{path}.id",
            )
        if source.id in seen:
            raise InvalidRequestError(
                f"{path}.id {source.id!r} is declared twice; give each source its own.", param=f"{path}.id"
            )
        seen.add(source.id)
        _check_texts(source, path)


def _check_texts(source: Source, path: str) -> None:
    texts = {
        "name": source.name,
        "licence": source.licence,
        "origin": source.origin,
        "description": source.description,
    }
    for field, text in texts.items():
        if text is None:
            continue
        if not text.strip():
            raise InvalidRequestError(f"{path}.{field} is empty; say what it is.", param=f"{path}.{field}")
        if _CONTROL.search(text):
            raise InvalidRequestError(
                f"{path}.{field} contains a line break or control character; write it as one line.",
                param=f"{path}.{field}",
            )
