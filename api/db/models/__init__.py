"""The tables. Every stored object belongs to an organisation and a project.

Times are Unix seconds, as the fine-tuning API speaks them. Ids carry their kind as a prefix. Relationships are not mapped:
each query says what it loads.
"""

from api.db.models.base import Base, Scoped
from api.db.models.evidence import (
    Attestation,
    AttestationCountersignature,
    AttestationNotice,
    StatusChange,
    StatusEntry,
    StatusList,
)
from api.db.models.files import File
from api.db.models.jobs import Job, JobEvent, JobReview, JobStage, Run
from api.db.models.outbox import OutboxMessage
from api.db.models.tenancy import ApiKey, Organization, Project
from api.db.models.tuned import Baseline, TunedModel

__all__ = [
    "ApiKey",
    "Attestation",
    "AttestationCountersignature",
    "AttestationNotice",
    "Base",
    "Baseline",
    "File",
    "Job",
    "JobEvent",
    "JobReview",
    "JobStage",
    "Organization",
    "OutboxMessage",
    "Project",
    "Run",
    "Scoped",
    "StatusChange",
    "StatusEntry",
    "StatusList",
    "TunedModel",
]
