"""How fast a model's directory is hashed: this manifest beside the `model_signing` tool, on the same files in one run.

    TUNEPROOF_CONFORMANCE_PYTHON=… python -m tests.benchmarks.bench_hashing --mebibytes 2048 --rounds 5 \
        --write tests/benchmarks/results/bench_hashing.json

Each measurement is a process of its own that imports first and then measures wall and processor time of one hashing; the two
take turns, each first in every second round, and the first round is not counted, so that both find the files in memory. What
else the machine does falls on both alike: the ratios mean something, the seconds (the least of all rounds) little. The run
fails where the digests differ, or where ours is slower by more than 5 % of wall time in the median of the rounds' ratios.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

SLOWER_BY_AT_MOST = 1.05
LAYOUTS = {
    "one file": (1,),
    "four shards": (0.25,) * 4,
    "shards of many sizes": (0.5, 0.25, 0.125, *(0.125 / 16,) * 16),
}
"""Shares of the whole; beside them lies what is small in every model."""
_MEBIBYTE = 1 << 20
_MEASURE = """
import json, resource, sys, time
{imports}
began, before = time.perf_counter(), time.process_time()
found = {hashing}
after, ended = time.process_time(), time.perf_counter()
print(json.dumps({{
    "wall": ended - began,
    "processor": after - before,
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "digests": {digests},
}}))
"""
OURS = _MEASURE.format(
    imports="from pathlib import Path\nfrom attestations import manifest",
    hashing="manifest.build(Path(sys.argv[1]))",
    digests="{entry.name: entry.sha256 for entry in found.files}",
)
THEIRS = _MEASURE.format(
    imports="from model_signing import hashing",
    hashing="hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False).hash(sys.argv[1])",
    digests="{one.identifier: one.digest.digest_hex for one in found.resource_descriptors()}",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of wall and of processor time, MiB of peak memory of the whole process."""

    wall: float
    processor: float
    peak: float


@dataclass(frozen=True, slots=True)
class Compared:
    """The least of each tool over the rounds, and the median of the rounds' ratios, ours over theirs."""

    layout: str
    ours: Measured
    theirs: Measured
    wall_ratio: float
    processor_ratio: float


def write_model(directory: Path, shares: Sequence[float], mebibytes: int) -> None:
    """Files of these shares of the size, of bytes that do not compress, and three small ones."""
    block = os.urandom(_MEBIBYTE)
    for number, share in enumerate(shares):
        with (directory / f"model-{number:05}.safetensors").open("wb") as file:
            for _ in range(round(share * mebibytes)):
                file.write(block)
    (directory / "tokenizer").mkdir()
    for name in ("config.json", "chat_template.jinja", "tokenizer/tokenizer.json"):
        (directory / name).write_bytes(block[:4096])


def measure(python: str, script: str, directory: Path) -> tuple[Measured, dict[str, str]]:
    printed = subprocess.run([python, "-c", script, str(directory)], capture_output=True, check=True, text=True).stdout
    value = json.loads(printed)
    return Measured(value["wall"], value["processor"], value["peak"]), value["digests"]


def compare(layout: str, directory: Path, theirs: str, rounds: int) -> Compared:
    pairs = []
    for number in range(rounds + 1):
        turns = [(sys.executable, OURS), (theirs, THEIRS)]
        measured = {script: measure(python, script, directory) for python, script in turns[:: -1 if number % 2 else 1]}
        (ours, found), (other, expected) = measured[OURS], measured[THEIRS]
        if found != expected:
            sys.exit(f"{layout}: the two do not find the same digests")
        if number:
            pairs.append((ours, other))
    return Compared(
        layout,
        _least([ours for ours, _ in pairs]),
        _least([other for _, other in pairs]),
        statistics.median(ours.wall / other.wall for ours, other in pairs),
        statistics.median(ours.processor / other.processor for ours, other in pairs),
    )


def _least(measured: Sequence[Measured]) -> Measured:
    columns = zip(*((one.wall, one.processor, one.peak) for one in measured), strict=True)
    return Measured(*map(min, columns))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--theirs", default=os.environ.get("TUNEPROOF_CONFORMANCE_PYTHON"), help="its interpreter")
    parser.add_argument("--mebibytes", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    if not arguments.theirs:
        parser.error("name an interpreter that has model_signing: --theirs or TUNEPROOF_CONFORMANCE_PYTHON")
    return arguments


def main() -> None:
    arguments = _arguments()
    results = []
    for layout, shares in LAYOUTS.items():
        with tempfile.TemporaryDirectory() as directory:
            write_model(Path(directory), shares, arguments.mebibytes)
            found = compare(layout, Path(directory), arguments.theirs, arguments.rounds)
        results.append(found)
        ours, theirs = found.ours, found.theirs
        print(  # noqa: T201
            f"{layout:22}  ours {ours.wall:6.2f} s, {ours.peak:4.0f} MiB   model_signing {theirs.wall:6.2f} s,"
            f" {theirs.peak:4.0f} MiB   wall x {found.wall_ratio:.3f}, processor x {found.processor_ratio:.3f}"
        )
    if arguments.write:
        setting = {
            "mebibytes": arguments.mebibytes,
            "rounds": arguments.rounds,
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
        }
        document = {"setting": setting, "results": [asdict(one) for one in results]}
        arguments.write.write_text(json.dumps(document, indent=1) + "\n")
    if any(one.wall_ratio > SLOWER_BY_AT_MOST for one in results):
        sys.exit("ours is slower than model_signing")


if __name__ == "__main__":
    main()
