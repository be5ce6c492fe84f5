"""The threat model, row by row: each cheat is carried out, with the issuer's own keys where the issuer is the cheat, and the
verifier names it under a stable code. docs/threats.md shows the same table and says what remains."""

import time
import tracemalloc

import pytest

from attestations.findings import ExitCode, Status
from attestations.report import report_text
from tests.attestations.attacks import table
from tests.attestations.attacks.scene import Attack, Handed, Scene

COVERED = {2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16}
"""Rows of the threat model that need no log, no witness and no hardware."""


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"))


def test_honest_evidence_is_accepted(scene: Scene) -> None:
    for world in (scene.good, scene.other, scene.swept):
        seen = scene.hand(world.parts, model_dir=world.model_dir).run()
        assert (seen.refused, seen.exit_code) == (None, ExitCode.ACCEPT)
        assert {code for code, status in seen.checks.items() if status in (Status.FAIL, Status.STALE)} == set()


@pytest.mark.parametrize("attack", table.ATTACKS, ids=lambda one: f"{one.row}-{one.name.replace(' ', '-')}")
def test_the_cheat_is_named(scene: Scene, attack: Attack) -> None:
    if attack.needs is not None:
        pytest.importorskip(attack.needs, reason=f"{attack.needs} is not installed")
    seen = attack.carry_out(scene).run()
    assert seen.exit_code == attack.exit_code
    if attack.status is None:
        assert seen.refused == attack.code
        return
    assert (seen.refused, seen.checks.get(attack.code)) == (None, attack.status)
    assert seen.report is not None
    assert f"{attack.status:<12} {attack.code} " in report_text(seen.report)  # and the reader is told


@pytest.mark.parametrize("attack", [one for one in table.ATTACKS if one.row == 16], ids=lambda one: one.name)
def test_what_costs_too_much_is_refused_at_little_cost(scene: Scene, attack: Attack) -> None:
    handed = attack.carry_out(scene)
    assert isinstance(handed, Handed)
    began = time.process_time()
    handed.run()
    assert time.process_time() - began < 1.0
    tracemalloc.start()
    handed.run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * len(handed.bundle) + (16 << 20)


def test_every_row_of_this_part_has_cheats_with_names_of_their_own() -> None:
    assert {one.row for one in table.ATTACKS} == COVERED
    names = [one.name for one in table.ATTACKS]
    assert len(set(names)) == len(names)


def test_what_is_only_named_is_never_more_than_not_checked() -> None:
    """A cheat that ends in acceptance is one that the page says is left, and the report lists it as not checked."""
    for one in table.ATTACKS:
        assert (one.exit_code is ExitCode.ACCEPT) == (one.status is Status.NOT_CHECKED)


def test_the_page_shows_these_tables() -> None:
    if not table.PAGE.exists():
        pytest.skip("the documentation is not here")
    page = table.PAGE.read_text(encoding="utf-8")
    assert page == table.rendered(page), "run: python -m tests.attestations.attacks.table"
    assert all(f"<!-- cheats of row {row} -->" in page for row in COVERED)
    assert all(f"\n## {row}. " in page for row in range(1, 18))
