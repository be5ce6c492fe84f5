"""Timestamps as we keep them, before other verifiers: openssl and rfc3161-client in an environment of its own."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attestations import timestamps
from attestations.bundle import UnverifiedTimestamp
from attestations.findings import Status
from attestations.trust import TimestampAuthority
from tests.conformance.tools import openssl, python_with, run, run_python
from tests.openssl_tsa import Authority, Kind, make_authority, needs_openssl

SIGNATURE = b"the bytes of a signature"
VERIFY = """
import sys
from pathlib import Path
import rfc3161_client
from cryptography import x509
token, root, message = (Path(name).read_bytes() for name in sys.argv[1:])
verifier = rfc3161_client.VerifierBuilder().add_root_certificate(x509.load_pem_x509_certificate(root)).build()
try:
    response = rfc3161_client.decode_timestamp_response(token)
    print(verifier.verify_message(response, message), response.tst_info.gen_time.isoformat())
except (ValueError, rfc3161_client.VerificationError) as error:
    print(type(error).__name__)
"""

pytestmark = needs_openssl


@pytest.fixture(scope="module", params=["direct", "intermediate", "rsa"])
def authority(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    pytest.importorskip("rfc3161_client", reason="needs the extra timestamps")
    kind = Kind(with_intermediate=request.param == "intermediate", use_rsa=request.param == "rsa")
    return make_authority(tmp_path_factory.mktemp("tsa") / request.param, kind)


@pytest.fixture
def kept(authority: Authority, tmp_path: Path) -> Path:
    """A directory with the token in the form that bundles hold, and what it is over."""
    asked = timestamps.request(SIGNATURE)
    token = timestamps.answer_to(asked, SIGNATURE, authority.reply(asked), [believed(authority)])
    (tmp_path / "token.tsr").write_bytes(token)
    (tmp_path / "signature").write_bytes(SIGNATURE)
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "request.tsq").write_bytes(asked)
    (tmp_path / "root.pem").write_text(authority.root_pem)
    return tmp_path


def believed(authority: Authority) -> TimestampAuthority:
    return TimestampAuthority("Test stamps", authority.root_pem, "2026-01-01T00:00:00Z", "2099-12-31T00:00:00Z")


def test_openssl_verifies_what_we_keep(kept: Path) -> None:
    def verified(*over: str) -> str:
        command = [openssl(), "ts", "-verify", "-in", str(kept / "token.tsr"), "-CAfile", str(kept / "root.pem"), *over]
        done = run(command)
        return done.stdout + done.stderr

    assert "Verification: OK" in verified("-data", str(kept / "signature"))
    assert "Verification: OK" in verified("-queryfile", str(kept / "request.tsq"))
    assert "Verification: FAILED" in verified("-data", str(kept / "other"))


def test_openssl_reads_our_request(kept: Path) -> None:
    text = run([openssl(), "ts", "-query", "-in", str(kept / "request.tsq"), "-text"]).stdout
    assert "Hash Algorithm: sha256" in text
    assert "Certificate required: yes" in text
    assert "Nonce: 0x" in text


def test_rfc3161_client_verifies_what_we_keep(kept: Path) -> None:
    python = python_with("rfc3161_client")
    done = run_python(python, VERIFY, kept / "token.tsr", kept / "root.pem", kept / "signature")
    said, time = done.stdout.split()
    assert said == "True"
    assert abs((datetime.fromisoformat(time) - datetime.now(UTC)).total_seconds()) < 60
    done = run_python(python, VERIFY, kept / "token.tsr", kept / "root.pem", kept / "other")
    assert done.stdout.strip() == "VerificationError"


def test_we_and_they_prove_the_same_time(authority: Authority, kept: Path) -> None:
    python = python_with("rfc3161_client")
    token = (kept / "token.tsr").read_bytes()
    over = UnverifiedTimestamp(hashlib.sha256(SIGNATURE).hexdigest(), token)
    found, proven = timestamps.check([over], SIGNATURE, [believed(authority)], now=datetime.now(UTC))
    assert found.status is Status.PASS
    done = run_python(python, VERIFY, kept / "token.tsr", kept / "root.pem", kept / "signature")
    stated = datetime.fromisoformat(done.stdout.split()[1])
    assert proven is not None
    assert (proven - stated).total_seconds() == 1.5  # the accuracy that this authority states
