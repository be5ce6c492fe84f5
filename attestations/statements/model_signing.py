"""OpenSSF Model Signing v1.0: the statement in `model.sig`, made from a manifest without reading the model again.

Format: predicate `https://model_signing/signature/v1.0`, as its reference tool reads and writes it. The resources are every
file of the manifest and nothing is ignored; where the tool is told the same (`--no-ignore-git-paths`), an added `.github`
does not pass either. The root digest, the subject, is over the files' digests in the tool's order and binds no names, so it
is never the subject of an attestation; names are bound by the manifest, and here by comparing every resource.
"""

from dataclasses import dataclass
from typing import ClassVar

from attestations import canonical, documents
from attestations.digests import Sha256
from attestations.documents import Digest, Name
from attestations.errors import MalformedError
from attestations.manifest import Manifest
from attestations.statement import Subject, SubjectDigest
from attestations.statements.frame import Statement

FILE_NAME = "model.sig"
DEFAULT_NAME = "model"
_SERIALIZATION: dict[str, object] = {
    "method": "files",
    "hash_type": "sha256",
    "allow_symlinks": False,
    "ignore_paths": [],
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One file: `name` relative to the model's directory, `digest` of its content."""

    name: Name
    digest: Digest
    algorithm: Name = "sha256"

    def __post_init__(self) -> None:
        if self.algorithm != "sha256":
            raise MalformedError("model_signing.algorithm", "the algorithm must be sha256")


@dataclass(frozen=True, slots=True)
class _Resources:
    resources: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class ModelSigning:
    """The resources in the tool's order: by the parts of their paths, each once."""

    TYPE: ClassVar[str] = "https://model_signing/signature/v1.0"

    resources: tuple[Resource, ...]

    def __post_init__(self) -> None:
        names = [tuple(one.name.split("/")) for one in self.resources]
        if not names or names != sorted(set(names)):
            words = "the resources are at least one, in the order of their paths' parts, each once"
            raise MalformedError("model_signing.resources", words)

    def to_json(self) -> dict[str, object]:
        return {**documents.encode(_Resources(self.resources)), "serialization": _SERIALIZATION}

    def refuse_subject(self, subject: Subject) -> None:
        if subject.digest != SubjectDigest(self.root.sha256):
            words = "the subject's digest is not that of the resources' digests"
            raise MalformedError("model_signing.root", words, at="statement.subject[0]")

    @property
    def root(self) -> Sha256:
        """SHA-256 of the resources' digests, as bytes, one after another."""
        return Sha256.of(b"".join(bytes.fromhex(one.digest) for one in self.resources))

    def strays(self, manifest: Manifest) -> list[str]:
        """The names of files that are in one of the two alone, or with another content."""
        theirs = {one.name: one.digest for one in self.resources}
        ours = {entry.name: entry.sha256 for entry in manifest.files}
        return sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))


def build(manifest: Manifest, name: str = DEFAULT_NAME) -> Statement[ModelSigning]:
    """The statement about a manifest's files; `name` is informative, by custom the name of the model's directory."""
    ordered = sorted(manifest.files, key=lambda entry: entry.name.split("/"))
    made = ModelSigning(tuple(Resource(entry.name, entry.sha256) for entry in ordered))
    return Statement(Subject(name, SubjectDigest(made.root.sha256)), made)


def read(unverified: object) -> ModelSigning:
    if not isinstance(unverified, dict) or set(unverified) != {"resources", "serialization"}:
        raise MalformedError("document.type", "is an object of exactly resources and serialization", at="predicate")
    if canonical.encode(unverified["serialization"]) != canonical.encode(_SERIALIZATION):  # where 0 is not false
        words = "must be by files, with sha256, without symbolic links, and ignore no path"
        raise MalformedError("model_signing.serialization", words, at="predicate.serialization")
    listed = documents.decode(_Resources, {"resources": unverified["resources"]}, "predicate")
    return ModelSigning(listed.resources)
