"""Whole bundles under signed trust roots: what a change of keys does to evidence that was there before it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from attestations import trust_update
from attestations.errors import CryptographicError, MalformedError
from attestations.findings import ExitCode, Status
from attestations.trust import KeyRole, TrustRoot
from attestations.verify import Report, verify
from tests.attestations.evidence import ISSUER, Evidence
from tests.attestations.trust_roots import ROOTS, file_of, key_of, make_root, with_key

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MADE = "2026-03-01T18:00:00Z"


def root_of(evidence: Evidence, **changes: object) -> TrustRoot:
    """A root that believes the evidence's key; the evidence was issued in the first hours of March 2026."""
    keys = (*(key_of(signer, KeyRole.ROOT) for signer in ROOTS[:3]), key_of(evidence.signer))
    return replace(make_root(), issuer=ISSUER, keys=keys, **changes)


def judged(evidence: Evidence, root: TrustRoot, now: datetime = NOW) -> Report:
    return verify(evidence.bundle, file_of(root), now=now)


def status_of(report: Report, code: str) -> Status:
    return next(check.status for check in report.checks if check.code == code)


def test_evidence_is_accepted_under_a_signed_root(kept: Evidence) -> None:
    report = judged(kept, root_of(kept))
    assert report.exit_code is ExitCode.ACCEPT
    assert status_of(report, "trust.root") is Status.PASS


def test_evidence_outlives_its_key_by_the_chain_of_roots(kept: Evidence) -> None:
    """The key is retired after it signed; whoever follows the chain still accepts."""
    first = root_of(kept)
    retired = with_key(first, kept.signer.key_id, valid_until=MADE)
    second = replace(first, version=2, created_at=MADE, keys=retired)
    newest = trust_update.follow(first, [file_of(second)], now=NOW)
    report = judged(kept, newest)
    assert report.exit_code is ExitCode.ACCEPT
    assert status_of(report, "key.validity") is Status.PASS


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"valid_until": "2026-02-28T00:00:00Z"}, Status.FAIL, ExitCode.CRYPTOGRAPHIC),
        ({"valid_from": "2026-03-01T23:00:00Z"}, Status.FAIL, ExitCode.CRYPTOGRAPHIC),
        ({"compromised_at": "2026-02-28T00:00:00Z"}, Status.FAIL, ExitCode.CRYPTOGRAPHIC),
        ({"compromised_at": "2026-03-01T23:00:00Z"}, Status.STALE, ExitCode.UNDETERMINED),
    ],
)
def test_what_a_key_signed_outside_its_time_or_maybe_in_a_thiefs_hands_is_not_accepted(
    kept: Evidence, changes: dict, status: Status, code: ExitCode
) -> None:
    root = root_of(kept)
    report = judged(kept, replace(root, keys=with_key(root, kept.signer.key_id, **changes)))
    assert (status_of(report, "key.validity"), report.exit_code) == (status, code)


def test_an_expired_root_leaves_everything_undetermined(kept: Evidence) -> None:
    report = judged(kept, root_of(kept, expires_at="2026-03-01T23:59:59Z"))
    assert (status_of(report, "trust.root"), report.exit_code) == (Status.STALE, ExitCode.UNDETERMINED)


@pytest.mark.parametrize("role", [role for role in KeyRole if role is not KeyRole.ISSUER])
def test_a_key_in_another_role_signs_no_evidence(kept: Evidence, role: KeyRole) -> None:
    root = root_of(kept)
    report = judged(kept, replace(root, keys=with_key(root, kept.signer.key_id, role=role, owner="somebody")))
    assert report.exit_code is ExitCode.CRYPTOGRAPHIC
    assert report.verified is None


def test_a_root_that_too_few_keys_signed_verifies_nothing(kept: Evidence) -> None:
    with pytest.raises(MalformedError):
        verify(kept.bundle, b"{}", now=NOW)
    with pytest.raises(CryptographicError, match="at least 2 must") as caught:
        verify(kept.bundle, file_of(root_of(kept), ROOTS[:1]), now=NOW)
    assert caught.value.exit_code == ExitCode.CRYPTOGRAPHIC
