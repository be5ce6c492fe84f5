"""What a paired comparison could find at all, and how many pairs would settle it. Pure, in `decimal`, the same everywhere.

Called by `attestations.row_figures`, which publishes both beside a row's interval, so that nobody reads a wide one as good
news. For independent pairs; what clusters take away is reckoned there.

Sources: Connor, Biometrics 43 (1987) 207 (power of McNemar's test); two one-sided tests for the numbers of pairs, as in
Julious, Statistics in Medicine 23 (2004) 1921.
"""

from decimal import Decimal, localcontext

from attestations.statistics import CONTEXT, PairedDifferences, PairedTable, standard_error, z_two_sided

# Standard normal quantiles of the usual 80 % power.
Z_POWER_80 = Decimal("0.841621233572914205178706154211")
Z_POWER_80_TOST = Decimal("1.281551565544600466965103329448743")


def detectable_proportion(table: PairedTable) -> Decimal:
    """Smallest change that McNemar's test (two-sided 5 %) finds with 80 % power, as a proportion; Connor 1987.

    Solves n = (z_a √ψ + z_b √(ψ - δ²))² / δ² for δ at the discordant share ψ seen here, smoothed. A change cannot exceed
    the discordant share, so where δ > ψ all discordance is taken to be worsening (ψ = δ).
    """
    n = table.n
    with localcontext(CONTEXT):
        a, b, share = z_two_sided(Decimal("0.95")), Z_POWER_80, _smoothed_discordance(table)
        if n <= a * a:
            return Decimal(1)
        scale = n + b * b
        inner = scale - a * a
        change = share.sqrt() * (Decimal(n).sqrt() * a + b * inner.sqrt()) / scale
        if change > share:
            root = (a * a * b * b - scale * (a * a - n)).sqrt()
            u = (root - a * b) / scale
            change = 1 - u * u
        return min(change, Decimal(1))


def detectable_difference(differences: PairedDifferences) -> Decimal | None:
    """Smallest mean shift that a two-sided 5 % test finds with 80 % power: (z_a + z_b) · sd / √n, in the row's unit."""
    if differences.n < 2:
        return None
    with localcontext(CONTEXT):
        return (z_two_sided(Decimal("0.95")) + Z_POWER_80) * standard_error(differences)


def pairs_to_settle_proportion(table: PairedTable, margin: Decimal) -> int:
    """Pairs with which an unchanged model is shown equivalent within `margin`, 80 % power: (z_.95 + z_.90)² ψ / margin²."""
    with localcontext(CONTEXT):
        z = z_two_sided(Decimal("0.90")) + Z_POWER_80_TOST
        return _ceiling(z * z * _smoothed_discordance(table) / (margin * margin))


def pairs_to_settle_difference(differences: PairedDifferences, margin: Decimal) -> int:
    """As `pairs_to_settle_proportion`, for a mean shift: (z_.95 + z_.90)² sd² / margin²."""
    with localcontext(CONTEXT):
        z = (z_two_sided(Decimal("0.90")) + Z_POWER_80_TOST) * Decimal(differences.sd)
        return max(2, _ceiling(z * z / (margin * margin)))


def _smoothed_discordance(table: PairedTable) -> Decimal:
    """Laplace's rule of succession, so that no discordant pair seen does not mean that none can come."""
    return Decimal(table.worsened + table.improved + 1) / (table.n + 2)


def _ceiling(value: Decimal) -> int:
    whole = int(value)
    return whole + (value > whole)
