"""Attestations in lists, with filters and pages; bundles with fresh status and chosen openings. On both databases."""

from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from attestations import bundle as bundles
from attestations import canonical
from tests.api.evidence.issuing import NOW, OPENINGS, Issuing, bundle_of, shown, statement
from tests.api.serving import OTHER_SCOPE, Served


def fetched(served: Served, attestation_id: str, query: str = "", **headers: str) -> httpx.Response:
    url = f"{served.url}/v1/attestations/{attestation_id}/bundle{query}"
    return httpx.get(url, headers={"authorization": f"Bearer {served.key}"} | headers)


def ids(page: Any) -> list[str]:
    return [one["id"] for one in page["data"]]


def test_a_project_sees_its_own_newest_first_in_pages(client: OpenAI, other: OpenAI, issuing: Issuing) -> None:
    made = [issuing.attestation() for _ in range(3)]
    theirs = issuing.attestation(scope=OTHER_SCOPE)
    page = shown(client, "?limit=2")
    assert (page["object"], ids(page), page["has_more"]) == ("list", [made[2], made[1]], True)
    assert (page["first_id"], page["last_id"]) == (made[2], made[1])
    rest = shown(client, f"?limit=2&after={made[1]}")
    assert (ids(rest), rest["has_more"]) == ([made[0]], False)
    assert ids(shown(other, "")) == [theirs]
    nothing = shown(client, f"?after={made[0]}")
    assert (nothing["data"], nothing["first_id"], nothing["last_id"]) == ([], None, None)
    for path in ("", "/bundle", "/status"):
        with pytest.raises(openai.NotFoundError):
            shown(other, f"/{made[0]}{path}")
    one = page["data"][0]
    assert (one["base"], one["method"], one["outcome"], one["status"]) == ("tiny", "lora", "released", "valid")
    assert (one["published"], one["published_at"], one["bundle"]) == (None, None, f"/v1/attestations/{made[2]}/bundle")
    assert "statement" not in one


def test_filters_narrow_the_list(client: OpenAI, issuing: Issuing) -> None:
    first = issuing.attestation(base="a-base")
    issuing.now = NOW + 100
    second = issuing.attestation(outcome="blocked", listed=False)
    job = shown(client, f"/{first}")["job"]
    for query, expected in (
        ("outcome=blocked", [second]),
        ("base=a-base", [first]),
        (f"job={job}", [first]),
        ("status=valid", [first]),
        ("status=revoked", []),
        ("published=false", [second, first]),
        ("published=true", []),
        (f"issued_after={NOW + 100}", [second]),
        (f"issued_before={NOW + 100}", [first]),
        (f"issued_after={NOW}&issued_before={NOW + 100}&outcome=released", [first]),
    ):
        assert ids(shown(client, f"?{query}")) == expected, query


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("after=%00", "after"),
        ("status=gone", "status"),
        ("published=perhaps", "published"),
        ("issued_after=-1", "issued_after"),
        ("issued_before=99999999999999999999", "issued_before"),
        ("base=%00", "base"),
        ("outcome=a%20b", "outcome"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_name(served_on_sqlite: Served, query: str, param: str) -> None:
    headers = {"authorization": f"Bearer {served_on_sqlite.key}"}
    answer = httpx.get(f"{served_on_sqlite.url}/v1/attestations?{query}", headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param), answer.text


def test_the_bundle_carries_the_newest_status_list_and_nothing_else_changes(served: Served, issuing: Issuing) -> None:
    made = issuing.attestation()
    stored = bundle_of(statement("tiny", "released"))
    first = fetched(served, made)
    assert first.content == stored
    issuing.sign_lists()
    second = fetched(served, made)
    parsed = bundles.parse(second.content)
    assert parsed.unverified_status is not None
    assert parsed.envelope == bundles.parse(stored).envelope
    assert {**canonical.parse(second.content, what="x", max_bytes=1 << 24), "status": None} == {  # type: ignore[dict-item]
        **canonical.parse(stored, what="x", max_bytes=1 << 24),  # type: ignore[dict-item]
        "status": None,
    }
    assert first.headers["etag"] != second.headers["etag"]
    unchanged = fetched(served, made, **{"if-none-match": f'W/"x", {second.headers["etag"]}'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == second.headers["etag"]
    assert fetched(served, made, **{"if-none-match": first.headers["etag"]}).content == second.content


def test_the_owner_opens_what_is_hidden_path_by_path(served: Served, client: OpenAI, issuing: Issuing) -> None:
    made = issuing.attestation(hides=True)
    assert shown(client, f"/{made}")["hidden"] == ["data.sources[0].name", "tuning.parameters.rank"]
    closed, one, all_of_them = (
        bundles.parse(fetched(served, made, query).content)
        for query in ("", "?open=data.sources[0].name", "?open=data.sources[0].name&open=tuning.parameters.rank")
    )
    assert closed.unverified_disclosures == ()
    assert list(one.unverified_disclosures) == OPENINGS[:1]
    assert list(all_of_them.unverified_disclosures) == OPENINGS
    assert (
        fetched(served, made, "?open=*").content
        == fetched(served, made, "?open=tuning.parameters.rank&open=data.sources[0].name").content
    )
    tags = {fetched(served, made, query).headers["etag"] for query in ("", "?open=*", "?open=tuning.parameters.rank")}
    assert len(tags) == 3
    refused = fetched(served, made, "?open=model.base.licence")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "open")
    assert "tuning.parameters.rank" in refused.json()["error"]["message"]
    assert fetched(served, made, "?" + "&".join(["open=x"] * 201)).status_code == 400
    nothing_hidden = issuing.attestation()
    assert fetched(served, nothing_hidden, "?open=x").status_code == 400
    assert fetched(served, nothing_hidden, "?open=*").status_code == 200
