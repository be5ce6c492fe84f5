"""What surrounds every exchange, whichever way it ends: an id, three headers, one line in the log, a refusal that arrives.

A client that is refused while it still sends would see its connection reset before it could read why. So when an error is
about to be answered, the rest of the body is read and dropped first, within limits. Neither bodies nor headers nor query
strings are logged: they hold data, keys and grants.
"""

import asyncio
import time
import uuid
from typing import Any, cast

import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import HTTPScope, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send

from api.limits import MAX_DRAIN_SECONDS, MAX_DRAINED_BYTES

API_VERSION = "2020-10-01"
"""The version of the fine-tuning API's shapes that is spoken here, as its clients know it."""

log = structlog.get_logger()


class Service(Litestar):
    """Litestar's middleware does not see requests for unknown routes; this does."""

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        if scope["type"] != ScopeType.HTTP:
            await super().__call__(scope, receive, send)
            return
        exchange = Exchange(cast(HTTPScope, scope), cast(Receive, receive), cast(Send, send))
        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            try:
                await super().__call__(scope, exchange.receive, exchange.send)
            finally:
                exchange.record()


class Exchange:
    """One request and its response."""

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self.request_id = f"req_{uuid.uuid4().hex}"
        self._scope = scope
        self._receive = receive
        self._send = send
        self._started = time.perf_counter()
        self._status: int | None = None
        headers = dict(scope["headers"])
        self._announced = int(length) if (length := headers.get(b"content-length", b"0")).isdigit() else 0
        self._body_ended = not self._announced and b"transfer-encoding" not in headers
        self._asked_to_continue = headers.get(b"expect", b"").lower() != b"100-continue"

    async def receive(self) -> Any:
        self._asked_to_continue = True
        message = await self._receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            self._body_ended = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            if self._status >= 400:
                await self._drain()
            milliseconds = str(round(self._elapsed() * 1000)).encode()
            message["headers"] = [
                *message["headers"],
                (b"x-request-id", self.request_id.encode()),
                (b"openai-processing-ms", milliseconds),
                (b"openai-version", API_VERSION.encode()),
            ]
        await self._send(message)

    def record(self) -> None:
        route = self._scope.get("path_template") or "(unknown)"
        log.info(
            "request",
            method=self._scope["method"],
            route=route,
            status=self._status,
            milliseconds=round(self._elapsed() * 1000),
        )

    async def _drain(self) -> None:
        if self._announced > MAX_DRAINED_BYTES or not self._asked_to_continue:
            return
        try:
            async with asyncio.timeout(MAX_DRAIN_SECONDS):
                dropped = 0
                while not self._body_ended and dropped < MAX_DRAINED_BYTES:
                    dropped += len((await self.receive()).get("body", b""))
        except TimeoutError:
            return

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started
