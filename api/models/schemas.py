"""Models as they are shown: OpenAI's shape, with where each comes from beside it."""

from typing import Literal

from msgspec import Struct


class ModelObject(Struct, kw_only=True):
    """``base`` names the base in the catalog: of an alias, and of a tuned model. ``job`` made the tuned one."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str
    base: str
    manifest_digest: str
    licence: str | None = None
    job: str | None = None


class ModelList(Struct, kw_only=True):
    object: Literal["list"] = "list"
    data: list[ModelObject]
