"""Objects in an S3 bucket. Credentials come from boto3's own chain; none is read or kept here.

Signature version 4 is set explicitly: boto3 still presigns with version 2 for some endpoints, which other stores refuse.
A single presigned PUT carries at most 5 GiB on AWS.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from api.storage.protocol import CHUNK_BYTES, ObjectMissing, ObjectTooLarge, StorageFull, StorageUnavailable, check_key
from workers.contract import Grant

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_FULL = frozenset({"507", "QuotaExceeded", "XMinioStorageFull", "EntityTooLarge"})
_UPLOAD_TYPE = "application/octet-stream"


class S3Storage:
    """See ``Storage``. ``prefix`` is put before every key; boto3's client is safe to share between threads."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._clock = clock

    def __repr__(self) -> str:
        return f"S3Storage('s3://{self._bucket}/{self._prefix}')"

    async def put_file(self, key: str, path: Path) -> None:
        def upload(name: str) -> None:
            self._client.upload_file(str(path), self._bucket, name, ExtraArgs={"ContentType": _UPLOAD_TYPE})

        await self._call(key, upload)

    async def put_bytes(self, key: str, content: bytes) -> None:
        def upload(name: str) -> None:
            self._client.put_object(Bucket=self._bucket, Key=name, Body=content, ContentType=_UPLOAD_TYPE)

        await self._call(key, upload)

    async def get_bytes(self, key: str, max_bytes: int) -> bytes:
        def download(name: str) -> bytes:
            with contextlib.closing(self._client.get_object(Bucket=self._bucket, Key=name)["Body"]) as body:
                return body.read(max_bytes + 1)

        content = await self._call(key, download)
        if len(content) > max_bytes:
            raise ObjectTooLarge(f"{key} holds more than {max_bytes} bytes")
        return content

    async def get_file(self, key: str, path: Path) -> None:
        def download(name: str) -> None:
            partial = path.with_name(path.name + ".partial")
            try:
                self._client.download_file(self._bucket, name, str(partial))
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)

        await self._call(key, download)

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        body = await self._call(key, lambda name: self._client.get_object(Bucket=self._bucket, Key=name)["Body"])
        with contextlib.closing(body):
            while chunk := await self._call(key, lambda _name: body.read(CHUNK_BYTES)):
                yield chunk

    async def exists(self, key: str) -> bool:
        try:
            await self.size(key)
        except ObjectMissing:
            return False
        return True

    async def size(self, key: str) -> int:
        def measure(name: str) -> int:
            return self._client.head_object(Bucket=self._bucket, Key=name)["ContentLength"]

        return await self._call(key, measure)

    async def delete(self, key: str) -> None:
        await self._call(key, lambda name: self._client.delete_object(Bucket=self._bucket, Key=name))

    async def grant_read(self, key: str, seconds: int) -> Grant:
        return await self._grant("get_object", key, seconds, {})

    async def grant_write(self, key: str, seconds: int) -> Grant:
        return await self._grant("put_object", key, seconds, {"ContentType": _UPLOAD_TYPE})

    async def check(self) -> None:
        def probe() -> None:
            with _translated(self._bucket):
                self._client.head_bucket(Bucket=self._bucket)

        try:
            await asyncio.to_thread(probe)
        except ObjectMissing as error:
            raise StorageUnavailable(f"the bucket {self._bucket} does not exist") from error

    async def _grant(self, operation: str, key: str, seconds: int, extra: dict[str, str]) -> Grant:
        def presign(name: str) -> str:
            parameters = {"Bucket": self._bucket, "Key": name, **extra}
            return self._client.generate_presigned_url(operation, Params=parameters, ExpiresIn=seconds)

        expires_at = int(self._clock()) + seconds
        return Grant(url=await self._call(key, presign), expires_at=expires_at)

    async def _call(self, key: str, operation: Callable[[str], T]) -> T:
        def translated() -> T:
            with _translated(key):
                return operation(self._prefix + key)

        check_key(key)
        return await asyncio.to_thread(translated)


def connect(url: str, *, endpoint: str | None, region: str | None) -> S3Storage:
    """``url`` is ``s3://bucket/prefix``; ``endpoint`` is for stores other than AWS."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise ValueError(f"{url!r} names no bucket; write s3://bucket/prefix")
    config = Config(
        signature_version="s3v4",
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 3},
        # Checksums that only AWS knows break other stores, and browsers' presigned requests.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = boto3.client("s3", endpoint_url=endpoint, region_name=region, config=config)
    return S3Storage(client, bucket, prefix)


@contextlib.contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise ObjectMissing(f"nothing is stored under {key}") from error
        if code in _FULL:
            raise StorageFull(f"no space left for {key}") from error
        raise StorageUnavailable(f"the object store refused {key}: {code}") from error
    except (BotoCoreError, Boto3Error, OSError) as error:
        raise StorageUnavailable(f"cannot reach the object store for {key}: {type(error).__name__}") from error
