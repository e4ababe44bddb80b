import numpy as np
import pytest
import scipy.stats

from boostlab.distributions import CRPS, Gamma, LogScore
from boostlab.distributions.gamma import _beta_integrals, _shape_metric


def test_start_is_close_to_the_fit():
    y = np.random.default_rng(0).gamma(0.3, 5.0, 400)
    family = Gamma()
    start, fit = family.start(y, np.ones(400)), family.marginal(y, np.ones(400))
    np.testing.assert_allclose(start, fit, atol=0.02)


def test_fit_of_narrow_targets_has_their_moments():
    y = 3.0 + 1e-6 * np.random.default_rng(1).normal(size=200)
    log_a, log_scale = Gamma().marginal(y, np.ones(200))
    assert np.exp(-0.5 * log_a) == pytest.approx(y.std() / 3.0, rel=1e-3)
    assert np.exp(log_a + log_scale) == pytest.approx(y.mean(), rel=1e-9)


def test_a_huge_shape_keeps_its_digits():
    # With a = 1e14 the relative distance from the mean is normal, times 1e7.
    family, a = Gamma(), 1e14
    z = np.array([-2.0, -0.3, 0.0, 1.5])
    raw = np.column_stack([np.full(4, np.log(a)), np.full(4, -np.log(a))])
    y = 1 + z * 1e-7
    given = family.log_density(y, raw)
    np.testing.assert_allclose(given, scipy.stats.norm(1, 1e-7).logpdf(y), rtol=1e-6)
    natural = family.natural_log_gradient(y, raw)
    # The variance falls by log a - (log mean stays): (z^2 - 1) in first order.
    np.testing.assert_allclose(natural[:, 0], z * z - 1, atol=1e-4)
    np.testing.assert_allclose(natural.sum(1), -z * 1e-7, rtol=1e-4, atol=1e-12)


def test_metric_of_the_shape():
    # Both parts meet where the expansion begins, and the matrix is positive.
    a = np.array([9.9e4])
    size = 0.5 / scipy.special.beta(0.5, a)
    first, cross = _beta_integrals(a, size)
    alike = 2 * a * size
    assert (first / alike - 1) * a == pytest.approx(7 / 24, rel=1e-4)
    assert (cross / alike - 1) * a == pytest.approx(1 / 12, rel=1e-4)
    a = np.geomspace(1e-12, 1e12, 41)
    first, cross = _shape_metric(a)
    alike = a / scipy.special.beta(0.5, a)
    assert np.all(first * alike > cross**2)


def test_metric_of_a_small_shape():
    # By differences of E|X - X'|, with mpmath 1.3 at 25 digits.
    first, _ = _shape_metric(np.array([1e-3, 0.03]))
    np.testing.assert_allclose(first, [2.7622016e-06, 2.24081943e-03], rtol=1e-4)
    both = np.array(_shape_metric(np.array([0.99e-6, 1.01e-6])))
    np.testing.assert_allclose(both[:, 1] / both[:, 0], (1.01 / 0.99) ** 2, rtol=1e-4)


def test_shapes_and_scales_far_out_give_numbers():
    grid = np.array([-600.0, -100.0, -30.0, 0.0, 30.0, 100.0, 600.0])
    raw = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    y = np.full(len(raw), 2.5)
    ends = np.column_stack([y, np.full(len(y), np.inf)])
    family = Gamma()
    with np.errstate(all="ignore"):
        for score, target in ((LogScore(), y), (CRPS(), y), (LogScore(), ends)):
            assert not np.isnan(score.values(family, target, raw)).any()
            assert not np.isnan(score.gradient(family, target, raw)).any()
            assert not np.isnan(score.natural_gradient(family, target, raw)).any()
