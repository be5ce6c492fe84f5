"""The in-toto Statement v1 around a resilience predicate, and the bytes that get signed.

Exactly one subject: the manifest of the model, bound by two digests that both cover file names; or, where a job ended
before there was a model, the record of that job. Built from what ran by the control process; read by the verifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from attestations import canonical, documents
from attestations.digests import Sha256
from attestations.documents import Digest, Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.predicate import PREDICATE_TYPE, ResiliencePredicate
from attestations.rows import Regressions
from attestations.verdicts import RULE, JudgedRow

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MODEL_SUBJECT = "model-manifest"
JOB_SUBJECT = "job-record"
MAX_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """What a job that made no model was: the subject of its evidence. Its canonical bytes travel in the bundle."""

    schema: Name = "0.1.0"
    job_id: Name
    base_model: Name
    datasets: tuple[Sha256, ...]
    status: Name
    last_stage: Name | None = None
    created_at: Moment
    ended_at: Moment

    def __post_init__(self) -> None:
        parse_moment(self.created_at)
        parse_moment(self.ended_at)

    def encode(self) -> bytes:
        return canonical.encode(documents.encode(self))


@dataclass(frozen=True, slots=True)
class SubjectDigest:
    sha256: Digest
    dir_hash: Digest | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    name: Name
    digest: SubjectDigest


@dataclass(frozen=True, slots=True)
class ResilienceStatement:
    """One subject and one predicate that belong together."""

    subject: Subject
    predicate: ResiliencePredicate

    def __post_init__(self) -> None:
        model = self.predicate.model
        manifest = model.manifest if model is not None else None
        if manifest is not None:
            fits = self.subject.name == MODEL_SUBJECT and self.subject.digest == SubjectDigest(
                manifest.digest.sha256, manifest.digest.dir_hash
            )
        else:
            fits = self.subject.name == JOB_SUBJECT and self.subject.digest.dir_hash is None
        if not fits:
            raise MalformedError(
                "statement.subject", "the subject is not the model, or the job, that the predicate is about"
            )

    def encode(self) -> bytes:
        """The canonical bytes, as they are signed."""
        return canonical.encode(
            {
                "_type": STATEMENT_TYPE,
                "subject": [documents.encode(self.subject)],
                "predicateType": PREDICATE_TYPE,
                "predicate": documents.encode(self.predicate),
            }
        )


def build_statement(predicate: ResiliencePredicate, job_record: bytes | None = None) -> ResilienceStatement:
    """The statement about the predicate's model, or about the job whose record is given where there is no model.

    It is read back under the verifier's own rules before it is returned, so nothing is signed that would be refused.
    """
    manifest = predicate.model.manifest if predicate.model is not None else None
    if manifest is not None:
        subject = Subject(MODEL_SUBJECT, SubjectDigest(manifest.digest.sha256, manifest.digest.dir_hash))
    elif job_record is not None:
        subject = Subject(JOB_SUBJECT, SubjectDigest(Sha256.of(job_record).sha256))
    else:
        raise MalformedError("statement.subject", "a job without a model is attested by its record; none was given")
    return parse(ResilienceStatement(subject, predicate).encode())


def regressions_of(judged: Sequence[JudgedRow], rule: str = RULE) -> Regressions:
    """The predicate's section for judged rows, under the rule of their plan (`Plan.rule`)."""
    return Regressions.of(judged, rule)


def parse(unverified: bytes) -> ResilienceStatement:
    return validate(canonical.parse(unverified, what="the statement", max_bytes=MAX_BYTES))


def validate(unverified: object) -> ResilienceStatement:
    """The statement in a parsed JSON value; anything missing, unknown or out of its limits is refused with its path."""
    if not isinstance(unverified, dict):
        raise MalformedError("document.type", "must be an object", at="statement")
    if set(unverified) != {"_type", "subject", "predicateType", "predicate"}:
        raise MalformedError(
            "statement.fields", "has exactly _type, subject, predicateType and predicate", at="statement"
        )
    if unverified["_type"] != STATEMENT_TYPE:
        raise MalformedError("statement.type", f"must be {STATEMENT_TYPE}", at="statement._type")
    if unverified["predicateType"] != PREDICATE_TYPE:
        raise MalformedError("statement.predicate_type", f"must be {PREDICATE_TYPE}", at="statement.predicateType")
    subjects = unverified["subject"]
    if not isinstance(subjects, list) or len(subjects) != 1:
        raise MalformedError("statement.subject", "must be an array of exactly one subject", at="statement.subject")
    return ResilienceStatement(
        subject=documents.decode(Subject, subjects[0], "statement.subject[0]"),
        predicate=documents.decode(ResiliencePredicate, unverified["predicate"], "predicate"),
    )
