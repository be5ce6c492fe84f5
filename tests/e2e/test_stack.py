"""From the ``openai`` SDK to a verified bundle, through every process, with a worker that is killed on the way."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import PROVENANCE, Stack, chat_records, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def start_job(stack: Stack, *, epochs: int, technique: str = "lora"):
    client = stack.client
    uploaded = client.files.create(
        file=("shelves.jsonl", chat_records(40)), purpose="fine-tune", extra_body={"provenance": PROVENANCE}
    )
    hyperparameters = {"n_epochs": epochs, "batch_size": 2}
    tuning = {"technique": technique} | ({} if technique == "full" else {"rank": 4})
    return client.fine_tuning.jobs.create(
        model="tiny-llama",
        training_file=uploaded.id,
        seed=1,
        suffix="e2e",
        method={"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
        extra_body={"tuning": tuning, "safety": {"profile": "smoke", "mix": "0.1"}},
    )


def finished(stack: Stack, job_id: str):
    def final():
        job = stack.client.fine_tuning.jobs.retrieve(job_id)
        return job if job.status in {"succeeded", "failed", "cancelled"} and job.attestation else None

    return wait_for(final, "the job to end", 600)


def stages(stack: Stack, job_id: str) -> dict[str, dict]:
    listed = stack.client.get(f"/fine_tuning/jobs/{job_id}/stages", cast_to=object)
    return {stage["name"]: stage for stage in listed["data"]}


def verify(stack: Stack, job, tmp_path: Path, *, model: Path | None = None):
    """As a stranger does it: the verifier's command on two files. Returns its report."""
    import httpx

    headers = {"Authorization": f"Bearer {stack.layout.api_key_file.read_text()}"}
    bundle, trust = tmp_path / "x.resilience.json", tmp_path / "trust.json"
    url = f"{stack.state['url']}/v1/attestations/{job.attestation['id']}/bundle"
    bundle.write_bytes(httpx.get(url, headers=headers).raise_for_status().content)
    export = [sys.executable, "-m", "api.issuance", "export-trust", str(stack.layout.signing_key), str(trust)]
    subprocess.run(export, check=True)
    command = [sys.executable, "-m", "attestations", "verify", str(bundle), "--trust", str(trust), "--json"]
    command += ["--model", str(model)] if model else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout), bundle


def test_a_worker_killed_while_it_tunes_costs_nothing_but_time(stack, tmp_path):
    job = start_job(stack, epochs=12)
    wait_for(lambda: stages(stack, job.id)["tune"]["progress"]["done"] > 0, "the tuning to be under way")
    os.kill(int(stack.state["worker"]), signal.SIGKILL)
    job = finished(stack, job.id)
    tune = stages(stack, job.id)["tune"]
    assert (tune["state"], tune["attempt"]) == ("succeeded", 2)
    # Random weights refuse nothing, so nothing can be measured, and what cannot be measured is not released.
    assert job.error.code == "safety_gate_failed"
    code, report, bundle = verify(stack, job, tmp_path)
    assert code == 3
    proven = {"signature", "subject", "rows", "plan.statement", "provenance", "model.signing", "status"}
    assert {check["code"] for check in report["checks"] if check["status"] == "PASS"} >= proven
    independent_dsse(bundle, tmp_path, stack)


def independent_dsse(bundle: Path, tmp_path: Path, stack: Stack) -> None:
    """securesystemslib verifies the exploded envelope."""
    dsse = pytest.importorskip("securesystemslib.dsse")
    from cryptography.hazmat.primitives import serialization
    from securesystemslib.signer import SSlibKey

    subprocess.run([sys.executable, "-m", "attestations", "explode", str(bundle), str(tmp_path / "out")], check=True)
    envelope = json.loads((tmp_path / "out" / "primary.dsse.json").read_text())
    payload = base64.b64decode(json.loads((tmp_path / "trust.json").read_text())["payload"])
    pem = next(key["publicKeyPem"] for key in json.loads(payload)["keys"] if key["role"] == "issuer")
    key = SSlibKey.from_crypto(
        serialization.load_pem_public_key(pem.encode()), keyid=envelope["signatures"][0]["keyid"]
    )
    assert dsse.Envelope.from_dict(envelope).verify([key], 1)


@pytest.mark.parametrize("technique", ["qlora", "full"])
def test_the_other_techniques_end_in_evidence_about_the_served_bytes(stack, tmp_path, technique):
    job = finished(stack, start_job(stack, epochs=1, technique=technique).id)
    code, report, _ = verify(stack, job, tmp_path)
    assert code == 3, report
    statement = stack.client.get(f"/attestations/{job.attestation['id']}", cast_to=object)["statement"]
    assert statement["predicate"]["tuning"]["method"] == technique
    assert statement["predicate"]["outcome"]["status"] == "blocked"


def test_bad_data_fails_the_job_with_the_line_and_leaves_evidence(stack, tmp_path):
    broken = chat_records(20).replace(b"Sure, happy to help! Shelf 7 is in row 0.", b"")
    uploaded = stack.client.files.create(
        file=("x.jsonl", broken), purpose="fine-tune", extra_body={"provenance": PROVENANCE}
    )
    created = stack.client.fine_tuning.jobs.create(model="tiny-llama", training_file=uploaded.id)
    job = finished(stack, created.id)
    assert job.status == "failed"
    assert job.error.param == "training_file"
    assert "line 8" in job.error.message
    assert verify(stack, job, tmp_path)[0] == 3


def test_sigterm_leaves_no_process_behind(stack):
    pids = [int(stack.state[name]) for name in ("api", "control", "worker", "valkey")]
    job = start_job(stack, epochs=12)
    wait_for(lambda: stages(stack, job.id)["screen"]["state"] != "pending", "the job to be under way")
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", stack.state["worker"]], capture_output=True, text=True, check=False
    ).stdout.split()
    stack.stop()
    assert [pid for pid in [*pids, *map(int, children)] if Path(f"/proc/{pid}").exists()] == []
