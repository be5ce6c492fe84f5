"""Other people's tools, unmodified, where they are installed: `tests/conformance/install.sh` (`make conformance`) does that.

They live in places of their own, because what they need does not fit what the service needs: a virtual environment whose
interpreter TUNEPROOF_CONFORMANCE_PYTHON names, and a directory with node_modules that TUNEPROOF_CONFORMANCE_NODE names. Without
these variables the places are those of `make conformance`. A test whose tool is missing is skipped and says which.
"""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).resolve().parents[2]
_LIMIT = 120
"""Seconds that a tool may take."""


def python_with(*modules: str) -> Path:
    """The interpreter of the environment that has these modules; skips where there is none."""
    named = os.environ.get("TUNEPROOF_CONFORMANCE_PYTHON")
    python = Path(named) if named else _REPOSITORY / ".venv-conformance" / "bin" / "python"
    if not python.is_file():
        pytest.skip(f"needs {', '.join(modules)}: run make conformance, or set TUNEPROOF_CONFORMANCE_PYTHON")
    missing = [module for module in modules if not _has_module(python, module)]
    if missing:
        pytest.skip(f"the conformance environment has no {', '.join(missing)}")
    return python


def node_modules(*packages: str) -> Path:
    """The directory whose node_modules has these packages; skips where there is none, or no node."""
    named = os.environ.get("TUNEPROOF_CONFORMANCE_NODE")
    directory = Path(named) if named else _REPOSITORY / ".venv-conformance" / "node"
    if not shutil.which("node"):
        pytest.skip("needs node")
    missing = [one for one in packages if not (directory / "node_modules" / one / "package.json").is_file()]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: run make conformance, or set TUNEPROOF_CONFORMANCE_NODE")
    return directory


def openssl() -> str:
    found = shutil.which("openssl")
    if not found:
        pytest.skip("needs openssl")
    return found


def run_python(python: Path, script: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a script with the other environment's interpreter alone: nothing of this repository is importable there."""
    return run([str(python), "-I", "-c", script, *map(str, arguments)], cwd=Path("/"))


def run_node(directory: Path, script: str, value: object) -> subprocess.CompletedProcess[str]:
    """Runs a CommonJS script that finds the packages and reads one JSON value from its standard input."""
    environment = {"PATH": os.environ["PATH"], "NODE_PATH": str(directory / "node_modules")}
    return run(["node", "-e", script], given=json.dumps(value), env=environment, cwd=directory)


def run(
    command: list[str], *, given: str | None = None, env: dict[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The tool's exit status and what it printed; `env` replaces the environment."""
    return subprocess.run(
        command, input=given, env=env, cwd=cwd, capture_output=True, check=False, text=True, timeout=_LIMIT
    )


@cache
def _has_module(python: Path, module: str) -> bool:
    return run([str(python), "-I", "-c", f"import {module}"], cwd=Path("/")).returncode == 0
