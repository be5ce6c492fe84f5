"""Countersignatures over HTTP, on both databases, and with notices from there to the verifier."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from sqlalchemy import select

from api.db.models import AttestationCountersignature
from api.evidence import countersignatures
from api.evidence.countersignatures import MAX_COUNTERSIGNATURE
from attestations import bundle as bundles
from attestations import canonical
from attestations.cli import main
from attestations.digests import Sha256
from attestations.keys import LocalSigner
from attestations.predicate import StatusRef
from attestations.statements import countersignature, frame
from attestations.statements.attaching import attach
from attestations.statements.countersignature import Conclusion, Mode
from attestations.statements.frame import Statement
from attestations.statements.notice import NoticeKind
from tests.api.evidence.issuing import Issuing, shown
from tests.api.evidence.later_words import DIGEST, fetched, give, say
from tests.api.jobs.test_jobs import in_database
from tests.api.serving import Served
from tests.attestations.evidence import ISSUER
from tests.attestations.evidence_03 import NOW, World, make_world
from tests.attestations.statements.complete import LAB

PUBLIC = "/.well-known/resilience/bundles/{}.resilience.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("real"))


@pytest.fixture
def real(issuing: Issuing, made: World) -> Issuing:
    """Issuing with the keys of real evidence, at its time; its trust root is published."""
    issuing.signer, issuing.issuing_key, issuing.issuer = made.keys.status, made.keys.issuer, ISSUER
    issuing.now = int(NOW.timestamp())
    publish_root(issuing.served, made.keys.trust_file)
    return issuing


def publish_root(served: Served, content: bytes, version: int = 1) -> None:
    folder = served.directory / "trust"
    folder.mkdir(exist_ok=True)
    (folder / f"{version}.root.json").write_bytes(content)


def attested(made: World, ref: StatusRef) -> bundles.Bundle:
    """The evidence that names this place in a status list, as it is stored."""
    return replace(made.lying(status=ref), unverified_status=None)


def bring(served: Served, attestation_id: str, content: bytes, key: str | None = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {key or served.key}", "content-type": bundles.SIGSTORE_MEDIA_TYPE}
    return httpx.post(
        f"{served.url}/v1/attestations/{attestation_id}/countersignatures", content=content, headers=headers
    )


def about(served: Served, attestation_id: str, statement: Statement[Any]) -> Statement[Any]:
    """The same words about the attestation that is served."""
    payload = bundles.parse(fetched(served, attestation_id).content).envelope.unverified_payload
    return Statement(frame.attestation_subject(payload), statement.predicate)


def sealed(statement: Statement[Any], signer: LocalSigner) -> bytes:
    return canonical.encode(bundles.sigstore_json(frame.seal(statement, signer)))


def test_a_countersignature_is_taken_once_and_shown(real: Issuing, made: World, served: Served, client: OpenAI) -> None:
    name = real.issued(lambda ref: attested(made, ref))
    content = sealed(about(served, name, made.countersigned()), made.keys.evaluator)
    indented = json.dumps(json.loads(content), indent=2).encode()
    answer = bring(served, name, indented)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["object"], said["attestation"], said["evaluator"]) == ("attestation.countersignature", name, LAB)
    assert (said["mode"], said["conclusion"], said["by"]) == ("reproduced", "agrees", "test")
    assert (said["key_id"], said["statement"]) == (made.keys.evaluator.key_id, json.loads(content))
    assert bring(served, name, content).json() == said
    again = sealed(about(served, name, made.countersigned()), LocalSigner(made.keys.evaluator._private_key))
    assert bring(served, name, again).json() == said  # another signature over the same words
    assert shown(client, f"/{name}/countersignatures") == {"object": "list", "data": [said]}
    assert len(in_database(served, select(AttestationCountersignature))[0]) == 1
    *_, envelope = bundles.parse(fetched(served, name).content).unverified_statements
    assert bundles.sigstore_json(envelope) == said["statement"]


def test_disagreement_is_taken_like_agreement(real: Issuing, made: World, served: Served) -> None:
    name = real.issued(lambda ref: attested(made, ref))
    words = {"mode": Mode.OBSERVED, "conclusion": Conclusion.DISAGREES, "disagreements": ("A run was left out.",)}
    told = about(served, name, made.countersigned_rows((), **words))
    answer = bring(served, name, sealed(told, made.keys.evaluator))
    assert (answer.status_code, answer.json()["conclusion"]) == (200, "disagrees")
    in_house = replace(told.predicate, evaluator=countersignature.Evaluator("us", ISSUER))
    answer = bring(served, name, sealed(Statement(told.subject, in_house), made.keys.in_house))
    assert (answer.status_code, answer.json()["evaluator"]) == (200, ISSUER)


def test_what_no_verifier_would_believe_is_not_taken(
    real: Issuing, made: World, served: Served, tmp_path: Path
) -> None:
    name = real.issued(lambda ref: attested(made, ref))
    lab, honest = made.keys.evaluator, about(served, name, made.countersigned())
    predicate = honest.predicate
    other = make_world(tmp_path, keys=made.keys, name="other")

    def telling(**changes: Any) -> Statement[Any]:
        return Statement(honest.subject, replace(predicate, **changes))

    shifted = tuple(replace(row, delta="0.000001") for row in predicate.agreement)
    for content, words in (
        (sealed(honest, LocalSigner.generate()), "no trusted key made its signature"),
        (sealed(honest, made.keys.issuer), "in the role issuer, which may not say this"),
        (sealed(other.countersigned(), lab), "about another attestation"),
        (sealed(telling(at="2025-12-31T00:00:00Z"), lab), "the key is believed from"),
        (sealed(telling(at="2999-01-01T00:00:00Z"), lab), "which this clock has not reached"),
        (sealed(telling(at="2026-02-01T00:00:00Z"), lab), "dated before the attestation"),
        (sealed(telling(agreement=shifted), lab), "does not follow from its counts"),
        (sealed(telling(model=Sha256.of(b"another")), lab), "does not follow from its counts"),
        (sealed(telling(evaluator=countersignature.Evaluator("x", "Somebody else")), lab), "with a key of"),
    ):
        answer = bring(served, name, content)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "countersignature_refused"), words
        assert words in error["message"]
    assert in_database(served, select(AttestationCountersignature))[0] == []


def test_what_is_no_countersignature_is_refused_by_its_form(real: Issuing, made: World, served: Served) -> None:
    name = real.issued(lambda ref: attested(made, ref))
    notice = about(served, name, made.noticed(NoticeKind.CORRECTION))
    good = json.loads(sealed(about(served, name, made.countersigned()), made.keys.evaluator))
    twice = {**good, "dsseEnvelope": {**good["dsseEnvelope"], "signatures": good["dsseEnvelope"]["signatures"] * 2}}
    bodies = (b"", b"{}", b"[]", b"\xff", b'{"mediaType":"x","mediaType":"y"}', b"[" * 5000)
    for content in (*bodies, sealed(notice, made.keys.evaluator), json.dumps(twice).encode()):
        answer = bring(served, name, content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_countersignature"), content[:80]
    answer = bring(served, name, b" " * (MAX_COUNTERSIGNATURE + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")
    assert bring(served, "nothing", b"{}").status_code == 404
    assert bring(served, name, b"{}", served.other_key).status_code == 404


def test_the_newest_published_trust_root_decides(real: Issuing, made: World, served: Served) -> None:
    name = real.issued(lambda ref: attested(made, ref))
    content = sealed(about(served, name, made.countersigned()), made.keys.evaluator)
    stolen = made.keys.changed(made.keys.evaluator, compromised_at="2026-01-15T00:00:00Z")
    publish_root(served, made.keys.file_of(replace(stolen, version=2)), version=2)
    answer = bring(served, name, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "countersignature_refused")
    assert "compromised" in answer.json()["error"]["message"]
    publish_root(served, b"{}", version=3)
    answer = bring(served, name, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "trust_root_missing")
    for path in (served.directory / "trust").iterdir():
        path.unlink()
    answer = bring(served, name, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "trust_root_missing")
    assert "TUNEPROOF_TRUST_DIR" in answer.json()["error"]["message"]
    publish_root(served, made.keys.trust_file)
    assert bring(served, name, content).status_code == 200


def test_a_full_bundle_takes_no_more(
    real: Issuing, made: World, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = real.issued(lambda ref: attested(made, ref))
    first, second = (
        sealed(about(served, name, made.countersigned(at=at)), made.keys.evaluator)
        for at in ("2026-03-01T18:00:00Z", "2026-03-01T19:00:00Z")
    )
    with monkeypatch.context() as small:
        small.setattr(countersignatures, "_ROOM", bundles.MAX_BYTES - 1000)
        assert bring(served, name, first).json()["error"]["code"] == "bundle_full"
    assert bring(served, name, first).status_code == 200
    monkeypatch.setattr(countersignatures, "MOST_COUNTERSIGNATURES", 1)
    answer = bring(served, name, second)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "bundle_full")
    assert bring(served, name, first).status_code == 200


def test_from_the_evaluator_to_the_buyer(
    real: Issuing, made: World, served: Served, ada: OpenAI, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bundle as it is stored; countersigned at the command line; noticed by its issuer; each time fetched and verified."""
    name = real.issued(lambda ref: attested(made, ref))
    real.sign_lists()
    (tmp_path / "trust.json").write_bytes(made.keys.trust_file)
    (tmp_path / "lab.key").write_bytes(made.keys.evaluator.private_pem())
    ada.post(f"/attestations/{name}/publish", body={"published": True}, cast_to=object)
    found, out = tmp_path / "m.resilience.json", tmp_path / "c.sigstore.json"
    trust = ("--trust", str(tmp_path / "trust.json"), "--now", "2026-03-02T00:00:00Z")

    def verdict() -> tuple[int, str]:
        """Of the public bundle, which is the owner's too."""
        found.write_bytes(httpx.get(served.url + PUBLIC.format(name)).content)
        assert found.read_bytes() == fetched(served, name).content
        code = main(["verify", str(found), *trust, "--all"])
        return code, capsys.readouterr().out

    code, told = verdict()
    assert (code, "no independent evaluator has signed" in told) == (0, True)
    who = ["--key", str(tmp_path / "lab.key"), "--name", LAB, "--mode", "observed"]
    assert main(["countersign", str(found), *trust, *who, "--out", str(out)]) == 0
    assert bring(served, name, out.read_bytes()).status_code == 200
    give(ada, name, kind="correction", reason="The objective has a typing error.")
    real.sign_notices()
    code, told = verdict()
    assert code == 0
    assert f"{LAB} (observed, paid by {LAB}) agrees" in told
    assert "correction on 2026-03-02T00:00:00Z, says the issuer: The objective has a typing error." in told
    stored = attested(made, bundles_status(found))
    said = bundles.parse(found.read_bytes()).unverified_statements[len(stored.unverified_statements) :]
    assert attach(stored, said[::-1]).unverified_statements == (*stored.unverified_statements, *said)
    give(ada, name, kind="regression-found", reason="It refuses customers.", evidence=[DIGEST])
    real.sign_notices()
    code, told = verdict()
    assert (code, "regression found on 2026-03-02T00:00:00Z, says the issuer: It refuses customers." in told) == (
        3,
        True,
    )
    say(ada, name, state="revoked", reason="safety_finding")
    give(ada, name, kind="revoked", reason="It is off the market.")
    real.sign_notices()
    real.sign_lists()
    code, told = verdict()
    assert (code, "says the issuer: It is off the market." in told, "revoked" in told) == (3, True, True)


def bundles_status(path: Path) -> StatusRef:
    """The place in a status list that the served statement names."""
    payload = json.loads(bundles.parse(path.read_bytes()).envelope.unverified_payload)
    return StatusRef(**payload["predicate"]["status"])
