"""Queries on files, each within a scope."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from api.db.models import File, Job
from api.jobs.lifecycle import FINAL
from api.paging import Page
from api.tenancy.scope import Scope

Order = Literal["asc", "desc"]


async def find(session: AsyncSession, scope: Scope, file_id: str, *, lock: bool = False) -> File | None:
    """``lock`` holds the row until the transaction ends (SQLite holds the whole database anyway)."""
    query = select(File).where(
        File.organization_id == scope.organization_id, File.project_id == scope.project_id, File.id == file_id
    )
    return (await session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def page_of(
    session: AsyncSession, scope: Scope, page: Page, *, order: Order, purpose: str | None
) -> Sequence[File]:
    """One row more than asked for, if there is one. Ids sort by time."""
    query = select(File).where(File.organization_id == scope.organization_id, File.project_id == scope.project_id)
    if purpose is not None:
        query = query.where(File.purpose == purpose)
    if page.after is not None:
        query = query.where(File.id > page.after if order == "asc" else File.id < page.after)
    query = query.order_by(File.id if order == "asc" else File.id.desc()).limit(page.limit + 1)
    return (await session.execute(query)).scalars().all()


async def unfinished_job_of(session: AsyncSession, scope: Scope, file_id: str) -> str | None:
    """The id of a job that still needs the file."""
    query = select(Job.id).where(
        Job.organization_id == scope.organization_id,
        Job.project_id == scope.project_id,
        Job.training_file == file_id,
        Job.status.not_in([status.value for status in FINAL]),
    )
    return (await session.execute(query.limit(1))).scalar_one_or_none()


async def remove(session: AsyncSession, scope: Scope, file_id: str) -> None:
    await session.execute(
        delete(File).where(
            File.organization_id == scope.organization_id, File.project_id == scope.project_id, File.id == file_id
        )
    )
