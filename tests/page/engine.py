"""Runs the page's verifier under node beside the command line's, on the same bytes, and says where they differ.

Both must come to the same checks, in the same order, with the same codes, statuses and sentences, and to the same exit code; a
document that cannot be read must be refused under the same code, and in the same words where these say what to do
(`SAME_WORDS`). `OWN_WORDS` are the checks that the page cannot make and
says so in words of its own; none of them decides.
"""

import base64
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest

from attestations.errors import AttestationError
from attestations.verify import verify

HERE = Path(__file__).parent
SOURCES = HERE.parent.parent / "attestations" / "page" / "src"
SAMPLES = HERE.parent / "attestations" / "samples"
NOW = datetime(2026, 3, 2, tzinfo=UTC)
OWN_WORDS = {"model.files", "time.signing"}
SAME_WORDS = {"json.not_canonical", "json.float", "json.integer"}
FREE_REASONS = {"key.not_pem", "key.kind", "key.not_canonical"}
"""Why a text is no key is told apart by a library on one side; it is refused on both."""


@dataclass(frozen=True)
class Case:
    """What both are given."""

    name: str
    bundle: bytes
    trust: bytes
    status: str | None = None
    now: datetime = NOW

    def to_json(self) -> str:
        case: dict[str, object] = {
            "bundle": base64.b64encode(self.bundle).decode(),
            "trust": base64.b64encode(self.trust).decode(),
            "now": int(self.now.timestamp() * 1000),
        }
        if self.status is not None:
            case["status"] = base64.b64encode(self.status.encode()).decode()
        return json.dumps(case)


def node() -> str:
    """The path of a node that is new enough; skips the test where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("node is not installed, and the page's verifier is JavaScript")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.removeprefix("v").split(".")[0]) < 20:
        pytest.skip(f"node {version.strip()} is too old: the page needs what browsers of 2023 have, node 20")
    return found


def by_page(cases: list[Case]) -> list[dict]:
    """What the page's verifier finds, case by case."""
    program = [node(), str(HERE / "verify.mjs"), str(SOURCES / "verify.js")]
    given = "".join(f"{case.to_json()}\n" for case in cases)
    done = subprocess.run(program, input=given, capture_output=True, text=True, check=True, timeout=300)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(cases), done.stderr
    return found


def by_command(case: Case) -> dict:
    """What the command line finds without its extra for timestamps, which the page does not check either."""
    try:
        with patch.dict(sys.modules, {"rfc3161_client": None}):
            report = verify(case.bundle, case.trust, now=case.now, unverified_status=case.status)
    except AttestationError as error:
        return {"error": {"code": error.code, "sentence": error.sentence, "at": error.at}, "exitCode": error.exit_code}
    checks = [
        {"code": c.code, "status": c.status.value, "sentence": c.sentence, "exitCode": int(c.exit_code)}
        for c in report.checks
    ]
    return {"checks": checks, "exitCode": int(report.exit_code), "level": report.level}


def differences(cases: list[Case]) -> list[str]:
    """A sentence for each case in which the two differ; none where they are the same."""
    pairs = zip(cases, by_page(cases), strict=True)
    return [f"{case.name}: {words}" for case, found in pairs if (words := _difference(found, by_command(case)))]


def _difference(found: dict, expected: dict) -> str | None:
    if "crash" in found:
        return f"the page fell over: {found['crash']}"
    if found["exitCode"] != expected["exitCode"]:
        return f"exit code {found['exitCode']} instead of {expected['exitCode']}: {_short(found)} / {_short(expected)}"
    if "error" in expected or "error" in found:
        ours, theirs = (side.get("error", {}).get("code") for side in (found, expected))
        same = ours == theirs or {ours, theirs} <= FREE_REASONS
        if ours == theirs and (ours in SAME_WORDS or expected["error"]["sentence"].startswith("this is ")):
            same = found["error"]["sentence"] == expected["error"]["sentence"]
        return None if same else f"refused as {_short(found)} instead of {_short(expected)}"
    ours, theirs = ([_comparable(check) for check in side["checks"]] for side in (found, expected))
    if ours == theirs and found["level"] == expected["level"]:
        return None
    return f"{[one for one in ours if one not in theirs]} instead of {[one for one in theirs if one not in ours]}"


def _comparable(check: dict) -> tuple:
    sentence = "" if check["code"] in OWN_WORDS else check["sentence"]
    return check["code"], check["status"], check["exitCode"], sentence


def _short(side: dict) -> object:
    if "error" in side:
        return side["error"]
    return [(check["code"], check["status"]) for check in side["checks"] if check["status"] in ("FAIL", "STALE")]
