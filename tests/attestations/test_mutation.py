"""No small change of a document makes evidence better: never a higher level, never accepted unless the document is equal,
never an exception that is not ours.

Two attackers: anybody who holds a file, and the issuer who changes one value and signs again. The first can only take loose
parts away (notices, countersignatures, timestamps, openings) or put them in another order. The second may say what nothing
in the bundle contradicts; `FREE` is that list, and everything else is found.

CI takes a sample that a seed chooses; `python -m tests.fuzz --mutations` takes every change.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pytest

from attestations import bundle, canonical, procurement, status, trust
from attestations.bundle import Bundle
from attestations.errors import AttestationError
from attestations.findings import ExitCode, Status
from attestations.keys import load_public_key
from attestations.report import report_text
from attestations.statements import frame
from attestations.statements.notice import NoticeKind
from attestations.value_paths import parse_pattern, related
from attestations.verify import Report, verify
from tests.attestations.evidence import HARMFUL, ROWS
from tests.attestations.evidence_02 import GOOD, POLICY
from tests.attestations.evidence_03 import NOW, World, answer, make_hiding, make_plan_03, make_world
from tests.attestations.mutations import Change, changed, changes, flipped

SEED = 20260302
GRAVITY = (Status.FAIL, Status.STALE, Status.NOT_CHECKED, Status.PASS)
FREE = (
    "attestationId",
    *(f"boundaries.{part}" for part in ("context", "decoding", "intended", "languages", "objective", "prohibited")),
    *(f"boundaries.{part}" for part in ("retestOn", "transformsPermitted", "turns")),
    "controls",  # others that hold as well, or the same in another order
    *("data.contamination", "data.filters", "data.sources"),
    "environment",
    *(f"evaluations[*].{part}" for part in ("aurocPre", "aurocPost", "biasPre", "biasPost", "flipsPre", "flipsPost")),
    *(f"evaluations[*].{part}" for part in ("aboveChance", "clusters", "differences")),  # where no figure changes by it
    *("model.base.licence", "model.base.name", "model.manifest.mediaType", "model.merged"),
    "notClaimed",
    "outputs",
    "status.idx",
    *(f"tuning.{part}" for part in ("code", "compute", "parameters", "steps", "tokens")),
)
"""Places of the predicate where an issuer may say something else, or nothing, and no part of the bundle speaks against it."""


@dataclass(frozen=True)
class Kept:
    """What is changed, and how it was judged before: a bundle with every part, and one with few."""

    world: World
    parts: Bundle
    trust: bytes

    @cached_property
    def encoded(self) -> bytes:
        return self.parts.encode()

    @cached_property
    def before(self) -> Report:
        report = self.judged(self.encoded)
        assert isinstance(report, Report)
        return report

    def judged(self, content: bytes, **asked: object) -> Report | AttestationError:
        """The report or our error; any other exception passes through, and fails the test."""
        try:
            report = verify(content, **{"unverified_trust": self.trust, "now": NOW, **asked})
        except AttestationError as error:
            return error
        assert report_text(report)
        return report


def make_small(directory: Path) -> Kept:
    """One row, no controls, one judge: few enough bytes that every bit can be flipped."""
    plan = make_plan_03()
    first = replace(ROWS[0], judges=None)
    suites = plan.suites[:1]
    policy = replace(POLICY, suites=None, holds=None, repeats=None)
    few = replace(plan, rows=(first,), suites=suites, judges=None, controls=None, policy=policy, repeats=None)
    measured = {HARMFUL: replace(GOOD[HARMFUL], by_judge=(), agreement=None, flips_pre=None, flips_post=None)}
    world = make_world(directory, measured, few, controls=None, outputs=None)
    return Kept(world, world.parts, world.keys.trust_file)


def make_full(directory: Path) -> Kept:
    """Every part that a bundle can have, but timestamps: a countersignature, a correction, hidden and opened values."""
    world = make_world(directory)
    whole, parts, openings = make_hiding(world)
    payload = parts.envelope.unverified_payload
    signed = replace(whole, stated=replace(whole.stated))
    countersigned = frame.Statement(
        frame.attestation_subject(payload), replace(signed.countersigned().predicate, plan=whole.predicate.plan.digest)
    )
    noticed = frame.Statement(frame.attestation_subject(payload), signed.noticed(NoticeKind.CORRECTION).predicate)
    keys = world.keys
    more = (frame.seal(countersigned, keys.evaluator), frame.seal(noticed, keys.issuer))
    shown = (*(one.to_json() for one in openings[:4]), answer(2).to_json())
    full = replace(
        parts,
        unverified_statements=(*parts.unverified_statements, *more),
        unverified_disclosures=shown,
        unverified_status=world.listed(),
    )
    return Kept(world, full, keys.trust_file)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return make_small(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return make_full(tmp_path_factory.mktemp("full"))


def sampled(every: Iterator[Change] | Sequence[object], count: int) -> list:
    listed = list(every)
    return random.Random(SEED).sample(listed, min(count, len(listed)))


# What anybody can do to a file


def refuse_better(kept: Kept, content: bytes, what: object) -> None:
    """The rule for a bundle that anybody changed."""
    before, after = kept.before, kept.judged(content)
    if isinstance(after, AttestationError):
        return
    assert (after.level if after.level is not None else -1) <= (before.level or 0), what
    if after.verified is not None and before.verified is not None:
        said, meant = after.verified.statement, before.verified.statement
        assert said.subject == meant.subject, what
    if after.exit_code:
        return
    assert only_loose_parts_less(bundle.parse(content), kept.parts), what
    worst = {code: min(found, key=GRAVITY.index) for code, found in by_code(before).items()}
    for code, found in by_code(after).items():
        assert GRAVITY.index(min(found, key=GRAVITY.index)) <= GRAVITY.index(worst[code]), (what, code)


def by_code(report: Report) -> dict[str, list[Status]]:
    found: dict[str, list[Status]] = {}
    for check in report.checks:
        found.setdefault(check.code, []).append(check.status)
    return found


def only_loose_parts_less(found: Bundle, before: Bundle) -> bool:
    """Whether nothing but the order and number of loose parts differs, and none is new."""
    bare = {"unverified_statements": (), "unverified_disclosures": (), "unverified_timestamps": ()}
    if replace(found, **bare) != replace(before, **bare):
        return False
    known = [canonical.encode(one) for one in before.unverified_disclosures]
    return (
        set(found.unverified_statements) <= set(before.unverified_statements)
        and all(canonical.encode(one) in known for one in found.unverified_disclosures)
        and set(found.unverified_timestamps) <= set(before.unverified_timestamps)
    )


def test_both_are_accepted_as_they_are(small: Kept, full: Kept) -> None:
    for kept in (small, full):
        report = kept.judged(kept.encoded)
        assert isinstance(report, Report)
        assert (report.exit_code, report.level) == (ExitCode.ACCEPT, 0)


def test_no_flipped_bit_of_a_small_bundle_makes_it_better(small: Kept) -> None:
    for bit in sampled(range(8 * len(small.encoded)), 1000):
        refuse_accepted(small, flipped(small.encoded, bit), bit)


def test_no_flipped_bit_of_a_full_bundle_makes_it_better(full: Kept) -> None:
    for bit in sampled(range(8 * len(full.encoded)), 300):
        refuse_better(full, flipped(full.encoded, bit), bit)


def refuse_accepted(kept: Kept, content: bytes, what: object) -> None:
    found = kept.judged(content)
    assert isinstance(found, AttestationError) or found.exit_code is not ExitCode.ACCEPT, what


def test_no_change_of_a_bundles_json_makes_it_better(full: Kept) -> None:
    for change in sampled(changes(canonical.parse(full.encoded, what="it", max_bytes=10**7)), 250):
        content = changed(full.encoded, change)
        if content != full.encoded:
            refuse_better(full, content, change)


def test_no_part_of_a_statement_can_be_moved_within_the_file(full: Kept) -> None:
    """Payloads and signatures exchanged between all envelopes, two at a time."""
    envelopes = [full.parts.envelope, full.parts.unverified_oms, *full.parts.unverified_statements]
    for i, one in enumerate(envelopes):
        for other in envelopes[i + 1 :]:
            for mixed in (
                replace(one, signature=other.signature),
                replace(one, unverified_payload=other.unverified_payload),
                other,
            ):
                places = [mixed if envelope is one else envelope for envelope in envelopes]
                content = replace(
                    full.parts, envelope=places[0], unverified_oms=places[1], unverified_statements=tuple(places[2:])
                ).encode()
                refuse_better(full, content, (i, other.key_id))


# The other documents that a verifier is given


def test_no_flipped_bit_and_no_change_of_a_trust_root_is_believed(small: Kept) -> None:
    root = trust.parse(small.trust)
    contents = [flipped(small.trust, bit) for bit in sampled(range(8 * len(small.trust)), 800)]
    listed = sampled(changes(canonical.parse(small.trust, what="it", max_bytes=10**6)), 400)
    contents += [changed(small.trust, change) for change in listed]
    for content in contents:
        found = small.judged(small.encoded, unverified_trust=content)
        if content != small.trust and not isinstance(found, AttestationError):
            assert found.root == root  # a signature more or less, as long as enough are there
            assert found.exit_code is ExitCode.ACCEPT


def test_no_flipped_bit_of_a_status_list_says_valid(small: Kept) -> None:
    token = small.parts.unverified_status
    assert token is not None
    keys = small.world.keys.trust_root.keys_of(trust.KeyRole.STATUS)
    for bit in sampled(range(8 * len(token)), 120):
        spoilt = flipped(token.encode(), bit)
        found = status_of(small, spoilt.decode("latin-1"))
        assert found is not Status.PASS, bit
    revoked = small.world.listed(status.State.INVALID)
    withdrawn, _ = status.examine(small.world.predicate.status, revoked, keys, now=NOW)
    assert withdrawn.exit_code == ExitCode.POLICY
    parts = [revoked.split("."), token.split(".")]
    for mixed in range(1, 7):  # the parts of a revoking and of a confirming list, mixed
        one = ".".join(parts[mixed >> place & 1][place] for place in range(3))
        assert one == token or status_of(small, one) is not Status.PASS


def status_of(kept: Kept, token: str) -> Status | None:
    found = kept.judged(kept.encoded, unverified_status=token)
    if isinstance(found, AttestationError):
        return None
    return next(check.status for check in found.checks if check.code == "status")


POLICY_TEXT = canonical.encode(
    {
        "schema": "0.2.0",
        "id": "ward",
        "version": "1",
        "author": "a buyer",
        "rules": {
            "allowedIssuers": ["https://other.example"],
            "minSchema": "0.3.0",
            "requireStatus": True,
            "maxHidden": 0,
            "requiredSuites": [
                {"suite": "harmful-requests", "metric": "refusal_rate", "leastPairs": 200, "postLowerAtLeast": "0.9"}
            ],
            "noRegressed": "all",
            "requiredBoundaries": {"present": ["retestOn"], "prohibited": ["medical advice"]},
        },
    }
)
"""Rejects because of the issuer alone."""


def test_a_changed_policy_is_understood_in_full_or_not_at_all(small: Kept) -> None:
    """Its first rule rejects this evidence: what accepts all the same must have lost or changed that rule in the open."""
    contents = [
        changed(POLICY_TEXT, change)
        for change in sampled(changes(canonical.parse(POLICY_TEXT, what="it", max_bytes=10**6)), 500)
    ]
    contents += [flipped(POLICY_TEXT, bit) for bit in sampled(range(8 * len(POLICY_TEXT)), 120)]
    for content in contents:
        try:
            policy = procurement.parse(content)
        except AttestationError:
            continue
        found = small.judged(small.encoded, acceptance=policy)
        assert isinstance(found, Report)
        asked = policy.document.rules.allowed_issuers
        if asked is not None and "https://tuning.example" not in asked:
            assert found.exit_code is ExitCode.POLICY
        signature = next(check for check in found.checks if check.code == "policy.signature")
        assert signature.status is Status.NOT_CHECKED


def test_a_signed_policy_cannot_be_changed(small: Kept) -> None:
    buyer = small.world.keys.buyer
    keys = [load_public_key(buyer.public_pem)]
    signed = procurement.sign(POLICY_TEXT, buyer)
    digest = procurement.parse(signed, keys=keys).digest
    for bit in sampled(range(8 * len(signed)), 800):
        try:
            policy = procurement.parse(flipped(signed, bit), keys=keys)
        except AttestationError:
            continue
        assert policy.digest == digest, bit  # the key hint decides nothing


# What the issuer can sign


def judged_again(full: Kept, change: Change) -> Report | AttestationError | None:
    """The statement after a change, signed by the issuer, with all that names it made anew; None where it stayed the same."""
    before = full.parts.envelope.unverified_payload
    payload = changed(before, change)
    if payload == before:
        return None
    parts = replace(full.parts, envelope=frame.seal(payload, full.world.keys.issuer))
    kept = parts.unverified_statements[:2]
    return full.judged(replace(parts, unverified_statements=kept).encode())


def test_what_an_issuer_changes_is_found_unless_nothing_speaks_against_it(full: Kept) -> None:
    value = canonical.parse(full.parts.envelope.unverified_payload, what="it", max_bytes=10**7)
    for change in sampled(changes(value), 350):
        refuse_unfree(full, change)


def refuse_unfree(full: Kept, change: Change) -> None:
    assert is_free(change) or accepted(full, change) is None, str(change)


def accepted(full: Kept, change: Change) -> Change | None:
    found = judged_again(full, change)
    return change if isinstance(found, Report) and found.exit_code is ExitCode.ACCEPT else None


def is_free(change: Change) -> bool:
    if change.path[:1] != ("predicate",):
        return False
    steps = change.path[1:]
    if change.how == "exchange":  # of two keys side by side, as of the AUROC before and after
        steps = (*steps, "aurocPre")
    return any(len(steps) >= len(pattern) and related(pattern, steps) for pattern in map(parse_pattern, FREE))
