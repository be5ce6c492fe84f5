"""Issued attestations."""

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Digest, Id, Scoped


class Attestation(Scoped, Base):
    """The index of what was issued; the signed bytes themselves lie in storage under ``bundle_key``."""

    __tablename__ = "attestations"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id"), unique=True)
    outcome: Mapped[str] = mapped_column(String(16))
    statement_digest: Mapped[str] = mapped_column(Digest)
    bundle_key: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[int]
    valid_until: Mapped[int]
