from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestations import student_t

D90, D95 = Decimal("0.90"), Decimal("0.95")


@pytest.mark.parametrize(
    "confidence", ["0.5", "0.90", "0.95", "0.966666666666666666", "0.9875", "0.999999", "0.9999999999", "0.001"]
)
def test_the_normal_quantile_agrees_with_scipy_and_inverts_its_probability(confidence: str) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    found = student_t.normal_quantile(Decimal(confidence))
    assert float(found) == pytest.approx(scipy_stats.norm.isf(float((1 - Decimal(confidence)) / 2)), rel=1e-9)
    assert abs(student_t.normal_central_probability(found) - Decimal(confidence)) < Decimal("1e-38")


@pytest.mark.parametrize("confidence", ["0", "1", "-0.5", "1.5", "0.99999999999"])
def test_there_is_no_quantile_of_certainty(confidence: str) -> None:
    with pytest.raises(ValueError, match=r"at most 0\.9999999999"):
        student_t.normal_quantile(Decimal(confidence))


@given(st.decimals("0", "30", places=3))
def test_the_normal_probability_agrees_with_scipy(z: Decimal) -> None:
    scipy_special = pytest.importorskip("scipy.special")
    expected = scipy_special.erf(float(z) / 2**0.5)
    assert float(student_t.normal_central_probability(z)) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("degrees", [1, 2, 9, 19, 99, 250])
@pytest.mark.parametrize("confidence", ["0.9666666666666666666667", "0.98", "0.9875", "0.999"])
def test_the_t_quantile_serves_the_confidences_of_several_candidates(degrees: int, confidence: str) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    expected = scipy_stats.t.ppf((1 + float(confidence)) / 2, degrees)
    assert float(student_t.quantile(degrees, Decimal(confidence))) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 7, 10, 29, 30, 99, 199, 200, 201, 202, 239, 1000, 99_999])
@pytest.mark.parametrize("confidence", [D90, D95])
def test_the_t_quantile_agrees_with_scipy(degrees: int, confidence: Decimal) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    expected = scipy_stats.t.ppf((1 + float(confidence)) / 2, degrees)
    assert float(student_t.quantile(degrees, confidence)) == pytest.approx(expected, abs=2e-11)


@given(st.integers(1, 500), st.decimals("0", "60", places=3))
def test_the_t_probability_agrees_with_scipy(degrees: int, t: Decimal) -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    expected = 2 * scipy_stats.t.sf(float(t), degrees)
    assert float(student_t.two_sided_p(degrees, t)) == pytest.approx(expected, rel=1e-8, abs=1e-30)


@given(st.integers(1, 300), st.sampled_from([D90, D95]))
def test_the_quantile_inverts_the_probability(degrees: int, confidence: Decimal) -> None:
    found = student_t.central_probability(degrees, student_t.quantile(degrees, confidence))
    assert abs(found - confidence) < Decimal("1e-12")


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 57, 200])
@pytest.mark.parametrize("confidence", ["0.90", "0.95", "0.9875", "0.001", "0.999999"])
def test_the_quantile_has_the_digits_of_a_bisection_that_asks_at_every_step(degrees: int, confidence: str) -> None:
    wanted = Decimal(confidence)
    with localcontext(prec=40):
        low, high = student_t.normal_quantile(wanted), Decimal(13)
        while student_t.central_probability(degrees, high) < wanted:
            high *= 2
        for _ in range(80):
            middle = (low + high) / 2
            is_low = student_t.central_probability(degrees, middle) < wanted
            low, high = (middle, high) if is_low else (low, middle)
        assert str(student_t.quantile(degrees, wanted)) == str((low + high) / 2)
