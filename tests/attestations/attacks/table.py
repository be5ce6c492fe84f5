"""All cheats in the order of the threat model, and their table in docs/threats.md.

python -m tests.attestations.attacks.table        writes the tables of the page anew
"""

import re
from pathlib import Path

from tests.attestations.attacks import grafts, keys_and_time, models, reading, rows_and_runs, samples
from tests.attestations.attacks.scene import Attack

PAGE = Path(__file__).parents[3] / "docs" / "threats.md"
ATTACKS: tuple[Attack, ...] = tuple(
    sorted(
        (
            *rows_and_runs.ATTACKS,
            *models.ATTACKS,
            *grafts.ATTACKS,
            *keys_and_time.ATTACKS,
            *samples.ATTACKS,
            *reading.ATTACKS,
        ),
        key=lambda one: one.row,
    )
)
_BLOCK = re.compile(r"<!-- cheats of row (\d+) -->\n.*?<!-- end -->", re.DOTALL)


def table_of(row: int) -> str:
    """The cheats of one row as Markdown."""
    lines = ["| cheat | ends as | exit code |", "|---|---|---|"]
    for one in ATTACKS:
        if one.row == row:
            end = f"{one.status}" if one.status is not None else "refused"
            lines.append(f"| {one.name} | `{one.code}` {end} | {int(one.exit_code)} |")
    return "\n".join(lines)


def rendered(page: str) -> str:
    """The page with the tables as they follow from the cheats."""
    return _BLOCK.sub(lambda found: f"<!-- cheats of row {found[1]} -->\n{table_of(int(found[1]))}\n<!-- end -->", page)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
