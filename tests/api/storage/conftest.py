"""The two stores, each as it is deployed: a directory, and a bucket behind a real HTTP endpoint."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from api.settings import StorageSettings
from api.storage import Storage, open_storage

SECRET = "s" * 32


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_settings(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorageSettings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-access")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-very-secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    bucket = "objects-" + tmp_path.name.replace("_", "-").lower()[-40:].strip("-")
    boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1").create_bucket(Bucket=bucket)
    return StorageSettings(
        url=f"s3://{bucket}/below/here",
        internal_url="http://unused.invalid",
        secret=SECRET,
        s3_endpoint=s3_endpoint,
        s3_region="us-east-1",
    )


@pytest.fixture
def local_settings(tmp_path: Path) -> StorageSettings:
    return StorageSettings(
        url=f"file://{tmp_path}/objects with space", internal_url="http://127.0.0.1:1", secret=SECRET
    )


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest) -> Storage:
    return open_storage(request.getfixturevalue(f"{request.param}_settings"))
