"""Rows 2, 11 and 12: false times, stolen keys and roles, and old news in the place of new."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from attestations import last_seen, status, trust
from attestations.bundle import Bundle, UnverifiedTimestamp
from attestations.keys import LocalSigner
from attestations.last_seen import LastSeen
from attestations.statements import frame
from attestations.statements.notice import NoticeKind
from attestations.status import State
from attestations.trust import KeyRole, TrustRoot
from tests.attestations.attacks.reading import HEADER, RULES, token
from tests.attestations.attacks.scene import (
    ACCEPT,
    CRYPTO,
    FAIL,
    MALFORMED,
    NOT_CHECKED,
    POLICY,
    REFUSED,
    STALE,
    UNDETERMINED,
    Attack,
    Followed,
    Handed,
    Scene,
)
from tests.attestations.evidence import ISSUER
from tests.attestations.evidence_03 import NOW, FixedSigner
from tests.attestations.statements.complete import LAB

THEFT = "2026-03-01T10:00:00Z"
LATER_THEFT = "2026-03-01T20:00:00Z"


def stolen(at: str) -> Callable[[Scene], Handed]:
    """What the issuer's key signed at noon, when the trust root says that it was stolen at this time."""

    def carry_out(scene: Scene) -> Handed:
        keys = scene.good.keys
        return scene.hand(scene.good.parts, trust=keys.file_of(keys.changed(keys.issuer, compromised_at=at)))

    return carry_out


def issued(at: str, **more: object) -> Callable[[Scene], Handed]:
    return lambda scene: scene.hand(scene.good.lying(issued_at=at, valid_from=at, **more))


def stamp_of_nothing(scene: Scene) -> Handed:
    """A timestamp that the trust root's reader cannot hold to any authority proves nothing."""
    over = UnverifiedTimestamp("0" * 64, b"0\x03\x02\x01\x00")
    return scene.hand(replace(scene.good.parts, unverified_timestamps=(over,)))


def young_key(scene: Scene) -> Handed:
    keys = scene.good.keys
    return scene.hand(
        scene.good.parts, trust=keys.file_of(keys.changed(keys.issuer, valid_from="2026-03-01T18:00:00Z"))
    )


def tuned_after_it_was_issued(scene: Scene) -> Handed:
    """Who dates a statement back forgets the dates of the tuning in it."""
    tuning = replace(scene.good.predicate.tuning, finished_at="2026-03-01T14:00:00Z")
    return scene.hand(scene.good.lying(tuning=tuning))


def signed_by(name: str) -> Callable[[Scene], Handed]:
    """The attestation under a key that is trusted for something else."""
    return lambda scene: scene.hand(scene.good.signed(scene.good.stated.encode(), getattr(scene.good.keys, name)))


def list_by(name: str) -> Callable[[Scene], Handed]:
    def carry_out(scene: Scene) -> Handed:
        listed = scene.good.listed(by=getattr(scene.good.keys, name))
        return scene.hand(replace(scene.good.parts, unverified_status=listed))

    return carry_out


def plan_by_evaluator(scene: Scene) -> Handed:
    made = scene.good
    others = (frame.seal(made.signed_plan, made.keys.evaluator), made.parts.unverified_statements[1])
    return scene.hand(replace(made.parts, unverified_statements=others))


def countersigned(scene: Scene, by: LocalSigner, organisation: str) -> Bundle:
    said = scene.good.countersigned()
    evaluator = replace(said.predicate.evaluator, organisation=organisation)
    made = replace(said, predicate=replace(said.predicate, evaluator=evaluator))
    return scene.good.adding(made, by=by)


def in_house(scene: Scene) -> Handed:
    """The issuer countersigns its own evidence under a key that belongs to it."""
    return scene.hand(countersigned(scene, scene.good.keys.in_house, ISSUER))


def in_house_where_a_policy_asks(scene: Scene) -> Handed:
    policy = json.dumps({**RULES, "rules": {"requireCountersignature": True}}).encode()
    return replace(in_house(scene), policy=policy)


def under_anothers_name(scene: Scene) -> Handed:
    return scene.hand(countersigned(scene, scene.good.keys.in_house, LAB))


def by_nobody(scene: Scene) -> Handed:
    return scene.hand(countersigned(scene, FixedSigner("nobody"), LAB))


def stolen_status_key(scene: Scene) -> Handed:
    keys = scene.good.keys
    return scene.hand(scene.good.parts, trust=keys.file_of(keys.changed(keys.status, compromised_at=LATER_THEFT)))


def own_root(scene: Scene) -> Handed:
    """A trust root that the thief of one root key signed: two keepers must."""
    keys = scene.good.keys
    return scene.hand(scene.good.parts, trust=keys.file_of(keys.trust_root, signers=1))


def root_signed_twice(scene: Scene) -> Handed:
    """One root key signs twice, under two hints."""
    keys = scene.good.keys
    envelope = trust.seal(keys.trust_root, keys.keepers[:1])
    again = replace(envelope.signatures[0], key_id="another")
    doubled = replace(envelope, signatures=(*envelope.signatures, again))
    return scene.hand(scene.good.parts, trust=trust.encode_file(doubled))


# Old in the place of new


def without_list(scene: Scene) -> Handed:
    return scene.hand(replace(scene.good.parts, unverified_status=None))


def at(now: datetime) -> Callable[[Scene], Handed]:
    return lambda scene: scene.hand(scene.good.parts, now=now)


def in_state(state: State) -> Callable[[Scene], Handed]:
    return lambda scene: scene.hand(replace(scene.good.parts, unverified_status=scene.good.listed(state)))


def list_of(**changes: object) -> Callable[[Scene], Handed]:
    return lambda scene: scene.hand(replace(scene.good.parts, unverified_status=scene.good.listed(**changes)))


def seen_before(scene: Scene, root: TrustRoot, listed_at: datetime) -> LastSeen:
    newer, _ = status.read(scene.good.listed(issued_at=listed_at), scene.good.keys.trust_root.keys_of(KeyRole.STATUS))
    return last_seen.advance(LastSeen(), root, newer)


def older_list(scene: Scene) -> Handed:
    """A list from before a revocation, still in its time; the buyer has seen a newer one."""
    return scene.hand(scene.good.parts, seen=seen_before(scene, scene.good.keys.trust_root, NOW - timedelta(hours=1)))


def older_root(scene: Scene) -> Handed:
    newer = replace(scene.good.keys.trust_root, version=2)
    return scene.hand(scene.good.parts, seen=seen_before(scene, newer, NOW - timedelta(hours=9)))


def expired_root(scene: Scene) -> Handed:
    keys = scene.good.keys
    return scene.hand(scene.good.parts, trust=keys.file_of(replace(keys.trust_root, expires_at="2026-03-01T23:00:00Z")))


def followed(signers: int = 2, now: datetime = NOW, **changes: object) -> Callable[[Scene], Followed]:
    """A successor of the trust root with these changes, signed by so many keepers."""

    def carry_out(scene: Scene) -> Followed:
        keys = scene.good.keys
        fields = {"version": 2, "created_at": "2026-03-01T21:00:00Z", **changes}
        if callable(fields.get("keys")):
            fields["keys"] = fields["keys"](scene)
        return Followed(scene.trust, (keys.file_of(replace(keys.trust_root, **fields), signers),), now)

    return carry_out


def issuer_key(**changes: object) -> Callable[[Scene], object]:
    return lambda scene: scene.good.keys.changed(scene.good.keys.issuer, **changes).keys


def without_issuer_key(scene: Scene) -> object:
    keys = scene.good.keys
    return tuple(key for key in keys.trust_root.keys if key.key_id != keys.issuer.key_id)


def backwards(scene: Scene) -> Followed:
    keys = scene.good.keys
    current = replace(keys.trust_root, created_at="2026-02-01T00:00:00Z")
    successor = replace(current, version=2, created_at="2026-01-15T00:00:00Z")
    return Followed(keys.file_of(current), (keys.file_of(successor),))


def noticed(kind: NoticeKind) -> Callable[[Scene], Handed]:
    return lambda scene: scene.hand(scene.good.adding(scene.good.noticed(kind), by=scene.good.keys.issuer))


def notice_taken_out(scene: Scene) -> Handed:
    """The same file without its notice of a regression: of that only a status list can tell."""
    whole = scene.good.adding(scene.good.noticed(NoticeKind.REGRESSION_FOUND), by=scene.good.keys.issuer)
    return scene.hand(replace(whole, unverified_statements=whole.unverified_statements[:-1]))


def notice_taken_out_of_a_revoked_one(scene: Scene) -> Handed:
    taken = notice_taken_out(scene)
    return replace(taken, status=scene.good.listed(State.INVALID, issued_at=NOW - timedelta(hours=1)))


HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ATTACKS = (
    Attack(2, "a statement of before its key was valid", young_key, "key.validity", FAIL, CRYPTO),
    Attack(2, "a statement dated to before its plan", issued("2026-02-01T12:00:00Z"), "plan", FAIL, POLICY),
    Attack(2, "a statement dated to the future", issued("2026-06-01T12:00:00Z"), "validity", STALE, UNDETERMINED),
    Attack(2, "a statement dated to after its key's end", issued("2027-01-15T12:00:00Z"), "key.validity", FAIL, CRYPTO),
    Attack(2, "a statement dated to before the end of its tuning", tuned_after_it_was_issued, "validity", FAIL, POLICY),
    Attack(2, "a timestamp by nobody in the trust root", stamp_of_nothing, "time.signing", NOT_CHECKED, ACCEPT),
    Attack(11, "a thief's statement, dated as it was made", stolen(THEFT), "key.validity", FAIL, CRYPTO),
    Attack(11, "a thief's statement, dated to before the theft", stolen(LATER_THEFT), "key.validity", STALE, UNDETERMINED),
    Attack(11, "the attestation signed by the status key", signed_by("status"), "signature", FAIL, CRYPTO),
    Attack(11, "the attestation signed by a root key", signed_by("root"), "signature", FAIL, CRYPTO),
    Attack(11, "the attestation signed by an evaluator's key", signed_by("evaluator"), "signature", FAIL, CRYPTO),
    Attack(11, "the attestation signed by a stranger", lambda it: it.hand(it.good.signed(it.good.stated.encode(), FixedSigner("stranger"))), "signature", FAIL, CRYPTO),
    Attack(11, "the plan signed by an evaluator's key", plan_by_evaluator, "plan.statement", FAIL, CRYPTO),
    Attack(11, "a status list signed by the issuer's key", list_by("issuer"), "status", FAIL, CRYPTO),
    Attack(11, "a status list by a stolen status key", stolen_status_key, "status", STALE, UNDETERMINED),
    Attack(11, "a countersignature under the issuer's own roof", in_house, "countersignature", NOT_CHECKED, ACCEPT),
    Attack(11, "the same where a policy asks for one", in_house_where_a_policy_asks, "policy.require_countersignature", FAIL, POLICY),
    Attack(11, "a countersignature in another organisation's name", under_anothers_name, "countersignature", FAIL, CRYPTO),
    Attack(11, "a countersignature by nobody known", by_nobody, "countersignature", FAIL, CRYPTO),
    Attack(11, "a trust root by too few keepers", own_root, "signature.threshold", REFUSED, CRYPTO),
    Attack(11, "a trust root that one keeper signed twice", root_signed_twice, "signature.threshold", REFUSED, CRYPTO),
    Attack(12, "the status list left out", without_list, "status", STALE, UNDETERMINED),
    Attack(12, "an expired status list", at(NOW + 2 * DAY), "status", STALE, UNDETERMINED),
    Attack(12, "a status list of the future", list_of(issued_at=NOW + 6 * HOUR), "status", STALE, UNDETERMINED),
    Attack(12, "a status list that lives for a year", token(HEADER, exp=1_803_900_000), "status.life", REFUSED, MALFORMED),
    Attack(12, "a revoked attestation", in_state(State.INVALID), "status", FAIL, POLICY),
    Attack(12, "a suspended attestation", in_state(State.SUSPENDED), "status", FAIL, POLICY),
    Attack(12, "a superseded attestation", in_state(State.SUPERSEDED), "status", FAIL, POLICY),
    Attack(12, "a status list older than one that was seen", older_list, "state.status", STALE, UNDETERMINED),
    Attack(12, "a trust root older than one that was seen", older_root, "state.trust", STALE, UNDETERMINED),
    Attack(12, "an expired trust root", expired_root, "trust.root", STALE, UNDETERMINED),
    Attack(12, "evidence past its end", at(NOW + 500 * DAY), "validity", STALE, UNDETERMINED),
    Attack(12, "a successor by too few keepers", followed(signers=1), "signature.threshold", REFUSED, CRYPTO),
    Attack(12, "a successor that skips a version", followed(version=3), "trust.version", REFUSED, CRYPTO),
    Attack(12, "the same version once more", followed(version=1), "trust.version", REFUSED, CRYPTO),
    Attack(12, "a successor of another issuer", followed(issuer="https://other.example"), "trust.issuer", REFUSED, CRYPTO),
    Attack(12, "a successor from before its predecessor", backwards, "trust.created_at", REFUSED, CRYPTO),
    Attack(12, "a successor without an old issuer key", followed(keys=without_issuer_key), "trust.rewritten", REFUSED, CRYPTO),
    Attack(12, "a successor that ends a key in the past", followed(keys=issuer_key(valid_until="2026-02-01T00:00:00Z")), "trust.rewritten", REFUSED, CRYPTO),
    Attack(12, "an expired newest successor", followed(now=datetime.fromisoformat("2027-06-01T00:00:00Z")), "trust.expired", REFUSED, UNDETERMINED),
    Attack(12, "a regression that was found later", noticed(NoticeKind.REGRESSION_FOUND), "notices", FAIL, POLICY),
    Attack(12, "a revocation in the bundle", noticed(NoticeKind.REVOKED), "notices", FAIL, POLICY),
    Attack(12, "a notice taken out of the bundle", notice_taken_out, "notices", NOT_CHECKED, ACCEPT),
    Attack(12, "the same with a newer status list at hand", notice_taken_out_of_a_revoked_one, "status", FAIL, POLICY),
)  # fmt: skip
