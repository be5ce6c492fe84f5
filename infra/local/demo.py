"""The demo: a customer with the plain ``openai`` SDK, then a stranger with the verifier.

Uploads a dataset with its provenance, starts a job, shows its stages while they run, prints what the tuning did to safety,
saves the evidence and the trust root, and has the separately installed verifier check them, say what it could not check, and
refuse a copy with one changed byte. A job that is blocked is a successful demo: negative evidence is evidence.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openai import APIStatusError, OpenAI
from rich.console import Console

from infra.local.frontier import frontier_table
from infra.local.layout import Layout
from infra.local.show import (
    StageDisplay,
    comparison_table,
    evaluation_share,
    evidence_in_words,
    not_checked_in_words,
    worse_in_words,
)
from infra.local.stack import StackError

HERE = Path(__file__).resolve().parent.parent
DEMO_DATA = HERE / "demo" / "support.jsonl"
DEMO_PROVENANCE = HERE / "demo" / "support.provenance.json"
DEMO_BASE = "smollm2-135m-aligned"
PIPED_WIDTH = 112
"""Columns where nobody's terminal says how many there are: the table fits."""
_START_SECONDS = 120


@dataclass(frozen=True, slots=True)
class DemoOptions:
    method: str
    mix: str
    data: Path
    provenance: Path
    profile: str
    epochs: int
    scaling: bool
    verifier: Path

    @classmethod
    def from_arguments(cls, chosen: argparse.Namespace) -> "DemoOptions":
        """Raises ``StackError`` for files that are not there."""
        data, provenance = chosen.data or DEMO_DATA, chosen.provenance
        if provenance is None and chosen.data is None:
            provenance = DEMO_PROVENANCE
        if provenance is None:
            raise StackError(f"say where the records of {data} come from: PROVENANCE=file.json (see docs/api.md)")
        for path in (data, provenance):
            if not path.is_file():
                raise StackError(f"{path} does not exist")
        return cls(
            method=chosen.method,
            mix=chosen.mix,
            data=data,
            provenance=provenance,
            profile=chosen.profile,
            epochs=chosen.epochs,
            scaling=chosen.scaling,
            verifier=chosen.verifier,
        )


def run_demo(layout: Layout, options: DemoOptions) -> int:
    """0 when the evidence was issued and verified, whatever the gate decided; 1 when it waits for a person's review."""
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(143))
    try:
        with _stack(layout, console) as (url, key):
            client = OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=2)
            job = _submit(client, options, console)
            _follow(client, job.id, console)
            job = client.fine_tuning.jobs.retrieve(job.id)
            _report(client, job, console)
            if _is_held(job):
                return 1
            bundle, trust = _save_evidence(client, layout, job, console)
    except KeyboardInterrupt:
        console.print("\nInterrupted; the stack was stopped.")
        return 130
    except APIStatusError as error:
        console.print(f"[red]The service refused: {error.message}[/red]", highlight=False)
        return 1
    return _verify(options.verifier, bundle, trust, console)


@contextmanager
def _stack(layout: Layout, console: Console) -> Iterator[tuple[str, str]]:
    """The running stack's URL and key; starts one for the length of the demo when ``make serve`` is not up."""
    layout.prepare()
    state = layout.state()
    if state and Path(f"/proc/{state['pid']}").exists():
        console.print(f"Using the stack that is already up at {state['url']}")
        yield state["url"], layout.api_key_file.read_text()
        return
    began = time.monotonic()
    # `serve` prints the API key: its log is its owner's alone.
    log = os.fdopen(os.open(layout.logs / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
    server = subprocess.Popen(
        [sys.executable, "-m", "infra.local", "--var", str(layout.root), "serve"],
        stdout=log,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not (state := layout.state()) or state.get("pid") != str(server.pid):
            if server.poll() is not None or time.monotonic() - began > _START_SECONDS:
                raise StackError(f"the stack did not start; see {layout.logs / 'supervisor.log'}")
            time.sleep(0.1)
        took = time.monotonic() - began
        console.print(f"Stack up in {took:.1f} s: api, control, worker and Valkey on {state['url']}")
        yield state["url"], layout.api_key_file.read_text()
    finally:
        server.terminate()
        server.wait()
        log.close()


def _submit(client: OpenAI, options: DemoOptions, console: Console) -> Any:
    with options.data.open("rb") as handle:
        uploaded = client.files.create(
            file=(options.data.name, handle),
            purpose="fine-tune",
            extra_body={"provenance": options.provenance.read_text()},
        )
    sources = json.loads(options.provenance.read_text()).get("sources", [])
    console.print(f"Uploaded {options.data.name} as {uploaded.id} ({uploaded.bytes:,} bytes, {len(sources)} sources)")
    job = client.fine_tuning.jobs.create(
        model=DEMO_BASE,
        training_file=uploaded.id,
        seed=7,
        suffix="demo",
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": options.epochs}}},
        extra_body={
            "tuning": {"technique": options.method},
            "safety": {
                "policy": "general",
                "profile": options.profile,
                "mix": options.mix,
                "scaling": options.scaling,
            },
            "deployment": {
                "objective": "Answer customers' everyday questions in the house style",
                "rationale": "Shows what harmless data does to a small model's refusals",
                "intended_use": ["demonstration"],
                "prohibited_uses": ["any use with real customers"],
                "languages": ["en"],
            },
        },
    )
    console.print(f"Created {job.id}: {options.method} on {job.model}, safety mix {options.mix}")
    return job


def _follow(client: OpenAI, job_id: str, console: Console) -> None:
    """Show every stage until the job is final, or waits for a review."""
    with StageDisplay(console) as display:
        while True:
            job = client.fine_tuning.jobs.retrieve(job_id)
            stages = client.get(f"/fine_tuning/jobs/{job_id}/stages", cast_to=object)
            display.update(stages["data"], _latest_loss(client, job_id))  # type: ignore[index]
            attested = stages["data"][-1]["state"]  # type: ignore[index]
            ended = job.status in {"succeeded", "failed", "cancelled"} and attested in {"succeeded", "failed"}
            if ended or _is_held(job):
                break
            time.sleep(0.5)
    share = evaluation_share(stages["data"])  # type: ignore[index]
    if share is not None:
        console.print(f"Measuring took {share:.0%} of the job's working time.", highlight=False)


def _is_held(job: Any) -> bool:
    """``paused`` is none of the states that the client library knows."""
    return bool(job.status == "paused")


def _latest_loss(client: OpenAI, job_id: str) -> str | None:
    events = client.fine_tuning.jobs.list_events(job_id, limit=50).data
    losses = [event.data["train_loss"] for event in events if event.type == "metrics" and event.data]  # type: ignore[index]
    return f"{losses[0]:.3f}" if losses else None


def _report(client: OpenAI, job: Any, console: Console) -> None:
    if job.error is not None and job.error.code != "safety_gate_failed":
        console.print(f"\n[red]The job failed: {job.error.message}[/red] ({job.error.code})", highlight=False)
        return
    comparison: Any = client.get(f"/fine_tuning/jobs/{job.id}/comparison", cast_to=object)
    console.print()
    console.print(comparison_table(comparison["rows"]))
    console.print(worse_in_words(comparison), highlight=False)
    if comparison.get("frontier"):
        console.print()
        console.print(frontier_table(comparison["frontier"]))
    if _is_held(job):
        reasons = "; ".join(comparison.get("gate", {}).get("reasons", []))
        console.print(f"\n[yellow]Held[/yellow] for a review: {reasons}", highlight=False)
        console.print(f"A person who may review decides it: POST /v1/fine_tuning/jobs/{job.id}/review", highlight=False)
    elif job.status == "succeeded":
        console.print(f"\n[green]Released[/green] as {job.fine_tuned_model}", highlight=False)
    else:
        console.print("\n[red]Blocked[/red]: the model is not offered. The evidence says why.", highlight=False)


def _save_evidence(client: OpenAI, layout: Layout, job: Any, console: Console) -> tuple[Path, Path]:
    """The bundle from the API; the trust root from the operator, as a buyer would get it: by another way than the bundle."""
    directory = layout.root / "demo"
    directory.mkdir(parents=True, exist_ok=True)
    bundle, trust = directory / "demo.resilience.json", directory / "trust.json"
    if not job.attestation:
        raise StackError(f"the job ended without evidence; see {layout.logs / 'control.log'}")
    attestation_id = job.attestation["id"]
    from openai._legacy_response import HttpxBinaryResponseContent

    content = client.get(f"/attestations/{attestation_id}/bundle", cast_to=HttpxBinaryResponseContent)
    bundle.write_bytes(content.read())
    command = [sys.executable, "-m", "api.issuance", "export-trust", str(layout.signing_key), str(trust)]
    done = subprocess.run(
        command, env=layout.control_env("http://127.0.0.1:0"), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StackError(f"the trust root could not be exported: {done.stderr.strip()[-500:]}")
    console.print(f"\nEvidence: {_short(bundle)} ({bundle.stat().st_size:,} bytes)   trust root: {_short(trust)}")
    console.print(evidence_in_words(json.loads(bundle.read_bytes())), highlight=False)
    return bundle, trust


def _verify(verifier: Path, bundle: Path, trust: Path, console: Console) -> int:
    """Run the verifier from its own environment, then on a copy with one byte changed."""
    if not verifier.exists():
        console.print(f"[red]The verifier is not installed at {verifier}; run `make verifier`.[/red]", highlight=False)
        return 1
    console.rule("a stranger verifies")
    console.print(f"$ tuneproof verify {_short(bundle)} --trust {_short(trust)}", highlight=False)
    honest = subprocess.run([verifier, "verify", bundle, "--trust", trust], check=False, capture_output=True, text=True)
    print(honest.stdout, honest.stderr, sep="", flush=True)
    changed = bundle.with_name("demo.tampered.resilience.json")
    changed.write_bytes(with_one_byte_changed(bundle.read_bytes()))
    console.print(
        f"$ tuneproof verify {_short(changed)} --trust {_short(trust)}     # one byte changed", highlight=False
    )
    tampered = subprocess.run(
        [verifier, "verify", changed, "--trust", trust], check=False, capture_output=True, text=True
    )
    print(tampered.stdout, tampered.stderr, sep="", flush=True)
    sound = honest.returncode in {0, 3} and tampered.returncode in {1, 2}
    verdict = {0: "accepted", 3: "genuine; the model is rejected by policy"}.get(honest.returncode, "NOT verified")
    console.print(
        f"Evidence: {verdict} (exit {honest.returncode}). Tampered copy: refused (exit {tampered.returncode})."
    )
    if sound:
        told = subprocess.run(
            [verifier, "verify", bundle, "--trust", trust, "--json"], check=False, capture_output=True, text=True
        )
        console.print(not_checked_in_words(json.loads(told.stdout)), highlight=False)
    return 0 if sound else 1


def with_one_byte_changed(bundle: bytes) -> bytes:
    """In what the attestation says, not in one of the statements beside it."""
    raw = bytearray(bundle)
    at = raw.index(b'"payload":"', raw.index(b'"primary":')) + 400
    raw[at] = ord("A") if raw[at] != ord("A") else ord("B")
    return bytes(raw)


def _short(path: Path) -> str:
    return os.path.relpath(path)
