"""The specification says what the code does: codes and what they end as, fields and types, what cannot be hidden; and its
examples are documents of one bundle that verifies.

The pages lie in docs/, which is not beside these tests where the wheel is tested alone; they are skipped there.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import pytest

from attestations import (
    bundle,
    canonical,
    disclosure,
    documents,
    dsse,
    leaves,
    manifest,
    plan,
    records,
    statement,
    statistics,
    status,
    trust,
)
from attestations.bundle import Bundle
from attestations.digests import Sha256
from attestations.disclosure import Item, Opening
from attestations.errors import AttestationError
from attestations.findings import ExitCode, Status
from attestations.keys import LocalSigner
from attestations.statements import frame, reading
from attestations.status import StatusList
from attestations.trust import KeyRole, TrustRoot, trusted_key
from attestations.verify import Report, verify
from tests.attestations import spec_tables

DOCS = Path(__file__).parents[2] / "docs"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
FROM, UNTIL = "2026-01-01T00:00:00Z", "2026-12-31T23:59:59Z"
ISSUER, LAB = "https://tuning.example", "Independent Evaluations Lab"
EXAMPLES = {
    *("manifest", "plan", "resilience", "eval-plan", "provenance", "model-signing"),
    *("countersignature", "notice", "svr", "opening", "answer"),
}


def page(name: str) -> str:
    if not DOCS.is_dir():
        pytest.skip("docs/ is not beside these tests")
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def specification() -> str:
    return page("attestation-spec.md")


@pytest.fixture(scope="module")
def examples(specification: str) -> dict[str, object]:
    found = re.findall(r"<!-- example: ([\w-]+) -->\n```json\n(.*?)```", specification, re.DOTALL)
    return {name: json.loads(text) for name, text in found}


def payload(examples: dict[str, object], name: str) -> bytes:
    return canonical.encode(examples[name])


@pytest.fixture(scope="module")
def report(examples: dict[str, object]) -> Report:
    """Of the bundle that the examples are, signed here, with the answer and the hidden value shown."""
    issuer, lister, lab, keeper = (LocalSigner.generate() for _ in range(4))
    held = (
        (keeper, KeyRole.ROOT, None),
        (issuer, KeyRole.ISSUER, None),
        (lister, KeyRole.STATUS, None),
        (lab, KeyRole.EVALUATOR, LAB),
    )
    root = TrustRoot(
        version=1,
        issuer=ISSUER,
        keys=tuple(trusted_key(one.public_pem, FROM, UNTIL, role=role, owner=owner) for one, role, owner in held),
        threshold=1,
        created_at=FROM,
        expires_at=UNTIL,
    )
    issued = NOW - timedelta(hours=1)
    listed = StatusList(
        uri=f"{ISSUER}/status/1", issued_at=issued, expires_at=issued + timedelta(hours=24), states=bytes(8192)
    )
    signed_by = {"eval-plan": issuer, "provenance": issuer, "countersignature": lab, "notice": issuer}
    made = Bundle(
        frame.seal(payload(examples, "resilience"), issuer),
        unverified_manifest=payload(examples, "manifest"),
        unverified_plan=payload(examples, "plan"),
        unverified_oms=frame.seal(payload(examples, "model-signing"), issuer),
        unverified_statements=tuple(frame.seal(payload(examples, name), by) for name, by in signed_by.items()),
        unverified_status=status.encode(listed, lister),
        unverified_disclosures=(examples["opening"], examples["answer"]),
    )
    return verify(made.encode(), trust.encode_file(trust.seal(root, [keeper])), now=NOW)


def test_the_examples_are_one_bundle_that_is_accepted(report: Report) -> None:
    assert [(one.code, one.sentence) for one in report.checks if one.status in (Status.FAIL, Status.STALE)] == []
    assert (report.exit_code, report.level) == (ExitCode.ACCEPT, 0)
    left = {one.code for one in report.checks if one.status is Status.NOT_CHECKED}
    missing = {"time.signing", "model.files", "controls.coverage", "answers", "log.inclusion", "log.completeness"}
    assert left == missing
    assert report.hidden == ()


def test_every_kind_of_example_is_there_and_reads(examples: dict[str, object]) -> None:
    assert set(examples) == EXAMPLES
    for name in EXAMPLES - {"manifest", "plan", "resilience", "opening", "answer"}:
        assert reading.parse(payload(examples, name)).encode() == payload(examples, name), name
    assert manifest.parse(payload(examples, "manifest")).encode() == payload(examples, "manifest")
    assert plan.parse(payload(examples, "plan")).encode() == payload(examples, "plan")


def test_the_verdict_example_is_about_the_attestation(examples: dict[str, object]) -> None:
    said = reading.parse(payload(examples, "svr")).predicate
    assert said.tuneproof_verdict.attestation == Sha256.of(payload(examples, "resilience"))


def test_the_worked_commitment_is_recomputed(specification: str, examples: dict[str, object]) -> None:
    line = re.search(r"```text\n(.*)\n```\n\nwhose SHA-256 is `([0-9a-f]{64})`", specification)
    assert line is not None
    assert canonical.encode(examples["opening"]).decode() == line[1]
    assert Opening(**examples["opening"]).commitment == line[2] == Sha256.of(line[1].encode()).sha256
    source = examples["resilience"]["predicate"]["data"]["sources"][0]
    assert source["origin"] == {"$commit": {"alg": disclosure.ALGORITHM, "value": line[2]}}


def test_the_answer_shown_is_under_the_root(examples: dict[str, object]) -> None:
    shown = Item(**{**examples["answer"], "path": tuple(examples["answer"]["path"])})
    kept = examples["resilience"]["predicate"]["outputs"][shown.tree]
    leaf = leaves.leaf_digest(bytes.fromhex(shown.salt), shown.line.encode())
    assert leaves.verify_inclusion(leaf, shown.index, kept["leaves"], shown.path, kept["root"]["sha256"])


def test_the_encoding_that_is_signed_begins_as_stated(specification: str, examples: dict[str, object]) -> None:
    begins = re.search(r"begins `(DSSEv1 [^`]+)`", specification)
    assert begins is not None
    assert dsse.pae(dsse.IN_TOTO_PAYLOAD_TYPE, payload(examples, "resilience")).decode().startswith(begins[1])


def test_the_limits_are_those_of_the_code(specification: str) -> None:
    mib, kib = 1024 * 1024, 1024
    assert plan.MAX_BYTES == manifest.MAX_BYTES  # "each" below
    rows = [
        "; ".join(
            [
                f"{bundle.MAX_BYTES // mib} MiB",
                f"{statement.MAX_BYTES // mib} MiB",
                f"{plan.MAX_BYTES // mib} MiB each",
                f"{trust.MAX_BYTES // kib} KiB",
            ]
        ),
        f"{bundle.MAX_STATEMENTS}; {bundle.MAX_TIMESTAMPS}; {bundle.MAX_DISCLOSURES}",
        f"{bundle.MAX_TOKEN // kib} KiB; {status.MAX_TOKEN // mib} MiB",
        f"{plan.MAX_ROWS}; {plan.MAX_CONTROLS}; {plan.MAX_CANDIDATES}",
        f"{plan.MAX_JUDGES}; {plan.MAX_ROW_JUDGES + 1}",
        f"{statistics.MAX_PAIRS:,}; {records.MAX_TABLES:,}, and {records.MAX_PAIRS_IN_ALL:,}",
        f"{documents.MAX_ITEMS}",
    ]
    assert [row[1] for row in spec_tables.table(specification.split("## 1. JSON")[1])] == rows
    assert f"nested deeper than {canonical.MAX_DEPTH} levels" in specification


def checks_of(specification: str) -> list[list[str]]:
    return spec_tables.table(specification.split("## 8. Verification")[1])


def test_the_checks_are_those_that_the_verifier_can_make(specification: str) -> None:
    rows = {row[1].strip("`"): row[2] for row in checks_of(specification)}
    assert rows.pop("policy.…") == "PASS, FAIL 3, NOT_CHECKED"
    assert rows == spec_tables.emitted()


def test_the_policys_checks_are_those_that_can_be_made(specification: str) -> None:
    named = set(re.findall(r"`(policy\.[\w.<>]+)`", specification.split("## 8. Verification")[1]))
    assert named == spec_tables.policy_codes()


def test_checks_come_in_the_order_of_the_table(specification: str, report: Report) -> None:
    order = [row[1].strip("`") for row in checks_of(specification)]
    places = [order.index(one.code) for one in report.checks]
    assert places == sorted(places)


def test_exit_codes_are_those_of_the_command(specification: str) -> None:
    said = {int(code) for code in re.findall(r"\*\*(\d)\*\*", specification.split("**Exit codes**")[1][:400])}
    assert said == {int(code) for code in ExitCode}


def test_what_cannot_be_hidden_is_listed(specification: str) -> None:
    text = specification.split("### 9.2")[1].partition("with everything above")[0]
    assert set(re.findall(r"`([^`]+)`", text)) == set(disclosure.PREDICATE.never)


@pytest.mark.parametrize("kind", spec_tables.kinds(), ids=spec_tables.title)
def test_every_field_has_its_row(kind: type) -> None:
    text = spec_tables.sections(page("attestation-fields.md"))[spec_tables.title(kind)]
    if issubclass(kind, StrEnum):
        words = text.split("\n## ")[0]
        named = re.findall(r"^- `([^`]+)`", words, re.MULTILINE) or re.findall(r"`([^`]+)`", words)
        assert named == [str(word) for word in kind]
    else:
        rows = [(row[0].strip("`"), row[1], row[2]) for row in spec_tables.table(text)]
        assert rows == spec_tables.field_rows(kind)


def test_the_page_of_fields_has_nothing_else() -> None:
    titles = [spec_tables.title(kind) for kind in spec_tables.kinds()]
    assert len(set(titles)) == len(titles)
    assert list(spec_tables.sections(page("attestation-fields.md"))) == titles


ACCEPTED = {
    "name": (documents.Name, ["a", "x" * 200], ["", "x" * 201, "two\nlines"]),
    "text": (str, ["x" * 4000, "two\nlines\tof it"], ["", "x" * 4001, "\r"]),
    "figure": (documents.Figure, ["-0.05", "123456789012.123456789012"], ["01", "1234567890123", "1e3", ".5"]),
    "magnitude": (documents.Magnitude, ["1.6e21", "9e0", "1.000001e99"], ["0e1", "10e1", "1.6e100", "1.0000001e1"]),
}


@pytest.mark.parametrize("word", sorted(ACCEPTED))
def test_the_words_for_types_are_as_strict_as_the_reader(word: str) -> None:
    hint, good, bad = ACCEPTED[word]
    assert f"| {word} |" in page("attestation-fields.md")
    rule = documents.text_rule(hint)
    assert rule is not None
    fits = [bool(rule.pattern.fullmatch(text)) and len(text) <= rule.longest for text in (*good, *bad)]
    assert fits == [True] * len(good) + [False] * len(bad)


def test_a_changed_example_no_longer_fits(examples: dict[str, object]) -> None:
    changed = {**examples["opening"], "value": "elsewhere"}
    tree = examples["resilience"]["predicate"]
    with pytest.raises(AttestationError, match="not what was committed to"):
        disclosure.disclose(tree, [Opening(**changed)])
