"""What the API says of itself at ``/schema/openapi.json``, as far as Litestar cannot see it from the handlers.

Bodies are read by ``api.bodies`` and ``api.files.upload``, with limits that come first; the schemas of what they accept are
those of the same structs.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
    SecurityScheme,
)

from api.evidence.schemas import AskedNotice, AskedPublishing, AskedStatus
from api.files.provenance import Provenance
from api.jobs.schemas import AskedReview, CreateJob
from attestations.bundle import SIGSTORE_MEDIA_TYPE

_REFERENCE = "#/$defs/"


@dataclass
class Verbatim(Schema):
    """A JSON schema that is there already."""

    written: dict[str, Any] = field(default_factory=dict)

    def to_schema(self) -> dict[str, Any]:
        return self.written


@dataclass
class CreatesJob(Operation):
    def __post_init__(self) -> None:
        self.request_body = _json_body(CreateJob)


@dataclass
class ReviewsJob(Operation):
    def __post_init__(self) -> None:
        self.request_body = _json_body(AskedReview)


@dataclass
class ChangesStatus(Operation):
    def __post_init__(self) -> None:
        self.request_body = _json_body(AskedStatus)


@dataclass
class PublishesAttestation(Operation):
    def __post_init__(self) -> None:
        self.request_body = _json_body(AskedPublishing)


@dataclass
class GivesNotice(Operation):
    def __post_init__(self) -> None:
        self.request_body = _json_body(AskedNotice)


@dataclass
class BringsCountersignature(Operation):
    def __post_init__(self) -> None:
        schema = Schema(type=OpenAPIType.OBJECT, description="A Sigstore bundle v0.3 with a DSSE envelope")
        self.request_body = RequestBody(content={SIGSTORE_MEDIA_TYPE: OpenAPIMediaType(schema=schema)}, required=True)


@dataclass
class DeclaresProvenance(Operation):
    def __post_init__(self) -> None:
        self.request_body = _json_body(Provenance)


@dataclass
class UploadsFile(Operation):
    def __post_init__(self) -> None:
        text = Schema(type=OpenAPIType.STRING)
        form = Schema(
            type=OpenAPIType.OBJECT,
            required=["file", "purpose"],
            properties={
                "file": Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream"),
                "purpose": Schema(type=OpenAPIType.STRING, enum=["fine-tune", "evals"]),
                "provenance": text,
            },
        )
        self.request_body = RequestBody(content={"multipart/form-data": OpenAPIMediaType(schema=form)}, required=True)


def _json_body(kind: type[msgspec.Struct]) -> RequestBody:
    schema = msgspec.json.schema(kind)
    written = _inlined(schema, schema["$defs"])
    return RequestBody(content={"application/json": OpenAPIMediaType(schema=Verbatim(written=written))}, required=True)


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Without references: Litestar keeps the document's shared schemas to itself. None of ours contains itself."""
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].removeprefix(_REFERENCE)], definitions)
    return {name: _inlined(part, definitions) for name, part in schema.items() if name != "$defs"}


def openapi_config() -> OpenAPIConfig:
    """JSON only: the usual pages load scripts from elsewhere."""
    keys = {"key": SecurityScheme(type="http", scheme="bearer", description="An API key of this server, tp-...")}
    return OpenAPIConfig(
        title="Tuneproof",
        version="1",
        path="/schema",
        render_plugins=[JsonRenderPlugin()],
        components=Components(security_schemes=keys),  # type: ignore[arg-type]
    )
