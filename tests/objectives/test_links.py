"""Links and their inverses."""

import numpy as np
import pytest

from boostlab.objectives.links import IdentityLink, LogitLink, LogLink, SoftmaxLink

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
