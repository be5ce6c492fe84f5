"""`tuneproof policy`, and a policy and a verdict at `tuneproof verify`."""

import json
from pathlib import Path

import pytest

from attestations import bundle, canonical
from attestations.cli import main
from attestations.digests import Sha256
from attestations.findings import Status
from attestations.keys import LocalSigner, load_public_key
from attestations.statements import reading
from attestations.statements.svr import Result, VerificationResult
from tests.attestations.evidence import Evidence

RULES = {"requiredSuites": [{"suite": "harmful-requests", "metric": "refusal_rate", "postLowerAtLeast": "0.9"}]}
POLICY = {"schema": "0.2.0", "id": "shop", "version": "7", "author": "A shop", "rules": {**RULES, "maxHidden": 0}}


@pytest.fixture
def desk(tmp_path: Path, kept: Evidence, lost: Evidence) -> Path:
    """A buyer's folder: evidence, the trust roots, a policy and a key pair."""
    for name, evidence in (("kept", kept), ("lost", lost)):
        (tmp_path / f"{name}.json").write_bytes(evidence.bundle)
        (tmp_path / f"{name}.trust.json").write_bytes(evidence.trust)
    (tmp_path / "policy.json").write_text(json.dumps(POLICY, indent=2))
    for name in ("mine", "other"):
        signer = LocalSigner.generate()
        (tmp_path / f"{name}.key").write_bytes(signer.private_pem())
        (tmp_path / f"{name}.pub").write_text(signer.public_pem)
    return tmp_path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def verify(desk: Path, name: str, *more: object) -> int:
    evidence, trust = desk / f"{name}.json", desk / f"{name}.trust.json"
    return run("verify", evidence, "--trust", trust, "--now", "2026-03-02T00:00:00Z", *more)


def signed(desk: Path) -> Path:
    out = desk / "signed.json"
    assert run("policy", "sign", desk / "policy.json", "--key", desk / "mine.key", "--out", out) == 0
    return out


def test_check_says_in_words_what_is_demanded(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("policy", "check", desk / "policy.json") == 0
    out = capsys.readouterr().out
    assert "shop 7 by A shop" in out
    assert "the lower 95 % limit of the tuned model is at least 0.9" in out
    assert "0 values are hidden at most" in out
    assert "not signed" in out


def test_check_refuses_what_would_not_be_applied(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "bad.json").write_text(json.dumps({**POLICY, "rules": {"maxHiden": 0}}))
    assert run("policy", "check", desk / "bad.json") == 3
    assert "'maxHiden' is not known" in capsys.readouterr().err
    assert run("policy", "check", desk / "policy.json", "--key", desk / "mine.pub") == 1


def test_a_signed_policy_is_applied_under_its_key_alone(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = signed(desk)
    assert run("policy", "check", policy, "--key", desk / "mine.pub") == 0
    assert "signed by the buyer's key" in capsys.readouterr().out
    assert verify(desk, "kept", "--policy", policy, "--policy-key", desk / "mine.pub") == 0
    assert verify(desk, "lost", "--policy", policy, "--policy-key", desk / "mine.pub") == 3
    assert verify(desk, "kept", "--policy", policy, "--policy-key", desk / "other.pub") == 1
    assert verify(desk, "kept", "--policy", desk / "policy.json", "--policy-key", desk / "mine.pub") == 1
    assert verify(desk, "kept", "--policy-key", desk / "mine.pub") == 2


def test_a_signed_policy_goes_to_standard_output(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("policy", "sign", desk / "policy.json", "--key", desk / "mine.key") == 0
    assert json.loads(capsys.readouterr().out)["payloadType"].startswith("application/vnd.tuneproof.acceptance-policy")
    assert run("policy", "sign", desk / "policy.json", "--key", desk / "mine.pub") == 2
    assert run("policy", "sign", desk / "policy.json", "--key", desk / "mine.key", "--out", desk / "no" / "way") == 2


@pytest.mark.parametrize(("name", "code", "result"), [("kept", 0, Result.ACCEPTED), ("lost", 3, Result.REJECTED)])
def test_the_verdict_is_signed_and_names_what_passed(
    desk: Path, kept: Evidence, lost: Evidence, name: str, code: int, result: Result
) -> None:
    out = desk / "verdict.sigstore.json"
    more = ("--policy", desk / "policy.json", "--verdict", out, "--verdict-key", desk / "mine.key")
    assert verify(desk, name, *more) == code
    envelope = bundle.parse_sigstore(canonical.parse(out.read_bytes(), what="it", max_bytes=10**6), "verdict")
    statement, key = reading.open_envelope(envelope, [load_public_key((desk / "mine.pub").read_text())])
    about = {"kept": kept, "lost": lost}[name]
    predicate = statement.predicate
    assert isinstance(predicate, VerificationResult)
    assert statement.subject == about.statement.subject
    assert predicate.verifier.id == f"urn:sha256:{key.key_id}"
    [policy] = predicate.verifier.policies
    assert policy.name == "shop 7 by A shop"
    assert policy.digest == Sha256.of(canonical.encode(POLICY))
    verdict = predicate.tuneproof_verdict
    assert verdict.result is result
    assert verdict.attestation == Sha256.of(bundle.parse(about.bundle).envelope.unverified_payload)
    passed = {check.code for check in verdict.checks if check.status is Status.PASS}
    assert ("policy.required_suites" in passed) == (name == "kept")
    assert ("TUNEPROOF_CHECK_POLICY_REQUIRED_SUITES" in predicate.properties) == (name == "kept")
    assert "TUNEPROOF_CHECK_POLICY_MAX_HIDDEN" in predicate.properties
    assert "TUNEPROOF_CHECK_POLICY_SIGNATURE" not in predicate.properties


def test_no_verdict_is_signed_on_what_nobody_signed(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = desk / "verdict.sigstore.json"
    more = ("--trust", desk / "lost.trust.json", "--verdict", out, "--verdict-key", desk / "mine.key")
    assert verify(desk, "kept", *more) == 1
    assert "no verdict on it is signed" in capsys.readouterr().err
    assert not out.exists()


def test_a_verdict_never_takes_the_place_of_a_file_and_says_so_before_anything_is_judged(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = desk / "verdict.sigstore.json"
    out.write_text("an older verdict")
    assert verify(desk, "kept", "--verdict", out, "--verdict-key", desk / "mine.key") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "exists already; name a new file for the verdict" in said.err
    assert out.read_text() == "an older verdict"


def test_where_to_write_a_verdict_and_who_signs_it_belong_together(desk: Path) -> None:
    assert verify(desk, "kept", "--verdict", desk / "v.json") == 2
    assert verify(desk, "kept", "--verdict-key", desk / "mine.key") == 2
    assert not (desk / "v.json").exists()
