"""Which models a project may name: the catalog's bases, under their own names or an alias, and its released tuned models."""

from dataclasses import dataclass

from api.db.models import TunedModel
from api.db.session import Database
from api.errors import NotFoundError
from api.models import repository
from api.paging import plausible_id
from api.tenancy.scope import Scope
from workers.catalog import BaseModel, Catalog


@dataclass(frozen=True, slots=True)
class ModelService:
    database: Database
    catalog: Catalog

    async def all(self, scope: Scope) -> tuple[tuple[BaseModel, ...], tuple[TunedModel, ...]]:
        """Aliases are not listed: they are other services' names, kept so that existing code runs."""
        async with self.database.read() as session:
            return self.catalog.bases, tuple(await repository.released(session, scope))

    async def get(self, scope: Scope, model_id: str) -> BaseModel | TunedModel:
        base = self.catalog.find(model_id)
        if base is not None:
            return base
        async with self.database.read() as session:
            found = await repository.find_released(session, scope, model_id) if plausible_id(model_id) else None
        if found is None:
            raise NotFoundError(
                f"The model {model_id[:100]!r} does not exist, or was not released.",
                param="model",
                code="model_not_found",
            )
        return found
