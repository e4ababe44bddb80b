import numpy as np
import pytest

from boostlab.distributions import Cauchy, Gumbel, Laplace, Logistic, LogScore, StudentT
from boostlab.distributions.location_scale import median_and_spread

FAMILIES = [Cauchy(), Gumbel(), Laplace(), Logistic(), StudentT(df=3)]
FAR = np.array([-1e300, -800.0, -40.0, 40.0, 800.0, 1e300])
over_families = pytest.mark.parametrize("family", FAMILIES, ids=repr)


def test_laplace_marginal_is_no_worse_than_its_neighbours():
    rng = np.random.default_rng(0)
    y, weight = rng.standard_t(3, 50), rng.uniform(0.5, 2, 50)
    family = Laplace()
    raw = family.marginal(y, weight)

    def loss(at):
        rows = np.asfortranarray(np.repeat(at[None], 50, 0))
        return weight @ LogScore().values(family, y, rows)

    best = loss(raw)
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3], [0.3, 0.3], [-0.3, 0]):
        assert loss(raw + step) > best


@over_families
def test_far_out_all_is_a_number(family):
    raw = np.asfortranarray(np.zeros((len(FAR), 2)))
    for function in (family.log_density, family.cdf, family.sf, family.log_cdf):
        assert not np.isnan(function(FAR, raw)).any()
    with np.errstate(over="ignore"):
        for function in (
            family.log_sf,
            family.log_score_gradient,
            family.natural_log_gradient,
            family.crps,
            family.crps_gradient,
            family.crps_below_gradient,
            family.crps_above_gradient,
            family.log_cdf_gradient,
            family.log_sf_gradient,
        ):
            assert not np.isnan(function(FAR, raw)).any(), function


@over_families
def test_quantiles_of_certain_events_are_the_ends(family):
    raw = np.zeros((2, 2))
    ends = family.quantile(np.array([0.0, 1.0]), raw)
    np.testing.assert_array_equal(ends, [-np.inf, np.inf])


def test_gumbel_series_and_formula_agree_where_they_meet():
    family = Gumbel()
    near = -np.log(0.1) + np.array([-1e-9, 1e-9])
    values = family.standard_above(near, None)
    np.testing.assert_allclose(values[0], values[1], rtol=1e-8)


def test_spread_of_mostly_equal_targets():
    y = np.array([1.0] * 8 + [2.0])
    median, spread = median_and_spread(y, np.ones(9))
    assert median == 1.0
    assert spread == pytest.approx(y.std())


def test_gumbel_fit_is_not_driven_off_by_far_bounds():
    # At the start the slope is the exponential of the lowest bound.
    rng = np.random.default_rng(0)
    y = rng.standard_t(3, 400) * np.exp(0.5 * rng.normal(size=400))
    ends = np.column_stack([y, y])
    ends[::4, 1] = np.inf
    ends[1::7, 0], ends[1::7, 1] = -np.inf, y[1::7]
    family, score = Gumbel(), LogScore()
    raw = family.marginal(ends, np.ones(400))
    rows = np.asfortranarray(np.tile(raw, (400, 1)))
    slope = score.gradient(family, ends, rows).mean(0) * [np.exp(raw[1]), 1]
    assert np.max(np.abs(slope)) < 1e-4
