"""The long run: `python -m tests.fuzz --inputs 1000000 [--seed 1] [--only NAME]`, and `--mutations` for every small change.

Prints a line of progress every ten thousand inputs and a table at the end; ends with 1 where there was a fault.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.readers import readers
from tests.fuzz.run import Tally, fuzz


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="the reader of this name alone")
    parser.add_argument("--mutations", action="store_true", help="every small change of whole bundles instead (hours)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        if options.mutations:
            from tests.fuzz.mutate import every_change

            return every_change(Path(directory))
        chosen = [one for one in readers(Path(directory)) if options.only in (None, one.name)]
        began = time.monotonic()

        def progress(tally: Tally) -> None:
            rate = tally.inputs / (time.monotonic() - began)
            print(f"{tally.inputs} inputs, {rate:.0f} a second, {len(tally.faults)} faults", flush=True)  # noqa: T201

        tally = fuzz(chosen, options.inputs, options.seed, progress=progress)
    lines = [
        f"{one.name:20} {tally.accepted[one.name]:9} accepted {tally.refused[one.name]:9} refused" for one in chosen
    ]
    lines += [
        f"{tally.inputs} inputs, {len(tally.codes)} kinds of refusal, slowest {tally.slowest:.2f} s of processor time"
    ]
    print("\n".join([*lines, *tally.faults[:20], f"{len(tally.faults)} faults"]))  # noqa: T201
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
