"""SLSA provenance of a tuning run: the form other tools know, and parameters that can be kept back."""

import json
from dataclasses import replace

import pytest

from attestations import canonical
from attestations.digests import Sha256
from attestations.documents import HIDDEN
from attestations.errors import CryptographicError, MalformedError
from attestations.statements import provenance, reading
from attestations.statements.provenance import BUILD_TYPE, Dependency, Role
from tests.attestations.evidence_hidden import counting_salts
from tests.attestations.statements.complete import BEGAN, ENDED, Complete

RANK = "buildDefinition.externalParameters.rank"


def test_the_form_is_slsa_v1(complete: Complete) -> None:
    value = json.loads(complete.made_by.encode())
    assert value["predicateType"] == "https://slsa.dev/provenance/v1"
    definition, details = value["predicate"]["buildDefinition"], value["predicate"]["runDetails"]
    assert definition["buildType"] == BUILD_TYPE
    assert definition["externalParameters"]["rank"] == "16"
    assert definition["resolvedDependencies"][0] == {
        "name": "base-model",
        "digest": {"sha256": complete.plan.base.manifest.sha256},
    }
    assert details["metadata"] == {"invocationId": "run-1", "startedOn": BEGAN, "finishedOn": ENDED}
    assert details["builder"] == {"id": "https://tuning.example/workers"}


def test_a_parameter_that_is_kept_back_is_not_in_the_payload_and_can_be_opened(complete: Complete) -> None:
    payload, openings = provenance.hide(complete.made_by, [RANK], counting_salts())
    predicate = json.loads(payload)["predicate"]
    assert set(predicate["buildDefinition"]["externalParameters"]["rank"]) == {"$commit"}
    closed = reading.parse(payload).predicate
    assert closed.build_definition.external_parameters["rank"] == HIDDEN
    shown, disclosed = provenance.show(predicate, openings)
    assert (shown, disclosed.hidden) == (complete.made_by.predicate, ())
    assert disclosed.opened == (openings[0].path,)
    with pytest.raises(CryptographicError, match="rank"):
        provenance.show(predicate, [replace(openings[0], value="32")])


@pytest.mark.parametrize("path", ["buildType", "resolvedDependencies", "resolvedDependencies[0].digest"])
def test_nothing_but_parameters_can_be_kept_back(complete: Complete, path: str) -> None:
    with pytest.raises(MalformedError, match="cannot be hidden"):
        provenance.hide(complete.made_by, [f"buildDefinition.{path}"], counting_salts())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"build_type": "https://example.com/other"}, "build type must be"),
        ({"external_parameters": {str(i): "x" for i in range(257)}}, "at most 256 parameters"),
        ({"resolved_dependencies": ()}, "exactly one base model"),
        ({"resolved_dependencies": (Dependency(Role.BASE, Sha256.of(b"a")),) * 2}, "listed twice"),
        (
            {"resolved_dependencies": tuple(Dependency(Role.BASE, Sha256.of(one)) for one in (b"a", b"b"))},
            "exactly one base model",
        ),
    ],
)
def test_a_definition_that_is_not_ours_is_malformed(complete: Complete, changes: dict[str, object], words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        replace(complete.made_by.predicate.build_definition, **changes)


def test_a_run_that_ends_before_it_begins_is_malformed() -> None:
    with pytest.raises(MalformedError, match="ends before it begins"):
        provenance.RunMetadata("run", ENDED, BEGAN)


def test_a_parameter_is_text(complete: Complete) -> None:
    value = json.loads(complete.made_by.encode())
    for wrong in (1, None, [], {}, {"$commit": "x"}, {"rank": "16"}):
        value["predicate"]["buildDefinition"]["externalParameters"]["rank"] = wrong
        with pytest.raises(MalformedError):
            reading.parse(canonical.encode(value))
