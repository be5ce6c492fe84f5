"""Every Sigstore bundle of ours, as `explode` writes it: npm's @sigstore/bundle reads it and @sigstore/verify verifies it."""

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest

from attestations.keys import LocalSigner
from tests.conformance.conftest import Exploded
from tests.conformance.tools import node_modules, run_node

VERIFY = """
const { bundleFromJSON } = require("@sigstore/bundle");
const { Verifier, toSignedEntity } = require("@sigstore/verify");
const crypto = require("node:crypto");
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const hints = [];
const trust = {
  certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [],
  publicKey: (hint) => {
    hints.push(hint);
    return { publicKey: crypto.createPublicKey(given.pem), validFor: () => true };
  },
};
const none = { tlogThreshold: 0, ctlogThreshold: 0, tsaThreshold: 0, timestampThreshold: 0 };
try {
  new Verifier(trust, none).verify(toSignedEntity(bundleFromJSON(given.bundle)));
  console.log(JSON.stringify({ verified: true, hints }));
} catch (error) {
  console.log(JSON.stringify({ verified: false, error: String(error.message) }));
}
"""


def verify(bundle: Any, pem: str) -> dict[str, Any]:
    directory = node_modules("@sigstore/bundle", "@sigstore/verify")
    done = run_node(directory, VERIFY, {"bundle": bundle, "pem": pem})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_bundle_verifies_and_names_its_key(exploded: Exploded) -> None:
    files = [*exploded.files(".sigstore.json"), exploded.directory / "model.sig"]
    assert len(files) == 6
    for path in files:
        signer = exploded.signer(path.name)
        found = verify(json.loads(path.read_bytes()), signer.public_pem)
        assert found == {"verified": True, "hints": [signer.key_id]}, path.name


def tamper_payload(value: Any) -> None:
    envelope = value["dsseEnvelope"]
    envelope["payload"] = b64encode(b64decode(envelope["payload"]).replace(b"found", b"round")).decode()


def tamper_signature(value: Any) -> None:
    [signature] = value["dsseEnvelope"]["signatures"]
    raw = bytearray(b64decode(signature["sig"]))
    raw[-1] ^= 1
    signature["sig"] = b64encode(raw).decode()


def change_payload_type(value: Any) -> None:
    value["dsseEnvelope"]["payloadType"] = "application/json"


def sign_twice(value: Any) -> None:
    value["dsseEnvelope"]["signatures"] *= 2


@pytest.mark.parametrize("cheat", [tamper_payload, tamper_signature, change_payload_type, sign_twice])
def test_a_changed_bundle_is_refused(exploded: Exploded, cheat: Any) -> None:
    value = json.loads((exploded.directory / "notice-1.sigstore.json").read_bytes())
    pem = exploded.signer("notice-1").public_pem
    assert verify(value, pem)["verified"]
    cheat(value)
    found = verify(value, pem)
    assert not found["verified"]
    assert found["error"]


def test_another_key_is_refused(exploded: Exploded) -> None:
    value = json.loads((exploded.directory / "primary.sigstore.json").read_bytes())
    assert not verify(value, LocalSigner.generate().public_pem)["verified"]
