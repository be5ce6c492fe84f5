"""The SLSA provenance of a tuning, from a job's facts. Pure.

External parameters are what the customer asked for, internal ones what ran. Where a setting did not run as it was asked for,
the request's is named ``requested_…``: without that word a name stands for what ran.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from api.issuance import hiding
from api.issuance.facts import JobFacts
from api.jobs.request import JobRequest
from attestations.digests import Sha256
from attestations.disclosure import Opening
from attestations.documents import moment
from attestations.manifest import Manifest
from attestations.statement import MODEL_SUBJECT, Subject, SubjectDigest
from attestations.statements import provenance
from attestations.statements.provenance import BuildDefinition, Builder, Dependency, Role, RunDetails, RunMetadata
from workers.contract import TuneResult

WORKERS = "workers"
"""Below the issuer's id: who builds."""


def tuning_as_asked(request: JobRequest) -> dict[str, str]:
    """The settings of a tuning with every default filled in, as its plan and its provenance state them."""
    settings = request.settings
    asked = {
        "technique": settings.technique.value,
        "epochs": str(settings.epochs),
        "batch_size": str(settings.batch_size),
        "learning_rate": settings.learning_rate,
        "max_length": str(settings.max_length),
        "packing": str(settings.packing).lower(),
        "safety_mix": request.safety.mix,
    }
    optional = {"rank": settings.rank, "alpha": settings.alpha, "dropout": settings.dropout}
    asked |= {name: str(value) for name, value in optional.items() if value is not None}
    if settings.target_modules:
        asked["target_modules"] = ",".join(settings.target_modules)
    return asked


def parameters_that_ran(tuned: TuneResult) -> dict[str, str]:
    """As the attestation states them too."""
    ran = {"final_loss": tuned.final_loss, "trainable_parameters": str(tuned.trainable_parameters)}
    if tuned.resumed_from_step is not None:
        ran["resumed_from_step"] = str(tuned.resumed_from_step)
    return dict(tuned.parameters) | ran


def provenance_of(
    facts: JobFacts, manifest: Manifest, *, issuer: str, new_salt: Callable[[], bytes]
) -> tuple[bytes, tuple[Opening, ...]]:
    """The payload to sign, and the openings of what it keeps back. The job must have tuned a model."""
    tuned = facts.reports.tune
    if tuned is None:
        raise ValueError("a job without a tuned model has no provenance of one")
    internal = parameters_that_ran(tuned)
    asked = {"model": facts.model, "seed": str(facts.request.settings.seed), **tuning_as_asked(facts.request)}
    external = {
        name if internal.get(name, value) == value else f"{provenance.REQUESTED}{name}": value
        for name, value in asked.items()
    }
    definition = BuildDefinition(
        external_parameters=external,
        internal_parameters=internal,
        resolved_dependencies=_dependencies(facts, tuned),
    )
    details = RunDetails(
        Builder(f"{issuer}/{WORKERS}"),
        RunMetadata(facts.tuning_run or facts.job_id, _moment(tuned.started_at), _moment(tuned.finished_at)),
    )
    subject = Subject(MODEL_SUBJECT, SubjectDigest(manifest.digest, manifest.dir_hash))
    made = provenance.build(subject, definition, details)
    return provenance.hide(made, hiding.provenance_paths(external, internal, facts.request.evidence.hide), new_salt)


def _dependencies(facts: JobFacts, tuned: TuneResult) -> tuple[Dependency, ...]:
    code = tuned.code_digest
    return (
        Dependency(Role.BASE, Sha256(facts.base_manifest_digest)),
        Dependency(Role.DATASET, Sha256(facts.dataset_digest)),
        *((Dependency(Role.CODE, Sha256(code)),) if code is not None else ()),
    )


def _moment(at: int) -> str:
    return moment(datetime.fromtimestamp(at, UTC))
