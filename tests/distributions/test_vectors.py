"""Families of vectors beyond the battery."""

import numpy as np
import pytest

from boostlab.distributions import (
    Beta,
    Dirichlet,
    MultivariateNormal,
    Normal,
    Predictive,
    get_distribution,
)
from boostlab.distributions.dirichlet import natural_by_logs


def drawn(p=3, n=50, seed=0):
    rng = np.random.default_rng(seed)
    family = MultivariateNormal(p)
    raw = rng.normal(scale=0.5, size=(n, family.n_parameters))
    return family, raw, family.sample(raw, rng)


def test_one_output_is_normal():
    family, raw, y = drawn(1)
    one = np.column_stack([raw[:, 0], -raw[:, 1]])
    np.testing.assert_allclose(
        family.log_density(y, raw), Normal().log_density(y[:, 0], one)
    )
    natural = Normal().natural_log_gradient(y[:, 0], one) * [1, -1]
    np.testing.assert_allclose(family.natural_log_gradient(y, raw), natural)


def test_the_information_is_block_diagonal_by_columns():
    """In the entries of L, as the specification of the model has it."""
    family, raw, _ = drawn(4, n=1)
    p = 4
    _, a, unit = family._parts(raw)
    i, j = np.tril_indices(p)
    # d(log a, u)/d L: log a_i = log L_ii, u_ij = L_ij/L_ii.
    names = [(k, k) for k in range(p)] + list(zip(*np.tril_indices(p, -1), strict=True))
    slope = np.zeros((len(names), len(i)))
    for place, (r, c) in enumerate(zip(i, j, strict=True)):
        for k, (row, column) in enumerate(names):
            if (row, column) == (r, c):
                slope[k, place] = 1 / a[0, r]
            elif r == c == row:
                slope[k, place] = -unit[0, row, column] / a[0, r]
    metric = slope.T @ family.fisher(raw)[0, p:, p:] @ slope
    other = j[:, None] != j
    np.testing.assert_allclose(metric[other], 0, atol=1e-12)
    cov = family.natural_parameters(raw)["cov"][0]
    for c in range(p):
        block = metric[np.ix_(j == c, j == c)]
        expected = cov[c:, c:].copy()
        expected[0, 0] += 1 / a[0, c] ** 2
        np.testing.assert_allclose(block, expected, rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-90, 1e-3, 1e90])
def test_a_change_of_unit_changes_means_and_scales_only(unit):
    family, raw, y = drawn()
    moved = raw.copy()
    moved[:, 1] *= unit
    moved[:, 4] -= np.log(unit)
    y_moved = y * [1, unit, 1]
    np.testing.assert_allclose(
        family.log_density(y_moved, moved) + np.log(unit), family.log_density(y, raw)
    )
    given = family.natural_log_gradient(y_moved, moved)
    expected = family.natural_log_gradient(y, raw) * np.where(
        np.arange(9) == 1, unit, 1
    )
    np.testing.assert_allclose(given, expected, rtol=1e-8, atol=1e-8 * unit)


def test_marginal_normal_is_the_weighted_covariance():
    rng = np.random.default_rng(0)
    y = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3)) + [1, -5, 100]
    weight = rng.uniform(0.5, 2, 200)
    family = MultivariateNormal().for_targets(y)
    found = family.natural_parameters(family.marginal(y, weight)[None])
    np.testing.assert_allclose(found["mean"][0], np.average(y, axis=0, weights=weight))
    expected = np.cov(y.T, aweights=weight, ddof=0)
    np.testing.assert_allclose(found["cov"][0], expected, rtol=1e-6)


def test_beta_is_a_dirichlet_of_two():
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(20, 2))
    y = Beta().sample(raw, rng)
    shares = np.column_stack([y, 1 - y])
    two = Dirichlet(2)
    np.testing.assert_allclose(
        Beta().log_density(y, raw), two.log_density(shares, raw), rtol=1e-9
    )
    np.testing.assert_allclose(Beta().cdf(y, raw), two.cdf(shares, raw)[:, 0])


def test_the_natural_gradient_keeps_its_digits_for_large_parameters():
    # For alpha without end all logarithms move together, by twice the sum of the
    # gradient over p - 1.
    for size in (1e3, 1e7, 1e12):
        alpha = np.array([[1.0, 2.0, 3.0]]) * size
        given = natural_by_logs(np.array([[0.3, -0.5, 1.2]]), alpha)
        np.testing.assert_allclose(given, 1.0, rtol=2 / size + 1e-9)


def test_predictions_of_vectors():
    family, raw, y = drawn()
    predicted = Predictive(family, raw)
    low, high = predicted.interval(0.9)
    assert low.shape == (50, 3)
    assert np.mean((low < y) & (y < high)) == pytest.approx(0.9, abs=0.07)
    assert predicted.logpdf(y).shape == (50,)
    assert predicted.sample(4, random_state=0).shape == (4, 50, 3)
    assert predicted.mean().shape == predicted.std().shape == (50, 3)


@pytest.mark.parametrize("name", ["dirichlet", "multivariate_normal"])
def test_the_number_of_outputs(name):
    family = get_distribution(name)
    with pytest.raises(ValueError, match=r"\(n_outputs=2\)"):
        family.n_parameters  # noqa: B018
    made = family.for_targets(np.ones((3, 2)))
    assert made.n_outputs == 2
    with pytest.raises(ValueError, match="one column for each"):
        family.for_targets(np.ones(3))
    with pytest.raises(ValueError, match="leave it None"):
        made.for_targets(np.ones((3, 4)))
    with pytest.raises(ValueError, match="n_outputs"):
        type(family)(0).validate()


def test_shares_must_sum_to_one():
    with pytest.raises(ValueError, match=r"row 1 of y holds \[0\.5 0\.6\]"):
        Dirichlet(2).check_targets(np.array([[0.5, 0.5], [0.5, 0.6]]))
