"""model.sig as made from a manifest: the reference tool's order and root, every file, nothing ignored."""

import hashlib
import json
from dataclasses import replace
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import canonical
from attestations.errors import MalformedError
from attestations.manifest import FileEntry, Manifest
from attestations.statements import model_signing, reading
from attestations.statements.model_signing import ModelSigning, Resource
from tests.attestations.statements.complete import Complete

_NAMES = st.lists(
    st.text("ab.-", min_size=1, max_size=3).filter(lambda part: part not in (".", "..")), min_size=1, max_size=4
)


def test_the_resources_are_the_files_of_the_manifest_in_the_order_of_path_parts(complete: Complete) -> None:
    names = [one.name for one in complete.model_sig.predicate.resources]
    assert sorted(names) == [entry.name for entry in complete.manifest.files]
    assert names.index("adapter/adapter_config.json") < names.index("adapter.md")


@given(paths=st.lists(_NAMES.map("/".join), min_size=1, max_size=6, unique=True))
def test_the_order_and_the_root_are_those_of_the_reference_tool(paths: list[str]) -> None:
    entries = [FileEntry(path, 1, hashlib.sha256(path.encode()).hexdigest()) for path in paths]
    made = model_signing.build(Manifest.of(entries))
    ordered = sorted(paths, key=lambda path: PurePosixPath(path).parts)
    assert [one.name for one in made.predicate.resources] == ordered
    root = hashlib.sha256(b"".join(hashlib.sha256(path.encode()).digest() for path in ordered)).hexdigest()
    assert made.subject.digest.sha256 == root


def test_nothing_is_ignored_and_links_are_not_followed(complete: Complete) -> None:
    serialization = json.loads(complete.model_sig.encode())["predicate"]["serialization"]
    assert serialization == {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": []}


@pytest.mark.parametrize(
    "change",
    [
        {"ignore_paths": [".git"]},
        {"allow_symlinks": True},
        {"allow_symlinks": 0},
        {"hash_type": "blake2b"},
        {"method": "shards"},
        {"shard_size": 1},
    ],
)
def test_another_way_of_reading_the_model_is_malformed(complete: Complete, change: dict[str, object]) -> None:
    value = json.loads(complete.model_sig.encode())
    value["predicate"]["serialization"] |= change
    with pytest.raises(MalformedError, match="ignore no path"):
        reading.parse(canonical.encode(value))


def test_a_root_that_is_not_of_the_resources_is_malformed(complete: Complete) -> None:
    fewer = ModelSigning(complete.model_sig.predicate.resources[1:])
    with pytest.raises(MalformedError, match="resources' digests"):
        replace(complete.model_sig, predicate=fewer)


def test_resources_have_one_order_and_one_algorithm(complete: Complete) -> None:
    resources = complete.model_sig.predicate.resources
    for wrong in (resources[::-1], (resources[0], *resources), ()):
        with pytest.raises(MalformedError, match="in the order"):
            ModelSigning(wrong)
    with pytest.raises(MalformedError, match="sha256"):
        Resource("a", "0" * 64, "blake2b")


def test_files_that_differ_are_named(complete: Complete) -> None:
    first, second, *rest = complete.manifest.files
    changed = Manifest.of([replace(first, sha256="0" * 64), replace(second, name="zz"), *rest])
    assert complete.model_sig.predicate.strays(changed) == sorted([first.name, second.name, "zz"])
