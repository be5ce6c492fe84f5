"""model.sig, which was made from a manifest without reading the model: the `model_signing` tool accepts it and finds every change.

Its default leaves `.git`, `.gitignore`, `.gitattributes` and `.github` out on both sides, so an added `.github/evil.py` passes
there. Ours lists every file; the tool must be told to look at every file too, by `--no-ignore-git-paths`.
"""

import json
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from attestations import manifest
from attestations.keys import LocalSigner
from tests.conformance.conftest import Exploded
from tests.conformance.tools import python_with, run

Verify = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def model(exploded: Exploded, tmp_path: Path) -> Path:
    """A copy of the model that may be changed."""
    return Path(shutil.copytree(exploded.complete.model_dir, tmp_path / "model"))


@pytest.fixture
def verify(exploded: Exploded, model: Path) -> Verify:
    """Runs the tool on the copy with the bundle's own model.sig, unless another file or key is given."""
    program = python_with("model_signing").with_name("model_signing")

    def call(signature: Path | None = None, key: Path | None = None) -> subprocess.CompletedProcess[str]:
        signature, key = signature or exploded.directory / "model.sig", key or exploded.key("model")
        command = [str(program), "verify", "key", str(model), "--signature", str(signature)]
        return run([*command, "--public_key", str(key), "--no-ignore-git-paths"], cwd=model.parent)

    return call


def test_the_tool_accepts_our_signature_beside_the_model_and_inside_it(
    verify: Verify, exploded: Exploded, model: Path
) -> None:
    done = verify()
    assert (done.returncode, done.stdout.strip()) == (0, "Verification succeeded"), done.stderr
    inside = Path(shutil.copy(exploded.directory / "model.sig", model / "model.sig"))
    assert verify(inside).returncode == 0


def add(model: Path) -> None:
    (model / "added.py").write_text("x")


def add_below_github(model: Path) -> None:
    (model / ".github").mkdir()
    (model / ".github" / "evil.py").write_text("x")


def change(model: Path) -> None:
    (model / "chat_template.jinja").write_text("another template")


def rename(model: Path) -> None:
    (model / "chat_template.jinja").rename(model / "template.jinja")


def remove(model: Path) -> None:
    (model / ".hidden").unlink()


def rename_in_order(model: Path) -> None:
    """The digests keep their order, so the root digest alone would not tell."""
    (model / "adapter" / "adapter_config.json").rename(model / "adapter" / "adapter_aonfig.json")


@pytest.mark.parametrize("cheat", [add, add_below_github, change, rename, remove, rename_in_order])
def test_the_tool_finds_every_change(verify: Verify, model: Path, cheat: Callable[[Path], None]) -> None:
    cheat(model)
    done = verify()
    assert done.returncode == 1
    assert "Signature mismatch" in done.stderr


def test_the_tool_refuses_another_key(verify: Verify, tmp_path: Path) -> None:
    (tmp_path / "stranger.pem").write_text(LocalSigner.generate().public_pem)
    done = verify(key=tmp_path / "stranger.pem")
    assert done.returncode == 1
    assert "Key mismatch" in done.stderr


def test_the_tool_makes_the_same_statement_of_the_same_model(exploded: Exploded, model: Path, tmp_path: Path) -> None:
    program = python_with("model_signing").with_name("model_signing")
    (tmp_path / "private.pem").write_bytes(LocalSigner.generate().private_pem())
    signature = tmp_path / "theirs.sig"
    command = [str(program), "sign", "key", str(model), "--signature", str(signature)]
    done = run([*command, "--private_key", str(tmp_path / "private.pem"), "--no-ignore-git-paths"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(b64decode(json.loads(signature.read_bytes())["dsseEnvelope"]["payload"]))
    ours = json.loads(exploded.complete.model_sig.encode())
    assert theirs["subject"] == ours["subject"]
    assert theirs["predicate"]["resources"] == ours["predicate"]["resources"]
    assert manifest.differences(exploded.complete.manifest, model) == []
