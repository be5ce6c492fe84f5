"""Verifiers that we did not write, on the files that `explode` writes."""

import copy
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from attestations import bundle, explode
from attestations.keys import LocalSigner
from tests.attestations.evidence import Evidence, make_failed_evidence, make_plan


@pytest.fixture
def parts(kept: Evidence, tmp_path: Path) -> Path:
    directory = tmp_path / "parts"
    explode.explode(bundle.parse(kept.bundle), directory)
    (tmp_path / "issuer.pem").write_text(kept.signer.public_pem)
    return directory


def test_securesystemslib_verifies_the_envelope_and_refuses_a_changed_one(kept: Evidence, parts: Path) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    exceptions = pytest.importorskip("securesystemslib.exceptions")
    value = json.loads((parts / "primary.dsse.json").read_bytes())
    key = signer.SSlibKey.from_crypto(load_pem_public_key(kept.signer.public_pem.encode()), keyid=kept.signer.key_id)
    envelope = dsse.Envelope.from_dict(copy.deepcopy(value))
    assert set(envelope.verify([key], 1)) == {kept.signer.key_id}
    assert envelope.payload == kept.statement.encode()
    changed = dsse.Envelope.from_dict({**copy.deepcopy(value), "payloadType": "application/json"})
    with pytest.raises(exceptions.VerificationError):
        changed.verify([key], 1)
    stranger = LocalSigner.generate()
    other = signer.SSlibKey.from_crypto(load_pem_public_key(stranger.public_pem.encode()), keyid=kept.signer.key_id)
    with pytest.raises(exceptions.VerificationError):
        dsse.Envelope.from_dict(copy.deepcopy(value)).verify([other], 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_in_toto_attestation_accepts_the_statement(kept: Evidence, parts: Path, tmp_path: Path) -> None:
    in_toto = pytest.importorskip("in_toto_attestation.v1.statement")
    descriptors = pytest.importorskip("in_toto_attestation.v1.resource_descriptor")
    failed = explode.explode(bundle.parse(make_failed_evidence(kept.signer, make_plan())), tmp_path / "failed")
    for path in (parts / "statement.json", next(path for path in failed if path.name == "statement.json")):
        value = json.loads(path.read_bytes())
        [subject] = value["subject"]
        descriptor = descriptors.ResourceDescriptor(name=subject["name"], digest=subject["digest"])
        statement = in_toto.Statement([descriptor.pb], value["predicateType"], value["predicate"])
        statement.validate()
        assert value["_type"] == in_toto.STATEMENT_TYPE_URI


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_verifies_the_signature(parts: Path, tmp_path: Path) -> None:
    def openssl() -> subprocess.CompletedProcess[str]:
        key, signature = str(tmp_path / "issuer.pem"), str(parts / "primary.sig")
        command = ["openssl", "dgst", "-sha256", "-verify", key, "-signature", signature, str(parts / "primary.pae")]
        return subprocess.run(command, capture_output=True, check=False, text=True)

    assert openssl().stdout.strip() == "Verified OK"
    content = (parts / "primary.pae").read_bytes()
    (parts / "primary.pae").write_bytes(content[:-1] + b" ")
    assert openssl().returncode != 0


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_reads_our_key_and_names_it_the_same(kept: Evidence, tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_text(kept.signer.public_pem)
    command = ["openssl", "ec", "-pubin", "-in", str(tmp_path / "k.pem"), "-pubout"]
    again = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert again == kept.signer.public_pem
