"""What surrounds every exchange: ids, headers, the log line, and what is not in it."""

import json
import re

import httpx
import pytest

from tests.api.serving import Served


def test_every_answer_has_an_id_of_its_own(served_on_sqlite: Served) -> None:
    headers = {"authorization": f"Bearer {served_on_sqlite.key}"}
    paths = ["/healthz", "/readyz", "/schema/openapi.json", "/v1/files", "/v1/nothing", "/v1/files/x", "/storage/x"]
    answers = [httpx.get(f"{served_on_sqlite.url}{path}", headers=headers) for path in paths]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(paths)
    assert {answer.headers["openai-version"] for answer in answers} == {"2020-10-01"}


def test_the_log_names_the_route_and_holds_no_secret(
    served_on_sqlite: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = {"authorization": f"Bearer {served_on_sqlite.key}"}
    answer = httpx.post(
        f"{served_on_sqlite.url}/v1/fine_tuning/jobs?token=in-the-query",
        headers=headers,
        content=b'{"model": "in-body"}',
    )
    httpx.get(f"{served_on_sqlite.url}/storage/a/key?method=GET&expires=1&signature=abcdef")
    logged = capsys.readouterr().out
    assert answer.headers["x-request-id"] in logged
    assert "/v1/fine_tuning/jobs" in logged
    for secret in (served_on_sqlite.key, "in-the-query", "in-body", "abcdef", "a/key"):
        assert secret not in logged


def test_the_api_describes_itself(served_on_sqlite: Served) -> None:
    described = httpx.get(f"{served_on_sqlite.url}/schema/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    routes = set(described["paths"])
    assert {"/v1/files", "/v1/files/{file_id}/content", "/v1/fine_tuning/jobs", "/v1/models", "/healthz"} <= routes
    assert "/v1/fine_tuning/jobs/{job_id}/comparison" in routes
    assert "/v1/attestations/{attestation_id}/bundle" in routes
    schemas = described["components"]["schemas"]
    asked = described["paths"]["/v1/fine_tuning/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"model", "training_file", "tuning", "safety", "deployment"} <= set(asked["properties"])
    assert asked["required"] == ["model", "training_file"]
    assert asked["additionalProperties"] is False
    references = set(re.findall(r'"\$ref": "(?:#/components/schemas/)?([^"]+)"', json.dumps(described)))
    assert references <= set(schemas)
    upload = described["paths"]["/v1/files"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(upload["properties"]) == {"file", "purpose", "provenance"}
