"""Incomplete gamma functions far in their tails.

The long numbers are from mpmath 1.3 with 40 digits: ``log(gammainc(a, 0, x,
regularized=True))``, ``log(gammainc(a, x, inf, regularized=True))`` and their
derivatives by the logarithm of a.
"""

import numpy as np
import pytest
from scipy.special import gammaln, polygamma, psi

from boostlab.distributions.incomplete import (
    digamma_rest,
    exp_rest,
    log_gamma_cdf,
    log_gamma_sf,
    shape_step,
    slope_by_log,
    stirling_rest,
    trigamma_rest,
)

BELOW = [
    (2, 1e-200, -921.7271843781782, -922.8796058678153),
    (50, 1e-8, -1069.5118041591952, -1117.133520869205),
    (1e4, 4e3, -3167.9207212320775, -9164.073607002523),
    (300, 300, -0.6779083064863463, -13.6145465304354),
]
ABOVE = [
    (2, 1500, -1492.6861131683665, 13.782205436725592),
    (1e-3, 800, -813.5863524191052, 1.007261430549621),
    (1e4, 2e4, -3074.052511373138, 6932.971414272367),
    (300, 300, -0.7086218762059938, 14.039185564316995),
]


@pytest.mark.parametrize(
    ("function", "known"), [(log_gamma_cdf, BELOW), (log_gamma_sf, ABOVE)]
)
def test_tails_and_their_slopes(function, known):
    shape, x, expected, slopes = np.array(known).T
    log_x = np.log(x)
    np.testing.assert_allclose(function(shape, log_x), expected, rtol=1e-13)
    given = slope_by_log(lambda at: function(at, log_x), shape, shape_step(shape))
    np.testing.assert_allclose(given, slopes, rtol=2e-11)


def test_series_meet_the_functions():
    shape = np.array([1e-5, 0.5, 3.0, 29.9, 30.1, 60.0])
    stirling = gammaln(shape) - (shape - 0.5) * np.log(shape) + shape
    stirling -= 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(stirling_rest(shape), stirling, rtol=1e-10)
    np.testing.assert_allclose(
        digamma_rest(shape), psi(shape) - np.log(shape), rtol=1e-12
    )
    trigamma = shape * polygamma(1, shape) - 1
    np.testing.assert_allclose(trigamma_rest(shape), trigamma, rtol=1e-12)
    huge = np.array([1e20])
    np.testing.assert_allclose(trigamma_rest(huge), 0.5e-20, rtol=1e-12)
    np.testing.assert_allclose(digamma_rest(huge), -0.5e-20, rtol=1e-12)


def test_exp_rest():
    x = np.array([-1e300, -50.0, -0.0501, -0.0499, 0.0, 1e-9, 0.0499, 0.0501, 3.0])
    expected = np.expm1(x) - x
    expected[5] = 0.5e-18
    np.testing.assert_allclose(exp_rest(x), expected, rtol=1e-9)
    assert np.isfinite(exp_rest(np.array([np.inf])))
