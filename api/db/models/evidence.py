"""Issued attestations, and what is said of them afterwards: whether they still hold, and whether the world may see them."""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Digest, Id, Json, JsonObject, Scoped, Sequence


class Attestation(Scoped, Base):
    """The index of what was issued; the signed bytes themselves lie in storage under ``bundle_key``.

    ``openings_key`` is the object with the openings of what the statement hides, where it hides anything. ``listing`` is
    what the public index says of it, read from the signed statement when it was published; both it and ``published_at``
    are there only while it is published.
    """

    __tablename__ = "attestations"
    __table_args__ = (Index("ix_attestations_published", "published_at", "id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id"), unique=True)
    outcome: Mapped[str] = mapped_column(String(16))
    statement_digest: Mapped[str] = mapped_column(Digest)
    bundle_key: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[int]
    valid_until: Mapped[int]
    openings_key: Mapped[str | None] = mapped_column(Text)
    published_at: Mapped[int | None]
    listing: Mapped[JsonObject | None]


class StatusList(Base):
    """A token status list: one for many attestations of all projects, so that looking one up says little about which.

    Its entries are ``status_entries``. ``revision`` counts the changes, ``signed_revision`` is the one that ``token`` speaks
    of: where they differ, control signs anew. The token is stored here and not beside the bundles, because a later one
    must never be replaced by an earlier one, which takes a transaction. ``entries`` counts what was handed out.
    """

    __tablename__ = "status_lists"

    number: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    base_url: Mapped[str] = mapped_column(Text)
    entries: Mapped[int]
    revision: Mapped[int]
    signed_revision: Mapped[int | None]
    token: Mapped[str | None] = mapped_column(Text)
    signed_at: Mapped[int | None]
    expires_at: Mapped[int | None]
    created_at: Mapped[int]


class StatusEntry(Scoped, Base):
    """The place of one attestation in a list, taken before it is signed, and its state (``api.evidence.lifecycle``).

    It refers to no row of ``attestations``: where issuing failed, the place stays taken and says nothing.
    """

    __tablename__ = "status_entries"
    __table_args__ = (UniqueConstraint("attestation_id"),)

    list_number: Mapped[int] = mapped_column(Sequence, ForeignKey("status_lists.number"), primary_key=True)
    idx: Mapped[int] = mapped_column(primary_key=True)
    attestation_id: Mapped[str] = mapped_column(Id)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(32))
    note: Mapped[str | None] = mapped_column(Text)
    superseded_by: Mapped[str | None] = mapped_column(Id)
    revision: Mapped[int]
    changed_at: Mapped[int | None]
    created_at: Mapped[int]


class StatusChange(Scoped, Base):
    """One change of an attestation's state, never altered. ``changed_by`` is the key that asked for it."""

    __tablename__ = "status_changes"

    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    attestation_id: Mapped[str] = mapped_column(Id, ForeignKey("attestations.id"), index=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(32))
    note: Mapped[str | None] = mapped_column(Text)
    superseded_by: Mapped[str | None] = mapped_column(Id)
    changed_by: Mapped[str] = mapped_column(Id)
    changed_by_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[int]


class AttestationNotice(Scoped, Base):
    """What the issuer says of an attestation after it was signed; stored first, and signed by control moments later.

    ``content`` is the digest of what is said, so that it is said once. ``superseded_by`` is the statement's digest of the
    attestation that follows. ``envelope`` is the signed notice as a Sigstore bundle in canonical JSON; it, ``signed_at`` (the
    time that the notice states) and ``statement_digest`` (of its payload) come together, and are never altered.
    """

    __tablename__ = "notices"
    __table_args__ = (UniqueConstraint("attestation_id", "content"), Index("ix_notices_signed_at", "signed_at"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    attestation_id: Mapped[str] = mapped_column(Id, ForeignKey("attestations.id"))
    content: Mapped[str] = mapped_column(Digest)
    kind: Mapped[str] = mapped_column(String(24))
    reason: Mapped[str] = mapped_column(Text)
    evidence: Mapped[list[str]] = mapped_column(Json)
    superseded_by: Mapped[str | None] = mapped_column(Digest)
    created_by: Mapped[str] = mapped_column(Id)
    created_by_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[int]
    signed_at: Mapped[int | None]
    statement_digest: Mapped[str | None] = mapped_column(Digest)
    envelope: Mapped[str | None] = mapped_column(Text)


class AttestationCountersignature(Scoped, Base):
    """What an evaluator signed about an attestation, as it came; never altered.

    ``envelope`` is a Sigstore bundle in canonical JSON and ``statement_digest`` that of its payload. ``evaluator`` is the
    organisation that it names, ``signed_at`` the time that it states, ``key_id`` the key that made the signature.
    """

    __tablename__ = "countersignatures"
    __table_args__ = (UniqueConstraint("attestation_id", "statement_digest"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    attestation_id: Mapped[str] = mapped_column(Id, ForeignKey("attestations.id"))
    statement_digest: Mapped[str] = mapped_column(Digest)
    key_id: Mapped[str] = mapped_column(Digest)
    evaluator: Mapped[str] = mapped_column(String(200))
    mode: Mapped[str] = mapped_column(String(16))
    conclusion: Mapped[str] = mapped_column(String(16))
    signed_at: Mapped[int]
    envelope: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(Id)
    created_by_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[int]
