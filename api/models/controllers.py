"""``/v1/models``. Model ids hold no slash; their colons travel unescaped."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.db.models import TunedModel
from api.models.schemas import ModelList, ModelObject
from api.models.service import ModelService
from api.tenancy.scope import Scope
from workers.catalog import BaseModel

CATALOG_OWNER = "catalog"


class ModelsController(Controller):
    path = "/models"
    tags = ("Models",)

    @get()
    async def list_models(self, tenant: NamedDependency[Scope], models: NamedDependency[ModelService]) -> ModelList:
        bases, tuned = await models.all(tenant)
        return ModelList(data=[*(_base(base, base.name) for base in bases), *(_tuned(model) for model in tuned)])

    @get("/{model_id:str}")
    async def retrieve(
        self, tenant: NamedDependency[Scope], models: NamedDependency[ModelService], model_id: FromPath[str]
    ) -> ModelObject:
        found = await models.get(tenant, model_id)
        return _tuned(found) if isinstance(found, TunedModel) else _base(found, model_id)


def _base(base: BaseModel, name: str) -> ModelObject:
    return ModelObject(
        id=name,
        created=base.created,
        owned_by=CATALOG_OWNER,
        base=base.name,
        manifest_digest=base.manifest_digest,
        licence=base.licence,
    )


def _tuned(model: TunedModel) -> ModelObject:
    return ModelObject(
        id=model.id,
        created=model.created_at,
        owned_by=model.organization_id,
        base=model.base,
        manifest_digest=model.manifest_digest,
        job=model.job_id,
    )
