"""Rows 14, 15 and 16: other forms and weaker algorithms, what could be misread, and what costs a reader too much."""

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attestations import bundle as bundle_format
from attestations import canonical, disclosure, dsse, trust
from attestations.bundle import UnverifiedTimestamp
from attestations.digests import Sha256
from attestations.keys import LocalSigner
from attestations.statement import MODEL_SUBJECT, Subject, SubjectDigest
from attestations.statements import frame
from tests.attestations.attacks.scene import (
    ACCEPT,
    FAIL,
    MALFORMED,
    NOT_CHECKED,
    POLICY,
    REFUSED,
    Attack,
    Handed,
    Scene,
)
from tests.attestations.evidence import KEPT, make_plan
from tests.attestations.evidence_02 import make_good
from tests.attestations.evidence_03 import make_world

RULES = {"schema": "0.2.0", "id": "ward", "version": "1", "author": "a buyer"}


def jwt(header: object, claims: object, signer: LocalSigner | None) -> str:
    """A token with any header and claims; without a signer its signature is empty."""
    signed = ".".join(_url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return f"{signed}." if signer is None else jwt_of(signed, signer)


def jwt_of(signed: str, signer: LocalSigner) -> str:
    """Header and claims, encoded already, with their signature."""
    r, s = decode_dss_signature(signer.sign(signed.encode()))
    return f"{signed}.{_url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def claims_of(scene: Scene) -> dict[str, object]:
    part = scene.good.parts.unverified_status.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def token(header: dict[str, str], **claims: object) -> Callable[[Scene], Handed]:
    """The bundle with a status list under this header and with these claims changed, signed by the status key."""

    def carry_out(scene: Scene) -> Handed:
        made = jwt(header, {**claims_of(scene), **claims}, scene.good.keys.status)
        return scene.hand(replace(scene.good.parts, unverified_status=made))

    return carry_out


def unsigned_token(scene: Scene) -> Handed:
    made = jwt({"alg": "none", "typ": "statuslist+jwt"}, claims_of(scene), None)
    return scene.hand(replace(scene.good.parts, unverified_status=made))


def keyed_token(scene: Scene) -> Handed:
    """The public key's text as the secret of an HMAC: the classic confusion of algorithms."""
    unsigned = jwt({"alg": "HS256", "typ": "statuslist+jwt"}, claims_of(scene), None).removesuffix(".")
    secret = scene.good.keys.status.public_pem.encode()
    made = f"{unsigned}.{_url(hmac.digest(secret, unsigned.encode(), hashlib.sha256))}"
    return scene.hand(replace(scene.good.parts, unverified_status=made))


def restated(edit: Callable[[dict], object]) -> Callable[[Scene], Handed]:
    """The statement as JSON with something other in it, signed again by the issuer."""

    def carry_out(scene: Scene) -> Handed:
        value = canonical.parse(scene.good.stated.encode(), what="it", max_bytes=10**7)
        edit(value)
        return scene.hand(scene.good.signed(canonical.encode(value)))

    return carry_out


def rewritten(edit: Callable[[dict], object]) -> Callable[[Scene], Handed]:
    """The bundle as JSON with something other in it."""

    def carry_out(scene: Scene) -> Handed:
        value = canonical.parse(scene.good.parts.encode(), what="it", max_bytes=10**7)
        edit(value)
        return scene.hand(canonical.encode(value))

    return carry_out


def retyped(edit: Callable[[bytes], bytes]) -> Callable[[Scene], Handed]:
    """The bundle's own bytes, edited."""
    return lambda scene: scene.hand(edit(scene.good.parts.encode()))


def signed_bytes(edit: Callable[[bytes], bytes]) -> Callable[[Scene], Handed]:
    """The statement's own bytes, edited and signed again by the issuer."""
    return lambda scene: scene.hand(scene.good.signed(edit(scene.good.stated.encode())))


def other_type(scene: Scene) -> Handed:
    sealed = dsse.seal(scene.good.stated.encode(), "application/json", scene.good.keys.issuer)
    return scene.hand(replace(scene.good.parts, envelope=sealed))


def second_signature(value: dict) -> None:
    signatures = value["primary"]["dsseEnvelope"]["signatures"]
    signatures.append(dict(signatures[0]))


def loose_base64(value: dict) -> None:
    """The last letter of a manifest's base64 with bits set that belong to no byte."""
    text = value["model"]["manifest"]
    value["model"]["manifest"] = text.rstrip("=") + "=" * (text.count("=") + 4)


def downgraded(scene: Scene) -> Handed:
    """Evidence of schema 0.2.0, which needs no status: accepted by default, named, and refused by a policy."""
    evidence = make_good(scene.directory / "downgraded", scene.good.keys.issuer)
    return scene.hand(evidence.bundle)


def downgraded_under_a_policy(scene: Scene) -> Handed:
    policy = json.dumps({**RULES, "rules": {"minSchema": "0.3.0"}}).encode()
    evidence = make_good(scene.directory / "downgraded-again", scene.good.keys.issuer)
    return scene.hand(evidence.bundle, policy=policy)


def unknown_rule_of_a_policy(scene: Scene) -> Handed:
    return scene.hand(scene.good.parts, policy=json.dumps({**RULES, "rules": {"minScore": "0.9"}}).encode())


def older_plan(scene: Scene) -> Handed:
    """A plan of the first schema, whose rule is weaker, under evidence of the newest."""
    old = make_plan()
    world = make_world(scene.directory / "older-plan", KEPT, replace(old, schema="0.1.0"), controls=None)
    return scene.hand(world.parts)


def older_rule(scene: Scene) -> Handed:
    stated = scene.good.predicate.regressions
    return scene.hand(scene.good.lying(regressions=replace(stated, rule="tuneproof-verdicts-0.0")))


def root_with(edit: Callable[[dict], object]) -> Callable[[Scene], Handed]:
    """A trust root with something other in it, signed by its keepers."""

    def carry_out(scene: Scene) -> Handed:
        keys = scene.good.keys
        value = json.loads(keys.trust_root.encode())
        edit(value)
        sealed = trust.seal(keys.trust_root, ())
        envelope = replace(sealed, unverified_payload=canonical.encode(value))
        for keeper in keys.keepers[:2]:
            envelope = dsse.add_signature(envelope, keeper)
        return scene.hand(scene.good.parts, trust=trust.encode_file(envelope))

    return carry_out


P384 = """-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE5fJMIyBVpvrNwVgCoo/DNma1DOGT3Rmx
80axY53yYlzFjICMXBercSSCmZYp5+jEYlWoD74dV0pOp287pMO5ccBaNCM8vHR5
jSSLYGiXECOA9ga3c+Lc0AfO2V22DWAv
-----END PUBLIC KEY-----
"""


def other_curve(value: dict) -> None:
    value["keys"][-1] |= {"publicKeyPem": P384, "keyId": hashlib.sha256(P384.encode()).hexdigest()}


def other_commitment(scene: Scene) -> Handed:
    """A commitment under an algorithm whose openings nobody could check."""
    value = json.loads(scene.hiding[1].envelope.unverified_payload)
    value["predicate"]["model"]["base"]["name"]["$commit"]["alg"] = "sha1"
    sealed = frame.seal(canonical.encode(value), scene.good.keys.issuer)
    return scene.hand(replace(scene.hiding[1], envelope=sealed))


def hidden_outcome(value: dict) -> None:
    value["predicate"]["outcome"] = {"$commit": {"alg": disclosure.ALGORITHM, "value": "0" * 64}}


# What costs too much


def bomb(scene: Scene) -> Handed:
    """A list of a kilobyte that unpacks to a gigabyte, under the genuine signature of a status key."""
    packed = zlib.compressobj(9)
    content = b"".join(packed.compress(bytes(1 << 20)) for _ in range(64)) + packed.flush()
    return token(HEADER, status_list={"bits": 2, "lst": _url(content)})(scene)


def crowd(scene: Scene) -> Handed:
    """More statements than a bundle may hold."""
    one = scene.good.parts.unverified_statements[0]
    return scene.hand(replace(scene.good.parts, unverified_statements=(one,) * 65))


def stamps(scene: Scene) -> Handed:
    one = UnverifiedTimestamp("0" * 64, b"0")
    return scene.hand(replace(scene.good.parts, unverified_timestamps=(one,) * 9))


def long_work(scene: Scene) -> Handed:
    """Counts of which an exact test would take hours."""
    many = {"worsened": 9_000_000, "improved": 9_000_000}
    return restated(lambda value: value["predicate"]["evaluations"][4]["table"].update(many))(scene)


def great_statement(scene: Scene) -> Handed:
    return scene.hand(scene.good.signed(b'"' + b"a" * (8 * 1024 * 1024) + b'"'))


def great_manifest(scene: Scene) -> Handed:
    """A manifest that was signed for, and that takes longer to read than to refuse."""
    content = b"[" + b"1," * (3 << 20) + b"1]"
    made = scene.good.predicate.model.manifest
    digest = replace(made.digest, sha256=Sha256.of(content).sha256)
    model = replace(scene.good.predicate.model, manifest=replace(made, digest=digest))
    subject = Subject(MODEL_SUBJECT, SubjectDigest(digest.sha256, digest.dir_hash))
    stated = replace(scene.good.stated, subject=subject, predicate=replace(scene.good.predicate, model=model))
    return scene.hand(replace(scene.good.signed(stated.encode()), unverified_manifest=content))


def trust_inside(value: dict) -> None:
    value["trust"] = {"keys": []}


def key_inside(value: dict) -> None:
    material = value["primary"]["verificationMaterial"]
    material["publicKey"]["rawBytes"] = "AAAA"


def certificate_inside(value: dict) -> None:
    value["primary"]["verificationMaterial"] = {"certificate": {"rawBytes": "AAAA"}, "tlogEntries": []}


HEADER = {"alg": "ES256", "typ": "statuslist+jwt"}
ATTACKS = (
    Attack(14, "the fields of 0.3.0 under schema 0.2.0", restated(lambda v: v["predicate"].update(schema="0.2.0")), "document.unknown_field", REFUSED, MALFORMED),
    Attack(14, "a schema that nobody knows", restated(lambda v: v["predicate"].update(schema="9.0.0")), "predicate.schema", REFUSED, MALFORMED),
    Attack(14, "another type of predicate", restated(lambda v: v.update(predicateType="https://tuneproof.example/spec/resilience/v0.2")), "statement.predicate_type", REFUSED, MALFORMED),
    Attack(14, "genuine evidence of an older schema", downgraded, "status", NOT_CHECKED, ACCEPT),
    Attack(14, "the same where a policy asks for 0.3.0", downgraded_under_a_policy, "policy.min_schema", FAIL, POLICY),
    Attack(14, "an older rule of verdicts than the plan's", older_rule, "verdicts", FAIL, POLICY),
    Attack(14, "a plan of the first schema, whose rule is weaker", older_plan, "plan", FAIL, POLICY),
    Attack(14, "a status list of alg none", unsigned_token, "status.header", REFUSED, MALFORMED),
    Attack(14, "a status list under an HMAC with the public key", keyed_token, "status.header", REFUSED, MALFORMED),
    Attack(14, "a status list of another type", token({"alg": "ES256", "typ": "JWT"}), "status.header", REFUSED, MALFORMED),
    Attack(14, "a status list that brings its own key", token({**HEADER, "jwk": "…"}), "status.header", REFUSED, MALFORMED),
    Attack(14, "a status list of one bit", token(HEADER, status_list={"bits": 1, "lst": "eNpjAAAAAQAB"}), "status.bits", REFUSED, MALFORMED),
    Attack(14, "another payload type over the same bytes", other_type, "statement.payload_type", REFUSED, MALFORMED),
    Attack(14, "a second signature", rewritten(second_signature), "signature.count", REFUSED, MALFORMED),
    Attack(14, "base64 that is not exact", rewritten(loose_base64), "base64.not_exact", REFUSED, MALFORMED),
    Attack(14, "a key given twice in the bundle", retyped(lambda b: b[:-1] + b',"status":""}'), "json.duplicate_key", REFUSED, MALFORMED),
    Attack(14, "a key given twice in the statement", signed_bytes(lambda b: b[:-1] + b',"predicate":{}}'), "json.duplicate_key", REFUSED, MALFORMED),
    Attack(14, "a number with a fraction", signed_bytes(lambda b: b.replace(b'"steps":57', b'"steps":57.0')), "json.float", REFUSED, MALFORMED),
    Attack(14, "NaN", signed_bytes(lambda b: b.replace(b'"steps":57', b'"steps":NaN')), "json.float", REFUSED, MALFORMED),
    Attack(14, "another form of the same JSON", signed_bytes(lambda b: b.replace(b'"steps":57', b'"steps": 57')), "json.not_canonical", REFUSED, MALFORMED),
    Attack(14, "a key on another curve in the trust root", root_with(other_curve), "key.kind", REFUSED, MALFORMED),
    Attack(14, "a trust root with the threshold 0", root_with(lambda v: v.update(threshold=0)), "trust.threshold", REFUSED, MALFORMED),
    Attack(14, "a commitment under another algorithm", other_commitment, "disclosure.algorithm", REFUSED, MALFORMED),
    Attack(14, "a rule that this version does not know in a policy", unknown_rule_of_a_policy, "policy.not_understood", REFUSED, POLICY),
    Attack(15, "a level that the statement declares", restated(lambda v: v["predicate"].update(level=4)), "document.unknown_field", REFUSED, MALFORMED),
    Attack(15, "a score over everything", restated(lambda v: v["predicate"].update(overallScore="0.99")), "document.unknown_field", REFUSED, MALFORMED),
    Attack(15, "an outcome that is hidden", restated(hidden_outcome), "disclosure.protected", REFUSED, MALFORMED),
    Attack(15, "nothing said of what is not claimed", restated(lambda v: v["predicate"].update(notClaimed=[])), "predicate.not_claimed", REFUSED, MALFORMED),
    Attack(15, "no boundaries", restated(lambda v: v["predicate"].pop("boundaries")), "predicate.boundaries", REFUSED, MALFORMED),
    Attack(15, "no prohibited use", restated(lambda v: v["predicate"]["boundaries"].pop("prohibited")), "predicate.boundaries", REFUSED, MALFORMED),
    Attack(15, "letters that rewrite the screen", restated(lambda v: v["predicate"]["boundaries"].update(objective="\x1b[2J ACCEPTED")), "document.text", REFUSED, MALFORMED),
    Attack(15, "answers that nobody outside has seen", lambda it: it.hand(it.good.parts), "answers", NOT_CHECKED, ACCEPT),
    Attack(16, "a zip bomb as a status list", bomb, "status.too_large", REFUSED, MALFORMED),
    Attack(16, "a bundle of more than 16 MiB", retyped(lambda b: b" " * (bundle_format.MAX_BYTES + 1)), "json.too_large", REFUSED, MALFORMED),
    Attack(16, "a statement of more than 8 MiB", great_statement, "base64.too_large", REFUSED, MALFORMED),
    Attack(16, "a manifest of more than 4 MiB", great_manifest, "json.too_large", REFUSED, MALFORMED),
    Attack(16, "nesting that is deeper than anybody reads", retyped(lambda _: b'{"a":' * 100_000), "json.too_deep", REFUSED, MALFORMED),
    Attack(16, "65 statements", crowd, "document.too_many", REFUSED, MALFORMED),
    Attack(16, "9 timestamps", stamps, "document.too_many", REFUSED, MALFORMED),
    Attack(16, "counts that take hours to compute again", long_work, "statistics.table", REFUSED, MALFORMED),
    Attack(16, "a number of a million digits", signed_bytes(lambda b: b.replace(b'"steps":57', b'"steps":' + b"5" * 10**6)), "json.integer", REFUSED, MALFORMED),
    Attack(16, "a trust root inside the bundle", rewritten(trust_inside), "document.unknown_field", REFUSED, MALFORMED),
    Attack(16, "a key inside the bundle", rewritten(key_inside), "document.unknown_field", REFUSED, MALFORMED),
    Attack(16, "a certificate inside the bundle", rewritten(certificate_inside), "document.missing_field", REFUSED, MALFORMED),
)  # fmt: skip
