"""SLSA Provenance v1 of the tuning run: what went in, with which parameters, and which model came out.

Format: https://slsa.dev/spec/v1.1/provenance, with a build type of ours that fixes the rest. External parameters are what
the customer asked for, internal ones what the service added; all are text, and each may be kept back as a commitment of
`attestations.disclosure`. Other optional parts of SLSA do not occur.

Resolved dependencies have one of the names in `Role`: the base model once, the code at most once, data sets and images as
often as there are any.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from attestations import disclosure, documents
from attestations.digests import Sha256
from attestations.disclosure import Disclosed, Opening
from attestations.documents import HIDDEN, Moment, Name, parse_moment
from attestations.errors import MalformedError
from attestations.plan import Plan
from attestations.predicate import SPECIFICATIONS, ResiliencePredicate
from attestations.statement import MODEL_SUBJECT, Subject
from attestations.statements.frame import Statement, encode, refuse_other_subject
from attestations.value_paths import parse_path

BUILD_TYPE = f"{SPECIFICATIONS}/buildtypes/finetune/v1"
REQUESTED = "requested_"
"""Before the name of a setting that was asked for in another way than it ran."""
MAX_PARAMETERS = 256
_MAX_DEPENDENCIES = 512
_ASKED = ("tuning", "provenance", "buildDefinition", "externalParameters")
_PARAMETERS = (("tuning", "parameters"), _ASKED, ("tuning", "provenance", "buildDefinition", "internalParameters"))


class Role(StrEnum):
    BASE = "base-model"
    DATASET = "dataset"
    CODE = "code"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Dependency:
    name: Role
    digest: Sha256


@dataclass(frozen=True, slots=True)
class Builder:
    """The service that ran the tuning: the issuer's id, or that and a path below it."""

    id: Name


@dataclass(frozen=True, slots=True)
class RunMetadata:
    invocation_id: Name
    started_on: Moment
    finished_on: Moment

    def __post_init__(self) -> None:
        if parse_moment(self.started_on) > parse_moment(self.finished_on):
            raise MalformedError("provenance.times", "the run ends before it begins")


@dataclass(frozen=True, slots=True)
class RunDetails:
    builder: Builder
    metadata: RunMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildDefinition:
    build_type: Name = BUILD_TYPE
    external_parameters: Mapping[str, str]
    internal_parameters: Mapping[str, str]
    resolved_dependencies: tuple[Dependency, ...]

    def __post_init__(self) -> None:
        if self.build_type != BUILD_TYPE:
            raise MalformedError("provenance.build_type", f"the build type must be {BUILD_TYPE}")
        dependencies = self.resolved_dependencies
        most = max(len(self.external_parameters), len(self.internal_parameters))
        if most > MAX_PARAMETERS or len(dependencies) > _MAX_DEPENDENCIES:
            words = f"there are at most {MAX_PARAMETERS} parameters of a kind and {_MAX_DEPENDENCIES} dependencies"
            raise MalformedError("provenance.too_much", words)
        if len(set(dependencies)) != len(dependencies):
            raise MalformedError("provenance.dependencies", "a dependency is listed twice")
        names = [one.name for one in dependencies]
        if names.count(Role.BASE) != 1 or names.count(Role.CODE) > 1:
            words = "there is exactly one base model and at most one code among the dependencies"
            raise MalformedError("provenance.dependencies", words)


@dataclass(frozen=True, slots=True)
class Provenance:
    """A parameter that is kept back, and was not opened, reads as `documents.HIDDEN`."""

    TYPE: ClassVar[str] = "https://slsa.dev/provenance/v1"

    build_definition: BuildDefinition
    run_details: RunDetails

    def having(self, role: Role) -> tuple[Sha256, ...]:
        """The digests of the dependencies in a role, in their order."""
        return tuple(one.digest for one in self.build_definition.resolved_dependencies if one.name is role)

    def to_json(self) -> dict[str, object]:
        return documents.encode(self)

    def refuse_subject(self, subject: Subject) -> None:
        refuse_other_subject(subject, MODEL_SUBJECT)

    def strays(
        self, attested: ResiliencePredicate, planned: Plan | None = None, hidden: Sequence[str] = ()
    ) -> list[str]:
        """What the attestation of the same model, or its plan, says otherwise; a fact that it does not state is no
        contradiction. `hidden` are the paths of what this reader does not see in the attestation and in here."""
        model, tuning, metadata = attested.model, attested.tuning, self.run_details.metadata
        base = model.base.manifest if model is not None else None
        said: dict[str, tuple[object, object]] = {"base model": ((base,) if base else None, self.having(Role.BASE))}
        if attested.data is not None:
            said["data sets"] = (frozenset(attested.data.datasets), frozenset(self.having(Role.DATASET)))
        if tuning is not None:
            said["code"] = ((tuning.code,) if tuning.code else None, self.having(Role.CODE))
            said["start"] = (tuning.started_at, metadata.started_on)
            said["end"] = (tuning.finished_at, metadata.finished_on)
            own = {**self.build_definition.internal_parameters, **self.build_definition.external_parameters}
            unseen = {steps[-1] for steps in map(parse_path, hidden) if steps[:-1] in _PARAMETERS}
            for key, value in {**tuning.parameters, "technique": tuning.method, "seed": tuning.seed}.items():
                said[f"parameter {key}"] = (None if key in unseen else value, own.get(key, value))
            said |= self._asked_otherwise(planned.tuning if planned is not None else {}, hidden)
        return [name for name, (theirs, ours) in said.items() if theirs is not None and theirs != ours]

    def _asked_otherwise(self, planned: Mapping[str, str], hidden: Sequence[str]) -> dict[str, tuple[object, object]]:
        """The settings of the plan beside what was asked for; where another value ran, that has a name of its own."""
        asked = self.build_definition.external_parameters
        unseen = {steps[-1] for steps in map(parse_path, hidden) if steps[:-1] == _ASKED}
        said: dict[str, tuple[object, object]] = {}
        for key, value in planned.items():
            name = next((name for name in (f"{REQUESTED}{key}", key) if name in asked), None)
            if name is not None and name not in unseen and value != HIDDEN:
                said[f"planned {key}"] = (value, asked[name])
        return said


def build(subject: Subject, definition: BuildDefinition, details: RunDetails) -> Statement[Provenance]:
    """The statement about a tuned model, whose subject is that of its attestation. `hide` gives what is signed where
    something is kept back, else the statement's own `encode`."""
    return Statement(subject, Provenance(definition, details))


def hide(
    statement: Statement[Provenance], patterns: Sequence[str], new_salt: Callable[[], bytes]
) -> tuple[bytes, tuple[Opening, ...]]:
    """The payload with a commitment for each parameter that a pattern fits (see `disclosure.hide`), and the openings."""
    tree, openings = disclosure.hide(statement.predicate.to_json(), patterns, new_salt, disclosure.PROVENANCE)
    return encode(statement.subject, Provenance.TYPE, tree), openings


def read(unverified: object) -> Provenance:
    return show(unverified)[0]


def show(unverified: object, openings: Sequence[Opening] = ()) -> tuple[Provenance, Disclosed]:
    """The predicate as a reader with these openings sees it, and what is hidden and opened in it."""
    disclosed = disclosure.disclose(unverified, openings, disclosure.PROVENANCE)
    return documents.decode(Provenance, disclosed.tree, "predicate"), disclosed
