"""What is said about evidence that was issued, as a client says and sees it."""

from typing import Any

import httpx
from openai import OpenAI

from tests.api.serving import Served

DIGEST = "5e" * 32


def give(client: OpenAI, attestation_id: str, **body: Any) -> Any:
    return client.post(f"/attestations/{attestation_id}/notices", body=body, cast_to=object)


def say(client: OpenAI, attestation_id: str, **body: Any) -> Any:
    return client.post(f"/attestations/{attestation_id}/status", body=body, cast_to=object)


def fetched(served: Served, attestation_id: str, **headers: str) -> httpx.Response:
    url = f"{served.url}/v1/attestations/{attestation_id}/bundle"
    return httpx.get(url, headers={"authorization": f"Bearer {served.key}"} | headers)
