"""The client of a timestamp authority, against a real one of openssl's and against servers that misbehave."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from api.issuance.timestamping import (
    TimestampClient,
    TimestampError,
    TimestampRefusedError,
    TimestampUnavailableError,
)
from attestations import der, timestamps
from attestations.findings import Status
from attestations.trust import TimestampAuthority
from tests.openssl_tsa import REPLY_TYPE, Answer, Authority, make_authority, needs_openssl, serve

SIGNATURE = b"the bytes of a signature"

pytestmark = needs_openssl


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tsa") / "good")


def believed(authority: Authority) -> TimestampAuthority:
    return TimestampAuthority("Test stamps", authority.root_pem, "2026-01-01T00:00:00Z", "2099-12-31T00:00:00Z")


async def stamped(answer: Callable[[bytes], Answer], by: Authority, timeout: float = 5):
    with serve(answer) as url:
        return await TimestampClient(url, [believed(by)], timeout).stamp(SIGNATURE)


async def test_a_timestamp_is_what_a_buyer_believes(authority: Authority) -> None:
    made = await stamped(authority.answer, authority)
    found, proven = timestamps.check([made], SIGNATURE, [believed(authority)], now=datetime.now(UTC))
    assert found.status is Status.PASS
    assert proven is not None
    assert abs(proven - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_authority_that_buyers_do_not_believe_is_refused(authority: Authority, tmp_path) -> None:
    with pytest.raises(TimestampRefusedError, match="does not hold"):
        await stamped(make_authority(tmp_path / "foreign").answer, authority)


async def test_a_replayed_answer_is_refused(authority: Authority) -> None:
    old = authority.reply(timestamps.request(SIGNATURE))
    with pytest.raises(TimestampRefusedError, match="Nonce"):
        await stamped(lambda asked: (200, {"Content-Type": REPLY_TYPE}, old), authority)


@pytest.mark.parametrize(
    ("status", "headers", "content"),
    [
        (200, {"Content-Type": "text/html"}, b"<p>Welcome"),
        (200, {"Content-Type": REPLY_TYPE}, b""),
        (200, {"Content-Type": REPLY_TYPE}, b"no DER"),
        (200, {"Content-Type": REPLY_TYPE}, der.wrap(der.SEQUENCE, der.wrap(der.SEQUENCE, b"\2\1\2"))),
        (200, {"Content-Type": REPLY_TYPE}, bytes(70_000)),
        (200, {"Content-Type": REPLY_TYPE, "Content-Length": "999999999"}, bytes(70_000)),
        (302, {"Location": "/elsewhere"}, b""),
        (307, {"Location": "/elsewhere"}, b""),
        (400, {}, b""),
        (404, {}, b""),
    ],
)
async def test_answers_that_another_attempt_will_not_mend(authority: Authority, status, headers, content) -> None:
    with pytest.raises(TimestampRefusedError):
        await stamped(lambda asked: (status, headers, content), authority)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_an_authority_that_is_busy_may_be_asked_again(authority: Authority, status: int) -> None:
    with pytest.raises(TimestampUnavailableError, match=str(status)):
        await stamped(lambda asked: (status, {}, b""), authority)


async def test_an_answer_that_breaks_off_may_be_asked_for_again(authority: Authority) -> None:
    def cut(asked: bytes) -> Answer:
        content = authority.reply(asked)
        return 200, {"Content-Type": REPLY_TYPE, "Content-Length": str(len(content))}, content[:300]

    with pytest.raises(TimestampUnavailableError, match="breaks off"):
        await stamped(cut, authority)


async def test_an_authority_that_does_not_answer_is_not_waited_for(authority: Authority) -> None:
    enough = threading.Event()

    def silent(asked: bytes) -> Answer:
        enough.wait(10)
        return 200, {}, b""

    begun = time.monotonic()
    with serve(silent) as url:
        client = TimestampClient(url, [believed(authority)], 0.2)
        with pytest.raises(TimestampUnavailableError):
            await client.stamp(SIGNATURE)
        assert time.monotonic() - begun < 5
        enough.set()


async def test_an_answer_that_only_drips_is_not_waited_for(authority: Authority) -> None:
    """Each byte comes in time, all of them do not."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: {REPLY_TYPE}\r\n\r\n".encode())
            while not stopped.wait(0.02):
                connection.sendall(b"0")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        client = TimestampClient(f"http://127.0.0.1:{listener.getsockname()[1]}/", [believed(authority)], 0.3)
        with pytest.raises(TimestampUnavailableError, match="too slowly"):
            await client.stamp(SIGNATURE)
    finally:
        stopped.set()
        thread.join()
        listener.close()


async def test_an_authority_that_is_not_there_may_come_back(authority: Authority) -> None:
    with serve(authority.answer) as url:
        pass
    with pytest.raises(TimestampUnavailableError, match="cannot be reached"):
        await TimestampClient(url, [believed(authority)], 2).stamp(SIGNATURE)


async def test_several_are_asked_at_once(authority: Authority) -> None:
    with serve(authority.answer) as url:
        client = TimestampClient(url, [believed(authority)])
        made = await asyncio.gather(*(client.stamp(bytes([number])) for number in range(4)))
    for number, one in enumerate(made):
        found, _ = timestamps.check([one], bytes([number]), [believed(authority)], now=datetime.now(UTC))
        assert found.status is Status.PASS


@pytest.mark.parametrize("url", ["", "tsa.example", "file:///etc/passwd", "ftp://tsa.example", "http://"])
def test_a_url_that_is_no_web_address_is_found_at_the_start(authority: Authority, url: str) -> None:
    with pytest.raises(TimestampError, match="TUNEPROOF_TIMESTAMP_URL"):
        TimestampClient(url, [believed(authority)])


def test_a_service_that_nobody_would_believe_is_found_at_the_start() -> None:
    with pytest.raises(TimestampError, match="add-timestamp-authority"):
        TimestampClient("http://tsa.example", [])
