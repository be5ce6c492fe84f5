"""Every way of deceiving the verifier that we could think of, and the code that it ends with.

The first part is what anyone can do to a file; the second what an issuer with a trusted key can do, which only the
recomputation finds. Bytes go in, and nothing but a report or one of our errors comes out.
"""

import base64
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import bundle, canonical, manifest, plan, statement, trust
from attestations.digests import Sha256
from attestations.errors import AttestationError
from attestations.findings import ExitCode, Status
from attestations.gate import DEFAULT_POLICY
from attestations.keys import LocalSigner
from attestations.predicate import EvaluationRow, GateAnswer, Outcome, OutcomeStatus, PolicyRef
from attestations.statistics import PairedTable
from attestations.verdicts import Verdict
from attestations.verify import verify
from tests.attestations.evidence import (
    HARMFUL,
    KEPT,
    LOST,
    NOW,
    ROWS,
    Evidence,
    make_evidence,
    make_failed_evidence,
    make_plan,
    make_predicate,
    make_trust,
)


def code_of(unverified_bundle: bytes, unverified_trust: bytes, model_dir: Path | None = None) -> int:
    try:
        return verify(unverified_bundle, unverified_trust, now=NOW, model_dir=model_dir).exit_code
    except AttestationError as error:
        return error.exit_code


def edited(evidence: Evidence, edit: Callable[[dict], object]) -> bytes:
    value = canonical.parse(evidence.bundle, what="it", max_bytes=10**6)
    edit(value)
    return canonical.encode(value)


# What anyone can do to a file


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b"",
        lambda b: b"{}",
        lambda b: b"null",
        lambda b: b"not JSON",
        lambda b: b + b"\n",
        lambda b: b" " + b,
        lambda b: b.replace(b'":"', b'": "', 1),
        lambda b: b"\xef\xbb\xbf" + b,
        lambda b: b.decode().encode("utf-16"),
        lambda b: b[:-1] + b',"plan":"QQ=="}',  # a duplicate key
        lambda b: b[:-1] + b',"score":NaN}',
        lambda b: b[:-1] + b',"score":1.0}',
        lambda b: b[:-1] + b',"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        lambda b: b"[" * 10_000,
        lambda b: b'{"a":' * 10_000,
        lambda b: b"\x00" * 100,
        lambda b: b" " * (bundle.MAX_BYTES + 1),
    ],
)
def test_what_is_no_canonical_bundle_is_malformed(kept: Evidence, spoil: Callable[[bytes], bytes]) -> None:
    assert code_of(spoil(kept.bundle), kept.trust) == ExitCode.MALFORMED
    assert code_of(kept.bundle, spoil(kept.trust)) == ExitCode.MALFORMED


def test_a_signature_by_another_key_is_refused_and_nothing_of_the_statement_is_believed(kept: Evidence) -> None:
    report = verify(kept.bundle, make_trust(LocalSigner.generate()), now=NOW)
    assert report.exit_code is ExitCode.CRYPTOGRAPHIC
    assert (report.verified, report.level, report.judged) == (None, None, ())


def test_another_payload_type_over_the_same_bytes_is_refused(kept: Evidence) -> None:
    def retype(value: dict) -> None:
        value["primary"]["dsseEnvelope"]["payloadType"] = "application/json"

    assert code_of(edited(kept, retype), kept.trust) == ExitCode.CRYPTOGRAPHIC
    signed_so = kept.with_payload(kept.statement.encode(), "application/json")
    assert code_of(signed_so, kept.trust) == ExitCode.MALFORMED


def test_parts_of_another_bundle_do_not_fit(kept: Evidence, lost: Evidence) -> None:
    other = canonical.parse(lost.bundle, what="it", max_bytes=10**6)
    plan_64 = base64.b64encode(make_plan(rows=ROWS[1:]).encode()).decode()
    for graft in (
        lambda value: value.update(plan=plan_64),
        lambda value: value.pop("plan"),
        lambda value: value.pop("model"),
        lambda value: value.update(model={"manifest": plan_64}),
        lambda value: value.update(job={"record": "e30="}),
        lambda value: value["primary"]["dsseEnvelope"].update(payload=other["primary"]["dsseEnvelope"]["payload"]),
        lambda value: value["primary"]["dsseEnvelope"].update(
            signatures=other["primary"]["dsseEnvelope"]["signatures"]
        ),
    ):
        assert code_of(edited(kept, graft), kept.trust) in (ExitCode.CRYPTOGRAPHIC, ExitCode.MALFORMED)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda d: (d / "chat_template.jinja").rename(d / "template.jinja"),
        lambda d: (d / "backdoor.py").write_bytes(b"1"),
        lambda d: (d / ".gitattributes").write_bytes(b"1"),
        lambda d: (d / "chat_template.jinja").write_bytes(b"{{ massages }}"),
        lambda d: (d / "adapter" / "adapter_model.safetensors").unlink(),
        lambda d: (d / "adapter" / "link").symlink_to(d / "chat_template.jinja"),
        lambda d: shutil.rmtree(d / "adapter"),
    ],
)
def test_a_model_directory_that_differs_is_refused(kept: Evidence, tamper: Callable[[Path], object]) -> None:
    assert code_of(kept.bundle, kept.trust, kept.model_dir) == ExitCode.ACCEPT
    tamper(kept.model_dir)
    assert code_of(kept.bundle, kept.trust, kept.model_dir) == ExitCode.CRYPTOGRAPHIC


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Accepted evidence with one row, to be damaged thousands of times."""
    return make_evidence(tmp_path_factory.mktemp("small") / "m", {HARMFUL: KEPT[HARMFUL]}, make_plan(ROWS[:1]))


def test_no_flipped_bit_of_a_bundle_is_accepted(small: Evidence) -> None:
    assert code_of(small.bundle, small.trust) == ExitCode.ACCEPT
    for place in range(len(small.bundle)):
        flipped = bytearray(small.bundle)
        flipped[place] ^= 1 << place % 7  # bit 5 among them, which is all between upper and lower case
        assert code_of(bytes(flipped), small.trust) in (ExitCode.CRYPTOGRAPHIC, ExitCode.MALFORMED), place


def test_no_shortened_and_no_lengthened_bundle_is_accepted(small: Evidence) -> None:
    for place in range(0, len(small.bundle), 7):
        assert code_of(small.bundle[:place], small.trust) == ExitCode.MALFORMED
        longer = small.bundle[:place] + b"A" + small.bundle[place:]
        assert code_of(longer, small.trust) in (ExitCode.CRYPTOGRAPHIC, ExitCode.MALFORMED)


@given(st.data())
def test_no_replaced_run_of_bytes_is_accepted(small: Evidence, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(small.bundle) - 1))
    replacement = data.draw(
        st.binary(max_size=40) | st.sampled_from([b'"', b"{}", b"[]", b"null", b"0", b"==", b"-", b"_"])
    )
    length = data.draw(st.integers(0, 40))
    damaged = small.bundle[:start] + replacement + small.bundle[start + length :]
    if damaged != small.bundle:
        assert code_of(damaged, small.trust) in (ExitCode.CRYPTOGRAPHIC, ExitCode.MALFORMED)


def test_no_flipped_bit_of_a_model_file_is_overlooked(small: Evidence) -> None:
    path = small.model_dir / "chat_template.jinja"
    content = path.read_bytes()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        assert code_of(small.bundle, small.trust, small.model_dir) == ExitCode.CRYPTOGRAPHIC
    path.write_bytes(content)
    assert code_of(small.bundle, small.trust, small.model_dir) == ExitCode.ACCEPT


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.data(), json_values)
def test_any_value_at_any_place_gives_a_report_or_one_of_our_errors(
    small: Evidence, data: st.DataObject, new: object
) -> None:
    """A signed statement may say anything at all; reading it never ends in another exception, and never in acceptance."""
    value = canonical.parse(small.statement.encode(), what="it", max_bytes=10**6)
    at: object = value
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 3)) == 0:
            break
        at = at[key]
    changed = at[key] != new
    at[key] = new
    outcome = code_of(small.with_payload(canonical.encode(value)), small.trust)
    assert outcome in ExitCode.__members__.values()
    decisive = (
        "verdict",
        "outcome",
        "status",
        "rows",
        "subject",
        "plan",
        "digest",
        "sha256",
        "table",
        "claim",
        "model",
    )
    if changed and key in decisive:
        assert outcome != ExitCode.ACCEPT


@pytest.mark.parametrize("read", [bundle.parse, trust.parse, plan.parse, manifest.parse, statement.parse])
def test_readers_take_any_json_and_any_bytes(read: Callable[[bytes], object]) -> None:
    @given(json_values.map(canonical.encode) | st.binary(max_size=60))
    def feed(content: bytes) -> None:
        with pytest.raises(AttestationError):
            read(content)

    feed()


# What an issuer with a trusted key can do


def lying(evidence: Evidence, **changes: object) -> bytes:
    return evidence.resigned(replace(evidence.statement.predicate, **changes))


def failing(evidence: Evidence, signed: bytes) -> list[str]:
    report = verify(signed, evidence.trust, now=NOW)
    return [check.code for check in report.checks if check.status is Status.FAIL]


def test_calling_a_blocked_model_released_is_found(lost: Evidence) -> None:
    answer = GateAnswer(PolicyRef(DEFAULT_POLICY.id, DEFAULT_POLICY.version), ())
    signed = lying(lost, outcome=Outcome(OutcomeStatus.RELEASED, gate=answer))
    assert failing(lost, signed) == ["gate"]
    assert code_of(signed, lost.trust) == ExitCode.POLICY


def test_naming_another_policy_than_the_plans_is_found(kept: Evidence) -> None:
    answer = GateAnswer(PolicyRef("another", "1"), ())
    assert failing(kept, lying(kept, outcome=Outcome(OutcomeStatus.RELEASED, gate=answer))) == ["gate"]


@pytest.mark.parametrize(
    "gloss",
    [
        {"verdict": Verdict.EQUIVALENT, "severity": None},
        {"severity": "minor"},
        {"change": "0.010000"},
        {"p": "0.300000"},
        {"mde": None},
    ],
)
def test_a_verdict_or_figure_that_the_counts_do_not_give_is_found(lost: Evidence, gloss: dict) -> None:
    regressions = lost.statement.predicate.regressions
    rows = (replace(regressions.rows[0], **gloss), *regressions.rows[1:])
    signed = lying(lost, regressions=replace(regressions, rows=rows))
    assert "verdicts" in failing(lost, signed)
    assert code_of(signed, lost.trust) == ExitCode.POLICY


def test_a_claim_that_the_rows_do_not_support_is_found(lost: Evidence) -> None:
    regressions = lost.statement.predicate.regressions
    assert "verdicts" in failing(lost, lying(lost, regressions=replace(regressions, claim="No material regression.")))
    assert "verdicts" in failing(lost, lying(lost, regressions=replace(regressions, mixed_sign=False)))
    assert "verdicts" in failing(lost, lying(lost, regressions=replace(regressions, rule="kinder-verdicts-1")))


def test_better_counts_under_the_old_verdicts_are_found(lost: Evidence) -> None:
    evaluations = lost.statement.predicate.evaluations
    better = EvaluationRow(ROWS[0], table=PairedTable(236, 1, 1, 2))
    assert "verdicts" in failing(lost, lying(lost, evaluations=(better, *evaluations[1:])))


def test_leaving_a_registered_row_out_is_a_denial(lost: Evidence) -> None:
    predicate = lost.statement.predicate
    fewer = make_predicate(replace(lost.plan, rows=ROWS[2:]), {r.key: LOST[r.key] for r in ROWS[2:]}, lost.manifest)
    signed = lost.resigned(replace(fewer, plan=predicate.plan))
    report = verify(signed, lost.trust, now=NOW)
    [rows] = [check for check in report.checks if check.status is Status.FAIL]
    assert rows.code == "rows"
    assert "refusal_rate / harmful-requests / *" in rows.sentence
    assert report.exit_code is ExitCode.POLICY


def test_a_margin_that_was_widened_after_the_plan_is_found(lost: Evidence) -> None:
    wider = replace(lost.plan, rows=(replace(ROWS[0], margin="0.95"), *ROWS[1:]))
    predicate = make_predicate(wider, LOST, lost.manifest)
    assert "rows" in failing(lost, lost.resigned(replace(predicate, plan=lost.statement.predicate.plan)))


def test_a_plan_about_another_model_data_or_template_is_found(kept: Evidence) -> None:
    predicate = kept.statement.predicate
    model, served = predicate.model, predicate.model.served
    other = Sha256.of(b"other")
    for changes in (
        {"model": replace(model, base=replace(model.base, manifest=other))},
        {"model": replace(model, base=replace(model.base, manifest=None))},
        {"model": replace(model, served=replace(served, chat_template=other))},
        {"model": replace(model, served=replace(served, system_prompt=None))},
        {"model": replace(model, served=None)},
        {"data": replace(predicate.data, datasets=(other,))},
        {"data": None},
    ):
        assert failing(kept, lying(kept, **changes)) == ["plan"]


def test_a_subject_that_is_not_its_manifest_is_found(kept: Evidence) -> None:
    model = kept.statement.predicate.model
    for change in ({"files": 3}, {"bytes": 7}, {"digest": replace(model.manifest.digest, dir_hash="0" * 64)}):
        signed = lying(kept, model=replace(model, manifest=replace(model.manifest, **change)))
        assert failing(kept, signed) == ["subject"]
        assert code_of(signed, kept.trust) == ExitCode.CRYPTOGRAPHIC


@pytest.mark.parametrize(
    ("part", "gone"), [("manifest", {"unverified_manifest": None}), ("plan", {"unverified_plan": None})]
)
def test_a_part_that_is_not_there_is_called_missing_and_not_exchanged(
    kept: Evidence, part: str, gone: dict[str, None]
) -> None:
    bare = replace(bundle.parse(kept.bundle), **gone).encode()
    words = [check.sentence for check in verify(bare, kept.trust, now=NOW).checks]
    assert f"the {part} is missing from the bundle; take the whole file as the issuer gave it out" in words


def test_under_a_trust_root_without_its_key_the_evidence_is_refused_with_what_helps(kept: Evidence) -> None:
    found = verify(kept.bundle, make_trust(LocalSigner.generate()), now=NOW).checks[0]
    assert (found.code, found.status, found.exit_code) == ("signature", Status.FAIL, ExitCode.CRYPTOGRAPHIC)
    why = "the trust root knows no key for the evidence, or somebody changed it"
    remedy = "get the issuer's newest trust root (`tuneproof trust update`)"
    assert found.sentence == f"no trusted key made this signature over these bytes: {why}; {remedy}"


def test_a_statement_outside_the_keys_time_or_by_another_issuer_is_refused(kept: Evidence) -> None:
    assert failing(kept, lying(kept, issued_at="2025-12-31T23:59:59Z")) == [
        "key.validity",
        "plan",  # which was made two months later
    ]
    assert failing(kept, lying(kept, issuer=replace(kept.statement.predicate.issuer, id="https://other.example"))) == [
        "issuer"
    ]


def test_a_statement_with_less_or_more_than_this_version_knows_is_malformed(kept: Evidence) -> None:
    value = canonical.parse(kept.statement.encode(), what="it", max_bytes=10**6)
    for edit in (
        lambda v: v["predicate"].pop("notClaimed"),
        lambda v: v["predicate"].update(overallScore="0.99"),
        lambda v: v.update(predicateType="https://tuneproof.example/spec/resilience/v0.2"),
        lambda v: v["predicate"]["regressions"]["rows"].pop(),
        lambda v: v["subject"].append(v["subject"][0]),
    ):
        changed = canonical.parse(canonical.encode(value), what="it", max_bytes=10**6)
        edit(changed)
        assert code_of(kept.with_payload(canonical.encode(changed)), kept.trust) == ExitCode.MALFORMED


def test_a_plan_or_manifest_that_cannot_be_read_is_malformed_even_where_it_was_signed_for(kept: Evidence) -> None:
    predicate = kept.statement.predicate
    garbage = b'{"schema": "0.1.0"}'
    signed = kept.resigned(
        replace(predicate, plan=replace(predicate.plan, digest=Sha256.of(garbage))), unverified_plan=garbage
    )
    assert code_of(signed, kept.trust) == ExitCode.MALFORMED
    digest = replace(predicate.model.manifest.digest, sha256=Sha256.of(garbage).sha256)
    model = replace(predicate.model, manifest=replace(predicate.model.manifest, digest=digest))
    assert (
        code_of(kept.resigned(replace(predicate, model=model), unverified_manifest=garbage), kept.trust)
        == ExitCode.MALFORMED
    )


def test_a_failed_job_cannot_borrow_a_model_or_a_plan(kept: Evidence) -> None:
    failed = bundle.parse(make_failed_evidence(kept.signer, None))
    for parts in (
        {"unverified_plan": kept.plan.encode()},
        {"unverified_manifest": kept.manifest.encode()},
        {"unverified_job_record": b"{}"},
    ):
        assert code_of(replace(failed, **parts).encode(), kept.trust) == ExitCode.CRYPTOGRAPHIC
