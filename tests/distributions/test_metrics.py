"""Metrics by quadrature against the formulas of the families."""

import numpy as np
import pytest
from distribution_cases import CASES

from boostlab.distributions import CRPS, LogScore, Normal, Score
from boostlab.distributions.metrics import metric_of


def full(metric):
    return metric if metric.ndim == 3 else metric[:, :, None] * np.eye(metric.shape[1])


# A rule of 24 nodes is exact for polynomials in the normal score; elsewhere it is near.
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.distribution.name in ("normal", "poisson")],
    ids=lambda case: case.distribution.name,
)
def test_fisher_information(case):
    raw = np.asfortranarray(case.raw(np.random.default_rng(0), 8))
    given = metric_of(LogScore(), case.distribution, raw)
    expected = full(case.distribution.fisher(raw))
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)


def test_crps_metric():
    raw = np.random.default_rng(0).normal(size=(8, 2))
    given = metric_of(CRPS(), Normal(), raw)
    expected = full(Normal().crps_metric(raw))
    np.testing.assert_allclose(given, expected, rtol=1e-3, atol=1e-3)


class MeanOnly(Score):
    """Says nothing of the spread, and so has a flat direction."""

    def values(self, distribution, y, raw):
        return 0.5 * (distribution.mean(raw) - y) ** 2

    def gradient(self, distribution, y, raw):
        return np.column_stack([raw[:, 0] - y, np.zeros(len(y))])


def test_a_flat_direction_is_damped():
    raw = np.random.default_rng(0).normal(size=(5, 2))
    metric = MeanOnly().metric(Normal(), raw)
    np.testing.assert_allclose(metric[:, 0, 0], 1.0, rtol=1e-6)
    assert np.all(np.linalg.eigvalsh(metric) > 0)
    natural = MeanOnly().natural_gradient(Normal(), np.zeros(5), raw)
    np.testing.assert_allclose(natural, np.column_stack([raw[:, 0], np.zeros(5)]))


def test_vectors_need_a_metric_of_their_own():
    class Vectors(Normal):
        multivariate = True

    with pytest.raises(ValueError, match="natural_gradient=False"):
        metric_of(LogScore(), Vectors(), np.zeros((2, 2)))
