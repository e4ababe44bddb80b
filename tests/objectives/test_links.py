"""Links and their inverses."""

import numpy as np
import pytest

from boostlab.objectives.links import (
    IdentityLink,
    LogitLink,
    LogLink,
    RestLink,
    SoftmaxLink,
)

COLUMN = np.array([[-3.0], [0.0], [0.5], [20.0]])


@pytest.mark.parametrize(
    "link", [IdentityLink(), LogLink(), LogitLink(), LogitLink(scale=2.0)]
)
def test_link_undoes_the_inverse(link):
    np.testing.assert_allclose(link.link(link.inverse(COLUMN)), COLUMN, rtol=1e-12)


def test_softmax_and_its_link_differ_by_a_constant_a_row():
    raw = np.random.default_rng(0).normal(size=(6, 3))
    again = SoftmaxLink().link(SoftmaxLink().inverse(raw))
    np.testing.assert_allclose(np.ptp(again - raw, axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.exp(again).sum(axis=1), 1.0)


def test_both_probabilities_are_accurate_when_one_is_tiny():
    both = LogitLink().inverse(np.array([[40.0], [-40.0]]))
    assert both[0, 0] == pytest.approx(np.exp(-40.0), rel=1e-12)
    assert both[1, 1] == pytest.approx(np.exp(-40.0), rel=1e-12)
    np.testing.assert_allclose(both.sum(axis=1), 1.0)


def test_the_half_log_odds_by_hand():
    assert LogitLink(scale=2.0).inverse(np.array([[0.5]]))[0, 1] == pytest.approx(
        1 / (1 + np.exp(-1.0))
    )


@pytest.mark.parametrize("link", [LogLink(), LogitLink(), SoftmaxLink()])
def test_extreme_raw_predictions_stay_in_range(link):
    values = link.inverse(np.array([[1e308], [-1e308], [1e4], [-1e4]]))
    assert np.all(np.isfinite(values))
    assert np.all(values >= 0.0)


def test_the_log_link_never_returns_zero():
    assert LogLink().inverse(np.array([[-1e9]]))[0, 0] > 0.0


def test_log_odds_against_the_rest_keep_their_order():
    rng = np.random.default_rng(0)
    for scale in (0.1, 3.0, 50.0, 500.0):
        for n_classes in (2, 3, 10):
            raw = rng.uniform(-scale, scale, (400, n_classes))
            p = RestLink().inverse(raw)
            np.testing.assert_allclose(p.sum(axis=1), 1.0)
            np.testing.assert_array_equal(p.argmax(axis=1), raw.argmax(axis=1))
            ordered = np.take_along_axis(p, np.argsort(raw, axis=1), axis=1)
            assert (np.diff(ordered, axis=1) >= 0).all()
    low, _, high = RestLink().inverse(np.array([[33.25, -65.8, 36.08]]))[0]
    # One shift for both: their log odds stay 2 (36.08 - 33.25) apart.
    assert np.log(high / (1 - high) / low * (1 - low)) == pytest.approx(5.66)


def test_extreme_log_odds_against_the_rest_stay_in_range():
    raw = np.array([[1e308, -1e308, 0.0], [1e4, 1e4, -1e308], [0.0, -1e4, -1e4]])
    p = RestLink().inverse(raw)
    np.testing.assert_allclose(p, [[1, 0, 0], [0.5, 0.5, 0], [1, 0, 0]], atol=1e-12)


def test_log_odds_against_the_rest_and_their_link():
    p = np.random.default_rng(0).dirichlet(np.full(4, 0.2), 200)
    p = np.maximum(p, 1e-12) / np.maximum(p, 1e-12).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(RestLink().inverse(RestLink().link(p)), p, rtol=1e-9)
    both = RestLink().inverse(np.array([[-0.5, 0.5]]))
    np.testing.assert_allclose(both, LogitLink(2.0).inverse(np.array([[0.5]])))
