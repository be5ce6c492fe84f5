"""The REST application, put together from what it is handed. Nothing global, nothing read from the environment.

``/v1`` speaks OpenAI's shapes and wants a bearer key; ``/storage`` honours signed grants and exists only where objects lie on
local disk; ``/.well-known/resilience``, ``/status``, ``/verify``, ``/healthz``, ``/readyz`` and ``/schema/openapi.json`` are
open.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.middleware import DefineMiddleware
from litestar.types import ControllerRouterHandler

from api.auth import BearerKeys, provide_scope
from api.db.session import Database
from api.errors import exception_handlers
from api.evidence.changes import ChangesService
from api.evidence.controllers import AttestationsController
from api.evidence.countersignatures import CountersignaturesService
from api.evidence.later_controllers import LaterWordsController
from api.evidence.notices import NoticesService
from api.evidence.service import EvidenceService
from api.files.controllers import FilesController
from api.files.service import FileService
from api.files.upload import FORM_OVERHEAD_BYTES, SCRATCH_PREFIX, UploadLimits
from api.health.controllers import healthz, readyz
from api.jobs.controllers import JobsController
from api.jobs.outputs import OutputsService
from api.jobs.reviews import ReviewService
from api.jobs.service import JobService
from api.models.controllers import ModelsController
from api.models.service import ModelService
from api.openapi import openapi_config
from api.policies.controllers import PoliciesController
from api.published.controllers import PublishedController, status_list
from api.published.service import PublishedService
from api.requests import Service
from api.settings import Settings
from api.storage import LocalStorage, Storage
from api.storage.controllers import GrantedObjectsController
from api.suites.offered import offered_suites
from api.verify_page.controllers import verify_page
from workers.catalog import Catalog

ABANDONED_SECONDS = 24 * 3600
"""Scratch files this old belong to no upload any more: their process was killed."""


def create_app(settings: Settings, database: Database, storage: Storage, catalog: Catalog) -> Litestar:
    """The caller closes ``database`` after the application has shut down. Raises ``CatalogError``."""
    offered = offered_suites(catalog.benchmark_suites())
    limits = UploadLimits(
        scratch=settings.scratch,
        max_file_bytes=settings.max_upload_bytes,
        max_line_bytes=settings.max_line_bytes,
    )
    v1 = Router(
        path="/v1",
        route_handlers=[
            FilesController,
            JobsController,
            ModelsController,
            AttestationsController,
            LaterWordsController,
            PoliciesController,
        ],
        middleware=[DefineMiddleware(BearerKeys)],
        security=[{"key": []}],
        dependencies={
            "tenant": Provide(provide_scope, sync_to_thread=False),
            "files": _given(FileService(database, storage)),
            "jobs": _given(JobService(database, catalog, tuple(offered))),
            "outputs": _given(OutputsService(database, storage)),
            "reviews": _given(ReviewService(database)),
            "models": _given(ModelService(database, catalog)),
            "evidence": _given(EvidenceService(database, storage)),
            "changes": _given(ChangesService(database, storage)),
            "notices": _given(NoticesService(database)),
            "countersignatures": _given(CountersignaturesService(database, storage, settings.trust)),
            "upload_limits": _given(limits),
        },
        # The upload's own limits are tighter and say what is wrong; the others' bodies are bounded in api.bodies.
        request_max_body_size=settings.max_upload_bytes + 2 * FORM_OVERHEAD_BYTES,
    )
    handlers: list[ControllerRouterHandler] = [v1, healthz, readyz, PublishedController, status_list, verify_page]
    dependencies = {
        "database": _given(database),
        "storage": _given(storage),
        "public": _given(PublishedService(database, storage, settings.trust)),
    }
    if isinstance(storage, LocalStorage):
        handlers.append(GrantedObjectsController)
        dependencies["local_storage"] = _given(storage)
    return Service(
        route_handlers=handlers,
        dependencies=dependencies,
        exception_handlers=exception_handlers(),
        state=State({"database": database}),
        lifespan=[_swept_scratch(settings.scratch)],
        logging_config=None,
        debug=False,
        openapi_config=openapi_config(),
    )


def _given(value: Any) -> Provide:
    def provide() -> Any:
        return value

    return Provide(provide, sync_to_thread=False)


def _swept_scratch(scratch: Path) -> Callable[[Litestar], Any]:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        remove_abandoned(scratch, now=time.time())
        yield

    return lifespan


def remove_abandoned(scratch: Path, *, now: float) -> None:
    """Delete what uploads of a killed process left behind."""
    scratch.mkdir(parents=True, exist_ok=True)
    for path in scratch.glob(f"{SCRATCH_PREFIX}*"):
        if now - path.stat().st_mtime > ABANDONED_SECONDS:
            path.unlink(missing_ok=True)
