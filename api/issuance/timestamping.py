"""Asks a timestamp authority, over HTTP as RFC 3161 section 3.4 says, when a signature existed at the latest.

What comes back has been checked as a buyer will check it, under the timestamp authorities of the service's own trust root,
and answers this very request. Only the SHA-256 of the signature leaves the house. One attempt each: whether to try again is
the caller's decision, and `TimestampUnavailable` says that it may help. The answer's size and time are bounded; redirects
are not followed. Called by the control process while it issues.
"""

import asyncio
import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from attestations import timestamps
from attestations.bundle import UnverifiedTimestamp
from attestations.errors import AttestationError
from attestations.timestamp_form import MAX_TOKEN
from attestations.trust import TimestampAuthority

QUERY_TYPE = "application/timestamp-query"
REPLY_TYPE = "application/timestamp-reply"
_CHUNK = 8192
_BUSY = (408, 425, 429)


class TimestampError(Exception):
    """There is no timestamp; the message says why, and names the setting where that is the remedy."""


class TimestampUnavailableError(TimestampError):
    """The authority did not answer, or said that it is busy: another attempt may help."""


class TimestampRefusedError(TimestampError):
    """The authority refused, or what it said is not what buyers would believe: another attempt will not help."""


@dataclass(frozen=True, slots=True)
class TimestampClient:
    """One authority: where it is, who is believed, and how many seconds an answer may take.

    Raises ``TimestampError`` where that cannot work, so that it is found at start-up.
    """

    url: str
    authorities: Sequence[TimestampAuthority]
    timeout: float = 10.0

    def __post_init__(self) -> None:
        found = urlsplit(self.url)
        if found.scheme not in ("http", "https") or not found.hostname:
            raise TimestampError("TUNEPROOF_TIMESTAMP_URL must be the http or https address of a timestamp authority")
        if not self.authorities:
            raise TimestampError(
                "the trust root names no timestamp authority, so nobody would believe one: add it with"
                " `python -m api.issuance add-timestamp-authority`, or unset TUNEPROOF_TIMESTAMP_URL"
            )

    async def stamp(self, signature: bytes) -> UnverifiedTimestamp:
        """The timestamp over a DSSE signature's bytes, for the bundle. Raises ``TimestampError``."""
        try:
            async with asyncio.timeout(self.timeout + 1):
                return await asyncio.to_thread(self.stamp_now, signature)
        except TimeoutError as error:
            raise TimestampUnavailableError(f"the timestamp authority took more than {self.timeout:g} s") from error

    def stamp_now(self, signature: bytes) -> UnverifiedTimestamp:
        """As ``stamp``, blocking."""
        asked = timestamps.request(signature)
        response = self._post(asked)
        try:
            token = timestamps.answer_to(asked, signature, response, self.authorities)
        except AttestationError as error:
            raise TimestampRefusedError(f"the timestamp does not hold: {error.sentence}") from error
        return UnverifiedTimestamp(hashlib.sha256(signature).hexdigest(), token)

    def _post(self, asked: bytes) -> bytes:
        deadline = time.monotonic() + self.timeout
        headers = {"Content-Type": QUERY_TYPE, "Accept": REPLY_TYPE, "User-Agent": "tuneproof"}
        # The scheme was checked above: a setting may not name a file.
        request = urllib.request.Request(self.url, asked, headers, method="POST")  # noqa: S310
        try:
            with urllib.request.build_opener(_NoRedirects).open(request, timeout=self.timeout) as response:
                if response.headers.get_content_type() != REPLY_TYPE:
                    raise TimestampRefusedError(f"the timestamp authority did not answer with {REPLY_TYPE}")
                return _read(response, deadline)
        except urllib.error.HTTPError as error:
            error.close()
            words = f"the timestamp authority answered with status {error.code}"
            busy = error.code in _BUSY or error.code >= http.client.INTERNAL_SERVER_ERROR
            raise (TimestampUnavailableError if busy else TimestampRefusedError)(words) from error
        except (OSError, http.client.HTTPException) as error:  # URLError and timeouts are OSErrors
            raise TimestampUnavailableError(f"the timestamp authority cannot be reached: {error}") from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like other failures: the setting names the authority, not somebody it points to."""

    def redirect_request(self, *_: object) -> None:
        return None


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    """The body, as far as it is whole, and no larger and no slower than an answer may be."""
    content = b""
    while chunk := response.read1(_CHUNK):
        content += chunk
        if len(content) > MAX_TOKEN:
            raise TimestampRefusedError(f"the timestamp authority's answer has more than {MAX_TOKEN} bytes")
        if time.monotonic() > deadline:
            raise TimestampUnavailableError("the timestamp authority answers too slowly")
    if response.length:
        raise TimestampUnavailableError("the timestamp authority's answer breaks off")
    return content
