"""A small object store over HTTP, that can be slow and can fail."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from workers.contract import Grant


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
