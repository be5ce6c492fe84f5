"""Every signed statement of a bundle, as `explode` writes it: securesystemslib, in-toto-attestation and openssl accept it."""

import json
from pathlib import Path

from attestations.keys import LocalSigner
from tests.conformance.conftest import Exploded
from tests.conformance.tools import openssl, python_with, run, run_python

NAMES = {
    "primary",
    "eval-plan-1",
    "provenance-1",
    "countersignature-1",
    "notice-1",
}
ENVELOPE = """
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
value, pem, key_id = json.load(open(sys.argv[1])), open(sys.argv[2], "rb").read(), sys.argv[3]
envelope = Envelope.from_dict(value)
accepted = envelope.verify([SSlibKey.from_crypto(load_pem_public_key(pem), keyid=key_id)], 1)
print(sorted(accepted), envelope.payload_type)
sys.stdout.flush()
sys.stdout.buffer.write(envelope.payload)
"""
STATEMENT = """
import json, sys
from google.protobuf import json_format
from in_toto_attestation.v1 import statement, statement_pb2
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
text = open(sys.argv[1]).read()
read = statement.Statement.copy_from_pb(json_format.Parse(text, statement_pb2.Statement()))
read.validate()
value = json.loads(text)
if value["predicateType"] == "https://slsa.dev/provenance/v1":
    slsa = json_format.ParseDict(value["predicate"], provenance_pb2.Provenance())
    print(slsa.build_definition.build_type, slsa.run_details.metadata.started_on.ToJsonString())
print(read.pb.type, read.pb.predicate_type, len(read.pb.subject))
"""


def named(path: Path, suffix: str) -> str:
    return path.name.removesuffix(suffix)


def payload_file(exploded: Exploded, name: str) -> Path:
    return exploded.directory / ("statement.json" if name == "primary" else f"{name}.json")


def test_securesystemslib_verifies_every_envelope(exploded: Exploded) -> None:
    python = python_with("securesystemslib.dsse", "cryptography")
    files = exploded.files(".dsse.json")
    assert {named(path, ".dsse.json") for path in files} == NAMES
    for path in files:
        name = named(path, ".dsse.json")
        signer = exploded.signer(name)
        done = run_python(python, ENVELOPE, path, exploded.key(name), signer.key_id)
        assert done.returncode == 0, done.stderr
        first, payload = done.stdout.split("\n", 1)
        assert first == f"['{signer.key_id}'] application/vnd.in-toto+json"
        assert payload.encode() == payload_file(exploded, name).read_bytes()


def test_securesystemslib_refuses_another_key_and_another_payload(exploded: Exploded, tmp_path: Path) -> None:
    python = python_with("securesystemslib.dsse", "cryptography")
    path, key_id = exploded.directory / "notice-1.dsse.json", exploded.signer("notice").key_id
    (tmp_path / "stranger.pem").write_text(LocalSigner.generate().public_pem)
    stranger = run_python(python, ENVELOPE, path, tmp_path / "stranger.pem", key_id)
    assert "VerificationError" in stranger.stderr
    value = json.loads(path.read_bytes())
    value["payload"] = json.loads((exploded.directory / "eval-plan-1.dsse.json").read_bytes())["payload"]
    (tmp_path / "grafted.json").write_text(json.dumps(value))
    grafted = run_python(python, ENVELOPE, tmp_path / "grafted.json", exploded.key("notice"), key_id)
    assert "VerificationError" in grafted.stderr


def test_in_toto_attestation_reads_every_statement(exploded: Exploded) -> None:
    python = python_with("in_toto_attestation.v1.statement")
    for name in NAMES:
        path = payload_file(exploded, name)
        done = run_python(python, STATEMENT, path)
        assert done.returncode == 0, done.stderr
        kind = json.loads(path.read_bytes())["predicateType"]
        *slsa, last = done.stdout.strip().split("\n")
        assert last == f"https://in-toto.io/Statement/v1 {kind} 1"
        if name == "provenance-1":
            assert slsa == ["https://tuneproof.example/spec/buildtypes/finetune/v1 2026-03-01T11:05:00Z"]


def test_openssl_verifies_every_signature_over_its_encoding(exploded: Exploded, tmp_path: Path) -> None:
    program = openssl()
    for path in exploded.files(".pae"):
        name = named(path, ".pae")
        check = [program, "dgst", "-sha256", "-verify", str(exploded.key(name))]
        check += ["-signature", str(exploded.directory / f"{name}.sig")]
        assert run([*check, str(path)]).stdout.strip() == "Verified OK"
        (tmp_path / path.name).write_bytes(path.read_bytes()[:-1] + b" ")
        assert run([*check, str(tmp_path / path.name)]).returncode != 0
