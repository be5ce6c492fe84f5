"""The in-toto Statement v1 around a resilience predicate, and the bytes that get signed.

Exactly one subject: the manifest of the model, bound by two digests that both cover file names; or, where a job ended
before there was a model, the record of that job. Built from what ran by the control process; read by the verifier.

What is signed may hide values (`attestations.disclosure`): `conceal` makes such a payload and its openings, `parse` reads it
with the openings that a reader has. Then the bytes alone are the statement; what was read cannot be encoded again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from attestations import canonical, disclosure, documents
from attestations.digests import Sha256
from attestations.disclosure import Opening
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
    """One subject and one predicate that belong together.

    `hidden` are the paths of values that nobody opened, `opened` those of values that were hidden and are shown here; paths
    as in `attestations.value_paths`, from the predicate.
    """

    subject: Subject
    predicate: ResiliencePredicate
    hidden: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()

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
        """The canonical bytes, as they are signed. What hides values has only the bytes that it was read from."""
        if self.hidden or self.opened:
            raise MalformedError(
                "statement.hidden", "a statement that hides values cannot be encoded from what it shows"
            )
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


def check_patterns(patterns: Sequence[str]) -> None:
    """Refuses what `conceal` could never hide, when it is set and not only when something is to be signed."""
    disclosure.check_patterns(patterns, ResiliencePredicate)


def conceal(
    statement: ResilienceStatement, patterns: Sequence[str], new_salt: Callable[[], bytes]
) -> tuple[bytes, tuple[Opening, ...]]:
    """The payload to sign, in which all that the patterns name is hidden, and the openings that its owner keeps.

    Patterns as in `attestations.value_paths`, from the predicate. The payload is read back under the verifier's own rules,
    with and without its openings: a `MalformedError` names what cannot be hidden.
    """
    check_patterns(patterns)
    value = _object_of(statement.encode())
    hidden, openings = disclosure.hide(value["predicate"], patterns, new_salt)
    payload = canonical.encode({**value, "predicate": hidden})
    parse(payload)
    if replace(parse(payload, openings), opened=()) != statement:
        raise MalformedError("statement.hidden", "what is hidden would not read back as it was")
    return payload, openings


def parse(unverified: bytes, openings: Sequence[Opening] = ()) -> ResilienceStatement:
    """The statement in canonical bytes, with the hidden values that these openings show; all of them must fit."""
    value = _object_of(unverified)
    disclosed = disclosure.read(unverified, value.get("predicate"), openings)
    return replace(
        validate({**value, "predicate": disclosed.tree} if "predicate" in value else value),
        hidden=disclosed.hidden,
        opened=disclosed.opened,
    )


def _object_of(unverified: bytes) -> dict[str, object]:
    value = canonical.parse(unverified, what="the statement", max_bytes=MAX_BYTES)
    if not isinstance(value, dict):
        raise MalformedError("document.type", "must be an object", at="statement")
    return value


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
