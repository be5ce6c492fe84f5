"""The page verifies as the command line does: on every sample, and on damaged copies of evidence, signed again where only a
lying issuer could have made them."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from attestations import bundle as bundle_format
from attestations import canonical
from attestations.digests import Sha256
from attestations.documents import moment, parse_moment
from attestations.keys import LocalSigner
from attestations.predicate import PlanRef
from tests.attestations.evidence import (
    HARMFUL,
    KEPT,
    ROWS,
    Evidence,
    make_evidence,
    make_failed_evidence,
    make_plan,
    make_trust,
)
from tests.attestations.evidence_02 import make_good, make_reviewed, make_sweep
from tests.page.damage import damaged_bytes, damaged_values
from tests.page.engine import NOW, SAMPLES, Case, differences
from tests.page.given import codes_of, parsed


def sample_cases() -> Iterator[Case]:
    """Every sample under each trust root of its version: early, late, and whenever its table says something of it."""
    for path in sorted(SAMPLES.glob("*/*.resilience.json")):
        table = path.parent / "README.md"
        said = re.findall(r"20\d\d-\d\d-\d\dT[\d:]{8}Z", table.read_text()) if table.exists() else []
        times = sorted({"2025-01-01T00:00:00Z", "2030-01-01T00:00:00Z", moment(NOW), *said})
        for believed in sorted(path.parent.glob("trust*.json")):
            for at in times:
                name = f"{path.parent.name}/{path.name.partition('.')[0]} {believed.stem} {at[:10]}"
                yield Case(name, path.read_bytes(), believed.read_bytes(), now=parse_moment(at))


def test_the_samples_of_every_version_give_the_same_report() -> None:
    cases = list(sample_cases())
    assert len(cases) >= 27
    assert differences(cases) == []


def test_what_is_accepted_and_what_is_not_is_as_recorded() -> None:
    codes = codes_of(list(sample_cases()))
    assert codes["v0.1/released trust 2026-03-02"] == 0
    assert codes["v0.2/sweep trust 2026-03-02"] == 0
    assert codes["v0.2/blocked trust 2026-03-02"] == 3
    assert codes["v0.2/released trust 2030-01-01"] == 4
    assert codes["v0.3/released trust 2026-03-02"] == 0
    assert codes["v0.3/revoked trust 2026-03-02"] == 3


# What anyone can do to a file


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return make_evidence(tmp_path_factory.mktemp("small") / "m", {HARMFUL: KEPT[HARMFUL]}, make_plan(ROWS[:1]))


def test_damaged_bytes_are_refused_alike(small: Evidence) -> None:
    bundles = [Case(f"bundle: {how}", made, small.trust) for how, made in damaged_bytes(small.bundle, 250, 1)]
    roots = [Case(f"trust: {how}", small.bundle, made) for how, made in damaged_bytes(small.trust, 150, 2)]
    assert differences([*bundles, *roots]) == []
    whole = [case.name for case in bundles if case.bundle == small.bundle]
    assert [name for name, code in codes_of(bundles).items() if code == 0] == whole


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{}", b"null", b"[]", b'""', b"0", b"-0", b"01", b"1.0", b"1e5", b"NaN", b"-Infinity", b"9007199254740992", b'{"a":1,"a":2}',
        b'{"a":1,}', b"[1,]", b"[" * 65 + b"]" * 65, b"[" * 100_000, b'{"b":1,"a":2}', b' {"a":1}', b'{"a":1}\n', b"\xef\xbb\xbf{}", b"\xff",
        b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u00e9"', b'"\\/"', b'"\x01"', b'"\\x"', b'"\\u12"', b'"abc', b'{"a" 1}', b"{1:2}", b"tru",
        b'{"__proto__":1,"mediaType":2,"primary":3}', b'{"constructor":{},"hasOwnProperty":1}', b"nulll", b"\x00", b'"\xed\xa0\x80"', b'[1,{"a.b":[0,{"\\u00e9":1.5}]}]',
        b'{"a":[[],{},"x",-9007199254740992]}', b'{"a":1,"b":{"c":-Infinity}}',
    ],
)  # fmt: skip
def test_texts_are_refused_alike(small: Evidence, text: bytes) -> None:
    assert differences([Case("bundle", text, small.trust), Case("trust", small.bundle, text)]) == []


def test_rearranged_bundles_are_refused_alike(small: Evidence) -> None:
    made = damaged_values(parsed(small.bundle), 150, 3)
    assert differences([Case(how, canonical.encode(value), small.trust) for how, value in made]) == []


# What an issuer with a trusted key can do


def resigned(evidence: Evidence, value: object) -> bytes:
    return evidence.with_payload(canonical.encode(value))


@pytest.mark.parametrize(("make", "count"), [(make_good, 80), (make_reviewed, 60), (make_sweep, 60)])
def test_lying_statements_are_judged_alike(make: Callable[..., Evidence], count: int, tmp_path: Path) -> None:
    evidence = make(tmp_path / "m")
    values = damaged_values(parsed(evidence.statement.encode()), count, 4)
    assert differences([Case(how, resigned(evidence, value), evidence.trust) for how, value in values]) == []


def with_plan(evidence: Evidence, encoded_plan: bytes) -> bytes:
    predicate = replace(evidence.statement.predicate, plan=PlanRef(Sha256.of(encoded_plan)))
    signed = bundle_format.parse(evidence.resigned(predicate))
    return replace(signed, unverified_plan=encoded_plan).encode()


def test_lying_plans_are_judged_alike(tmp_path: Path) -> None:
    evidence = make_good(tmp_path / "m")
    values = damaged_values(parsed(evidence.plan.encode()), 100, 5)
    cases = [Case(how, with_plan(evidence, canonical.encode(value)), evidence.trust) for how, value in values]
    assert differences(cases) == []


def test_lying_manifests_are_judged_alike(small: Evidence) -> None:
    cases = []
    for how, value in damaged_values(parsed(small.manifest.encode()), 80, 6):
        content = canonical.encode(value)
        model = small.statement.predicate.model
        assert model is not None
        assert model.manifest is not None
        digest = replace(model.manifest.digest, sha256=Sha256.of(content).sha256)
        said = replace(model, manifest=replace(model.manifest, digest=digest))
        signed = bundle_format.parse(small.resigned(replace(small.statement.predicate, model=said)))
        cases.append(Case(how, replace(signed, unverified_manifest=content).encode(), small.trust))
    assert differences(cases) == []


def test_parts_that_are_missing_are_called_that_alike(small: Evidence) -> None:
    parts = bundle_format.parse(small.bundle)
    cases = [
        Case("no manifest", replace(parts, unverified_manifest=None).encode(), small.trust),
        Case("no plan", replace(parts, unverified_plan=None).encode(), small.trust),
        Case("edited", json.dumps(parsed(small.bundle), indent=2).encode(), small.trust),
        Case("a line more", small.bundle + b"\n", small.trust),
    ]
    assert differences(cases) == []


def test_a_file_in_the_place_of_another_is_called_what_it_is_alike(small: Evidence) -> None:
    policy = (SAMPLES.parents[2] / "docs" / "policies-of-buyers" / "hospital.json").read_bytes()
    signed_root = (SAMPLES / "v0.3" / "trust.json").read_bytes()
    token = b"eyJhbGciOiJFUzI1NiIsInR5cCI6InN0YXR1c2xpc3Qrand0In0.e30.e30"
    others = [
        small.bundle,
        small.trust,
        signed_root,
        policy,
        token,
        small.bundle[:-1],
        b" \n" + signed_root[:-9],
        b"{}",
        b'{"a":"',
        b'["b"]',
    ]
    cases = [
        *(Case(f"bundle {number}", one, small.trust) for number, one in enumerate(others)),
        *(Case(f"trust {number}", small.bundle, one) for number, one in enumerate(others)),
        *(Case(f"status {number}", *_with_status(one.decode())) for number, one in enumerate(others)),
    ]
    assert differences(cases) == []


def _with_status(given: str) -> tuple[bytes, bytes, str]:
    samples = SAMPLES / "v0.3"
    return (samples / "released.resilience.json").read_bytes(), (samples / "trust.json").read_bytes(), given


def test_evidence_of_jobs_without_a_model_is_judged_alike() -> None:
    signer = LocalSigner.generate()
    whole = make_failed_evidence(signer, make_plan())
    parts = bundle_format.parse(whole)
    cases = [
        Case("failed", whole, make_trust(signer)),
        Case("failed early", make_failed_evidence(signer, None), make_trust(signer)),
        Case("another record", replace(parts, unverified_job_record=b"{}").encode(), make_trust(signer)),
        Case("no record", replace(parts, unverified_job_record=None).encode(), make_trust(signer)),
        Case("a borrowed plan", replace(bundle_format.parse(make_failed_evidence(signer, None)), unverified_plan=make_plan().encode()).encode(), make_trust(signer)),
        Case("another issuer", whole, make_trust(signer, issuer="https://somebody.else")),
        Case("another key", whole, make_trust(LocalSigner.generate())),
    ]  # fmt: skip
    assert differences(cases) == []
