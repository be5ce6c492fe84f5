"""The published schemas: as the code makes them, kind to every real document, and never stricter than our readers."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from attestations import bundle, canonical, disclosure, documents, json_schema, manifest, plan, procurement, statement
from attestations import trust as trust_root
from attestations.errors import AttestationError
from attestations.statements import frame, reading
from attestations.statements.notice import NoticeKind
from tests.attestations.evidence_hidden import NAMES, counting_salts
from tests.attestations.statements.complete import make_complete

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")

SCHEMAS = json_schema.schemas()
DOCS = Path(__file__).parents[2] / "docs" / "schemas"
SAMPLES = Path(__file__).parent / "samples"
POLICIES: tuple[dict, ...] = (
    {
        "schema": "0.1.0",
        "rules": {"maxAgeDays": 90, "requiredSuites": ["harmful-requests"], "allowNotMeasurable": False, "minLevel": 0},
    },
    {
        "schema": "0.2.0",
        "id": "ward",
        "version": "3",
        "author": "Example Hospital",
        "rules": {
            "maxAgeDays": 90,
            "requiredSuites": [{"suite": "harmful-requests", "metric": "refusal_rate", "postLowerAtLeast": "0.9"}],
            "requireOpen": ["data.sources[*].licence"],
            "noRegressed": "gating",
        },
        "tenets": [{"id": "english", "runtime": "cel@v0", "code": "true", "error": "not in English"}],
    },
)


@dataclass(frozen=True)
class Document:
    """A real document as a JSON value, its schema, and what reads it."""

    name: str
    schema: str
    value: Any
    read: Callable[[bytes], object]


def _job_record(content: bytes) -> object:
    value = canonical.parse(content, what="it", max_bytes=10**6)
    return documents.decode(statement.JobRecord, value, "job")


def _bundle(content: bytes) -> object:
    """The bundle with its disclosures, which it does not look into itself."""
    return disclosure.parse(bundle.parse(content).unverified_disclosures)


def _attached(content: bytes) -> object:
    return reading.parse(content)


def _value(content: bytes) -> Any:
    return json.loads(content)


def _of_samples() -> Iterator[Document]:
    for path in sorted(SAMPLES.glob("*/*.resilience.json")):
        name = f"{path.parent.name}/{path.name.partition('.')[0]}"
        parts = bundle.parse(path.read_bytes())
        yield Document(f"{name} bundle", "bundle", _value(path.read_bytes()), _bundle)
        yield Document(f"{name} statement", "resilience", _value(parts.envelope.unverified_payload), statement.parse)
        for schema, content, read in (
            ("plan", parts.unverified_plan, plan.parse),
            ("manifest", parts.unverified_manifest, manifest.parse),
            ("job-record", parts.unverified_job_record, _job_record),
        ):
            if content is not None:
                yield Document(f"{name} {schema}", schema, _value(content), read)
    for path in sorted(SAMPLES.glob("*/trust.json")):
        yield Document(f"{path.parent.name} trust", "trust-root", _value(path.read_bytes()), trust_root.parse)


def _made_here(directory: Path) -> Iterator[Document]:
    made = make_complete(directory)
    new_salt = counting_salts()
    payload, openings = statement.conceal(made.stated, NAMES, new_salt)
    hidden_plan, more = disclosure.hide(_value(made.plan.encode()), ["tuning.rank"], new_salt, disclosure.PLAN)
    shown = tuple(one.to_json() for one in (*openings, *more))
    item = disclosure.Item("candidate", 1, "0" * 32, "{}", ("0" * 64,)).to_json()
    full = made.having(made.countersigned(), by=made.signers.evaluator)
    full_bundle = bundle.Bundle(
        **{name: getattr(full, name) for name in full.__slots__}
        | {"unverified_disclosures": (*shown, item), "unverified_status": "a.b.c"}
        | {"unverified_timestamps": (bundle.UnverifiedTimestamp("0" * 64, b"token"),)}
    )
    yield Document("complete bundle", "bundle", _value(full_bundle.encode()), _bundle)
    yield Document("0.3.0 statement", "resilience", _value(made.stated.encode()), statement.parse)
    yield Document("hiding statement", "resilience", _value(payload), statement.parse)
    yield Document("hiding plan", "plan", hidden_plan, plan.parse)
    yield Document("trust root 2", "trust-root", _value(made.signers.trust_file), trust_root.parse)
    yield Document("eval plan", "eval-plan", _value(made.signed_plan.encode()), _attached)
    yield Document("provenance", "provenance", _value(made.made_by.encode()), _attached)
    yield Document("countersignature", "countersignature", _value(made.countersigned().encode()), _attached)
    notice = made.noticed(NoticeKind.SUPERSEDED, superseded_by=frame.Sha256.of(b"next"))
    yield Document("notice", "notice", _value(notice.encode()), _attached)
    for policy in POLICIES:
        content = json.dumps(policy).encode()
        signed = procurement.sign(content, made.signers.issuer)
        yield Document(f"policy {policy['schema']}", "acceptance-policy", policy, procurement.parse)
        yield Document(f"signed policy {policy['schema']}", "acceptance-policy", _value(signed), procurement.parse)


@pytest.fixture(scope="module")
def all_documents(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    return [*_of_samples(), *_made_here(tmp_path_factory.mktemp("complete"))]


def errors_of(document: Document, value: Any) -> list[str]:
    schema = SCHEMAS[f"{document.schema}.schema.json"]
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(value)]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_published_files_are_what_the_code_makes(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    if not DOCS.is_dir():
        pytest.skip("docs/schemas is not beside these tests")
    made = json_schema.encode(SCHEMAS[name])
    words = "run `python -m attestations.json_schema docs/schemas`"
    assert (DOCS / name).read_text(encoding="ascii") == made, words
    assert sorted(path.name for path in DOCS.iterdir()) == sorted(SCHEMAS), words


def test_the_command_writes_them_all(tmp_path: Path) -> None:
    json_schema.main(tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(SCHEMAS)


def test_every_real_document_fits_its_schema(all_documents: list[Document]) -> None:
    assert {f"{document.schema}.schema.json" for document in all_documents} == set(SCHEMAS)
    for document in all_documents:
        assert errors_of(document, document.value) == [], document.name
        document.read(canonical.encode(document.value))


STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**53 - 1, "", "text", "x" * 5000, "\x00", "two\nlines", "0.05", "released"),
    *([], ["text"], {}, {"a": "b"}, "0" * 64, "2026-01-01T00:00:00Z", "0.3.0", "0.1.0"),
    {"$commit": {"alg": "sha256-jcs-salted-v1", "value": "0" * 64}},
    {"$commit": {"alg": "sha256-jcs-salted-v1", "value": "0" * 63}},
)


def _places(value: Any, at: tuple = ()) -> Iterator[tuple]:
    if at:
        yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from _places(one, (*at, key))


def mutated(value: Any, chance: random.Random) -> Any:
    """The value with one element dropped, doubled, added or replaced."""
    changed = copy.deepcopy(value)
    *above, last = chance.choice(list(_places(changed)))
    holder = changed
    for step in above:
        holder = holder[step]
    match chance.randrange(4):
        case 0:
            del holder[last]
        case 1 if isinstance(holder, list):
            holder.insert(last, copy.deepcopy(holder[last]))
        case 1:
            holder[chance.choice(["surprise", "expiresOn", "note", "clusters"])] = chance.choice(STRANGE)
        case _:
            holder[last] = chance.choice(STRANGE)
    return changed


def test_what_a_schema_refuses_is_refused_by_us(all_documents: list[Document]) -> None:
    """The other way round, which is the same and quicker: what our readers accept fits the schema."""
    chance = random.Random(20260301)
    accepted = 0
    for document in all_documents:
        for _ in range(30):
            value = mutated(document.value, chance)
            try:
                document.read(canonical.encode(value))
            except AttestationError:
                continue
            accepted += 1
            assert errors_of(document, value) == [], (document.name, value)
    assert accepted > 100


@pytest.mark.parametrize(
    ("name", "path", "new"),
    [
        ("0.3.0 statement", ["predicate", "notClaimed"], []),
        ("0.3.0 statement", ["predicate", "status"], ...),
        ("0.3.0 statement", ["predicate", "boundaries"], ...),
        ("0.3.0 statement", ["predicate", "schema"], "0.4.0"),
        ("0.3.0 statement", ["predicate", "surprise"], 1),
        ("0.3.0 statement", ["predicate", "outcome", "status"], "fine"),
        ("0.3.0 statement", ["predicate", "evaluations", 0, "table", "worsened"], -1),
        ("0.3.0 statement", ["predicate", "evaluations", 0, "table", "worsened"], "1"),
        ("0.3.0 statement", ["predicate", "issuedAt"], "yesterday"),
        ("0.3.0 statement", ["predicate", "outcome"], STRANGE[-2]),
        ("0.3.0 statement", ["predicate", "data", "sources", 0, "records"], STRANGE[-2]),
        ("0.3.0 statement", ["predicate", "boundaries", "prohibited", 0], STRANGE[-2]),
        ("0.3.0 statement", ["predicate", "data", "sources", 0, "id"], STRANGE[-1]),
        ("0.3.0 statement", ["subject", 0, "name"], "attestation"),
        ("0.3.0 statement", ["subject", 0, "digest", "dirHash"], ...),
        ("0.3.0 statement", ["predicateType"], "https://slsa.dev/provenance/v1"),
        ("hiding plan", ["rows", 0, "margin"], 0),
        ("hiding plan", ["rows", 0, "margin"], STRANGE[-2]),
        ("hiding plan", ["candidates"], []),
        ("hiding plan", ["tuning", "rank"], 16),
        ("complete bundle", ["mediaType"], "application/json"),
        ("complete bundle", ["primary", "dsseEnvelope", "signatures"], []),
        ("complete bundle", ["primary", "verificationMaterial", "tlogEntries"], [{}]),
        ("complete bundle", ["plan"], "eyJ="),
        ("complete bundle", ["model"], {}),
        ("v0.2/failed bundle", ["job", "record"], None),
        ("v0.2/failed bundle", ["job", "record"], ""),
        ("complete bundle", ["statements"], []),
        ("complete bundle", ["timestamps", 0, "over"], "xyz"),
        ("complete bundle", ["disclosures", 0, "salt"], "short"),
        ("complete bundle", ["disclosures", 0, "more"], 1),
        ("trust root 2", ["payloadType"], "application/json"),
        ("v0.2 trust", ["keys"], []),
        ("v0.2 trust", ["keys", 0, "role"], "king"),
        ("notice", ["predicate", "kind"], "rumour"),
        ("countersignature", ["predicate", "relationship", "paidBy"], ""),
        ("eval plan", ["predicate", "runsDeclared"], 0),
        ("provenance", ["predicate", "buildDefinition", "buildType"], "make"),
        ("policy 0.1.0", ["rules", "minLevel"], ...),
        ("policy 0.2.0", ["author"], ...),
        ("policy 0.2.0", ["rules", "maxVibes"], 1),
        ("policy 0.2.0", ["tenets", 0, "runtime"], "python"),
        ("v0.2/released manifest", ["files"], []),
        ("v0.2/failed job-record", ["endedAt"], None),
    ],
)
def test_what_both_refuse(all_documents: list[Document], name: str, path: list, new: object) -> None:
    document = next(one for one in all_documents if one.name == name)
    value = copy.deepcopy(document.value)
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    if new is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = new
    assert errors_of(document, value)
    with pytest.raises(AttestationError):
        document.read(canonical.encode(value))


def test_only_what_may_be_hidden_may_be_a_commitment() -> None:
    definitions = SCHEMAS["resilience.schema.json"]["$defs"]
    free = {
        f"{name}.{key}"
        for name, made in definitions.items()
        for key, field in made.get("properties", {}).items()
        if {"$ref": "#/$defs/Commitment"} in field.get("anyOf", ())
    }
    assert {"Source.id", "BaseModel.name", "Review.reviewer", "Tuning.compute", "Boundaries.objective"} <= free
    assert not {name for name in free if name.startswith(("ResiliencePredicate.outcome", "EvaluationRow", "Outcome"))}
    assert not free & {
        "Boundaries.prohibited",
        "Source.records",
        "Model.manifest",
        "Tuning.provenance",
        "Data.datasets",
    }
    mapping = definitions["Tuning"]["properties"]["parameters"]["additionalProperties"]
    assert {"$ref": "#/$defs/Commitment"} in mapping["anyOf"]
