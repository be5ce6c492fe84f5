"""The served page is the packaged one, under the policy that it states itself and a little more."""

import httpx

from attestations.page import document
from tests.api.serving import Served


def test_the_page_is_handed_out_to_anybody_byte_for_byte(served_on_sqlite: Served) -> None:
    answer = httpx.get(f"{served_on_sqlite.url}/verify")
    assert answer.status_code == 200
    assert answer.content == document.read()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_its_header_allows_no_more_than_its_own_policy_and_forbids_frames(served_on_sqlite: Served) -> None:
    policy = httpx.get(f"{served_on_sqlite.url}/verify").headers["content-security-policy"]
    assert policy == document.header_policy(document.read())
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.endswith("frame-ancestors 'none'")
    assert "unsafe" not in policy
    assert "connect-src" not in policy


def test_who_has_it_already_is_told_so(served_on_sqlite: Served) -> None:
    tag = httpx.head(f"{served_on_sqlite.url}/verify").headers["etag"]
    again = httpx.get(f"{served_on_sqlite.url}/verify", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert httpx.post(f"{served_on_sqlite.url}/verify").status_code == 405
