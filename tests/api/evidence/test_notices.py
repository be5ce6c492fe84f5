"""Notices over HTTP, on both databases: said once, signed by control, and with every bundle from then on."""

import asyncio
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from sqlalchemy import select

from api.db.models import AttestationNotice, OutboxMessage
from api.errors import ApiError
from api.evidence import countersignatures, notices
from api.evidence.lifecycle import AttestationState, refuse_contradiction
from attestations import bundle as bundles
from attestations.digests import Sha256
from attestations.statements.notice import NoticeKind
from tests.api.evidence.issuing import Issuing, shown
from tests.api.evidence.later_words import DIGEST, fetched, give, say
from tests.api.jobs.test_jobs import in_database
from tests.api.serving import OTHER_SCOPE, Served


def refused(client: OpenAI, attestation_id: str, **body: Any) -> Any:
    with pytest.raises(openai.APIStatusError) as caught:
        give(client, attestation_id, **body)
    return caught.value


def test_a_notice_waits_is_signed_and_goes_with_every_bundle(
    ada: OpenAI, client: OpenAI, served: Served, issuing: Issuing
) -> None:
    made = issuing.attestation()
    before = fetched(served, made)
    first = give(ada, made, kind="regression-found", reason="Found by a customer.", evidence=[DIGEST])
    assert (first["object"], first["attestation"], first["kind"]) == ("attestation.notice", made, "regression-found")
    assert (first["reason"], first["evidence"], first["by"]) == ("Found by a customer.", [DIGEST], "Ada")
    waiting = (
        first["state"],
        first["signed_at"],
        first["statement_digest"],
        first["statement"],
        first["superseded_by"],
    )
    assert waiting == ("pending", None, None, None, None)
    assert fetched(served, made).content == before.content
    assert issuing.sign_notices() == 1
    assert issuing.sign_notices() == 0
    (signed,) = shown(client, f"/{made}/notices")["data"]
    assert (signed["id"], signed["state"], signed["signed_at"]) == (first["id"], "signed", issuing.now)
    after = fetched(served, made)
    assert after.headers["etag"] != before.headers["etag"]
    assert fetched(served, made, **{"if-none-match": before.headers["etag"]}).status_code == 200
    assert fetched(served, made, **{"if-none-match": after.headers["etag"]}).status_code == 304
    (envelope,) = bundles.parse(after.content).unverified_statements
    assert bundles.sigstore_json(envelope) == signed["statement"]
    assert Sha256.of(envelope.unverified_payload).sha256 == signed["statement_digest"]
    second = give(ada, made, kind="correction", reason="A typing error.")
    listed = shown(client, f"/{made}/notices")["data"]
    assert [(one["id"], one["state"]) for one in listed] == [(second["id"], "pending"), (first["id"], "signed")]
    assert fetched(served, made).content == after.content


def test_a_notice_said_twice_is_given_once(ada: OpenAI, issuing: Issuing, served: Served) -> None:
    made = issuing.attestation()
    once = give(ada, made, kind="correction", reason="x", evidence=[DIGEST])
    assert give(ada, made, kind="correction", reason="x", evidence=[DIGEST]) == once
    issuing.sign_notices()
    assert give(ada, made, kind="correction", reason="x", evidence=[DIGEST])["state"] == "signed"
    assert give(ada, made, kind="correction", reason="x")["id"] != once["id"]
    rows, messages = in_database(
        served, select(AttestationNotice), select(OutboxMessage).where(OutboxMessage.kind == "notice")
    )
    assert {row.id for row in rows} == {message.subject for message in messages}
    assert len(rows) == 2


def test_the_same_notice_from_several_at_once_is_given_once(issuing: Issuing, served: Served) -> None:
    made, key = issuing.attestation(), issuing.key_with_right()

    async def all_at_once() -> set[tuple[int, str]]:
        url, headers = f"{served.url}/v1/attestations/{made}/notices", {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(headers=headers) as client:
            answers = await asyncio.gather(
                *(client.post(url, json={"kind": "correction", "reason": "x"}) for _ in range(4))
            )
        return {(answer.status_code, answer.json()["id"]) for answer in answers}

    assert len(asyncio.run(all_at_once())) == 1
    assert len(in_database(served, select(AttestationNotice))[0]) == 1


def test_revoked_and_superseded_are_said_by_the_status_first(ada: OpenAI, issuing: Issuing, client: OpenAI) -> None:
    made, successor = issuing.attestation(), issuing.attestation(base="newer")
    for kind in ("revoked", "superseded"):
        error = refused(ada, made, kind=kind, reason="x")
        assert (error.status_code, error.code) == (409, "notice_contradicts_status")
        assert f"with the state {kind}" in error.message
    say(ada, made, state="superseded", superseded_by=successor)
    assert refused(ada, made, kind="revoked", reason="x").status_code == 409
    notice = give(ada, made, kind="superseded", reason="Measured again.")
    assert notice["superseded_by"] == shown(client, f"/{successor}")["statement_digest"]
    say(ada, made, state="revoked", reason="data_finding")
    assert give(ada, made, kind="revoked", reason="The data were not theirs to use.")["superseded_by"] is None
    assert refused(ada, made, kind="superseded", reason="y").status_code == 409
    assert issuing.sign_notices() == 2
    kinds = [(one["kind"], one["state"]) for one in shown(client, f"/{made}/notices")["data"]]
    assert kinds == [("revoked", "signed"), ("superseded", "signed")]


def test_without_a_status_list_a_notice_is_the_only_way_to_revoke(ada: OpenAI, issuing: Issuing) -> None:
    old = issuing.attestation(listed=False)
    assert give(ada, old, kind="revoked", reason="x")["state"] == "pending"
    error = refused(ada, old, kind="superseded", reason="x")
    assert (error.status_code, error.code) == (409, "status_not_listed")


def test_who_may_not_give_notice_and_what_may_not_be_said(
    ada: OpenAI, client: OpenAI, other: OpenAI, issuing: Issuing
) -> None:
    made = issuing.attestation()
    error = refused(client, made, kind="correction", reason="x")
    assert (error.status_code, error.code) == (403, "attest_not_permitted")
    theirs = issuing.attestation(scope=OTHER_SCOPE)
    for asking, name in ((other, made), (ada, theirs), (ada, "nothing")):
        assert refused(asking, name, kind="correction", reason="x").status_code == 404
        for what in ("notices", "countersignatures"):
            with pytest.raises(openai.NotFoundError):
                shown(asking, f"/{name}/{what}")
    for body, param in (
        ({"reason": "x"}, "kind"),
        ({"kind": "rumour", "reason": "x"}, "kind"),
        ({"kind": "correction"}, "reason"),
        ({"kind": "correction", "reason": " "}, "reason"),
        ({"kind": "correction", "reason": "a\x07b"}, "reason"),
        ({"kind": "correction", "reason": "x" * 4001}, "reason"),
        ({"kind": "correction", "reason": "x", "evidence": "x"}, "evidence"),
        ({"kind": "correction", "reason": "x", "evidence": [DIGEST, "AB" * 32]}, "evidence[1]"),
        ({"kind": "correction", "reason": "x", "evidence": [DIGEST, DIGEST]}, "evidence"),
        ({"kind": "correction", "reason": "x", "evidence": [f"{i:064x}" for i in range(65)]}, "evidence"),
        ({"kind": "correction", "reason": "x", "superseded_by": made}, "superseded_by"),
    ):
        error = refused(ada, made, **body)
        assert (error.status_code, error.param) == (400, param), body
    assert shown(client, f"/{made}/notices")["data"] == []


def test_there_are_so_many_notices_and_no_more(ada: OpenAI, issuing: Issuing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "MOST_NOTICES", 2)
    made = issuing.attestation()
    for reason in ("one", "two"):
        give(ada, made, kind="correction", reason=reason)
    error = refused(ada, made, kind="correction", reason="three")
    assert (error.status_code, error.code) == (409, "too_many_notices")
    assert give(ada, made, kind="correction", reason="two")["state"] == "pending"
    assert notices.MOST_NOTICES + countersignatures.MOST_COUNTERSIGNATURES + 2 <= bundles.MAX_STATEMENTS


def test_every_kind_of_notice_meets_every_state() -> None:
    states = (*AttestationState, None)
    allowed = {(kind, state) for kind in ("regression-found", "correction") for state in states}
    allowed |= {("revoked", "revoked"), ("revoked", None), ("superseded", "superseded")}
    for kind in NoticeKind:
        for state in states:
            if (kind, state) in allowed:
                refuse_contradiction(kind, state)
            else:
                with pytest.raises(ApiError) as caught:
                    refuse_contradiction(kind, state)
                assert caught.value.status == 409
