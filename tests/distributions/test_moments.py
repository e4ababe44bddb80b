import numpy as np
import pytest

from boostlab.distributions.moments import (
    floored,
    weighted_moments,
    weighted_quantile,
)


def test_moments_by_hand():
    y, weight = np.array([1.0, 3.0, 5.0]), np.array([1.0, 1.0, 2.0])
    mean, deviation = weighted_moments(y, weight)
    assert mean == pytest.approx(3.5)
    assert deviation == pytest.approx(
        np.sqrt(np.average((y - 3.5) ** 2, weights=weight))
    )


@pytest.mark.parametrize("unit", [1e-300, 1e-8, 1.0, 1e8, 1e300])
def test_moments_of_any_size(unit):
    mean, deviation = weighted_moments(np.array([unit, 3 * unit]), np.full(2, 1e308))
    assert mean == pytest.approx(2 * unit)
    assert deviation == pytest.approx(unit)


def test_equal_targets_have_a_scale():
    assert floored(0.0, np.zeros(3)) == 1e-10
    assert floored(0.0, np.full(3, -5e8)) == pytest.approx(0.05)
    assert floored(2.0, np.ones(3)) == 2.0
    assert floored(0.0, np.full(2, 5e-324)) > 0


@pytest.mark.parametrize(
    ("p", "expected"), [(0.0, 1.0), (0.25, 1.0), (0.3, 2.0), (1, 4)]
)
def test_weighted_quantile(p, expected):
    y, weight = np.array([4.0, 2.0, 1.0]), np.array([1.0, 2.0, 1.0])
    assert weighted_quantile(y, weight, p) == expected
