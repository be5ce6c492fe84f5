"""What the world sees, and what it does not: over HTTP, without a key, on both databases."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from api.published import controllers, index
from api.published.trust_files import trust_root
from attestations import bundle as bundles
from attestations import canonical, status
from tests.api.evidence.issuing import HIDDEN, Issuing, bundle_of, shown, statement
from tests.api.serving import OTHER_SCOPE, Served

ROOT = "/.well-known/resilience"


@pytest.fixture
def ada(served: Served, issuing: Issuing) -> Any:
    with served.client(issuing.key_with_right()) as opened:
        yield opened


def seen(served: Served, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """As a stranger."""
    return httpx.request(method, f"{served.url}{path}", headers=headers)


def publish(client: OpenAI, attestation_id: str, *, published: bool = True) -> Any:
    return client.post(f"/attestations/{attestation_id}/publish", body={"published": published}, cast_to=object)


def listed(served: Served) -> list[dict[str, Any]]:
    return seen(served, f"{ROOT}/index.json").json()["attestations"]


def test_nothing_is_public_until_it_is_published_and_no_longer_afterwards(
    served: Served, client: OpenAI, ada: OpenAI, issuing: Issuing
) -> None:
    made, private = issuing.attestation(base="tiny", outcome="blocked"), issuing.attestation()
    theirs = issuing.attestation(scope=OTHER_SCOPE)
    assert listed(served) == []
    answer = publish(ada, made)
    path = f"{ROOT}/bundles/{made}.resilience.json"
    assert answer["published"] == path
    assert publish(ada, made) == answer
    (entry,) = listed(served)
    assert entry == {
        "id": made,
        "base": "tiny",
        "method": "lora",
        "model": "12" * 32,
        "issuer": "https://issuer.test",
        "outcome": "blocked",
        "status": "valid",
        "statement": {"sha256": canonical.digest(statement("tiny", "blocked"))},
        "issuedAt": "2027-01-15T08:00:00Z",
        "validUntil": "2027-01-16T08:00:00Z",
        "published": entry["published"],
        "bundle": path,
    }
    assert seen(served, path).content == bundle_of(statement("tiny", "blocked"))
    for hidden in (private, theirs, "nothing", "a b", "%00"):
        assert seen(served, f"{ROOT}/bundles/{hidden}.resilience.json").status_code == 404
    assert [one["id"] for one in shown(client, "?published=true")["data"]] == [made]
    assert publish(ada, made, published=False)["published"] is None
    assert listed(served) == []
    assert seen(served, path).status_code == 404
    assert publish(ada, made, published=False)["published"] is None


def test_publishing_needs_the_right(served: Served, client: OpenAI, other: OpenAI, issuing: Issuing) -> None:
    made = issuing.attestation()
    for asking, code in ((client, 403), (other, 404)):
        answer = httpx.post(
            f"{served.url}/v1/attestations/{made}/publish",
            headers={"authorization": f"Bearer {asking.api_key}"},
            json={"published": True},
        )
        assert answer.status_code == code
    assert listed(served) == []


def test_the_index_is_canonical_and_goes_on_in_further_files(
    served: Served, ada: OpenAI, issuing: Issuing, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [issuing.attestation(listed=number != 1) for number in range(3)]
    for one in made:
        publish(ada, one)
    for module in (index, __import__("api.published.service", fromlist=["PAGE"])):
        monkeypatch.setattr(module, "PAGE", 2)
    found = seen(served, f"{ROOT}/index.json")
    document = canonical.parse(found.content, what="the index", max_bytes=1 << 20)
    assert [one["id"] for one in document["attestations"]] == [made[2], made[1]]  # type: ignore[index,call-overload]
    assert "status" not in document["attestations"][1]  # type: ignore[index,call-overload]
    rest = seen(served, document["next"]).json()  # type: ignore[index,call-overload]
    assert [one["id"] for one in rest["attestations"]] == [made[0]]
    assert "next" not in rest
    assert seen(served, f"{ROOT}/index.json?after=%00").status_code == 400


def test_what_a_statement_hides_is_nowhere_in_public(served: Served, ada: OpenAI, issuing: Issuing) -> None:
    made = issuing.attestation(base="secret-base", hides=True)
    publish(ada, made)
    raw = seen(served, f"{ROOT}/index.json").content
    assert b"secret-base" not in raw
    assert "base" not in json.loads(raw)["attestations"][0]
    for query in ("", "?open=*", "?open=data.sources[0].name"):
        public = bundles.parse(seen(served, f"{ROOT}/bundles/{made}.resilience.json{query}").content)
        assert public.unverified_disclosures == ()
        assert HIDDEN["$commit"]["value"].encode() in public.envelope.unverified_payload


def test_the_status_list_is_served_where_statements_say_with_its_own_life(
    served: Served, ada: OpenAI, issuing: Issuing
) -> None:
    made = issuing.attestation()
    publish(ada, made)
    place = shown(ada, f"/{made}/status")["entry"]["href"]
    assert seen(served, place).status_code == 404
    issuing.now = int(time.time())
    issuing.sign_lists()
    for path in (place, f"{ROOT}{place}"):
        found = seen(served, path)
        assert found.headers["content-type"] == status.MEDIA_TYPE
        assert found.headers["cache-control"] == "public, max-age=3600, must-revalidate"
        assert found.headers["access-control-allow-origin"] == "*"
        assert found.text.count(".") == 2
        assert seen(served, path, **{"if-none-match": found.headers["etag"]}).status_code == 304
    token = seen(served, place).text
    inside = bundles.parse(seen(served, f"{ROOT}/bundles/{made}.resilience.json").content)
    assert inside.unverified_status == token
    ada.post(f"/attestations/{made}/status", body={"state": "revoked", "reason": "other"}, cast_to=object)
    issuing.sign_lists()
    assert seen(served, place).text != token
    assert listed(served)[0]["status"] == "revoked"
    for path in ("/status/1234567", "/status/0", "/status/99999999999", "/status/x", "/status/-1"):
        assert seen(served, path).status_code == 404, path


def test_an_expired_list_is_kept_by_no_cache() -> None:
    class Expired:
        token, expires_at = "a.b.c", 1

    class Asked:
        headers: dict[str, str] = {}

    sent = controllers._token(Asked(), Expired())  # type: ignore[arg-type]
    assert sent.headers["cache-control"] == "public, max-age=0, must-revalidate"


def test_head_says_what_get_would_and_nothing_is_written(served: Served, ada: OpenAI, issuing: Issuing) -> None:
    made = issuing.attestation()
    publish(ada, made)
    issuing.sign_lists()
    place = shown(ada, f"/{made}/status")["entry"]["href"]
    for path in (f"{ROOT}/index.json", f"{ROOT}/bundles/{made}.resilience.json", place):
        got, head = seen(served, path), seen(served, path, "HEAD")
        assert (head.status_code, head.content) == (200, b"")
        for name in ("etag", "content-type", "content-length", "cache-control"):
            assert head.headers[name] == got.headers[name], (path, name)
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert seen(served, path, method).status_code == 405


def test_trust_roots_are_served_by_version(tmp_path: Path, served_on_sqlite: Served) -> None:
    assert seen(served_on_sqlite, f"{ROOT}/trust/root.json").status_code == 404
    assert trust_root(tmp_path, "root.json") is None
    assert trust_root(tmp_path / "nothing", "root.json") is None
    for number in (1, 2, 10):
        (tmp_path / f"{number}.root.json").write_text(f"version {number}")
    (tmp_path / "draft.json").write_text("a secret plan")
    (tmp_path / "11.root.json").write_bytes(b"x" * 300_000)
    assert trust_root(tmp_path, "2.root.json") == b"version 2"
    assert trust_root(tmp_path, "11.root.json") is None
    (tmp_path / "11.root.json").unlink()
    assert trust_root(tmp_path, "root.json") == b"version 10"
    for name in ("3.root.json", "draft.json", "../x", "02.root.json", "0.root.json", ""):
        assert trust_root(tmp_path, name) is None
