"""``python -m infra.containers.make_bucket``: create the bucket that ``TUNEPROOF_STORAGE_URL`` names, where it is missing.

Run once before the services start. Needs the store's credentials from boto3's own variables.
"""

import os
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

_ABSENT = {"404", "NoSuchBucket"}


def make_bucket(env: Mapping[str, str]) -> str:
    """One line about what was done. Raises ``ValueError`` for a URL without a bucket, and boto3's errors."""
    parts = urlsplit(env.get("TUNEPROOF_STORAGE_URL", ""))
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError("set TUNEPROOF_STORAGE_URL to s3://bucket/prefix")
    client = boto3.client(
        "s3",
        endpoint_url=env.get("TUNEPROOF_S3_ENDPOINT"),
        region_name=env.get("TUNEPROOF_S3_REGION"),
        config=Config(signature_version="s3v4", connect_timeout=5, read_timeout=30),
    )
    try:
        client.head_bucket(Bucket=parts.netloc)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in _ABSENT:
            raise
        client.create_bucket(Bucket=parts.netloc)
        return f"created bucket {parts.netloc}"
    return f"bucket {parts.netloc} exists"


def main() -> int:
    try:
        sys.stdout.write(make_bucket(os.environ) + "\n")
    except (ValueError, ClientError, BotoCoreError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
