"""The ends of the support of positive targets, and parameters far out."""

import numpy as np
import pytest

from boostlab.distributions import (
    CRPS,
    Exponential,
    Gamma,
    HalfNormal,
    LogNormal,
    LogScore,
    Normal,
    Weibull,
)

FAMILIES = [Exponential(), Gamma(), HalfNormal(), LogNormal(), Weibull()]
WITH_CRPS = [family for family in FAMILIES if "crps" in family.censors]


def over(families):
    return pytest.mark.parametrize("family", families, ids=repr)


def zeros(family, n):
    return np.zeros((n, family.n_parameters), order="F")


@over(FAMILIES)
def test_nothing_is_below_zero(family):
    y, raw = np.array([-1e300, -1.0, 0.0]), zeros(family, 3)
    np.testing.assert_array_equal(family.cdf(y, raw), 0.0)
    np.testing.assert_array_equal(family.sf(y, raw), 1.0)
    np.testing.assert_array_equal(family.log_cdf(y, raw), -np.inf)
    np.testing.assert_array_equal(family.log_sf(y, raw), 0.0)
    np.testing.assert_array_equal(family.log_density(y[:2], raw[:2]), -np.inf)
    np.testing.assert_allclose(family.log_sf_gradient(y, raw), 0.0, atol=1e-100)
    ends = family.quantile(np.array([0.0, 1.0]), raw[:2])
    assert ends[0] == 0.0
    assert ends[1] > 1e300


@over(FAMILIES)
def test_an_interval_may_begin_at_zero_or_below(family):
    raw = zeros(family, 1)
    score = LogScore()
    expected = score.values(family, np.array([[-np.inf, 1.5]]), raw)
    slopes = score.gradient(family, np.array([[-np.inf, 1.5]]), raw)
    for low in (0.0, -2.0):
        y = np.array([[low, 1.5]])
        np.testing.assert_allclose(score.values(family, y, raw), expected)
        np.testing.assert_allclose(score.gradient(family, y, raw), slopes)


@over(WITH_CRPS)
def test_crps_of_bounds_at_zero_and_below(family):
    raw, score = zeros(family, 1), CRPS()
    zero, one = np.array([0.0]), np.array([1.0])
    np.testing.assert_allclose(family.crps_below(-3 * one, raw), 0.0, atol=1e-250)
    np.testing.assert_allclose(family.crps_below(zero, raw), 0.0, atol=1e-15)
    whole = family.crps_above(zero, raw)
    np.testing.assert_allclose(family.crps_above(-3 * one, raw), whole + 3)
    np.testing.assert_allclose(family.crps(-3 * one, raw), whole + 3)
    for y in ([[-3.0, 1.0]], [[0.0, 1.0]], [[-np.inf, 1.0]]):
        np.testing.assert_allclose(
            score.gradient(family, np.array(y), raw),
            family.crps_above_gradient(one, raw),
            atol=1e-12,
        )


@over(FAMILIES)
def test_parameters_far_out_give_numbers(family):
    corners = np.array([-600.0, -200.0, -30.0, 0.0, 30.0, 200.0, 600.0])
    grid = np.meshgrid(*[corners] * family.n_parameters)
    raw = np.asfortranarray(np.column_stack([axis.ravel() for axis in grid]))
    scores = [LogScore()] + [CRPS()] * ("crps" in family.scores)
    y = np.full(len(raw), 2.5)
    far = [np.column_stack([y, y]), np.column_stack([y, np.full(len(y), np.inf)])]
    far += [np.column_stack([np.zeros(len(y)), y]), np.column_stack([y, 2 * y])]
    with np.errstate(all="ignore"):
        for score in scores:
            for target in [y, *far]:
                if target.ndim == 2 and score.name not in family.censors:
                    continue
                assert not np.isnan(score.values(family, target, raw)).any()
                assert not np.isnan(score.gradient(family, target, raw)).any()
                natural = score.natural_gradient(family, target, raw)
                assert not np.isnan(natural).any()


def test_weibull_of_a_huge_shape_keeps_its_digits():
    # With k = 1e8 the log of y / lam is a Gumbel's z over k.
    family, k = Weibull(), 1e8
    z = np.array([-3.0, -0.5, 0.0, 1.0])
    raw = np.column_stack([np.full(4, np.log(k)), np.zeros(4)])
    y = np.exp(z / k)
    gumbel = np.log(k) + z - np.exp(z)
    np.testing.assert_allclose(family.log_density(y, raw), gumbel, rtol=1e-6)
    spread = np.sqrt(family.variance(raw))
    np.testing.assert_allclose(spread, np.pi / np.sqrt(6) / k, rtol=1e-6)


@pytest.mark.parametrize("log_s", [-12.0, -3.0, 0.0, 1.0, 2.0])
def test_log_normal_crps_of_narrow_and_wide_ones(log_s):
    family = LogNormal()
    raw = np.array([[0.3, log_s]])
    y = family.quantile(np.array([0.3]), raw)
    parts = family.crps_below(y, raw) + family.crps_above(y, raw)
    np.testing.assert_allclose(family.crps(y, raw), parts, rtol=1e-9, atol=1e-14)


def test_log_normal_crps_of_a_narrow_one_is_a_normals():
    mu, log_s, z = 0.3, -12.0, np.array([-1.0, 0.2, 2.0])
    raw = np.repeat([[mu, log_s]], 3, axis=0)
    y = np.exp(mu + z * np.exp(log_s))
    linear = np.repeat([[np.exp(mu), mu + log_s]], 3, axis=0)
    given = LogNormal().crps(y, raw)
    np.testing.assert_allclose(given, Normal().crps(y, linear), rtol=1e-4)


@pytest.mark.parametrize("family", [Gamma(), LogNormal(), Weibull()], ids=repr)
def test_bounds_of_zero_do_not_spoil_the_fit(family):
    # "More than 0" says nothing of a positive target.
    y = np.random.default_rng(0).gamma(2.0, size=60)
    ends = np.column_stack([y, y])
    empty = np.tile([0.0, np.inf], (3, 1))
    raw = family.marginal(np.vstack([ends, empty]), np.ones(63))
    np.testing.assert_allclose(raw, family.marginal(ends, np.ones(60)), atol=1e-5)
    assert np.isfinite(family.marginal(empty, np.ones(3))).all()
