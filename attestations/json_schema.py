"""JSON Schema (2020-12) of every document, made from the classes that read it: `python -m attestations.json_schema DIR`.

A schema never refuses what our readers accept, so that others can check their documents with a tool of theirs. It is not
the whole of the rules: what holds between fields, digests and dates is in the classes, and canonical form is a matter of
bytes. `docs/schemas/` has the files; a test says that they equal what this makes.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from attestations import dsse, manifest, plan, predicate, statement, trust
from attestations.disclosure import PLAN, PREDICATE, PROVENANCE, Scope
from attestations.procurement import document as policy
from attestations.procurement.policy import PAYLOAD_TYPE as POLICY_PAYLOAD_TYPE
from attestations.rows import ALL_REGISTERED, Regressions
from attestations.schema_definitions import Definitions, Facts, Schema
from attestations.schema_envelopes import as_object, base64_text, bundle_schema, envelope
from attestations.statement import JOB_SUBJECT, MODEL_SUBJECT, STATEMENT_TYPE
from attestations.statements import countersignature, eval_plan, notice, provenance
from attestations.statements.frame import ATTESTATION_SUBJECT

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SINCE_0_3: Schema = {
    "if": {"properties": {"schema": {"const": predicate.BOUNDED_SINCE}}, "required": ["schema"]},
    "then": {"required": ["status", "boundaries"]},
}
_FACTS: Facts = {
    (predicate.ResiliencePredicate, ""): _SINCE_0_3,
    (predicate.ResiliencePredicate, "schema"): {"enum": list(predicate.SCHEMAS)},
    (predicate.ResiliencePredicate, "notClaimed"): {"minItems": 1},
    (Regressions, "coverage"): {"const": ALL_REGISTERED},
    (plan.Plan, "schema"): {"enum": list(plan.RULES)},
    (plan.Plan, "rows"): {"maxItems": plan.MAX_ROWS},
    (plan.Plan, "controls"): {"maxItems": plan.MAX_CONTROLS},
    (plan.Plan, "candidates"): {"minItems": 1, "maxItems": plan.MAX_CANDIDATES},
    (manifest.Manifest, "schema"): {"const": manifest.SCHEMA},
    (manifest.Manifest, "mediaType"): {"const": manifest.MEDIA_TYPE},
    (manifest.Manifest, "files"): {"minItems": 1},
    (eval_plan.EvalPlan, "schema"): {"const": eval_plan.SCHEMA},
    (eval_plan.EvalPlan, "runsDeclared"): {"minimum": 1},
    (notice.Notice, "schema"): {"const": notice.SCHEMA},
    (countersignature.Countersignature, "schema"): {"const": countersignature.SCHEMA},
    (countersignature.Countersignature, "own"): {"maxItems": plan.MAX_ROWS},
    (provenance.BuildDefinition, "buildType"): {"const": provenance.BUILD_TYPE},
    (policy.PolicyDocument, ""): {"required": ["schema", "rules", "id", "version", "author"]},
    (policy.PolicyDocument, "schema"): {"const": policy.SCHEMA},
    (policy.PolicyDocument, "tenets"): {"maxItems": policy.MAX_TENETS},
    (policy.Tenet, "runtime"): {"const": policy.CEL},
    (policy._FirstDocument, "schema"): {"const": policy.FIRST_SCHEMA},  # noqa: SLF001 - a format that only its module reads
    (trust._FileV1, "mediaType"): {"const": trust.MEDIA_TYPE},  # noqa: SLF001 - the same
    (trust._FileV1, "keys"): {"minItems": 1, "maxItems": trust.MAX_KEYS},  # noqa: SLF001
    (trust.TrustRoot, "keys"): {"minItems": 1, "maxItems": trust.MAX_KEYS},
    (trust.TrustRoot, "threshold"): {"minimum": 1},
    (trust.TrustRoot, "timestampAuthorities"): {"maxItems": trust.MAX_AUTHORITIES},
}
"""What the classes refuse beside the types of their fields, as far as a schema can say it."""
_FILES: dict[str, Callable[[], Schema]] = {
    "resilience": lambda: _statement(
        predicate.ResiliencePredicate, predicate.PREDICATE_TYPE, (MODEL_SUBJECT, JOB_SUBJECT), scope=PREDICATE
    ),
    "eval-plan": lambda: _statement(eval_plan.EvalPlan, eval_plan.EvalPlan.TYPE, (eval_plan.SUBJECT,)),
    "notice": lambda: _statement(notice.Notice, notice.Notice.TYPE, (ATTESTATION_SUBJECT,)),
    "countersignature": lambda: _statement(
        countersignature.Countersignature, countersignature.Countersignature.TYPE, (ATTESTATION_SUBJECT,)
    ),
    "provenance": lambda: _statement(
        provenance.Provenance, provenance.Provenance.TYPE, (MODEL_SUBJECT,), scope=PROVENANCE
    ),
    "plan": lambda: _plain(plan.Plan, PLAN),
    "manifest": lambda: _plain(manifest.Manifest),
    "job-record": lambda: _plain(statement.JobRecord),
    "trust-root": lambda: _trust_root(),  # noqa: PLW0108 - defined below
    "acceptance-policy": lambda: _policy(),  # noqa: PLW0108 - defined below
    "bundle": bundle_schema,
}


def schemas() -> dict[str, Schema]:
    """All schemas, by the names of their files."""
    return {name: schema(name) for name in map("{}.schema.json".format, _FILES)}


def schema(file_name: str) -> Schema:
    """The schema in the file of this name."""
    made = _FILES[file_name.removesuffix(".schema.json")]()
    return {"$schema": DIALECT, "$id": f"{predicate.SPECIFICATIONS}/schemas/{file_name}", **made}


def encode(made: Schema) -> str:
    """The text of a file, for people too."""
    return json.dumps(made, indent=1, ensure_ascii=True) + "\n"


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, made in schemas().items():
        (directory / name).write_text(encode(made), encoding="ascii")


def _plain(kind: type, scope: Scope | None = None) -> Schema:
    definitions = Definitions(_FACTS, scope)
    return {"title": kind.__name__, **definitions.root(kind), "$defs": definitions.found}


def _statement(kind: type, predicate_type: str, subjects: tuple[str, ...], scope: Scope | None = None) -> Schema:
    """An in-toto Statement v1 about exactly one subject."""
    definitions = Definitions(_FACTS, scope)
    about = [_subject(name) for name in subjects]
    return {
        "title": kind.__name__.removesuffix("Predicate"),
        **as_object(
            {
                "_type": {"const": STATEMENT_TYPE},
                "subject": {
                    "type": "array",
                    "items": about[0] if len(about) == 1 else {"anyOf": about},
                    "minItems": 1,
                    "maxItems": 1,
                },
                "predicateType": {"const": predicate_type},
                "predicate": definitions.root(kind),
            }
        ),
        "$defs": definitions.found,
    }


def _subject(name: str) -> Schema:
    """A model is bound by two digests that both cover file names, all else by one."""
    digest: Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    digests: dict[str, object] = {"sha256": digest}
    if name == MODEL_SUBJECT:
        digests["dirHash"] = digest
    return as_object({"name": {"const": name}, "digest": as_object(digests)})


def _trust_root() -> Schema:
    definitions = Definitions(_FACTS)
    first = definitions.root(trust._FileV1)  # noqa: SLF001 - a format that only its module reads
    signed = envelope(trust.PAYLOAD_TYPE, max_bytes=trust.MAX_BYTES, most_signatures=dsse.MAX_SIGNATURES)
    signed["properties"]["payload"] = {
        **base64_text(trust.MAX_BYTES),
        "contentMediaType": "application/json",
        "contentSchema": definitions.root(trust.TrustRoot),
    }
    return {
        "title": "TrustRoot",
        "description": "Format 1, canonical JSON; or format 2, a DSSE envelope whose payload is a TrustRoot.",
        "anyOf": [first, signed],
        "$defs": definitions.found,
    }


def _policy() -> Schema:
    definitions = Definitions(_FACTS)
    forms = [
        definitions.root(policy._FirstDocument),  # noqa: SLF001 - a format that only its module reads
        definitions.root(policy.PolicyDocument),
        envelope(POLICY_PAYLOAD_TYPE, url_safe=True),
    ]
    return {
        "title": "AcceptancePolicy",
        "description": "A buyer's rules, of schema 0.1.0 or 0.2.0; or a DSSE envelope whose payload is such a document.",
        "anyOf": forms,
        "$defs": definitions.found,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
