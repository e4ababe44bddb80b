"""Differences, and where they are not to be trusted."""

import numpy as np

from boostlab.objectives.differences import agree, numeric_derivatives


def test_differences_of_every_output():
    raw = np.random.default_rng(0).normal(size=(20, 2))
    numeric, trusted = numeric_derivatives(
        lambda at, k: np.sin(at[:, 0]) * at[:, 1], raw
    )
    exact = np.column_stack([np.cos(raw[:, 0]) * raw[:, 1], np.sin(raw[:, 0])])
    np.testing.assert_allclose(numeric, exact, rtol=1e-7, atol=1e-9)
    assert np.all(trusted)
    assert agree(exact, numeric, trusted, 1e-6)
    assert not agree(1.01 * exact, numeric, trusted, 1e-3)


def test_a_kink_within_the_step_is_not_trusted():
    raw = np.array([[-1.0], [4e-6], [1.0]])
    numeric, trusted = numeric_derivatives(lambda at, k: np.abs(at[:, 0]), raw)
    assert trusted[:, 0].tolist() == [True, False, True]
    assert agree(np.array([[-1.0], [77.0], [1.0]]), numeric, trusted, 1e-6)


def test_large_raw_predictions_get_large_steps():
    raw = np.array([[1e9], [-1e9]])
    numeric, trusted = numeric_derivatives(lambda at, k: 0.5 * at[:, 0] ** 2, raw)
    np.testing.assert_allclose(numeric, raw, rtol=1e-6)
    assert np.all(trusted)


def test_one_wrong_small_entry_is_seen_beside_large_ones():
    numeric = np.array([[1.0], [1.0], [1.0], [0.01]])
    given = np.array([[1.0], [1.0], [1.0], [-0.01]])
    assert not agree(given, numeric, np.ones((4, 1), bool), 1e-3)
