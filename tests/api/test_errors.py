"""Whatever goes wrong, the client reads OpenAI's error shape, a code and a request id; and nothing of ours leaks."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from api.app import create_app
from api.db.models import File
from api.db.session import Database
from api.settings import Settings, StorageSettings
from api.storage import LocalStorage, StorageFull, StorageUnavailable
from api.storage.signing import GrantSigner
from api.tenancy.bootstrap import create_key, ensure_defaults
from tests.api.serving import Served, write_catalog
from workers.catalog import Catalog

SECRET = "the-inside-story"


def answered(served: Served, method: str, path: str, *, key: bool = True, **options: Any) -> httpx.Response:
    headers = {"authorization": f"Bearer {served.key}"} if key else {}
    return httpx.request(method, f"{served.url}{path}", headers=headers | options.pop("headers", {}), **options)


def error_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["openai-processing-ms"].isdigit()
    body: dict[str, Any] = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"].endswith((".", "tp-...'."))
    return body["error"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/nothing", "/v2/files", "/v1/files/a/b/c", "/v1/fine_tuning", "/storage"]
)
@pytest.mark.parametrize("key", [True, False])
def test_an_unknown_route_is_404_with_or_without_a_key(served_on_sqlite: Served, path: str, key: bool) -> None:
    error = error_of(answered(served_on_sqlite, "GET", path, key=key), 404)
    assert (error["code"], error["type"], error["param"]) == ("unknown_url", "not_found_error", None)
    assert f"GET {path}" in error["message"]


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer sk-123",
        "Basic dXNlcjpwdw==",
        "Bearer tp-" + "x" * 43,
        "Bearer tp-" + "ü" * 43,
        "tp-" + "x" * 43,
    ],
)
def test_without_a_known_key_everything_is_401(served_on_sqlite: Served, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization.encode()}
    for method, path in (("GET", "/v1/files"), ("POST", "/v1/fine_tuning/jobs"), ("GET", "/v1/attestations/x")):
        error = error_of(answered(served_on_sqlite, method, path, key=False, headers=headers), 401)
        assert error["type"] == "authentication_error"
        assert error["code"] in {"missing_api_key", "invalid_api_key"}


def test_a_wrong_method_is_405_and_says_which_are_right(served_on_sqlite: Served) -> None:
    answer = answered(served_on_sqlite, "PATCH", "/v1/files")
    assert error_of(answer, 405)["code"] == "method_not_allowed"
    assert {"GET", "POST"} <= {method.strip() for method in answer.headers["allow"].split(",")}


def test_a_body_that_is_too_large_is_413(served_on_sqlite: Served) -> None:
    answer = answered(served_on_sqlite, "POST", "/v1/fine_tuning/jobs", content=b" " * 300_000)
    assert error_of(answer, 413)["code"] == "request_too_large"
    pieces = iter([b" " * 100_000] * 40)
    assert error_of(answered(served_on_sqlite, "POST", "/v1/fine_tuning/jobs", content=pieces), 413)


def test_another_media_type_is_415(served_on_sqlite: Served) -> None:
    answer = answered(
        served_on_sqlite, "POST", "/v1/fine_tuning/jobs", content=b"a=b", headers={"content-type": "text/plain"}
    )
    assert error_of(answer, 415)["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"", "missing_required_parameter", "model"),
        (b"{", "invalid_json", None),
        (b"[" * 100_000, "invalid_json", None),
        (b'{"model":' * 200 + b"1" + b"}" * 200, "invalid_json", None),
        (b'"\xff"', "invalid_json", None),
        (b"[]", "invalid_value", None),
        (b"null", "invalid_value", None),
        (b'{"model": 3, "training_file": "f"}', "invalid_value", "model"),
        (b'{"model": "m", "training_file": "f\\u0000"}', "invalid_value", "training_file"),
        (b'{"model": "m", "training_file": "f", "metadata": {"a\\u0000": "b"}}', "invalid_value", "metadata"),
        (b'{"model": "m", "model": "n", "training_file": "f"}', "invalid_json", None),
        (b'{"model": "m", "training_file": "f", "safety": {"mix": 1, "mix": 0}}', "invalid_json", None),
        (b'{"model": NaN}', "invalid_json", None),
        (b'{"model": "m", "training_file": "f", "x": 1, "y": 2}', "unknown_parameter", "x"),
    ],
)
def test_a_wrong_body_is_400(served_on_sqlite: Served, body: bytes, code: str, param: str | None) -> None:
    error = error_of(answered(served_on_sqlite, "POST", "/v1/fine_tuning/jobs", content=body), 400)
    assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")


def test_the_client_maps_each_error_to_its_class(served_on_sqlite: Served) -> None:
    with served_on_sqlite.client(max_retries=0) as client:
        table: list[tuple[type[openai.APIStatusError], str, str, Any]] = [
            (openai.BadRequestError, "POST", "/fine_tuning/jobs", {"model": 1}),
            (openai.NotFoundError, "GET", "/files/x", None),
            (openai.APIStatusError, "PUT", "/files", None),
        ]
        for kind, method, path, body in table:
            with pytest.raises(kind) as caught:
                client.request(object, _options(method, path, body))
            assert caught.value.code
            assert caught.value.request_id.startswith("req_")  # type: ignore[union-attr]
    with served_on_sqlite.client("tp-" + "x" * 43) as stranger, pytest.raises(openai.AuthenticationError) as caught:
        stranger.models.list()
    assert caught.value.code == "invalid_api_key"


def _options(method: str, path: str, body: Any) -> Any:
    from openai._models import FinalRequestOptions

    return FinalRequestOptions(method=method, url=path, json_data=body)


def test_an_exhausted_limit_would_have_the_same_shape() -> None:
    from litestar.exceptions import HTTPException, TooManyRequestsException

    from api.errors import exception_handlers

    handle: Any = exception_handlers()[HTTPException]
    limited = handle(None, TooManyRequestsException(headers={"retry-after": "3"}))
    assert (limited.status_code, limited.content.error.type) == (429, "rate_limit_error")
    assert limited.headers["retry-after"] == "3"
    unprocessable = handle(None, HTTPException(status_code=422, detail="no."))
    assert (unprocessable.status_code, unprocessable.content.error.type) == (422, "invalid_request_error")


class BrokenStorage(LocalStorage):
    """Fails as it is told to."""

    failure: Exception

    async def size(self, key: str) -> int:
        raise self.failure


@pytest.fixture
async def broken(database: Database, tmp_path: Path) -> AsyncIterator[tuple[BrokenStorage, httpx.AsyncClient]]:
    """The application in this very loop, with one file whose storage is broken."""
    storage = BrokenStorage(tmp_path / "objects", GrantSigner("http://x", "s" * 32))
    settings = Settings(
        database_url="unused",
        storage=StorageSettings(url="unused", internal_url="http://x", secret="s" * 32),
        catalog=write_catalog(tmp_path),
        scratch=tmp_path / "scratch",
    )
    scope = await ensure_defaults(database)
    key = (await create_key(database, "test")).key
    async with database.write() as session:
        session.add(
            File(
                id="file-1", organization_id=scope.organization_id, project_id=scope.project_id, filename="x",
                purpose="fine-tune", status="processed", bytes=1, sha256="0" * 64, storage_key="k", created_at=1,
            )
        )  # fmt: skip
    app = create_app(settings, database, storage, Catalog.load(settings.catalog))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield storage, client


async def test_what_nobody_foresaw_is_500_and_tells_nothing(
    broken: tuple[BrokenStorage, httpx.AsyncClient], capsys: pytest.CaptureFixture[str]
) -> None:
    storage, client = broken
    storage.failure = RuntimeError(SECRET)
    answer = await client.get("/v1/files/file-1/content")
    error = error_of(answer, 500)
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text
    logged = capsys.readouterr().out
    assert SECRET in logged
    assert answer.headers["x-request-id"] in logged


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (StorageFull("no space left for k"), "storage_full"),
        (StorageUnavailable("cannot reach k"), "storage_unavailable"),
    ],
)
async def test_a_broken_store_is_503(
    broken: tuple[BrokenStorage, httpx.AsyncClient], failure: Exception, code: str
) -> None:
    storage, client = broken
    storage.failure = failure
    assert error_of(await client.get("/v1/files/file-1/content"), 503)["code"] == code


async def test_readiness_names_what_fails(broken: tuple[BrokenStorage, httpx.AsyncClient], tmp_path: Path) -> None:
    _, client = broken
    assert (await client.get("/readyz")).json() == {"status": "ok", "failing": {}}
    (tmp_path / "objects" / ".incoming").rmdir()
    (tmp_path / "objects" / ".incoming").write_text("in the way")
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503, {"status": "unavailable", "failing": {"storage": "StorageUnavailable"}}
    )  # fmt: skip
    assert (await client.get("/healthz")).json()["status"] == "ok"


async def test_a_database_that_is_away_is_503(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/no/such/place.db")
    settings = Settings(
        database_url="unused",
        storage=StorageSettings(url="unused", internal_url="http://x", secret="s" * 32),
        catalog=write_catalog(tmp_path),
        scratch=tmp_path / "scratch",
    )
    storage = LocalStorage(tmp_path / "objects", GrantSigner("http://x", "s" * 32))
    app = create_app(settings, database, storage, Catalog.load(settings.catalog))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:  # type: ignore[arg-type]
        answer = await client.get("/v1/models", headers={"authorization": "Bearer tp-" + "x" * 43})
        assert error_of(answer, 503)["code"] == "database_unavailable"
        assert (await client.get("/readyz")).json()["failing"] == {"database": "OperationalError"}
    await asyncio.wait_for(database.close(), 5)
