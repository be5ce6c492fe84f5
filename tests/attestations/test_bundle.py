from pathlib import Path

import pytest

from attestations import bundle, canonical, dsse
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
        (["model"], {}, "bundle.model: the field 'manifest' is missing"),
        (["model"], None, "bundle.model: must be an object"),
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
    written = bundle.explode(parsed, directory)
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
        bundle.explode(bundle.parse(kept.bundle), tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    with pytest.raises(FileAccessError):
        bundle.explode(bundle.parse(kept.bundle), tmp_path / "mine")
