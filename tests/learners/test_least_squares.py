"""Closed forms against the same problems written out by brute force."""

import numpy as np
import pytest

from boostlab.learners.least_squares import moments, ridge, sandwiched


def problem(n=60, p=7, k=3, d=5, seed=0):
    rng = np.random.default_rng(seed)
    z, r = rng.normal(size=(n, p)), rng.normal(size=(n, k))
    return z, r, rng.normal(size=(d, k)), rng.uniform(0.5, 2, n)


def known(z, r, weight, centred):
    total = weight.sum()
    return moments(lambda rows: z[rows], r, weight, total, centred=centred)


def test_ridge_solves_its_normal_equations():
    z, r, _, weight = problem()
    slopes, intercept = ridge(known(z, r, weight, True), 0.3, len(z))
    error = (r - z @ slopes - intercept) * weight[:, None] / weight.sum()
    np.testing.assert_allclose(z.T @ error, 0.3 * slopes, atol=1e-12)
    np.testing.assert_allclose(error.sum(axis=0), 0, atol=1e-14)


def test_sums_over_many_chunks_equal_those_at_once():
    z, r, _, weight = problem(n=3000)
    found = known(z, r, weight, False)
    np.testing.assert_allclose(found.gram, (z.T * weight) @ z / weight.sum())
    np.testing.assert_allclose(found.cross, (z.T * weight) @ r / weight.sum())


@pytest.mark.parametrize("k", [1, 3])
def test_the_dense_solution_equals_that_of_the_kronecker_system(k):
    z, r, w, weight = problem(k=k)
    mean = weight / weight.sum()
    # vec(P D W) = (W' x P) vec(D), columns stacked.
    design = np.kron(w.T, z)
    row_weight = np.tile(mean, k)
    system = (design.T * row_weight) @ design + 0.2 * np.eye(design.shape[1])
    right = (design.T * row_weight) @ r.T.ravel()
    brute = np.linalg.solve(system, right).reshape(len(w), z.shape[1]).T
    found = sandwiched("dense", known(z, r, weight, False), w, 0.2, len(z))
    np.testing.assert_allclose(found, brute, rtol=1e-9, atol=1e-12)
    assert np.linalg.matrix_rank(found) <= k


@pytest.mark.parametrize("kind", ["diagonal", "scalar"])
def test_restricted_solutions_are_minima(kind):
    z, r, w, weight = problem(p=5)
    found = sandwiched(kind, known(z, r, weight, False), w, 0.2, len(z))
    if kind == "scalar":
        np.testing.assert_array_equal(found, found[0, 0] * np.eye(5))
    penalised = 0.2 if kind == "diagonal" else 0.2 / 5  # |D|^2 of one number

    def value(change):
        error = r - z @ change @ w
        return (
            np.average((error**2).sum(axis=1), weights=weight)
            + penalised * (change**2).sum()
        )

    directions = np.eye(5) if kind == "diagonal" else np.ones((1, 5))
    for direction in directions:
        for step in (1e-4, -1e-4):
            assert value(found + step * np.diag(direction)) > value(found)


def test_cross_validation_ignores_noise_and_keeps_signal():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(200, 150))
    signal = z[:, :3] @ np.array([[1.0], [2.0], [-1.0]])
    noise = rng.normal(size=(200, 1))
    ones = np.ones(200)
    of_signal, _ = ridge(known(z, signal, ones, True), "auto", 200)
    of_noise, _ = ridge(known(z, noise, ones, True), "auto", 200)
    assert np.mean((z @ of_signal - signal) ** 2) < 0.1 * np.var(signal)
    assert np.mean((z @ of_noise) ** 2) < 0.2


def test_nothing_is_fitted_by_constant_features():
    slopes, intercept = ridge(
        known(np.ones((9, 2)), np.arange(9.0)[:, None], np.ones(9), True), "auto", 9
    )
    np.testing.assert_array_equal(slopes, 0)
    np.testing.assert_allclose(intercept, 4)


@pytest.mark.parametrize("kind", ["dense", "diagonal", "scalar"])
@pytest.mark.parametrize("l2", ["auto", 0.0, 0.1])
def test_a_top_model_of_zeros_asks_for_no_change(kind, l2):
    if l2 == "auto" and kind != "dense":
        return
    z, r, w, weight = problem(p=5)
    found = sandwiched(kind, known(z, r, weight, False), 0 * w, l2, len(z))
    np.testing.assert_array_equal(found, np.zeros((5, 5)))


@pytest.mark.parametrize("l2", [0.0, 1e-20, 1e-16])
def test_without_a_penalty_rounding_is_not_magnified(l2):
    rng = np.random.default_rng(0)
    z = np.tanh(rng.normal(size=(30, 2)) @ rng.normal(size=(2, 90)))
    r, w, ones = z[:, :1] + 0.1 * rng.normal(size=(30, 1)), np.ones((2, 1)), np.ones(30)
    dense = sandwiched("dense", known(z, r, ones, False), w, l2, 30) @ w
    plain, shift = ridge(known(z, r, ones, True), l2, 30)
    new = np.tanh(rng.normal(size=(50, 2)) @ rng.normal(size=(2, 90)))
    # As small as the solution of least norm, and as good on the rows.
    least = np.linalg.pinv(z, rcond=1e-7) @ r
    assert np.abs(z @ dense - r).max() < 1e-3
    assert np.abs(z @ plain + shift - r).max() < 1e-3
    for found in (dense, plain):
        assert np.abs(found).max() < 10 * np.abs(least).max()
        assert np.isfinite(new @ found).all()
