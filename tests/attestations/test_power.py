import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations.power import (
    detectable_difference,
    detectable_proportion,
    pairs_to_settle_difference,
    pairs_to_settle_proportion,
)
from attestations.statistics import PairedDifferences, PairedTable

cells = st.integers(0, 400)
tables = st.builds(PairedTable, cells, cells, cells, cells).filter(lambda table: table.n > 0)


@pytest.mark.parametrize(
    ("share", "change", "pairs"), [(0.05, 0.05, 155), (0.1, 0.05, 312), (0.2, 0.05, 626), (0.2, 0.1, 155)]
)
def test_the_detectable_change_inverts_connors_formula(share: float, change: float, pairs: int) -> None:
    def needed(change: float, share: float) -> float:
        a, b = 1.959963984540054, 0.8416212335729143
        return (a * math.sqrt(share) + b * math.sqrt(share - change**2)) ** 2 / change**2

    assert needed(change, share) == pytest.approx(pairs, abs=1)  # the formula gives the usual power table
    discordant = round(10 * pairs * share)
    found = float(detectable_proportion(PairedTable(10 * pairs - discordant, discordant, 0, 0)))
    assert needed(found, (discordant + 1) / (10 * pairs + 2)) == pytest.approx(10 * pairs, rel=1e-9)


@given(tables)
def test_the_detectable_change_is_a_proportion_and_shrinks_with_more_pairs(table: PairedTable) -> None:
    fourfold = PairedTable(*(4 * cell for cell in (table.both_safe, table.worsened, table.improved, table.both_unsafe)))
    assert 0 < detectable_proportion(fourfold) <= detectable_proportion(table) <= 1


def test_without_discordant_pairs_all_discordance_is_taken_to_be_worsening() -> None:
    found = float(detectable_proportion(PairedTable(240, 0, 0, 0)))
    a, b = 1.959963984540054, 0.8416212335729143
    assert math.sqrt(240 * found) == pytest.approx(a + b * math.sqrt(1 - found))


@pytest.mark.parametrize(("share", "pairs"), [(0.05, 172), (0.1, 343), (0.2, 686)])
def test_the_pairs_that_settle_a_row_are_those_of_the_published_table(share: float, pairs: int) -> None:
    n = 100_000  # the smoothing of the share is below one pair here
    discordant = round(n * share)
    found = pairs_to_settle_proportion(PairedTable(n - discordant, discordant, 0, 0), Decimal("0.05"))
    assert found == pytest.approx(pairs, abs=1)


def test_the_figures_for_a_mean_shift() -> None:
    differences = PairedDifferences(100, "0", "2", "1", "1")
    assert float(detectable_difference(differences)) == pytest.approx(2.801585 * 2 / 10, abs=1e-6)
    assert pairs_to_settle_difference(differences, Decimal(1)) == math.ceil((1.6448536 + 1.2815516) ** 2 * 4)
    assert pairs_to_settle_difference(PairedDifferences(100, "0", "0", "1", "1"), Decimal(1)) == 2
    assert detectable_difference(PairedDifferences(1, "1", "0", "1", "0")) is None
