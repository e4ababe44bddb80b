"""Both conversions of thresholds, against the comparisons that they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boostlab.persistence.interchange.float32 import (
    double_threshold,
    float32_threshold,
)

FLOATS = st.floats(width=32, allow_nan=False)
DOUBLES = st.floats(allow_nan=False)


def as_float(x):
    with np.errstate(over="ignore"):
        return np.float32(x)


def near(x):
    """Return x and the doubles and floats around it."""
    with np.errstate(over="ignore", invalid="ignore"):
        f = np.float32(x)
        steps = [np.nextafter(f, np.float32(way)) for way in (np.inf, -np.inf)]
        floats = np.array([f, *steps], dtype=np.float64)
        points = np.concatenate([[x], floats, (floats + floats[0]) / 2])
        both = np.concatenate([np.nextafter(points, w) for w in (np.inf, -np.inf)])
        both = np.concatenate([points, both])
    return both[~np.isnan(both)]


@given(FLOATS.filter(lambda t: t != -np.inf), DOUBLES)
def test_every_double_goes_where_its_float_goes(t, x):
    threshold = double_threshold(t)
    for value in np.concatenate([near(t), near(x)]):
        assert (value <= threshold) == (as_float(value) < np.float32(t))


@given(DOUBLES, FLOATS)
def test_every_float_goes_where_its_double_goes(threshold, x):
    t = float32_threshold(threshold)
    values = np.concatenate([near(threshold), near(x)])
    with np.errstate(over="ignore"):
        floats = values.astype(np.float32)
    floats = floats[np.isfinite(floats)]
    np.testing.assert_array_equal(floats.astype(float) <= threshold, floats < t)


@given(FLOATS.filter(np.isfinite))
def test_the_conversions_undo_each_other(t):
    assert float32_threshold(double_threshold(t)) == np.float32(t)


@pytest.mark.parametrize(
    "t", [0.0, -0.0, 1e-45, -1e-45, np.inf, 3.4028235e38, -3.4028235e38, 1.0, -1.0]
)
def test_edges(t):
    for value in [*near(t), *near(-t), 2.0**128, -(2.0**128), np.inf, -np.inf, 0.0]:
        assert (value <= double_threshold(t)) == (as_float(value) < np.float32(t))


@pytest.mark.parametrize("t", [np.nan, -np.inf])
def test_thresholds_that_cannot_be_are_refused(t):
    with pytest.raises(ValueError, match="threshold is NaN or minus infinity"):
        double_threshold([1.0, t])
