"""Revoking, suspending and superseding over HTTP, on both databases. What control makes of it is in tests/api/control."""

import asyncio
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from sqlalchemy import select

from api.db.models import OutboxMessage, StatusChange
from api.errors import ApiError, ConflictError, InvalidRequestError
from api.evidence.lifecycle import AttestationState, Standing, changed
from attestations.status import Reason
from tests.api.evidence.issuing import URL, Issuing, shown
from tests.api.evidence.later_words import say
from tests.api.jobs.test_jobs import in_database
from tests.api.serving import OTHER_SCOPE, Served


def refused(client: OpenAI, attestation_id: str, **body: Any) -> Any:
    with pytest.raises(openai.APIStatusError) as caught:
        say(client, attestation_id, **body)
    return caught.value


def test_a_state_is_said_shown_and_remembered(ada: OpenAI, client: OpenAI, issuing: Issuing) -> None:
    made, successor = issuing.attestation(), issuing.attestation()
    before = shown(client, f"/{made}/status")
    assert (before["state"], before["reason"], before["history"]) == ("valid", None, [])
    assert before["entry"]["uri"] == URL + before["entry"]["href"]
    assert before["entry"]["current"] is False
    issuing.sign_lists()
    assert shown(client, f"/{made}/status")["entry"]["current"] is True
    answer = say(ada, made, state="suspended", reason="under_review", note="Somebody looks at it.")
    assert (answer["state"], answer["reason"], answer["note"]) == ("suspended", "under_review", "Somebody looks at it.")
    assert answer["entry"]["current"] is False
    assert answer == shown(client, f"/{made}/status")
    issuing.sign_lists()
    assert shown(client, f"/{made}/status")["entry"]["current"] is True
    say(ada, made, state="valid", note="Nothing was found.")
    say(ada, made, state="superseded", superseded_by=successor)
    last = say(ada, made, state="revoked", reason="key_compromise")
    assert [(change["state"], change["reason"], change["by"]) for change in last["history"]] == [
        ("revoked", "key_compromise", "Ada"),
        ("superseded", "newer_evidence", "Ada"),
        ("valid", None, "Ada"),
        ("suspended", "under_review", "Ada"),
    ]
    assert last["history"][1]["superseded_by"] == successor
    assert last["superseded_by"] is None
    page = shown(client, "?status=revoked")
    assert [one["id"] for one in page["data"]] == [made]
    assert shown(client, f"/{made}")["status"] == "revoked"


def test_what_is_said_twice_changes_nothing_and_wakes_nobody(ada: OpenAI, issuing: Issuing, served: Served) -> None:
    made = issuing.attestation()
    once = say(ada, made, state="revoked", reason="other", note="x")
    messages = in_database(served, select(OutboxMessage).where(OutboxMessage.kind == "status"))[0]
    assert [f"/status/{message.subject}" for message in messages] == [once["entry"]["href"]] * 2
    assert say(ada, made, state="revoked", reason="other", note="x") == once
    changes, again = in_database(
        served, select(StatusChange), select(OutboxMessage).where(OutboxMessage.kind == "status")
    )
    assert (len(changes), len(again)) == (1, 2)


def test_who_may_not_and_what_may_not(ada: OpenAI, client: OpenAI, other: OpenAI, issuing: Issuing) -> None:
    made = issuing.attestation()
    error = refused(client, made, state="revoked", reason="other")
    assert (error.status_code, error.code) == (403, "attest_not_permitted")
    assert "--right attest" in error.message
    assert refused(other, made, state="revoked", reason="other").status_code == 404
    theirs = issuing.attestation(scope=OTHER_SCOPE)
    assert refused(ada, theirs, state="revoked", reason="other").status_code == 404
    assert refused(ada, "nothing", state="revoked", reason="other").status_code == 404
    old = issuing.attestation(listed=False)
    error = refused(ada, old, state="revoked", reason="other")
    assert (error.status_code, error.code) == (409, "status_not_listed")
    status = shown(client, f"/{old}/status")
    assert (status["state"], status["entry"], status["history"]) == (None, None, [])
    say(ada, made, state="revoked", reason="other")
    for body in (
        {"state": "valid"},
        {"state": "suspended", "reason": "other"},
        {"state": "revoked", "reason": "data_finding"},
    ):
        error = refused(ada, made, **body)
        assert (error.status_code, error.code) == (409, "status_not_possible")
        assert error.response.headers["x-should-retry"] == "false"
    assert len(shown(client, f"/{made}/status")["history"]) == 1


def test_a_request_that_says_too_little_or_too_much_is_refused_by_its_field(ada: OpenAI, issuing: Issuing) -> None:
    made, revoked = issuing.attestation(), issuing.attestation()
    say(ada, revoked, state="revoked", reason="other")
    theirs = issuing.attestation(scope=OTHER_SCOPE)
    old = issuing.attestation(listed=False)
    for body, param in (
        ({}, "state"),
        ({"state": "gone"}, "state"),
        ({"state": "revoked"}, "reason"),
        ({"state": "revoked", "reason": "because"}, "reason"),
        ({"state": "revoked", "reason": "other", "note": ""}, "note"),
        ({"state": "revoked", "reason": "other", "note": "x" * 501}, "note"),
        ({"state": "revoked", "reason": "other", "note": "a\x07b"}, "note"),
        ({"state": "revoked", "reason": "other", "superseded_by": revoked}, "superseded_by"),
        ({"state": "valid", "reason": "other"}, "reason"),
        ({"state": "superseded"}, "superseded_by"),
        *(
            ({"state": "superseded", "superseded_by": one}, "superseded_by")
            for one in (made, revoked, theirs, old, "nothing")
        ),
        ({"state": "revoked", "reason": "other", "why": "x"}, "why"),
    ):
        error = refused(ada, made, **body)
        assert (error.status_code, error.param) == (400, param), body
    assert shown(ada, f"/{made}/status")["history"] == []


def test_of_two_who_revoke_at_once_one_is_told_that_it_is_done(issuing: Issuing, served: Served) -> None:
    made, key = issuing.attestation(), issuing.key_with_right()

    async def both() -> list[int]:
        url, headers = f"{served.url}/v1/attestations/{made}/status", {"authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(headers=headers) as client:
            bodies = [{"state": "revoked", "reason": reason} for reason in ("other", "data_finding", "evidence_wrong")]
            answers = await asyncio.gather(*(client.post(url, json=body) for body in bodies))
        return sorted(answer.status_code for answer in answers)

    assert asyncio.run(both()) == [200, 409, 409]
    assert len(in_database(served, select(StatusChange))[0]) == 1


VALID = Standing(AttestationState.VALID)
SUSPENDED = Standing(AttestationState.SUSPENDED, Reason.UNDER_REVIEW)
SUPERSEDED = Standing(AttestationState.SUPERSEDED, Reason.NEWER_EVIDENCE, superseded_by="b")
REVOKED = Standing(AttestationState.REVOKED, Reason.OTHER)


def test_every_pair_of_states_is_decided() -> None:
    allowed = {
        ("valid", "suspended"), ("valid", "superseded"), ("valid", "revoked"),
        ("suspended", "valid"), ("suspended", "superseded"), ("suspended", "revoked"), ("superseded", "revoked"),
    }  # fmt: skip
    for current in (VALID, SUSPENDED, SUPERSEDED, REVOKED):
        assert changed(current, current) is False
        for wanted in (VALID, SUSPENDED, SUPERSEDED, REVOKED):
            if current is wanted:
                continue
            if (current.state, wanted.state) in allowed:
                assert changed(current, wanted) is True
            else:
                with pytest.raises(ConflictError):
                    changed(current, wanted)


def test_another_reason_for_the_same_state_is_no_repetition() -> None:
    with pytest.raises(ApiError):
        changed(SUSPENDED, Standing(AttestationState.SUSPENDED, Reason.DATA_FINDING))
    with pytest.raises(InvalidRequestError):
        Standing(AttestationState.REVOKED)
