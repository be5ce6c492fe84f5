"""The declarative base and the scope that every stored object carries."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

JsonObject = dict[str, Any]

Json = JSON().with_variant(JSONB(), "postgresql")
Sequence = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only in a column declared INTEGER PRIMARY KEY."""
Id = String(64)
Digest = String(64)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {JsonObject: Json, list[JsonObject]: Json, int: BigInteger()}


class Scoped:
    """Belongs to a project of an organisation; every query filters by both."""

    organization_id: Mapped[str] = mapped_column(Id, ForeignKey("organizations.id"))
    project_id: Mapped[str] = mapped_column(Id, ForeignKey("projects.id"), index=True)
