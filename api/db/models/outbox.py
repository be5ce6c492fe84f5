"""The transactional outbox: what a committed transaction wants the queues to know."""

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Id, Scoped, Sequence


class OutboxMessage(Scoped, Base):
    """``kind`` is ``advance`` (``subject``: a job's id), ``run`` (a run's id), ``status`` (the number of a status list that
    changed) or ``notice`` (the id of a notice to be signed). The message itself is built when it is published, so that grants
    are fresh and no secret lies in the table."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_published", "published_at", "sequence"),)

    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str] = mapped_column(Id)
    created_at: Mapped[int]
    published_at: Mapped[int | None]
