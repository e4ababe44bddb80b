from decimal import Decimal, localcontext

import numpy as np
import pytest

from boostlab.distributions.special import log1p_minus, trigamma_excess


def trigamma(x):
    """Return trigamma in the digits of the context: recurrence, then its series."""
    total = Decimal(0)
    for _ in range(300):
        total += 1 / x**2
        x += 1
    series = 1 + 1 / (2 * x) + 1 / (6 * x**2) - 1 / (30 * x**4) + 1 / (42 * x**6)
    return total + series / x


@pytest.mark.parametrize("x", [1e-12, -1e-6, 0.01, -0.0999, 0.0999, 0.5, -0.9, 30.0])
def test_log1p_minus(x):
    with localcontext(prec=50):
        exact = float((1 + Decimal(x)).ln() - Decimal(x))
    assert log1p_minus(np.array([x]))[0] == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("x", [1e-8, 0.3, 7.0, 49.9, 50.1, 1e4, 1e12])
def test_trigamma_excess(x):
    with localcontext(prec=50):
        exact = float(Decimal(x) * trigamma(Decimal(x)) - 1)
    assert trigamma_excess(np.array([x]))[0] == pytest.approx(exact, rel=1e-11)
