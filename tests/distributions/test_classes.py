"""Bernoulli and categorical distributions beyond the battery."""

import numpy as np
import pytest

from boostlab.distributions import (
    Bernoulli,
    Brier,
    Categorical,
    Poisson,
    get_distribution,
    get_score,
)


def test_two_classes_are_bernoulli():
    raw = np.linspace(-4, 4, 9)[:, None]
    y = np.arange(9.0) % 2
    two, bernoulli = Categorical(2), Bernoulli()
    for method in ("log_density", "cdf", "sf", "log_score_gradient", "crps"):
        given, expected = (getattr(f, method)(y, raw) for f in (two, bernoulli))
        np.testing.assert_allclose(given, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(
        two.natural_log_gradient(y, raw), bernoulli.natural_log_gradient(y, raw)
    )
    np.testing.assert_allclose(two.probabilities(raw), bernoulli.probabilities(raw))
    np.testing.assert_allclose(two.crps_metric(raw)[:, 0], bernoulli.crps_metric(raw))


@pytest.mark.parametrize("family", [Bernoulli(), Categorical(2)], ids=repr)
def test_natural_gradient_is_capped(family):
    raw = np.array([[-800.0], [800.0], [-30.0], [0.0]])
    y = np.array([1.0, 0.0, 0.0, 1.0])
    natural = family.natural_log_gradient(y, raw)[:, 0]
    np.testing.assert_allclose(natural, [-1e7, 1e7, 1.0, -2.0], rtol=1e-9)
    assert np.isfinite(family.log_density(y, raw)).all()


def test_probabilities_sum_to_one_for_huge_logits():
    raw = np.array([[1e6, -1e6, 0.0], [-1e6, -1e6, -1e6], [3.0, 2.0, 1.0]])
    p = Categorical(4).probabilities(raw)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert p[0].tolist() == [0, 1, 0, 0]
    assert p[1].tolist() == [1, 0, 0, 0]


def test_ranked_probability_score_by_hand():
    family = Categorical(3)
    raw = family.raw_parameters(p0=[0.2], p1=[0.5], p2=[0.3])
    for y, expected in ((0, 0.8**2 + 0.3**2), (1, 0.2**2 + 0.3**2), (2, 0.04 + 0.49)):
        assert family.crps(np.array([y]), raw)[0] == pytest.approx(expected)


def test_the_marginal_fit_is_the_weighted_shares():
    y, weight = np.array([0.0, 1.0, 2.0, 2.0]), np.array([1.0, 2.0, 3.0, 4.0])
    raw = Categorical(3).marginal(y, weight)
    np.testing.assert_allclose(
        Categorical(3).probabilities(raw[None])[0], [0.1, 0.2, 0.7]
    )
    unseen = Categorical(4).marginal(y, weight)
    assert Categorical(4).probabilities(unseen[None])[0, 3] == pytest.approx(1e-7)


def test_the_number_of_classes():
    family = get_distribution("categorical")
    with pytest.raises(ValueError, match=r"Categorical\(n_classes=3\)"):
        family.n_parameters  # noqa: B018
    assert family.with_classes(5).n_parameters == 4
    with pytest.raises(ValueError, match="leave it None"):
        Categorical(3).with_classes(4)
    with pytest.raises(ValueError, match="use 'categorical'"):
        Bernoulli().with_classes(3)
    assert isinstance(Bernoulli().with_classes(2), Bernoulli)
    with pytest.raises(ValueError, match="n_classes"):
        Categorical(1).validate()


@pytest.mark.parametrize("family", [Bernoulli(), Categorical(2)], ids=repr)
def test_a_class_too_many_names_the_row(family):
    with pytest.raises(ValueError, match=r"classes 0 to 1, but row 1 of y holds 2\.0"):
        family.check_targets(np.array([0.0, 2.0]))


def test_brier_score_by_hand():
    family = Categorical(3)
    raw = family.raw_parameters(p0=[0.2], p1=[0.5], p2=[0.3])
    score = get_score("brier")
    assert score.values(family, np.array([2.0]), raw)[0] == pytest.approx(
        0.04 + 0.25 + 0.49
    )
    with pytest.raises(ValueError, match="not one of classes"):
        score.check(Poisson())
    score.check(family)


@pytest.mark.parametrize("family", [Bernoulli(), Categorical(4)], ids=repr)
def test_brier_gradient_and_metric(family):
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(30, family.n_parameters))
    y = family.sample(raw, rng)
    score, step = Brier(), 1e-6
    for k in range(raw.shape[1]):
        move = step * (np.arange(raw.shape[1]) == k)
        up, down = (score.values(family, y, raw + s * move) for s in (1, -1))
        slope = (up - down) / (2 * step)
        np.testing.assert_allclose(
            score.gradient(family, y, raw)[:, k], slope, atol=1e-8
        )
    # The metric is the derivative of the expected gradient at the truth.
    p, expected = family.probabilities(raw), np.zeros((30, *2 * raw.shape[1:]))
    for k in range(raw.shape[1]):
        move = step * (np.arange(raw.shape[1]) == k)
        for c in range(p.shape[1]):
            at = np.full(30, float(c))
            up, down = (score.gradient(family, at, raw + s * move) for s in (1, -1))
            expected[:, :, k] += p[:, c, None] * (up - down) / (2 * step)
    np.testing.assert_allclose(score.metric(family, raw), expected, atol=1e-8)


def test_brier_does_not_depend_on_the_order_of_classes():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1, 1], 10)
    y, order = rng.integers(0, 4, 10).astype(float), np.array([2, 0, 3, 1])
    family, score = Categorical(4), Brier()
    raw = family.raw_parameters(**{f"p{c}": p[:, c] for c in range(4)})
    mixed = family.raw_parameters(**{f"p{c}": p[:, order[c]] for c in range(4)})
    place = np.argsort(order)[y.astype(int)].astype(float)
    np.testing.assert_allclose(
        score.values(family, y, raw), score.values(family, place, mixed)
    )
    # A natural step changes the probabilities alike.
    steps = [
        score.natural_gradient(family, at, by) for at, by in ((y, raw), (place, mixed))
    ]
    small = 1e-6
    first = family.probabilities(raw - small * steps[0])
    second = family.probabilities(mixed - small * steps[1])
    np.testing.assert_allclose(
        (first - p)[:, order], second - p[:, order], rtol=1e-3, atol=1e-11
    )


@pytest.mark.parametrize("family", [Bernoulli(), Categorical(4)], ids=repr)
def test_brier_is_finite_for_extreme_logits(family):
    rng = np.random.default_rng(0)
    raw = rng.normal(scale=200, size=(300, family.n_parameters))
    y = rng.integers(0, family.probabilities(raw[:1]).shape[1], 300).astype(float)
    score = Brier()
    assert np.isfinite(score.values(family, y, raw)).all()
    assert np.isfinite(score.gradient(family, y, raw)).all()
    assert not np.isnan(score.natural_gradient(family, y, raw)).any()
