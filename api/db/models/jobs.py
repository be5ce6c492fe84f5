"""Jobs, their stages, the runs that attempt a stage, reviews, and the events a customer reads."""

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import Base, Digest, Id, Json, JsonObject, Scoped, Sequence


class Job(Scoped, Base):
    """A fine-tuning job.

    ``request`` is what was asked for with defaults filled in (``api.jobs.schemas.JobRequest``). ``provenance`` and
    ``dataset_digest`` are copies made at creation, so that a later change of the file changes no evidence. ``plan`` is the
    canonical JSON text of the evaluation plan, fixed before training; ``plan_statement`` is what was signed about it then
    (``api.issuance.signed_plan``). ``outcome`` is released, held, blocked, failed or
    cancelled; ``comparison`` holds the judged rows as they are attested.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("project_id", "idempotency_key"),
        Index("ix_jobs_project_created", "project_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    status: Mapped[str] = mapped_column(String(32), index=True)
    model: Mapped[str] = mapped_column(String(200))
    base: Mapped[str] = mapped_column(String(200))
    base_manifest_digest: Mapped[str] = mapped_column(Digest)
    training_file: Mapped[str] = mapped_column(Id, index=True)
    dataset_key: Mapped[str] = mapped_column(Text)
    dataset_digest: Mapped[str] = mapped_column(Digest)
    dataset_name: Mapped[str] = mapped_column(Text)
    request: Mapped[JsonObject]
    provenance: Mapped[JsonObject]
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    request_digest: Mapped[str] = mapped_column(Digest)
    created_by: Mapped[str] = mapped_column(Id)
    created_at: Mapped[int]
    finished_at: Mapped[int | None]
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    plan: Mapped[str | None] = mapped_column(Text)
    plan_digest: Mapped[str | None] = mapped_column(Digest)
    plan_statement: Mapped[JsonObject | None]
    comparison: Mapped[JsonObject | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    error: Mapped[JsonObject | None]
    fine_tuned_model: Mapped[str | None] = mapped_column(String(300))
    trained_tokens: Mapped[int | None]
    attestation_id: Mapped[str | None] = mapped_column(Id)


class JobStage(Scoped, Base):
    """One stage of one job. ``attempt`` is the number of the attempt that owns it: what another attempt says is not applied.

    ``result_key`` is the storage key of the ``RunReport`` that ended it. ``cached`` marks a baseline whose suites were not run
    again. ``reused_key`` is then the report of the earlier measurement where the stage ran for the job's own records alone.
    """

    __tablename__ = "job_stages"
    __table_args__ = (UniqueConstraint("job_id", "name"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(16))
    position: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int]
    done: Mapped[int]
    total: Mapped[int]
    unit: Mapped[str] = mapped_column(String(32))
    cached: Mapped[bool] = mapped_column(default=False)
    result_key: Mapped[str | None] = mapped_column(Text)
    reused_key: Mapped[str | None] = mapped_column(Text)
    error: Mapped[JsonObject | None]
    started_at: Mapped[int | None]
    finished_at: Mapped[int | None]


class Run(Scoped, Base):
    """One attempt at a worker stage. While ``state`` is running the lease must be renewed from the worker's heartbeat.

    States: queued, running, then succeeded, failed, stopped or lost. ``last_seq`` is the highest message applied.
    """

    __tablename__ = "runs"
    __table_args__ = (UniqueConstraint("stage_id", "attempt"), Index("ix_runs_state", "state"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    stage_id: Mapped[str] = mapped_column(Id, ForeignKey("job_stages.id", ondelete="CASCADE"))
    attempt: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    worker: Mapped[str | None] = mapped_column(String(200))
    last_seq: Mapped[int]
    heartbeat: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[int | None]
    report_key: Mapped[str] = mapped_column(Text)
    created_at: Mapped[int]
    finished_at: Mapped[int | None]


class JobEvent(Scoped, Base):
    """What a customer sees happening. ``dedupe`` makes a message that is delivered twice one event."""

    __tablename__ = "job_events"

    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(Id, unique=True)
    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    level: Mapped[str] = mapped_column(String(8))
    type: Mapped[str] = mapped_column(String(32))
    message: Mapped[str] = mapped_column(Text)
    data: Mapped[JsonObject | None]
    dedupe: Mapped[str | None] = mapped_column(String(128), unique=True)
    created_at: Mapped[int]


class JobReview(Scoped, Base):
    """A person's decision about a model that the gate held: one for a job, written once and attested. ``reviewer`` names
    the key that decided; ``decision`` is approve or reject."""

    __tablename__ = "job_reviews"

    job_id: Mapped[str] = mapped_column(Id, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    decision: Mapped[str] = mapped_column(String(16))
    rationale: Mapped[str] = mapped_column(Text)
    conditions: Mapped[list[str]] = mapped_column(Json)
    reviewer: Mapped[str] = mapped_column(Id)
    reviewer_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[int]
