"""What the README tells buyers to type runs as it stands, on the sample that it names."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def commands(heading: str) -> str:
    """The shell blocks of a section, without what installs."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    return "\n".join(re.sub(r"^pip install .*$", "", block, flags=re.MULTILINE) for block in blocks)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_what_buyers_type_runs_as_it_stands(tmp_path):
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    script = f'set -eu\ntuneproof() {{ "{sys.executable}" -m attestations "$@"; }}\n{commands("For buyers")}'
    done = subprocess.run(
        ["bash", "-c", script],
        check=False,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    said = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    assert said.count("ACCEPTED\n") == 3
    assert "Evidence is accepted where the default checks hold, and:" in said
    made = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert made >= {"seen.json", "policy.json", "verdict.sigstore.json", "verify.html"}
