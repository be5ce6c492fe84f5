"""A small object store over HTTP, and a workbench whose stages are pretend ones."""

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from arq.connections import ArqRedis, create_pool

from workers.assignment import Workbench
from workers.child import Launch
from workers.contract import Grant
from workers.lifeline import Rhythm
from workers.main import redis_settings, serialise
from workers.objects import Objects


class ObjectStore:
    """GET and PUT by path. ``failures`` are statuses to answer with, one a request, before serving again."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.failures: list[int] = []
        self.requests: list[tuple[str, str]] = []
        self.slow = threading.Event()
        self.slow.set()
        store = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.respond("GET")

            def do_PUT(self) -> None:
                self.respond("PUT")

            def respond(self, method: str) -> None:
                name = urlsplit(self.path).path.strip("/")
                store.requests.append((method, name))
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                store.slow.wait(10)
                if store.failures:
                    self.answer(store.failures.pop(0))
                elif method == "PUT":
                    store.objects[name] = body
                    self.answer(200)
                elif name in store.objects:
                    self.answer(200, store.objects[name])
                else:
                    self.answer(404)

            def answer(self, status: int, body: bytes = b"") -> None:
                with contextlib.suppress(ConnectionError):  # a worker may be gone by now
                    self.send_response(status)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def grant(self, name: str, *, seconds: float = 600) -> Grant:
        return Grant(url=f"{self.url}/{name}?signature=topsecret", expires_at=int(time.time() + seconds))

    def close(self) -> None:
        self.slow.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    opened = ObjectStore()
    yield opened
    opened.close()


@pytest.fixture
async def objects() -> AsyncIterator[Objects]:
    async with Objects(delays=(0.01, 0.01, 0.01)) as opened:
        yield opened


@pytest.fixture
async def pool(valkey: str) -> AsyncIterator[ArqRedis]:
    opened = await create_pool(redis_settings(valkey), job_serializer=serialise, job_deserializer=msgspec.json.decode)
    yield opened
    await opened.aclose(close_connection_pool=True)


@pytest.fixture
def bench(objects: Objects, tmp_path: Path) -> Workbench:
    """Its stages are those of ``tests/workers/pretend_stages.py``."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Workbench(
        objects=objects,
        catalog=tmp_path / "catalog.json",
        scratch=scratch,
        launch=Launch(
            {"PATH": "/usr/bin:/bin", "TUNEPROOF_REDIS_URL": "redis://:hunter2@nowhere"}, "tests.workers.pretend_stages"
        ),
    )


@pytest.fixture
def brisk() -> Rhythm:
    """A rhythm for tests: the same order of things, in fractions of a second."""
    return Rhythm(beat=0.05, watch=0.02, expiry=60, doubt=0.15, progress=0.05, drain=5.0)
