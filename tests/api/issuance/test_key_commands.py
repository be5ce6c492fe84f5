"""The key commands as an operator runs them, from the first key to the day after a theft, and a ceremony with three keepers."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.issuance import keyfile, signing
from api.issuance.__main__ import main
from api.issuance.keyring import Keyring
from api.settings import KeyAccess
from attestations import trust, trust_update
from attestations.documents import moment, parse_moment
from attestations.findings import Status
from attestations.keys import LocalSigner
from attestations.trust import KeyRole, TrustRoot
from tests.attestations.test_trust import certificate

ISSUER = "https://tuning.example"
ROOT = Path(__file__).parents[3]

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in [name for name in os.environ if name.startswith("TUNEPROOF_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TUNEPROOF_ISSUER", ISSUER)

    def command(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["issuance", *map(str, arguments)])
        return main()

    return command


@pytest.fixture
def key(tmp_path: Path, run: Run) -> Path:
    """The keys of a development installation."""
    path = tmp_path / "keys" / "issuer.pem"
    assert run("create-key", path) == 0
    return path


def exported(key: Path) -> TrustRoot:
    return trust.parse(key.with_suffix(".trust.json").read_bytes())


def test_one_command_makes_all_that_development_needs(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "keys" / "issuer.pem"
    assert run("create-key", key) == 0
    root = exported(key)
    assert capsys.readouterr().out == f"{root.issuer_keys()[0].key_id}\n"
    assert (root.version, root.threshold, root.issuer) == (1, 1, ISSUER)
    assert [key.role for key in root.keys] == [KeyRole.ROOT, KeyRole.ISSUER, KeyRole.STATUS]
    for name, role in (("issuer", "issuer"), ("issuer.status", "status"), ("issuer.root", "root")):
        file = key.with_name(f"{name}.pem")
        assert file.stat().st_mode & 0o777 == 0o600
        assert keyfile.load(file).key_id == root.keys_of(KeyRole(role))[0].key_id
    assert signing.open_signer(signing.status_key(str(key), None), KeyAccess()).sign(b"m")
    target = key.with_name("trust.json")
    for place in (key, key.with_suffix(".trust")):
        assert run("export-trust", place, target) == 0
        assert target.read_bytes() == key.with_suffix(".trust.json").read_bytes()


def test_a_trust_root_goes_to_a_file_or_to_a_folder_that_is_made(
    key: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newest, first = (key.with_suffix(suffix) for suffix in (".trust.json", ".trust"))
    assert run("export-trust", key, tmp_path / "plain") == 0
    assert (tmp_path / "plain").read_bytes() == newest.read_bytes()
    assert f"version 1 is in the file {tmp_path / 'plain'}" in capsys.readouterr().err
    folder = tmp_path / "site" / "trust"
    for name in (f"{folder}/", folder):
        assert run("export-trust", key, name) == 0
        assert f"1.root.json to 1.root.json, is in the folder {folder}" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["1.root.json"]
    assert (folder / "1.root.json").read_bytes() == (first / "1.root.json").read_bytes()
    assert run("export-trust", key, f"{tmp_path / 'plain'}/") == 1


def test_the_module_runs_as_a_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "api.issuance", "create-key", str(tmp_path / "k.pem")]
    env = {"PATH": os.environ["PATH"], "TUNEPROOF_SIGNING_PASSPHRASE": "correct horse"}
    lacking = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert lacking.returncode == 1
    assert "TUNEPROOF_ISSUER" in lacking.stderr
    assert not list(tmp_path.iterdir())
    made = subprocess.run(
        command, cwd=ROOT, env={**env, "TUNEPROOF_ISSUER": ISSUER}, capture_output=True, text=True, check=True
    )
    assert made.stdout.strip() == keyfile.load(tmp_path / "k.pem", passphrase="correct horse").key_id
    assert b"ENCRYPTED" in (tmp_path / "k.root.pem").read_bytes()


def test_what_exists_is_never_made_again(key: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in key.parent.rglob("*") if path.is_file()}
    assert run("create-key", key) == 1
    assert "signed trust root already" in capsys.readouterr().err
    assert run("upgrade-trust", key) == 1
    shutil.rmtree(key.with_suffix(".trust"))
    assert run("create-key", key) == 1
    assert "never overwritten" in capsys.readouterr().err
    assert {path: content for path, content in before.items() if path.exists() and path.read_bytes() != content} == {}


def test_a_crash_before_the_issuers_key_leaves_nothing_in_the_way(tmp_path: Path, run: Run) -> None:
    key = tmp_path / "issuer.pem"
    keyfile.create(tmp_path / "issuer.root.pem")
    assert run("create-key", key) == 0
    shutil.rmtree(key.with_suffix(".trust"))
    key.with_suffix(".trust.json").unlink()
    assert run("upgrade-trust", key) == 0
    assert exported(key).issuer_keys()[0].key_id == keyfile.load(key).key_id


def test_an_installation_with_an_unsigned_trust_root_gets_a_signed_one(tmp_path: Path, run: Run) -> None:
    key = tmp_path / "issuer.pem"
    signer = keyfile.create(key)
    old = trust.trusted_key(signer.public_pem, "2026-01-01T00:00:00Z", "2027-12-31T00:00:00Z")
    key.with_suffix(".trust.json").write_bytes(TrustRoot(version=1, issuer=ISSUER, keys=(old,)).encode())
    assert run("export-trust", key, tmp_path / "x.json") == 1
    assert run("upgrade-trust", key) == 0
    assert exported(key).issuer_keys() == (old,)
    assert exported(key).threshold == 1


def test_a_rotation_keeps_the_old_key_for_what_it_signed(
    key: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    first, new = exported(key), key.with_name("issuer-2.pem")
    assert run("rotate-key", key, new) == 0
    assert f"TUNEPROOF_SIGNING_KEY={new}" in capsys.readouterr().err
    second = exported(key)
    old_key, new_key = second.issuer_keys()
    assert (old_key.key_id, new_key.key_id) == (first.issuer_keys()[0].key_id, keyfile.load(new).key_id)
    made = parse_moment(second.created_at)
    assert parse_moment(old_key.valid_until) == made + timedelta(days=7)
    assert trust.believed(old_key, claimed=made, proven=None).status is Status.PASS
    assert trust.believed(old_key, claimed=made + timedelta(days=8), proven=None).status is Status.FAIL
    assert trust_update.update(first, key.with_suffix(".trust.json").read_bytes()) == second
    assert run("rotate-key", key, key.with_name("status-2.pem"), "--role", "status", "--overlap-days", "0") == 0
    assert len(exported(key).keys_of(KeyRole.STATUS)) == 2
    assert run("rotate-key", key, key.with_name("x.pem"), "--overlap-days", "-1") == 1
    assert run("rotate-key", key, new) == 1, "a key that is known is no new one"
    assert exported(key).version == 3


def test_a_theft_is_told_and_the_next_key_is_believed(key: Path, run: Run) -> None:
    stolen = exported(key).issuer_keys()[0]
    now = datetime.now(UTC)
    at = moment(now - timedelta(hours=1))
    assert run("compromise-key", key, stolen.key_id[:8], "--at", at) == 0
    assert run("rotate-key", key, key.with_name("issuer-2.pem"), "--overlap-days", "0") == 0
    old_key, new_key = exported(key).issuer_keys()
    assert old_key.compromised_at == at
    assert trust.believed(old_key, claimed=now, proven=None).status is Status.FAIL
    assert new_key.compromised_at is None
    assert run("compromise-key", key, stolen.key_id, "--at", moment(now + timedelta(days=1))) == 1
    assert run("compromise-key", key, "00000000", "--at", at) == 1
    with pytest.raises(SystemExit):
        run("compromise-key", key, stolen.key_id, "--at", "yesterday")


def test_others_are_believed_for_what_they_are_there_for(key: Path, run: Run, tmp_path: Path) -> None:
    evaluator, authority = LocalSigner.generate(), tmp_path / "tsa.pem"
    (tmp_path / "evaluator.pem").write_text(evaluator.public_pem)
    authority.write_text(certificate())
    assert run("add-evaluator", key, tmp_path / "evaluator.pem", "--owner", "the evaluators") == 0
    assert run("add-timestamp-authority", key, authority, "--id", "a clock") == 0
    root = exported(key)
    added = root.keys_of(KeyRole.EVALUATOR)[0]
    assert (added.key_id, added.owner) == (evaluator.key_id, "the evaluators")
    assert root.timestamp_authorities[0].id == "a clock"
    assert root.timestamp_authorities[0].valid_from == "2026-01-01T00:00:00Z"
    for wrong in (authority, tmp_path / "missing.pem"):
        assert run("add-evaluator", key, wrong, "--owner", "x") == 1
    assert run("add-timestamp-authority", key, tmp_path / "evaluator.pem", "--id", "x") == 1
    assert exported(key).version == 3


def test_a_trust_root_is_renewed_and_every_version_exported(key: Path, run: Run, tmp_path: Path) -> None:
    assert run("renew-trust", key) == 0
    folder = tmp_path / "published"
    folder.mkdir()
    assert run("export-trust", key, folder) == 0
    first, second = (folder / f"{n}.root.json" for n in (1, 2))
    assert trust_update.update(trust.parse(first.read_bytes()), second.read_bytes()).version == 2


def test_a_history_that_was_meddled_with_is_handed_to_nobody(
    key: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("renew-trust", key) == 0
    second = key.with_suffix(".trust") / "2.root.json"
    second.write_bytes((key.with_suffix(".trust") / "1.root.json").read_bytes())
    assert run("export-trust", key, tmp_path / "t.json") == 1
    assert run("renew-trust", key) == 1
    assert "do not follow" in capsys.readouterr().err
    assert not (tmp_path / "t.json").exists()


@pytest.fixture
def keepers(tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> list[Path]:
    """Root keys of three people, each in a folder of their own, with the public half beside it."""
    files = [tmp_path / name / "root.pem" for name in ("ada", "ben", "cleo")]
    for file in files:
        assert run("create-root-key", file) == 0
        file.with_suffix(".pub").write_text(capsys.readouterr().out)
    return files


def test_a_ceremony_begins_with_public_halves_and_ends_when_enough_have_signed(
    tmp_path: Path, run: Run, keepers: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    key, publics = tmp_path / "service" / "issuer.pem", [file.with_suffix(".pub") for file in keepers]
    options = [word for public in publics for word in ("--root-public", public)]
    assert run("create-key", key, *options) == 1, "with several root keys somebody must say how many sign"
    assert run("create-key", key, *options, "--threshold", "4") == 1
    assert not key.exists()
    assert run("create-key", key, *options, "--threshold", "2") == 0
    keyring = Keyring.at(key)
    assert not key.with_suffix(".root.pem").exists()
    assert run("export-trust", key, tmp_path / "t.json") == 1, "nothing is there that anybody would believe"
    carried = tmp_path / "stick.json"
    shutil.copy(keyring.draft, carried)
    assert run("sign-trust", carried, keepers[0]) == 0
    assert ISSUER in capsys.readouterr().err, "a keeper sees what the key signs"
    assert run("sign-trust", carried, keepers[0]) == 0
    assert run("publish-trust", key, carried) == 1, "one key that signs twice is one key"
    assert "must sign" in capsys.readouterr().err
    assert run("sign-trust", carried, keepers[2]) == 0
    assert run("publish-trust", key, carried) == 0
    assert exported(key).threshold == 2
    assert not keyring.draft.exists()


def test_development_grows_up_root_keys_go_to_people_one_change_at_a_time(
    key: Path, run: Run, keepers: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    first, keyring = exported(key), Keyring.at(key)
    publics = [file.with_suffix(".pub") for file in keepers]
    assert run("replace-roots", key, *publics, "--threshold", "2") == 0
    assert exported(key) == first, "the new keys have not signed yet"
    assert run("renew-trust", key) == 1
    assert "waits for signatures" in capsys.readouterr().err
    assert run("rotate-key", key, key.with_name("unmade.pem")) == 1
    assert not key.with_name("unmade.pem").exists()
    for keeper in keepers[:2]:
        assert run("sign-trust", keyring.draft, keeper) == 0
    assert run("publish-trust", key) == 0
    assert [one.key_id for one in exported(key).keys_of(KeyRole.ROOT)] == [keyfile.load(one).key_id for one in keepers]
    assert run("renew-trust", key) == 1, "the root key of development counts no more"
    assert "no root keys that count" in capsys.readouterr().err
    key.with_suffix(".root.pem").unlink()
    signers = [word for keeper in keepers[1:] for word in ("--root-key", keeper)]
    assert run("renew-trust", key, *signers) == 0
    assert trust_update.advance(first, keyring.history()[1:]).version == 3


def test_a_strangers_signature_changes_nothing(
    key: Path, run: Run, keepers: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("renew-trust", key, "--root-key", keepers[0]) == 1
    key.with_suffix(".root.pem").rename(tmp_path / "away.pem")
    assert run("renew-trust", key) == 0
    draft = Keyring.at(key).draft
    assert run("sign-trust", draft, keepers[0]) == 0
    assert "no root key of the draft" in capsys.readouterr().err
    assert run("publish-trust", key) == 1
    assert run("sign-trust", draft, tmp_path / "away.pem") == 0
    assert run("publish-trust", key) == 0
    assert exported(key).version == 2
    assert run("sign-trust", key.with_suffix(".pem"), keepers[0]) == 1, "a key file is no draft"


def test_a_key_outside_files_needs_a_folder_for_its_trust_roots(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("create-key", "awskms:alias/issuer") == 1
    assert "--trust-dir" in capsys.readouterr().err
    assert run("create-key", "awskms:alias/issuer", "--trust-dir", tmp_path / "k.trust") == 1
    assert "TUNEPROOF_STATUS_KEY" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert run("public-key", "gcp:x") == 1


def test_the_public_half_of_any_key_is_printed(key: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run("public-key", f"file:{key}") == 0
    assert capsys.readouterr().out == keyfile.load(key).public_pem
