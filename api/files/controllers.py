"""``/v1/files``."""

from typing import Any
from urllib.parse import quote

from litestar import Controller, Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Stream

from api.bodies import read_body
from api.db.models import File
from api.errors import InvalidRequestError, NotFoundError
from api.files.provenance import MAX_PROVENANCE_BYTES, parse_provenance
from api.files.repository import Order
from api.files.schemas import DeletedFile, FileObject, FilePage, SuiteShown
from api.files.service import FileService, FileStatus
from api.files.upload import UploadLimits, receive_upload
from api.openapi import DeclaresProvenance, UploadsFile
from api.paging import asked_page, plausible_id
from api.queries import known_query
from api.suites.stored import stored_suites
from api.tenancy.scope import Scope

MOST_FILES = 10_000


class FilesController(Controller):
    path = "/files"
    tags = ("Files",)

    @post(status_code=200, operation_class=UploadsFile)
    async def upload(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        files: NamedDependency[FileService],
        upload_limits: NamedDependency[UploadLimits],
    ) -> FileObject:
        """Upload training records (purpose fine-tune, optionally with ``provenance``) or evaluation items (purpose evals)."""
        async with receive_upload(request, upload_limits) as upload:
            return _shown(await files.store(tenant, upload))

    @get()
    async def list_files(
        self,
        tenant: NamedDependency[Scope],
        files: NamedDependency[FileService],
        after: FromQuery[str | None] = None,
        limit: FromQuery[int] = MOST_FILES,
        order: FromQuery[Order] = "desc",
        purpose: FromQuery[str | None] = None,
    ) -> FilePage:
        page = asked_page(after, limit, most=MOST_FILES)
        if purpose is not None and not plausible_id(purpose):
            raise InvalidRequestError("purpose must be a purpose of files, like 'fine-tune'.", param="purpose")
        found = await files.page(tenant, page, order=order, purpose=purpose)
        shown = [_shown(row) for row in found.rows]
        return FilePage(
            data=shown,
            first_id=shown[0].id if shown else None,
            last_id=shown[-1].id if shown else None,
            has_more=found.has_more,
        )

    @get("/{file_id:str}")
    async def retrieve(
        self, tenant: NamedDependency[Scope], files: NamedDependency[FileService], file_id: FromPath[str]
    ) -> FileObject:
        return _shown(await files.get(tenant, file_id))

    @get("/{file_id:str}/content", media_type="application/octet-stream")
    async def content(
        self, tenant: NamedDependency[Scope], files: NamedDependency[FileService], file_id: FromPath[str]
    ) -> Stream:
        """The bytes as they were uploaded."""
        row, chunks = await files.content(tenant, file_id)
        headers = {
            "content-length": str(row.bytes),
            "content-disposition": f"attachment; filename*=UTF-8''{quote(row.filename)}",
        }
        return Stream(chunks, headers=headers, media_type="application/octet-stream")

    @delete("/{file_id:str}", status_code=200)
    async def remove(
        self, tenant: NamedDependency[Scope], files: NamedDependency[FileService], file_id: FromPath[str]
    ) -> DeletedFile:
        await files.delete(tenant, file_id)
        return DeletedFile(id=file_id)

    @get("/{file_id:str}/provenance", guards=[known_query])
    async def provenance(
        self, tenant: NamedDependency[Scope], files: NamedDependency[FileService], file_id: FromPath[str]
    ) -> dict[str, Any]:
        row = await files.get(tenant, file_id)
        if row.provenance is None:
            raise NotFoundError(
                f"File {file_id} has no provenance; declare it by PUT /v1/files/{file_id}/provenance.",
                code="provenance_missing",
            )
        return row.provenance

    @put("/{file_id:str}/provenance", status_code=200, operation_class=DeclaresProvenance, guards=[known_query])
    async def declare(
        self,
        request: Request[str, Scope, Any],
        tenant: NamedDependency[Scope],
        files: NamedDependency[FileService],
        file_id: FromPath[str],
    ) -> dict[str, Any] | None:
        """Declare where the file's records come from, in place of what was declared before."""
        declared = parse_provenance(await read_body(request, max_bytes=MAX_PROVENANCE_BYTES))
        return (await files.declare(tenant, file_id, declared)).provenance


def _shown(row: File) -> FileObject:
    deleting = row.status == FileStatus.DELETING
    return FileObject(
        id=row.id,
        bytes=row.bytes,
        created_at=row.created_at,
        filename=row.filename,
        purpose=row.purpose,
        status="error" if deleting else row.status,
        status_details="The file is being deleted." if deleting else None,
        sha256=row.sha256,
        provenance=row.provenance,
        suites=[SuiteShown(suite.id, suite.version, suite.digest, suite.expects, suite.items) for suite in suites]
        if (suites := stored_suites(row.suites))
        else None,
    )
