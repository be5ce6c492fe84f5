"""What jobs made: tuned models, and the measurements of base models that later jobs may reuse."""

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Digest, Id, Scoped


class TunedModel(Scoped, Base):
    """A tuned artefact in storage, bound by its manifest. Only ``released`` ones are offered as models."""

    __tablename__ = "tuned_models"

    id: Mapped[str] = mapped_column(String(300), primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id"), unique=True)
    base: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))
    manifest_digest: Mapped[str] = mapped_column(Digest)
    archive_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int]


class Baseline(Scoped, Base):
    """A finished baseline evaluation under the digest of everything that could change it; never under a name."""

    __tablename__ = "baselines"
    __table_args__ = (UniqueConstraint("project_id", "cache_key"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    cache_key: Mapped[str] = mapped_column(Digest)
    report_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int]
