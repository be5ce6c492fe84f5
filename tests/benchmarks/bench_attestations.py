"""How long a buyer waits: the command's start, and verifying full evidence beyond it; and how much memory that takes.

    python -m tests.benchmarks.bench_attestations --rounds 15 --write tests/benchmarks/results/bench_attestations.json

Each measurement is a process of its own. Start-up is `tuneproof --version` less nothing: the interpreter is part of what a
person waits for, and its own share is shown beside it. Verification is one `verify` in a process that has read the files
and imported everything, the first call and no warm-up; the memory is the peak of the whole process. The bundles are
the kept samples, one as large as a job of the standard profile makes it, and a sweep of four such candidates. What counts is
the fastest round, which other work on the machine moves least; `--strict` ends with 1 where a target is missed (50 ms,
64 MiB, 150 ms).
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from attestations.digests import Sha256
from attestations.plan import PlannedSuite
from attestations.statistics import PairedTable
from attestations.verdicts import Measured, Measurement, RegisteredRow, Role, RowKey
from tests.attestations.evidence_02 import GOOD, HELD_CONTROLS, ROWS_02, sweep, with_second
from tests.attestations.evidence_03 import NOW, World, make_plan_03, make_world

SAMPLES = Path(__file__).parents[1] / "attestations" / "samples" / "v0.3"
TARGETS = {"start": 0.150, "verify": 0.050, "peak": 64.0}
_VERIFY = """
import json, resource, sys, time
from datetime import datetime
from pathlib import Path
from attestations.commands import verify as command
from attestations.verify import verify
evidence, trust = Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes()
began, before = time.perf_counter(), time.process_time()
report = verify(evidence, trust, now=datetime.fromisoformat(sys.argv[3]))
after, ended = time.process_time(), time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"wall": ended - began, "processor": after - before, "peak": peak, "code": report.exit_code}))
"""


@dataclass(frozen=True, slots=True)
class Subject:
    """A bundle with its trust root, the time to look at it, and the exit code that it must give."""

    name: str
    bundle: Path
    trust: Path
    now: datetime
    code: int


@dataclass(frozen=True, slots=True)
class Started:
    """Seconds of wall and of processor time of the command, and of an interpreter that does nothing; fastest rounds."""

    wall: float
    wall_median: float
    processor: float
    interpreter: float


@dataclass(frozen=True, slots=True)
class Verified:
    """Bytes of the bundle; seconds of wall and of processor time in the fastest round; MiB of peak memory of the process."""

    name: str
    size: int
    rows: int
    wall: float
    wall_median: float
    processor: float
    peak: float


def standard(directory: Path, candidates: tuple[str, ...] | None = None) -> World:
    """Evidence as large as a job of the standard profile makes it: about 120 rows, of which two judges score half; every
    candidate of a sweep has all of them once more."""
    rows, measured, suites = _rows()
    plan = make_plan_03(rows=rows, suites=suites, candidates=candidates)
    plan = replace(plan, policy=replace(plan.policy, suites=None, repeats=None))
    if candidates is None:
        return make_world(directory, measured, plan, controls=HELD_CONTROLS)
    records = sweep(plan, dict.fromkeys(candidates, measured))
    return make_world(directory, measured, plan, candidates=records, controls=HELD_CONTROLS)


def _rows() -> tuple[tuple[RegisteredRow, ...], dict[RowKey, Measurement], tuple[PlannedSuite, ...]]:
    rows, measured = list(ROWS_02), dict(GOOD)
    suites = list(make_plan_03().suites)
    primary, second = PairedTable(284, 3, 2, 11), PairedTable(283, 3, 3, 11)
    for number in range(17):
        name = f"suite-{number}"
        digest = Sha256.of(name.encode())
        suites.append(PlannedSuite(name, "1.0", digest, 300, 300, digest, "safety", 200, "built-in"))
        whole = replace(ROWS_02[0], suite=name, items=300, clusters=None)
        rows.append(whole)
        measured[whole.key] = with_second(primary, second)
        for place in range(6):
            part = replace(
                whole,
                slice=f"slice-{place}",
                role=Role.EXPLORATORY,
                items=50,
                judges=whole.judges if place < 3 else None,
                minimum_items=None,
            )
            rows.append(part)
            table = PairedTable(46, 1, 1, 2)
            measured[part.key] = with_second(table, table) if place < 3 else Measured(table)
    return tuple(rows), measured, tuple(suites)


def start_up(rounds: int) -> Started:
    command = [sys.executable, "-m", "attestations", "--version"]
    walls, processors = _timed(command, rounds)
    bare, _ = _timed([sys.executable, "-c", ""], rounds)
    return Started(min(walls), statistics.median(walls), min(processors), min(bare))


def _timed(command: Sequence[str], rounds: int) -> tuple[list[float], list[float]]:
    walls, processors = [], []
    for _ in range(rounds + 1):
        began, before = time.perf_counter(), os.times()
        subprocess.run(command, check=True, capture_output=True)
        after = os.times()
        walls.append(time.perf_counter() - began)
        processors.append(sum(after[2:4]) - sum(before[2:4]))
    return walls[1:], processors[1:]  # the first round finds nothing in memory


def verification(subject: Subject, rounds: int) -> Verified:
    found = []
    for _ in range(rounds):
        arguments = [str(subject.bundle), str(subject.trust), subject.now.isoformat()]
        done = subprocess.run([sys.executable, "-c", _VERIFY, *arguments], check=True, capture_output=True, text=True)
        value = json.loads(done.stdout)
        if value["code"] != subject.code:
            sys.exit(f"{subject.name}: exit code {value['code']} instead of {subject.code}")
        found.append((value["wall"], value["processor"], value["peak"]))
    walls, processors, peaks = zip(*found, strict=True)
    size, rows = subject.bundle.stat().st_size, _rows_in(subject.bundle)
    return Verified(subject.name, size, rows, min(walls), statistics.median(walls), min(processors), max(peaks))


def _rows_in(path: Path) -> int:
    from attestations import bundle, statement

    stated = statement.parse(bundle.parse(path.read_bytes()).envelope.unverified_payload)
    return len(stated.predicate.evaluations or ())


def subjects(directory: Path) -> list[Subject]:
    made = {
        "standard profile": standard(directory / "standard"),
        "sweep of four": standard(directory / "sweep", ("1", "0.75", "0.5", "0.25")),
    }
    found = [
        Subject(name, SAMPLES / f"{name}.resilience.json", SAMPLES / "trust.json", NOW, 0)
        for name in ("released", "countersigned", "opened")
    ]
    for name, world in made.items():
        bundle, trust = directory / f"{name}.resilience.json", directory / f"{name}.trust.json"
        bundle.write_bytes(world.parts.encode())
        trust.write_bytes(world.keys.trust_file)
        found.append(Subject(name, bundle, trust, NOW, 0))
    return found


def missed(started: Started, verified: Sequence[Verified]) -> list[str]:
    """The targets that were not reached, in words. That of 50 ms is about the kept samples and the standard profile alike."""
    words = []
    if started.wall > TARGETS["start"]:
        words.append(f"start-up took {started.wall * 1000:.0f} ms")
    for one in verified:
        if one.wall > TARGETS["verify"]:
            words.append(f"verifying {one.name} took {one.wall * 1000:.0f} ms")
        if one.peak > TARGETS["peak"]:
            words.append(f"verifying {one.name} took {one.peak:.0f} MiB")
    return words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--strict", action="store_true", help="end with 1 where a target is missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        started = start_up(options.rounds)
        verified = [verification(one, options.rounds) for one in subjects(Path(directory))]
    print(  # noqa: T201
        f"start-up                {started.wall * 1000:6.0f} ms, of which the interpreter {started.interpreter * 1000:.0f} ms"
    )
    for one in verified:
        print(  # noqa: T201
            f"{one.name:22}  {one.wall * 1000:6.0f} ms, processor {one.processor * 1000:4.0f} ms, peak {one.peak:4.0f} MiB"
            f"   ({one.size / 1024:.0f} KiB, {one.rows} rows)"
        )
    wrong = missed(started, verified)
    print("\n".join(["targets missed:", *wrong] if wrong else ["all targets met"]))  # noqa: T201
    if options.write:
        setting = {"rounds": options.rounds, "cpus": os.cpu_count(), "python": platform.python_version()}
        document = {"setting": setting, "start": asdict(started), "verified": [asdict(one) for one in verified]}
        options.write.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if wrong and options.strict:
        sys.exit(1)


if __name__ == "__main__":
    main()
