"""The small programs of the images, against a real server each: HTTP, Valkey and S3."""

import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from moto.server import ThreadedMotoServer

from infra.containers import healthcheck, make_bucket


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_arguments):
        pass


def test_the_apis_health_is_asked_over_http(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("TUNEPROOF_PORT", str(server.server_port))
        assert healthcheck.main(["api"]) == 0
        server.shutdown()
        thread.join()
    assert healthcheck.main(["api"]) == 1


def test_a_worker_is_well_while_it_runs(valkey, tmp_path, monkeypatch):
    (tmp_path / "catalog.json").write_text('{"bases": []}')
    monkeypatch.setenv("TUNEPROOF_REDIS_URL", valkey)
    given = {"TUNEPROOF_CATALOG": str(tmp_path / "catalog.json"), "TUNEPROOF_WORK_DIR": str(tmp_path / "work")}
    assert healthcheck.main(["worker"]) == 1
    worker = subprocess.Popen([sys.executable, "-m", "workers.main"], env=os.environ | given, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while healthcheck.main(["worker"]) and worker.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    well, other = healthcheck.main(["worker"]), healthcheck.main(["control"])
    worker.terminate()
    _, log = worker.communicate(timeout=20)
    assert well == 0, log
    assert other == 1, "nobody serves the other queue"


def test_a_redis_that_is_away_is_not_well(monkeypatch, tmp_path):
    monkeypatch.setenv("TUNEPROOF_REDIS_URL", f"unix://{tmp_path}/nobody.sock")
    assert healthcheck.main(["control"]) == 1
    monkeypatch.setenv("TUNEPROOF_REDIS_URL", "")
    assert healthcheck.main(["worker"]) == 1


def test_a_wrong_name_is_wrong_usage(capsys):
    assert healthcheck.main(["postgres"]) == 2
    assert "api|control|worker" in capsys.readouterr().err


def test_the_bucket_is_made_once(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test-value")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    env = {"TUNEPROOF_STORAGE_URL": "s3://tuneproof/below", "TUNEPROOF_S3_ENDPOINT": f"http://{host}:{port}"}
    env |= {"TUNEPROOF_S3_REGION": "us-east-1"}
    try:
        assert make_bucket.make_bucket(env) == "created bucket tuneproof"
        assert make_bucket.make_bucket(env) == "bucket tuneproof exists"
    finally:
        server.stop()


def test_without_a_bucket_in_the_url_nothing_is_made(monkeypatch, capsys):
    monkeypatch.setenv("TUNEPROOF_STORAGE_URL", "file:///somewhere")
    assert make_bucket.main() == 1
    assert "TUNEPROOF_STORAGE_URL" in capsys.readouterr().err


def test_a_store_that_is_away_is_an_error_in_one_line(monkeypatch, capsys, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test-value")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("TUNEPROOF_STORAGE_URL", "s3://tuneproof")
    monkeypatch.setenv("TUNEPROOF_S3_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("TUNEPROOF_S3_REGION", "us-east-1")
    assert make_bucket.main() == 1
    assert capsys.readouterr().err.startswith("error: ")
