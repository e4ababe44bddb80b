"""The Bernoulli distribution, of two classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from boostlab.distributions.base import Distribution
from boostlab.distributions.classes import (
    STEEPEST,
    check_classes,
    class_shares,
)
from boostlab.distributions.supports import safe_exp
from boostlab.registry import register

Array = NDArray[np.float64]


@register("distribution:bernoulli")
class Bernoulli(Distribution):
    r"""Classes 0 and 1 with raw parameter ``r = log(p / (1 - p))``.

    .. math:: -\log p(y) = \log(1 + e^{r}) - y r

    Log score: gradient ``p - y``, Fisher information ``p (1 - p)``, natural gradient
    ``-1/p`` for y = 1 and ``1/(1 - p)`` for y = 0, at most 1e7 in size. CRPS: that of
    the number of the class is the Brier score ``(p - y)^2``, with the metric
    ``2 (p (1 - p))^2``.

    Source: Duan and others (2020), NGBoost, section 3; Brier (1950); Gneiting, Raftery
    (2007), section 3.
    """

    name = "bernoulli"
    parameters = ("p",)
    links = ("logit",)
    support = "classes"
    scores = ("log", "crps")
    discrete = True

    def probabilities(self, raw: Array) -> Array:
        """Return the probabilities of both classes, shape (n, 2)."""
        return np.column_stack([expit(-raw[:, 0]), expit(raw[:, 0])])

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y = y)``, shape (n,)."""
        r = raw[:, 0]
        inside = (y == 0) | (y == 1)
        return np.where(inside, log_expit(np.where(y > 0, r, -r)), -np.inf)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        return np.where(y < 0, 0.0, np.where(y < 1, expit(-raw[:, 0]), 1.0))

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        return np.where(y < 0, 1.0, np.where(y < 1, expit(raw[:, 0]), 0.0))

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return the least class with a cdf of at least `p`, shape (n,)."""
        return np.where(p <= expit(-raw[:, 0]), 0.0, 1.0)

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one class for each row, shape (n,)."""
        return (rng.random(len(raw)) < expit(raw[:, 0])).astype(np.float64)

    def mean(self, raw: Array) -> Array:
        """Return the probability of class 1, shape (n,)."""
        return expit(raw[:, 0])

    def variance(self, raw: Array) -> Array:
        """Return ``p (1 - p)``, shape (n,)."""
        return expit(raw[:, 0]) * expit(-raw[:, 0])

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``p - y``, shape (n, 1)."""
        r = raw[:, 0]
        return np.where(y > 0, -expit(-r), expit(r))[:, None]

    def fisher(self, raw: Array) -> Array:
        """Return ``p (1 - p)``, shape (n, 1)."""
        return self.variance(raw)[:, None]

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``-1/p`` for y = 1, ``1/(1 - p)`` for y = 0, shape (n, 1)."""
        sign = np.where(y > 0, 1.0, -1.0)
        size = np.minimum(1.0 + safe_exp(-sign * raw[:, 0]), STEEPEST)
        return (-sign * size)[:, None]

    def crps(self, y: Array, raw: Array) -> Array:
        """Return ``(p - y)^2``, shape (n,)."""
        return self.log_score_gradient(y, raw)[:, 0] ** 2

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``2 (p - y) p (1 - p)``, shape (n, 1)."""
        return 2.0 * self.log_score_gradient(y, raw) * self.fisher(raw)

    def crps_metric(self, raw: Array) -> Array:
        """Return ``2 (p (1 - p))^2``, shape (n, 1)."""
        return 2.0 * self.fisher(raw) ** 2

    def start(self, y: Array, weight: Array) -> Array:
        """Return the logit of the weighted share of class 1, shape (1,)."""
        low, high = class_shares(y, weight, 2)
        return np.array([np.log(high / low)])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameter of greatest weighted likelihood, shape (1,)."""
        return self.start(y, weight)

    def with_classes(self, n_classes: int) -> Distribution:
        """Return the family itself for two classes; ValueError for more."""
        if n_classes > 2:
            raise ValueError(
                f"y has {n_classes} classes, but the distribution 'bernoulli' is for "
                "two; use 'categorical'."
            )
        return self

    def check_targets(self, y: Array) -> None:
        """Raise ValueError, naming the first row, if a target is not 0 or 1."""
        check_classes(self, y, 2)
