from dataclasses import replace
from pathlib import Path

import pytest

from attestations import bundle, canonical, dsse, explode
from attestations.errors import FileAccessError, MalformedError
from tests.attestations.evidence import Evidence


def value_of(evidence: Evidence) -> dict:
    return canonical.parse(evidence.bundle, what="it", max_bytes=10**6)


def test_a_bundle_reads_back_as_itself(kept: Evidence) -> None:
    parsed = bundle.parse(kept.bundle)
    assert parsed.encode() == kept.bundle
    assert parsed.unverified_manifest == kept.manifest.encode()
    assert parsed.unverified_plan == kept.plan.encode()
    assert parsed.envelope.unverified_payload == kept.statement.encode()


def test_the_primary_part_is_a_sigstore_bundle_with_one_hint(kept: Evidence) -> None:
    primary = value_of(kept)["primary"]
    assert primary["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert primary["verificationMaterial"] == {"publicKey": {"hint": kept.signer.key_id}, "tlogEntries": []}
    assert [signature["keyid"] for signature in primary["dsseEnvelope"]["signatures"]] == [kept.signer.key_id]


def set_at(value: dict, path: list, new: object) -> bytes:
    at = value
    for step in path[:-1]:
        at = at[step]
    if new is Ellipsis:
        del at[path[-1]]
    else:
        at[path[-1]] = new
    return canonical.encode(value)


@pytest.mark.parametrize(
    ("path", "new", "words"),
    [
        (["mediaType"], "application/json", "bundle.mediaType"),
        (["primary"], ..., "'primary' is missing"),
        (["extra"], 1, "'extra' is not known"),
        (["model"], {}, "bundle.model: must be left out where there is nothing in it"),
        (["model"], None, "bundle.model: must be left out"),
        (["model"], [1], "bundle.model: must be an object"),
        (["model", "manifest"], None, "bundle.model.manifest: must be left out"),
        (["model", "oms"], {}, "bundle.model.oms: must be left out"),
        (["statements"], [], "bundle.statements: must be left out"),
        (["statements"], [{}], "bundle.statements[0]: the field"),
        (["statements"], {"a": 1}, "bundle.statements: must be an array"),
        (["statements"], [{}] * 65, "has 65 items; at most 64"),
        (["timestamps"], [{"over": "0", "rfc3161": ""}], "bundle.timestamps[0].over: must be a SHA-256"),
        (["timestamps"], [{"over": "0" * 64, "rfc3161": 1}], "bundle.timestamps[0].rfc3161: must be a string"),
        (["status"], "", "bundle.status: must be left out"),
        (["status"], 7, "bundle.status: must be a JWT"),
        (["disclosures"], "all", "bundle.disclosures: must be an array"),
        (["plan"], 5, "bundle.plan: must be a string"),
        (["plan"], "QR==", "bundle.plan: is no exact"),
        (["plan"], "-_8=", "bundle.plan: is no exact"),
        (["primary", "mediaType"], "application/vnd.dev.sigstore.bundle+json;version=0.2", "primary.mediaType"),
        (["primary", "verificationMaterial", "tlogEntries"], [{}], "must be empty"),
        (["primary", "verificationMaterial", "publicKey", "hint"], "0" * 64, "must be the same"),
        (["primary", "verificationMaterial", "certificate"], {}, "'certificate' is not known"),
        (["primary", "dsseEnvelope", "signatures", 0, "keyid"], "", "must be the same"),
        (["primary", "dsseEnvelope", "signatures", 0, "keyid"], ..., "must be the same"),
        (["primary", "dsseEnvelope", "signatures"], [], "exactly one signature"),
        (["primary", "dsseEnvelope", "payload"], "****", "is no exact"),
    ],
)
def test_what_is_no_bundle_is_refused_with_its_path(kept: Evidence, path: list, new: object, words: str) -> None:
    with pytest.raises(MalformedError) as caught:
        bundle.parse(set_at(value_of(kept), path, new))
    assert words in str(caught.value)


def test_two_signatures_are_refused(kept: Evidence) -> None:
    value = value_of(kept)
    value["primary"]["dsseEnvelope"]["signatures"] *= 2
    with pytest.raises(MalformedError, match="exactly one"):
        bundle.parse(canonical.encode(value))


def test_a_bundle_over_its_limit_is_not_even_looked_at() -> None:
    with pytest.raises(MalformedError, match="at most 16777216"):
        bundle.parse(b"{" * (bundle.MAX_BYTES + 1))


def test_explode_writes_native_files_into_a_new_directory(kept: Evidence, tmp_path: Path) -> None:
    parsed, directory = bundle.parse(kept.bundle), tmp_path / "deep" / "parts"
    written = explode.explode(parsed, directory)
    assert sorted(path.name for path in written) == sorted(path.name for path in directory.iterdir())
    content = {path.name: path.read_bytes() for path in written}
    assert content["statement.json"] == kept.statement.encode()
    assert content["manifest.json"] == kept.manifest.encode()
    assert content["plan.json"] == kept.plan.encode()
    assert content["primary.sig"] == parsed.envelope.signature
    assert content["primary.pae"] == dsse.pae(dsse.IN_TOTO_PAYLOAD_TYPE, kept.statement.encode())
    assert canonical.parse(content["primary.sigstore.json"], what="it", max_bytes=10**6) == value_of(kept)["primary"]
    assert "job.json" not in content


def test_explode_overwrites_nothing(kept: Evidence, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileAccessError, match="not empty"):
        explode.explode(bundle.parse(kept.bundle), tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    with pytest.raises(FileAccessError):
        explode.explode(bundle.parse(kept.bundle), tmp_path / "mine")


def test_every_part_reads_back_and_becomes_a_file(kept: Evidence, tmp_path: Path) -> None:
    stamp = bundle.UnverifiedTimestamp("a" * 64, b"token")
    whole = replace(
        bundle.parse(kept.bundle),
        unverified_oms=kept_envelope(kept),
        unverified_statements=(kept_envelope(kept),) * 2,
        unverified_timestamps=(stamp,),
        unverified_status="e30.e30.",
        unverified_disclosures=({"path": "/a", "salt": "00", "value": 1},),
    )
    assert bundle.parse(whole.encode()) == whole
    names = {path.name for path in explode.explode(whole, tmp_path / "parts")}
    assert names >= {
        "model.sig",
        "resilience-2.sigstore.json",
        "primary-1.tsr",
        "status.jwt",
        "disclosures.json",
        "claims.intoto.jsonl",
    }
    lines = (tmp_path / "parts" / "claims.intoto.jsonl").read_bytes().splitlines()
    assert len(lines) == 3
    assert dsse.parse_envelope(canonical.parse(lines[0], what="it", max_bytes=10**6), "it") == whole.envelope


def kept_envelope(kept: Evidence) -> dsse.Envelope:
    return bundle.parse(kept.bundle).envelope


def test_a_part_that_is_null_is_refused_for_a_bundle_has_one_form(kept: Evidence) -> None:
    for key in ("plan", "job", "status", "statements"):
        with pytest.raises(MalformedError, match="must be left out"):
            bundle.parse(canonical.encode(value_of(kept) | {key: None}))
