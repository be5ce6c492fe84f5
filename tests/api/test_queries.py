"""What stands in a query and cannot be: refused by name on our own routes, and let be on those that OpenAI has too."""

from pathlib import Path
from typing import Any

import openai
import pytest
from litestar.routes import HTTPRoute
from openai import OpenAI

from api.queries import known_query
from tests.api.serving import Served
from tests.api.test_documentation import application

LIST = "after, base, issued_after, issued_before, job, limit, outcome, published, status"
OPENAI_ROUTES = {
    "/v1/files",
    "/v1/files/{file_id:str}",
    "/v1/files/{file_id:str}/content",
    "/v1/fine_tuning/jobs",
    "/v1/fine_tuning/jobs/{job_id:str}",
    "/v1/fine_tuning/jobs/{job_id:str}/cancel",
    "/v1/fine_tuning/jobs/{job_id:str}/events",
    "/v1/fine_tuning/jobs/{job_id:str}/checkpoints",
    "/v1/models",
    "/v1/models/{model_id:str}",
}


@pytest.fixture
def client(served_on_sqlite: Served) -> OpenAI:
    return served_on_sqlite.client()


def refusal(client: OpenAI, path: str, *, method: str = "get") -> dict[str, Any]:
    options: dict[str, Any] = {} if method == "get" else {"body": {}}
    with pytest.raises(openai.BadRequestError) as caught:
        getattr(client, method)(path, cast_to=object, **options)
    whole = caught.value.response.json()
    assert set(whole) == {"error"}
    error: dict[str, Any] = whole["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return error


@pytest.mark.parametrize(
    ("query", "param", "choices"),
    [
        ("outcome=relesed", "outcome", "Give one of 'released', 'blocked', 'failed', 'cancelled'."),
        ("outcome=held", "outcome", "Give one of 'released', 'blocked', 'failed', 'cancelled'."),
        ("outcome=", "outcome", "Give one of 'released', 'blocked', 'failed', 'cancelled'."),
        ("status=foo", "status", "Give one of 'valid', 'revoked', 'suspended', 'superseded'."),
        ("published=perhaps", "published", "Give true or false."),
        ("limit=many", "limit", "Give an integer."),
        ("issued_after=yesterday", "issued_after", "Give an integer."),
    ],
)
def test_a_value_that_a_filter_cannot_have_is_answered_with_those_it_can(
    client: OpenAI, query: str, param: str, choices: str
) -> None:
    error = refusal(client, f"/attestations?{query}")
    assert (error["param"], error["code"]) == (param, "invalid_value")
    assert error["message"].startswith(f"{param}: ")
    assert error["message"].endswith(choices)
    assert "`" not in error["message"]


def test_the_same_choices_are_named_for_a_parameter_of_openais(client: OpenAI) -> None:
    error = refusal(client, "/files?order=upwards")
    assert error["param"] == "order"
    assert error["message"].endswith("Give one of 'asc', 'desc'.")


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("get", "/attestations", f"there are {LIST}"),
        ("get", "/attestations/x", "this route takes none"),
        ("get", "/attestations/x/bundle", "there are open"),
        ("get", "/attestations/x/status", "this route takes none"),
        ("post", "/attestations/x/status", "this route takes none"),
        ("get", "/attestations/x/notices", "this route takes none"),
        ("get", "/safety_policies", "this route takes none"),
        ("get", "/safety_policies/general", "this route takes none"),
        ("get", "/fine_tuning/jobs/x/evaluations/baseline", "this route takes none"),
        ("post", "/fine_tuning/jobs/x/review", "this route takes none"),
    ],
)
def test_a_parameter_that_a_route_of_ours_does_not_read_is_named_with_those_it_reads(
    client: OpenAI, method: str, path: str, known: str
) -> None:
    error = refusal(client, f"{path}?outcom=released", method=method)
    assert error["message"] == f"There is no query parameter 'outcom'; {known}."
    assert (error["param"], error["code"]) == ("outcom", "unknown_parameter")


def test_a_filter_is_given_once_and_a_list_as_often_as_one_likes(client: OpenAI) -> None:
    error = refusal(client, "/attestations?status=valid&status=revoked")
    assert (error["param"], error["message"]) == ("status", "The query parameter status is given twice; give it once.")
    with pytest.raises(openai.NotFoundError):
        client.get("/attestations/x/bundle?open=a&open=b", cast_to=object)


def test_routes_that_openai_has_bear_what_only_openai_reads(client: OpenAI) -> None:
    extra = {"include": ["something"], "unheard_of": "1"}
    assert client.files.list(extra_query=extra).data == []
    assert client.fine_tuning.jobs.list(extra_query=extra).data == []
    assert client.models.list(extra_query=extra).data
    with pytest.raises(openai.NotFoundError):
        client.fine_tuning.jobs.list_events("ftjob-none", extra_query=extra)


def test_every_route_with_a_key_is_openais_or_refuses_what_it_does_not_read(tmp_path: Path) -> None:
    handlers = [
        (route.path, handler)
        for route in application(tmp_path).routes
        if isinstance(route, HTTPRoute) and route.path.startswith("/v1/")
        for handler in route.route_handlers
        if "OPTIONS" not in handler.http_methods
    ]
    assert {path for path, _ in handlers} > OPENAI_ROUTES
    for path, handler in handlers:
        assert (known_query in handler.resolve_guards()) is (path not in OPENAI_ROUTES), path
