"""Mixtures beyond the battery."""

import numpy as np
import pytest
import scipy.stats

from boostlab.distributions import (
    Categorical,
    Mixture,
    MultivariateNormal,
    Normal,
    Poisson,
    get_distribution,
)

NATURAL = {
    "weight0": 0.3,
    "weight1": 0.7,
    "loc0": -1.0,
    "scale0": 0.5,
    "loc1": 2.0,
    "scale1": 1.5,
}


def two(n=1):
    family = Mixture()
    raw = family.raw_parameters(**{k: np.full(n, v) for k, v in NATURAL.items()})
    return family, raw


def test_by_hand():
    family, raw = two(4)
    y = np.array([-2.0, -1.0, 0.5, 8.0])
    parts = [(0.3, scipy.stats.norm(-1, 0.5)), (0.7, scipy.stats.norm(2, 1.5))]
    pdf = sum(w * part.pdf(y) for w, part in parts)
    cdf = sum(w * part.cdf(y) for w, part in parts)
    np.testing.assert_allclose(np.exp(family.log_density(y, raw)), pdf)
    np.testing.assert_allclose(family.cdf(y, raw), cdf)
    np.testing.assert_allclose(family.mean(raw), 0.3 * -1 + 0.7 * 2)
    second = 0.3 * (1 + 0.25) + 0.7 * (4 + 2.25)
    np.testing.assert_allclose(family.variance(raw), second - 1.1**2)


def test_equal_components_are_one():
    family = Mixture("normal", 3)
    raw = np.array([[0.3, -1.0, 1.0, 0.2, 1.0, 0.2, 1.0, 0.2]])
    one, y = np.array([[1.0, 0.2]]), np.array([3.0])
    for method in ("log_density", "cdf", "log_cdf", "log_sf"):
        np.testing.assert_allclose(
            getattr(family, method)(y, raw), getattr(Normal(), method)(y, one)
        )
    np.testing.assert_allclose(
        family.quantile(np.array([0.2]), raw), Normal().quantile(np.array([0.2]), one)
    )
    # The gradient of a component is its weight's share of that of all.
    gradient = family.log_score_gradient(y, raw)[0, 2:].reshape(3, 2)
    np.testing.assert_allclose(
        gradient.sum(axis=0), Normal().log_score_gradient(y, one)[0]
    )


def test_the_natural_step_is_the_one_of_em():
    """A unit step in the means ends at the means weighted by responsibilities."""
    family, raw = two(300)
    rng = np.random.default_rng(0)
    y = rng.normal(size=300)
    step = family.natural_log_gradient(y, raw).mean(axis=0)
    parts = [
        0.3 * scipy.stats.norm.pdf(y, -1, 0.5),
        0.7 * scipy.stats.norm.pdf(y, 2, 1.5),
    ]
    share = parts[0] / sum(parts)
    # The mean of r (mu - y)/w, which EM divides by the mean of r instead of w.
    assert step[1] == pytest.approx(np.mean(share * (-1 - y)) / 0.3)


def test_the_marginal_fit_finds_two_modes():
    family, raw = two(20000)
    y = family.sample(raw, np.random.default_rng(0))
    found = family.natural_parameters(family.marginal(y, np.ones(len(y)))[None])
    for name, value in NATURAL.items():
        assert found[name][0] == pytest.approx(value, abs=0.1), name


def test_a_component_does_not_collapse_onto_one_target():
    y = np.array([0.0, 0.0, 0.0, 1.0, 5.0])
    raw = Mixture().marginal(y, np.ones(5))
    scales = [Mixture().natural_parameters(raw[None])[f"scale{m}"][0] for m in (0, 1)]
    assert min(scales) > 1e-5


def test_far_from_all_components_nothing_is_lost():
    family, raw = two(2)
    y = np.array([1e200, -1e200])
    with np.errstate(over="ignore"):
        assert np.all(np.isneginf(family.log_density(y, raw)))
        assert not np.isnan(family.log_score_gradient(y, raw)).any()
        assert not np.isnan(family.natural_log_gradient(y, raw)).any()


def test_attributes_are_those_of_the_component():
    counts = Mixture(Poisson(), 3)
    assert counts.support == "counts"
    assert counts.discrete
    assert counts.censors == ("log",)
    assert counts.parameters == ("weight0", "weight1", "weight2", "mu0", "mu1", "mu2")
    assert repr(get_distribution("mixture")) == "Mixture()"


@pytest.mark.parametrize(
    ("family", "words"),
    [
        (Mixture("norml"), "name of a family"),
        (Mixture(n_components=1), "n_components"),
        (Mixture(Categorical(3)), "of numbers"),
        (Mixture(MultivariateNormal(2)), "of numbers"),
    ],
)
def test_mistakes(family, words):
    with pytest.raises(ValueError, match=words):
        family.validate()
