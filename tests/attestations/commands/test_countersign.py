"""`tuneproof countersign` and `tuneproof attach`: from an evaluator's counts to a bundle that a buyer verifies."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from attestations import bundle, canonical
from attestations.cli import main
from attestations.keys import LocalSigner, load_public_key
from attestations.statements import frame, reading
from attestations.statements.countersignature import AccessLevel, Conclusion, Countersignature, Mode
from attestations.statements.notice import NoticeKind
from tests.attestations.evidence import ISSUER
from tests.attestations.evidence_02 import BAD
from tests.attestations.evidence_03 import World, make_failed, make_world
from tests.attestations.statements.complete import LAB

AT = ("--now", "2026-03-02T00:00:00Z")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("good"))


@pytest.fixture
def desk(tmp_path: Path, made: World) -> Path:
    """An evaluator's folder: evidence, the trust root, keys, and counts like the attested ones."""
    (tmp_path / "m.json").write_bytes(made.parts.encode())
    (tmp_path / "trust.json").write_bytes(made.keys.trust_file)
    for name, signer in (("lab", made.keys.evaluator), ("house", made.keys.in_house), ("issuer", made.keys.issuer)):
        (tmp_path / f"{name}.key").write_bytes(signer.private_pem())
    (tmp_path / "own.json").write_text(json.dumps({"evaluations": own_rows(made)}, indent=2))
    return tmp_path


def own_rows(made: World) -> list[dict[str, object]]:
    rows = []
    for row in json.loads(made.stated.encode())["predicate"]["evaluations"]:
        named = {name: row["registered"][name] for name in ("metric", "suite", "slice")}
        rows.append(named | {name: row[name] for name in ("table", "differences", "notRun") if name in row})
    return rows


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def countersign(desk: Path, *more: object, key: str = "lab", name: str = LAB, mode: str = "reproduced") -> int:
    who = ("--key", desk / f"{key}.key", "--name", name, "--mode", mode)
    return run("countersign", desk / "m.json", "--trust", desk / "trust.json", *who, *AT, "--out", out(desk), *more)


def reproduce(desk: Path, *more: object, **who: str) -> int:
    return countersign(desk, "--evaluations", desk / "own.json", *more, **who)


def out(desk: Path) -> Path:
    return desk / "c.sigstore.json"


def attach(desk: Path, *statements: Path, into: str = "m.json") -> int:
    return run("attach", desk / into, *statements, "--out", desk / "with.json")


def verify(desk: Path, name: str = "with.json") -> tuple[int, dict[str, object]]:
    return run("verify", desk / name, "--trust", desk / "trust.json", *AT, "--all")


def said(desk: Path, signer: LocalSigner) -> Countersignature:
    value = canonical.parse(out(desk).read_bytes(), what="it", max_bytes=10**7)
    statement, _ = reading.open_envelope(bundle.parse_sigstore(value, "it"), [load_public_key(signer.public_pem)])
    assert isinstance(statement.predicate, Countersignature)
    return statement.predicate


def test_agreement_is_computed_signed_attached_and_believed(
    desk: Path, made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    more = (
        "--paid-by",
        ISSUER,
        "--access",
        "weights",
        "--conflict",
        "Shares a landlord.",
        "--id",
        "https://lab.example",
    )
    assert reproduce(desk, *more) == 0
    told = capsys.readouterr().out
    assert f"{LAB} agrees: reproduced" in told
    assert "conflict of interest: Shares a landlord." in told
    assert "Note" not in told
    found = said(desk, made.keys.evaluator)
    assert (found.mode, found.conclusion) == (Mode.REPRODUCED, Conclusion.AGREES)
    assert (found.relationship.paid_by, found.relationship.access_level) == (ISSUER, AccessLevel.WEIGHTS)
    assert (found.evaluator.id, found.conflicts) == ("https://lab.example", ("Shares a landlord.",))
    assert found.strays(made.predicate) == []
    assert {row.delta for row in found.agreement} == {"0.000000"}
    assert attach(desk, out(desk)) == 0
    assert "nothing was verified" in capsys.readouterr().out
    assert verify(desk) == 0
    assert f"{LAB} (reproduced, paid by {ISSUER}) agrees on {len(found.agreement)} rows" in capsys.readouterr().out


def test_a_row_outside_its_margin_is_disagreement_whether_wanted_or_not(
    desk: Path, made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = own_rows(made)
    counted = next(row for row in rows if "table" in row)
    n = sum(counted["table"].values())  # type: ignore[attr-defined]
    counted["table"] = {"bothSafe": 0, "worsened": n, "improved": 0, "bothUnsafe": 0}
    (desk / "own.json").write_text(json.dumps({"evaluations": [counted]}))
    assert reproduce(desk) == 0
    told = capsys.readouterr().out
    assert f"{LAB} disagrees" in told
    assert f"{counted['metric']} / {counted['suite']} / {counted['slice']}" in told
    found = said(desk, made.keys.evaluator)
    assert (found.conclusion, [row.within for row in found.agreement]) == (Conclusion.DISAGREES, [False])
    assert attach(desk, out(desk)) == 0
    assert verify(desk) == 3
    assert f"{LAB} disagrees: 1 rows are outside their margin" in capsys.readouterr().out


def test_words_alone_are_a_disagreement_too(desk: Path, made: World) -> None:
    assert countersign(desk, "--disagreement", "Two runs were not told of.", mode="observed") == 0
    found = said(desk, made.keys.evaluator)
    assert (found.conclusion, found.disagreements) == (Conclusion.DISAGREES, ("Two runs were not told of.",))
    assert (found.relationship.paid_by, found.relationship.access_level) == (LAB, AccessLevel.ANSWERS)
    assert found.evaluator.id == f"urn:sha256:{made.keys.evaluator.key_id}"


def test_evidence_that_does_not_verify_is_not_countersigned(
    desk: Path, made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = made.signed(made.stated.encode(), by=LocalSigner.generate())
    other = make_world(desk / "other", keys=made.keys, name="other")
    grafted = replace(made.parts, unverified_manifest=other.manifest.encode())
    for content in (forged.encode(), grafted.encode()):
        (desk / "m.json").write_bytes(content)
        assert reproduce(desk) == 1
        assert "not countersigned" in capsys.readouterr().err
    stolen = made.keys.changed(made.keys.issuer, compromised_at="2026-03-01T20:00:00Z")
    (desk / "m.json").write_bytes(made.parts.encode())
    (desk / "trust.json").write_bytes(made.keys.file_of(stolen))
    assert reproduce(desk) == 4
    assert "nobody can tell who signed" in capsys.readouterr().err
    assert not out(desk).exists()


def test_genuine_bad_news_may_be_countersigned(desk: Path, made: World, capsys: pytest.CaptureFixture[str]) -> None:
    blocked = make_world(desk / "blocked", BAD, keys=made.keys)
    (desk / "m.json").write_bytes(replace(blocked.parts, unverified_status=None).encode())
    (desk / "own.json").write_text(json.dumps({"evaluations": own_rows(blocked)}))
    assert reproduce(desk) == 0
    told = capsys.readouterr().out
    assert "the evidence is genuine; outcome FAIL" in told
    assert "status STALE" in told
    assert said(desk, made.keys.evaluator).conclusion is Conclusion.AGREES


def test_a_job_without_a_model_has_nothing_to_evaluate(
    desk: Path, made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = replace(make_failed(made.plan, made.keys), unverified_status=made.listed())
    (desk / "m.json").write_bytes(failed.encode())
    assert countersign(desk, mode="observed") == 2
    assert "made no model" in capsys.readouterr().err


def test_whose_key_it_is_must_fit_the_trust_root(desk: Path, made: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce(desk, name="Somebody else") == 2
    assert f"belongs to '{LAB}'" in capsys.readouterr().err
    assert reproduce(desk, key="issuer", name=ISSUER) == 2
    assert "has the role issuer" in capsys.readouterr().err
    assert reproduce(desk, "--now", "2027-02-01T00:00:00Z") == 1
    assert "nobody would believe --key" in capsys.readouterr().err
    assert not out(desk).exists()
    assert reproduce(desk, key="house", name=ISSUER) == 0
    assert "not independent of the issuer" in capsys.readouterr().out
    (desk / "new.key").write_bytes(LocalSigner.generate().private_pem())
    assert reproduce(desk, key="new", name="A newcomer") == 0
    assert "does not know this key yet" in capsys.readouterr().out


def test_an_encrypted_key_opens_with_the_passphrase_from_the_environment(
    desk: Path, made: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    private = serialization.load_pem_private_key(made.keys.evaluator.private_pem(), None)
    sealed = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"otter")
    )
    (desk / "sealed.key").write_bytes(sealed)
    monkeypatch.delenv("TUNEPROOF_SIGNING_PASSPHRASE", raising=False)
    assert reproduce(desk, key="sealed") == 2
    assert "set TUNEPROOF_SIGNING_PASSPHRASE" in capsys.readouterr().err
    monkeypatch.setenv("TUNEPROOF_SIGNING_PASSPHRASE", "weasel")
    assert reproduce(desk, key="sealed") == 2
    assert "opens with this passphrase" in capsys.readouterr().err
    assert reproduce(desk) == 0  # a key that is not encrypted needs none
    monkeypatch.setenv("TUNEPROOF_SIGNING_PASSPHRASE", "otter")
    assert reproduce(desk, key="sealed") == 0
    assert said(desk, made.keys.evaluator).conclusion is Conclusion.AGREES


@pytest.mark.parametrize(
    ("evaluations", "words"),
    [
        ("nothing", "is not JSON"),
        ("[]", "must be an object"),
        ('{"evaluations": [{"metric": "m", "suite": "s", "slice": "*"}]}', "evaluations[0]: the attestation has no row m / s / *"),
        ('{"evaluations": [{"metric": "m", "suite": "s"}]}', "evaluations.evaluations[0]: the field 'slice' is missing"),
        ('{"evaluations": [{"metric": "m", "suite": "s", "slice": "*", "within": true}]}', "'within' is not known"),
        ('{"evaluations": []}', "reproduced has rows of its own"),
    ],
)  # fmt: skip
def test_evaluations_that_cannot_be_read_are_named(
    desk: Path, evaluations: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk / "own.json").write_text(evaluations)
    assert reproduce(desk) == 2
    assert words in capsys.readouterr().err
    assert not out(desk).exists()


def test_a_row_twice_and_a_row_with_nothing_in_it_are_refused(
    desk: Path, made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    row = next(row for row in own_rows(made) if "table" in row)
    (desk / "own.json").write_text(json.dumps({"evaluations": [row, row]}))
    assert reproduce(desk) == 2
    assert "each is there once" in capsys.readouterr().err
    (desk / "own.json").write_text(json.dumps({"evaluations": [{**row, "notRun": "why not"}]}))
    assert reproduce(desk) == 2
    assert "exactly one of table, differences and notRun" in capsys.readouterr().err
    assert countersign(desk, "--disagreement", "", mode="observed") == 2
    assert "disagreements[0]: must be text" in capsys.readouterr().err


def test_the_order_in_which_statements_are_attached_changes_nothing(desk: Path, made: World) -> None:
    lab, issuer = made.keys.evaluator, made.keys.issuer
    early = made.countersigned(at="2026-03-01T13:00:00Z")
    statements = {
        "late": frame.seal(made.countersigned(), lab),
        "early": frame.seal(early, lab),
        "second": frame.seal(made.noticed(NoticeKind.CORRECTION, reason="the second"), issuer),
        "first": frame.seal(made.noticed(NoticeKind.CORRECTION, at="2026-03-01T12:30:00Z"), issuer),
    }
    for name, envelope in statements.items():
        (desk / f"{name}.sigstore.json").write_text(json.dumps(bundle.sigstore_json(envelope), indent=1))
    paths = [desk / f"{name}.sigstore.json" for name in statements]
    assert attach(desk, *paths) == 0
    at_once = (desk / "with.json").read_bytes()
    (desk / "grown.json").write_bytes((desk / "m.json").read_bytes())
    for path in reversed(paths):
        assert attach(desk, path, into="grown.json") == 0
        (desk / "grown.json").write_bytes((desk / "with.json").read_bytes())
    assert (desk / "grown.json").read_bytes() == at_once
    parts = bundle.parse(at_once)
    ordered = [statements[name] for name in ("early", "late", "first", "second")]
    assert parts.unverified_statements == (*made.parts.unverified_statements, *ordered)
    assert replace(parts, unverified_statements=made.parts.unverified_statements) == made.parts
    assert verify(desk) == 0


def test_what_has_no_place_in_the_bundle_is_refused(
    desk: Path, made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    other = make_world(desk / "other", keys=made.keys, name="other")
    graft = frame.seal(other.countersigned(), made.keys.evaluator)
    plan = frame.seal(made.signed_plan, made.keys.issuer)
    for name, envelope in (("graft", graft), ("plan", plan)):
        (desk / f"{name}.json").write_bytes(canonical.encode(bundle.sigstore_json(envelope)))
    assert reproduce(desk) == 0
    (desk / "junk.json").write_text("{}")
    for files, words in (
        (["graft.json"], "about the attestation"),
        (["plan.json"], "only countersignatures and notices"),
        (["c.sigstore.json", "c.sigstore.json"], "statement 2 is in the bundle already"),
        (["junk.json"], "junk.json: "),
        (["m.json"], "m.json: "),
        (["nowhere.json"], "nowhere.json: "),
    ):
        capsys.readouterr()
        assert attach(desk, *(desk / name for name in files)) == 2, files
        assert words in capsys.readouterr().err
        assert not (desk / "with.json").exists()
    assert attach(desk, out(desk)) == 0
    capsys.readouterr()
    assert attach(desk, out(desk), into="with.json") == 2
    assert "in the bundle already" in capsys.readouterr().err


def test_a_bundle_takes_so_many_statements_and_no_more(desk: Path, made: World) -> None:
    room = bundle.MAX_STATEMENTS - len(made.parts.unverified_statements)
    paths = []
    for number in range(room + 1):
        notice = frame.seal(made.noticed(NoticeKind.CORRECTION, reason=f"number {number}"), made.keys.issuer)
        paths.append(desk / f"{number}.json")
        paths[-1].write_bytes(canonical.encode(bundle.sigstore_json(notice)))
    assert attach(desk, *paths) == 2
    assert attach(desk, *paths[1:]) == 0
    assert verify(desk) == 0


def test_the_form_in_the_help_and_in_the_docs_can_be_signed(
    desk: Path, made: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run("countersign", "--help")
    shown = capsys.readouterr().out
    form = json.loads(shown[shown.index('{"evaluations"') : shown.index("A table counts")])
    assert [sorted(set(row) - {"metric", "suite", "slice"}) for row in form["evaluations"]] == [
        ["table"], ["differences"], ["notRun"]
    ]  # fmt: skip
    (desk / "own.json").write_text(json.dumps(form))
    assert reproduce(desk) == 0
    assert [row.within for row in said(desk, made.keys.evaluator).agreement] == [True, True]
    page = Path(__file__).parents[3] / "docs" / "status.md"
    if page.exists():  # the wheel is tested without it
        written = page.read_text()
        block = written[written.index('{"evaluations"') :]
        assert json.loads(block[: block.index("```")]) == form
