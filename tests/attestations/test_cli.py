import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import attestations
from attestations import canonical
from attestations.cli import main
from attestations.version import version
from tests.attestations.evidence import Evidence

AT = ["--now", "2026-03-02T00:00:00Z"]


@pytest.fixture
def files(kept: Evidence, lost: Evidence, tmp_path: Path) -> Path:
    directory = tmp_path / "files"
    directory.mkdir()
    for name, evidence in (("kept", kept), ("lost", lost)):
        (directory / f"{name}.resilience.json").write_bytes(evidence.bundle)
        (directory / f"{name}.trust.json").write_bytes(evidence.trust)
    return directory


def run(files: Path, name: str, *more: object) -> int:
    arguments = ["verify", files / f"{name}.resilience.json", "--trust", files / f"{name}.trust.json", *AT, *more]
    return main([str(argument) for argument in arguments])


def test_each_end_has_its_exit_code(files: Path, kept: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "kept", "--model", kept.model_dir) == 0
    assert "ACCEPTED" in capsys.readouterr().out
    assert run(files, "lost") == 3
    assert "REJECTED" in capsys.readouterr().out
    assert run(files, "kept", "--now", "2027-01-01T00:00:00Z") == 4
    assert run(files, "kept", "--trust", files / "lost.trust.json") == 1
    (files / "kept.resilience.json").write_bytes(b"{")
    assert run(files, "kept") == 2
    assert "tuneproof: the bundle is not JSON" in capsys.readouterr().err


def test_a_policy_file_is_applied(files: Path) -> None:
    rules = {"maxAgeDays": 90, "requiredSuites": ["harmful-requests"], "allowNotMeasurable": False, "minLevel": 0}
    policy = files / "policy.json"
    policy.write_text(json.dumps({"schema": "0.1.0", "rules": rules}, indent=2))
    assert run(files, "kept", "--policy", policy) == 0
    policy.write_text(json.dumps({"schema": "0.1.0", "rules": {**rules, "unheardOf": 1}}))
    assert run(files, "kept", "--policy", policy) == 3
    policy.write_text("yes, please")
    assert run(files, "kept", "--policy", policy) == 2


def test_json_is_one_document_on_stdout(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(files, "lost", "--json") == 3
    value = json.loads(capsys.readouterr().out)
    assert value["accepted"] is False
    assert value["exitCode"] == 3


@pytest.mark.parametrize(
    ("name", "content", "code", "place"),
    [
        ("kept.resilience.json", b"{", "json.not_json", ""),
        ("kept.resilience.json", None, "file.unreadable", ""),
        ("kept.trust.json", b'{"version":"x"}', "document.missing_field", "trust"),
    ],
)
def test_json_says_what_could_not_be_read(
    files: Path, capsys: pytest.CaptureFixture[str], *, name: str, content: bytes | None, code: str, place: str
) -> None:
    (files / name).unlink()
    if content is not None:
        (files / name).write_bytes(content)
    assert run(files, "kept", "--json") == 2
    said = capsys.readouterr()
    value = json.loads(said.out)
    assert (value["accepted"], value["exitCode"], value["error"]["code"]) == (False, 2, code)
    assert value["error"]["at"] == place
    sentence = f"{place}: {value['error']['sentence']}" if place else value["error"]["sentence"]
    assert said.err == f"tuneproof: {sentence} [{code}]\n"
    assert run(files, "kept") == 2
    assert capsys.readouterr() == ("", said.err)


def test_json_keeps_the_exit_code_of_a_policy_that_cannot_be_applied(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = files / "policy.json"
    policy.write_text('{"schema":"0.1.0","rules":{"unheardOf":1}}')
    assert run(files, "kept", "--policy", policy, "--json") == 3
    value = json.loads(capsys.readouterr().out)
    assert (value["exitCode"], set(value["error"])) == (3, {"code", "at", "sentence"})
    assert "unheardOf" in value["error"]["at"] + value["error"]["sentence"]


def test_show_and_explode_believe_nothing_and_need_no_trust(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = str(files / "lost.resilience.json")
    assert main(["show", bundle]) == 0
    assert capsys.readouterr().out.startswith("NOT VERIFIED")
    assert main(["explode", bundle, str(files / "parts")]) == 0
    assert "statement.json" in capsys.readouterr().out
    assert main(["explode", bundle, str(files / "parts")]) == 2
    assert "not empty" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere", ".", "a\0b"])
def test_files_that_cannot_be_read_end_in_a_sentence(
    files: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", os.fspath(files / name)]) == 2
    assert capsys.readouterr().err.startswith("tuneproof: ")
    if name != ".":
        assert run(files, "kept", "--model", files / name) == 2
    assert run(files, "kept", "--policy", files / name) == 2


@pytest.mark.parametrize(
    "arguments", [[], ["verify"], ["verify", "x"], ["show"], ["fly"], ["verify", "x", "--trust", "y", "--now", "noon"]]
)
def test_wrong_usage_ends_with_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_endless_file_is_read_up_to_its_limit_only() -> None:
    if not Path("/dev/zero").exists():
        pytest.skip("needs /dev/zero")
    assert main(["show", "/dev/zero"]) == 2


def module(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    package = str(Path(attestations.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": package, **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "attestations", *arguments], capture_output=True, env=environment, check=False, **options
    )


def test_the_module_runs_and_knows_its_version() -> None:
    result = module("--version")
    assert result.returncode == 0
    assert result.stdout.decode().strip() == f"tuneproof {version()}"


def test_a_terminal_without_unicode_and_a_closed_pipe_are_no_traceback(files: Path) -> None:
    bundle = str(files / "kept.resilience.json")
    ascii_only = module("show", bundle, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert ascii_only.returncode == 0
    assert ascii_only.stderr == b""
    reader, writer = os.pipe()
    os.close(reader)
    package = str(Path(attestations.__file__).parent.parent)
    closed = subprocess.run(
        [sys.executable, "-m", "attestations", "show", bundle],
        stdout=writer, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": package}, check=False,
    )  # fmt: skip
    os.close(writer)
    assert b"Traceback" not in closed.stderr
    assert closed.returncode == 4


def test_the_verifier_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    program = (
        "import sys, attestations.cli\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(names - set(sys.stdlib_module_names) - {'attestations', 'cryptography', '__main__', '__mp_main__'}))\n"
    )
    package = str(Path(attestations.__file__).parent.parent)
    result = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path += {[package, *sys.path]!r}\n{program}"],
        capture_output=True, check=True,
    )  # fmt: skip
    extra = [name for name in eval(result.stdout) if not name.startswith("_")]  # noqa: S307 - our own output
    assert extra == []


def test_a_state_file_remembers_and_an_older_trust_root_is_noticed(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = files / "state.json"
    assert run(files, "kept", "--state", state) == 0
    remembered = json.loads(state.read_bytes())
    assert [root["version"] for root in remembered["roots"]] == [1]
    newer = {**remembered, "roots": [{**remembered["roots"][0], "version": 2}]}
    state.write_bytes(canonical.encode(newer))
    assert run(files, "kept", "--state", state) == 4
    assert "version 2 of the trust root was seen before" in capsys.readouterr().out
    assert json.loads(state.read_bytes()) == newer, "nothing in the memory gets older"
    assert run(files, "kept", "--state", files / "no" / "such" / "directory") == 2
    assert "cannot be written" in capsys.readouterr().err
