import numpy as np
import pytest

from boostlab.distributions import CRPS, LogScore, Normal, get_score
from boostlab.distributions.scores import solve


def test_solve_dense_and_diagonal():
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(5, 3, 3))
    metric, gradient = factor @ factor.transpose(0, 2, 1), rng.normal(size=(5, 3))
    expected = np.linalg.solve(metric, gradient[:, :, None])[:, :, 0]
    np.testing.assert_allclose(solve(metric, gradient), expected, rtol=1e-4)
    np.testing.assert_allclose(solve(gradient**2, gradient), 1 / gradient)


def test_solve_is_finite_where_the_metric_is_flat():
    flat = np.array([[[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    assert np.isfinite(solve(flat, np.array([[1.0, 1.0], [0.0, 0.0]]))).all()


def test_solve_bears_very_different_units():
    metric = np.array([[[1e-200, 1e-101], [1e-101, 1.0]]])
    natural = solve(metric, np.array([[1e-100, 0.0]]))
    np.testing.assert_allclose(natural[0], [1e100 / 0.99, -0.1 / 0.99], rtol=1e-6)


def test_scores_by_name():
    assert isinstance(get_score("log"), LogScore)
    assert isinstance(get_score("crps"), CRPS)
    own = CRPS()
    assert get_score(own) is own
    with pytest.raises(ValueError, match="give one of"):
        get_score("spherical")
    with pytest.raises(TypeError, match="instance"):
        get_score(CRPS)


def test_a_family_without_the_formulas_is_refused():
    class Bare(Normal):
        name = "bare"
        scores = ("log",)

    with pytest.raises(ValueError, match="'bare' has no formulas for the score 'crps'"):
        CRPS().check(Bare())


def test_intervals_with_bad_ends_name_the_row():
    Normal().check_targets(np.array([[0.0, 1.0], [1.0, 1.0], [2.0, np.inf]]))
    for bad in ([1.0, 0.0], [-np.inf, np.inf], [np.nan, 1.0], [np.inf, np.inf]):
        with pytest.raises(ValueError, match="row 1 of y"):
            Normal().check_targets(np.array([[0.0, 1.0], bad]))
