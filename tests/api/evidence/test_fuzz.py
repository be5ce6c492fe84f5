"""Whatever is asked of the evidence routes, the answer is theirs: never a 5xx, always the error shape. And they describe themselves."""

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tests.api.evidence.issuing import Issuing
from tests.api.serving import Served

NAMES = ("after", "limit", "outcome", "base", "job", "status", "published", "issued_after", "issued_before", "open")
TEXT = some.text(max_size=40)
QUERY = some.lists(some.tuples(some.sampled_from(NAMES), TEXT | some.integers().map(str)), max_size=4)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | TEXT,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELDS = {
    "state": some.sampled_from(["valid", "revoked", "suspended", "superseded"]) | JSON,
    "reason": some.sampled_from(["other", "under_review"]) | JSON,
    "note": JSON,
    "superseded_by": JSON,
    "published": JSON,
    "kind": some.sampled_from(["correction", "revoked"]) | JSON,
    "evidence": some.lists(some.just("ab" * 32) | TEXT, max_size=3) | JSON,
}
BODY = some.fixed_dictionaries({}, optional=FIELDS) | JSON
PLACES = some.sampled_from(
    ["/v1/attestations", "/v1/attestations/{}", "/v1/attestations/{}/bundle", "/v1/attestations/{}/status",
     "/v1/attestations/{}/notices", "/v1/attestations/{}/countersignatures",
     "/.well-known/resilience/index.json", "/.well-known/resilience/bundles/{}", "/.well-known/resilience/trust/{}",
     "/.well-known/resilience/bundles/{}.resilience.json", "/status/{}", "/.well-known/resilience/status/{}"]
)  # fmt: skip
QUIETLY = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def in_shape(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.fixture
def issuing(served_on_sqlite: Served) -> Issuing:
    return Issuing(served_on_sqlite)


def test_reading_never_breaks(served_on_sqlite: Served, issuing: Issuing) -> None:
    made = issuing.attestation(hides=True)
    headers = {"authorization": f"Bearer {served_on_sqlite.key}"}
    with httpx.Client(base_url=served_on_sqlite.url, headers=headers) as client:

        @QUIETLY
        @given(PLACES, some.just(made) | TEXT | some.integers().map(str), QUERY)
        def ask(place: str, name: str, query: list[tuple[str, str]]) -> None:
            in_shape(client.get(place.format(quote(name, safe="")), params=query))

        ask()


def test_writing_never_breaks(served_on_sqlite: Served, issuing: Issuing) -> None:
    made = issuing.attestation()
    headers = {"authorization": f"Bearer {issuing.key_with_right()}"}
    with httpx.Client(base_url=served_on_sqlite.url, headers=headers) as client:

        @QUIETLY
        @given(some.sampled_from(["status", "publish", "notices", "countersignatures"]), some.just(made) | TEXT, BODY)
        def say(what: str, name: str, body: Any) -> None:
            content = json.dumps(body).encode("utf-8", "surrogatepass")
            in_shape(client.post(f"/v1/attestations/{quote(name, safe='')}/{what}", content=content))

        say()


def test_the_routes_are_described(served_on_sqlite: Served) -> None:
    described = httpx.get(f"{served_on_sqlite.url}/schema/openapi.json").json()
    paths = described["paths"]
    asked = {one["name"] for one in paths["/v1/attestations"]["get"]["parameters"]}
    assert asked == set(NAMES) - {"open"}
    assert {one["name"] for one in paths["/v1/attestations/{attestation_id}/bundle"]["get"]["parameters"]} >= {"open"}
    body = paths["/v1/attestations/{attestation_id}/status"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["properties"]) == {"state", "reason", "note", "superseded_by"}
    assert "key_compromise" in json.dumps(body)
    assert paths["/.well-known/resilience/index.json"]["get"].get("security", []) == []
    assert {"get", "head"} <= set(paths["/status/{number}"])
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(described)
