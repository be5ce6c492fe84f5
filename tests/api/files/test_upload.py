"""Uploads below the client library: odd forms, endless lines, connections that break off."""

import http.client
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.api.conftest import RECORDS
from tests.api.serving import Served, serving

BOUNDARY = "line-of-boundary"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    named = f'; filename="{filename}"' if filename else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
FILE = part("file", RECORDS, "train.jsonl")
PURPOSE = part("purpose", b"fine-tune")


def send(served: Served, body: bytes | Iterator[bytes], content_type: str | None = None) -> httpx.Response:
    headers = {
        "authorization": f"Bearer {served.key}",
        "content-type": content_type or f"multipart/form-data; boundary={BOUNDARY}",
    }
    return httpx.post(f"{served.url}/v1/files", content=body, headers=headers, timeout=60)


def test_parts_may_come_in_any_order(served_on_sqlite: Served) -> None:
    for body in (FILE + PURPOSE + END, PURPOSE + FILE + END, b"preamble\r\n" + PURPOSE + FILE + END + b"epilogue"):
        answer = send(served_on_sqlite, body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["bytes"] == len(RECORDS)


def test_a_path_in_the_filename_is_cut_off(served_on_sqlite: Served) -> None:
    for name in ("../../etc/train.jsonl", "C:/data/train.jsonl", "/train.jsonl"):
        answer = send(served_on_sqlite, part("file", RECORDS, name) + PURPOSE + END)
        assert answer.json()["filename"] == "train.jsonl"


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"", 400, "invalid_multipart", None),
        (END, 400, "missing_required_parameter", "file"),
        (PURPOSE + END, 400, "missing_required_parameter", "file"),
        (FILE + END, 400, "missing_required_parameter", "purpose"),
        (FILE + PURPOSE, 400, "invalid_multipart", None),
        (FILE[:-20], 400, "invalid_multipart", None),
        (FILE + FILE + PURPOSE + END, 400, "invalid_value", "file"),
        (FILE + PURPOSE + PURPOSE + END, 400, "invalid_value", "purpose"),
        (part("file", RECORDS) + PURPOSE + END, 400, "invalid_filename", "file"),
        (part("file", RECORDS, "x" * 300) + PURPOSE + END, 400, "invalid_filename", "file"),
        (part("file", RECORDS, "a\x07b") + PURPOSE + END, 400, "invalid_filename", "file"),
        (FILE + part("purpose", b"x" * 5000) + END, 413, "request_too_large", "purpose"),
        (FILE + part("purpose", b"\xff") + END, 400, "invalid_purpose", "purpose"),
        (part("", b"x") + END, 400, "unknown_parameter", None),
        (b"no multipart at all", 400, "invalid_multipart", None),
        (f"--{BOUNDARY}\r\n{'h: v' * 3000}\r\n\r\n".encode(), 413, "request_too_large", None),
    ],
)
def test_odd_forms_are_refused(
    served_on_sqlite: Served, body: bytes, status: int, code: str, param: str | None
) -> None:
    answer = send(served_on_sqlite, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"] or None) == (status, code, param), error
    assert served_on_sqlite.scratch_files == []
    assert served_on_sqlite.stored_files == []


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "text/plain; boundary=x", ""])
def test_other_media_types_are_refused(served_on_sqlite: Served, content_type: str) -> None:
    answer = send(served_on_sqlite, FILE + PURPOSE + END, content_type or "x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


def resident_kilobytes() -> int:
    """The server runs in this process."""
    lines = Path(f"/proc/{os.getpid()}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured through /proc")
def test_300_megabytes_in_one_line_are_refused_in_bounded_memory(served_on_sqlite: Served) -> None:
    peak, sent, before = 0, 0, resident_kilobytes()

    def endless() -> Iterator[bytes]:
        nonlocal peak, sent
        yield PURPOSE + f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'.encode()
        piece = b"x" * (1024 * 1024)
        for _ in range(300):
            peak = max(peak, resident_kilobytes())
            yield piece
            sent += 1

    answer = send(served_on_sqlite, endless())
    assert answer.status_code == 400
    assert "line 1: it is longer than 1048576 bytes" in answer.json()["error"]["message"]
    assert sent == 300, "the client could send it all and then read why it was refused"
    assert peak - before < 60_000
    assert served_on_sqlite.scratch_files == []


def test_a_file_beyond_the_limit_is_refused(migrated_sqlite: Path, tmp_path: Path) -> None:
    database = tmp_path / "test.db"
    database.write_bytes(migrated_sqlite.read_bytes())
    with serving(tmp_path, f"sqlite+aiosqlite:///{database}", max_upload_bytes=1_000_000) as running:
        served = running.with_new_keys()
        record = b'{"a":"' + b"x" * 991 + b'"}\n'
        assert send(served, PURPOSE + part("file", record * 1000, "x") + END).status_code == 200
        for announced in (True, False):
            body = PURPOSE + part("file", record * 1001, "x") + END
            answer = send(served, body if announced else iter([body]))
            assert (answer.status_code, answer.json()["error"]["param"]) == (413, "file")
        far = PURPOSE + part("file", record * 20_000, "x") + END
        with served.client(max_retries=0) as client, pytest.raises(openai.APIStatusError) as caught:
            client.files.create(file=("x", record * 20_000), purpose="fine-tune")
        assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")
        assert send(served, iter([far])).status_code == 413
        assert len(served.stored_files) == 1
        assert served.scratch_files == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_and_leaves_nothing(served_on_sqlite: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, mode: str) -> Any:
        os.close(descriptor)
        return Path("/dev/full").open(mode)

    monkeypatch.setattr("api.files.upload.os.fdopen", full)
    for records in (RECORDS, RECORDS * 1000):
        answer = send(served_on_sqlite, part("file", records, "train.jsonl") + PURPOSE + END)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_full")
    assert served_on_sqlite.scratch_files == []
    assert served_on_sqlite.stored_files == []


def test_a_refusal_arrives_while_the_client_still_sends(served_on_sqlite: Served) -> None:
    """Whoever is refused early, here for its key, reads why instead of a broken pipe."""
    with served_on_sqlite.client("tp-" + "x" * 43, max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError):
            client.files.create(file=("x", b"y" * 30_000_000), purpose="fine-tune")
        with pytest.raises(openai.NotFoundError):
            client.post("/no/such/route", cast_to=object, body={"x": "y" * 20_000_000})


def test_a_client_that_asks_before_it_sends_need_not_send(served_on_sqlite: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served_on_sqlite.port, timeout=5)
    connection.putrequest("POST", "/v1/files")
    connection.putheader("content-length", "1000000")
    connection.putheader("expect", "100-continue")
    connection.endheaders()
    assert connection.getresponse().status == 401
    connection.close()


@pytest.mark.parametrize("sent", [0, 10, 200, 100_000])
def test_an_upload_broken_off_leaves_nothing(
    served_on_sqlite: Served, sent: int, capsys: pytest.CaptureFixture[str]
) -> None:
    body = PURPOSE + part("file", RECORDS * 2000, "train.jsonl") + END
    head = (
        f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {served_on_sqlite.key}\r\n"
        f"content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    logged: list[str] = []

    def done() -> bool:
        logged.append(capsys.readouterr().out)
        return "route=/v1/files" in "".join(logged)

    with socket.create_connection(("127.0.0.1", served_on_sqlite.port)) as raw:
        raw.sendall(head.encode() + body[:sent])
        until(lambda: len(served_on_sqlite.scratch_files) == 1)
    until(done)
    text = "".join(logged)
    assert "status=499" in text
    assert "unforeseen" not in text
    assert served_on_sqlite.scratch_files == []
    assert served_on_sqlite.stored_files == []
    with served_on_sqlite.client() as client:
        assert client.files.list().data == []


def until(condition: Callable[[], Any], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
