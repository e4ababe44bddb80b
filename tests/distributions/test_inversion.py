import numpy as np
import scipy.stats

from boostlab.distributions.inversion import invert_cdf


def inverted(frozen, p, low, high, slope=None):
    return invert_cdf(
        p,
        lambda x, rows: frozen.cdf(x),
        slope or (lambda x, rows: frozen.pdf(x)),
        np.full(len(p), low),
        np.full(len(p), high),
    )


P = np.array([1e-9, 0.01, 0.3, 0.5, 0.77, 0.9999])


def test_smooth():
    np.testing.assert_allclose(
        inverted(scipy.stats.norm(3, 2), P, -100.0, 100.0),
        scipy.stats.norm(3, 2).ppf(P),
        rtol=1e-11,
    )


def test_a_useless_slope_only_costs_time():
    for slope in (0.0, np.nan):
        given = inverted(
            scipy.stats.norm(), P, -50.0, 60.0, lambda x, rows, s=slope: 0 * x + s
        )
        np.testing.assert_allclose(given, scipy.stats.norm.ppf(P), atol=1e-11)


def test_a_flat_stretch_ends_within_it():
    gap = scipy.stats.rv_histogram((np.array([1, 0, 1]), np.array([0.0, 1, 2, 3])))
    given = inverted(gap, np.array([0.5]), 0.0, 3.0)
    assert 1.0 - 1e-9 <= given[0] <= 2.0 + 1e-9


def test_a_root_at_an_end_or_at_zero():
    given = inverted(scipy.stats.norm(), np.array([0.5, 0.5]), -1.0, 1.0)
    np.testing.assert_allclose(given, 0.0, atol=1e-12)
    given = inverted(scipy.stats.uniform(), np.array([0.25]), 0.25, 1.0)
    np.testing.assert_allclose(given, 0.25, rtol=1e-12)
