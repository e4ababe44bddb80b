"""The categorical distribution, of any number of classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.distributions.base import Distribution
from boostlab.distributions.classes import (
    STEEPEST,
    check_classes,
    class_shares,
    log_shares,
)
from boostlab.registry import register

Array = NDArray[np.float64]


@register("distribution:categorical")
class Categorical(Distribution):
    r"""Classes 0 to C - 1 with raw parameters ``r_k = log(p_k / p_0)``, k = 1..C-1.

    .. math:: -\log p(y) = \log\Bigl(1 + \sum_k e^{r_k}\Bigr) - r_y, \quad r_0 = 0

    Log score: gradient ``p_k - 1[y = k]``, Fisher information ``diag(p) - p p^T``,
    natural gradient ``1[y = 0]/p_0 - 1[y = k]/p_k`` without a solve, each term at most
    1e7. CRPS: that of the number of the class, the ranked probability score ``sum_c
    (P(Y <= c) - 1[y <= c])^2``, which is for classes that are ordered.

    Source: Duan and others (2020), NGBoost, section 3; Epstein (1969), A scoring system
    for probability forecasts of ranked categories.

    Parameters
    ----------
    n_classes : int, optional
        Number C of classes, at least 2; estimators fill it in from the targets.
    """

    name = "categorical"
    support = "classes"
    scores = ("log", "crps")
    discrete = True

    def __init__(self, n_classes: int | None = None):
        self.n_classes = n_classes

    def validate(self) -> None:
        """Raise ValueError or TypeError if the number of classes is not one."""
        if self.n_classes is not None:
            check_number("n_classes", self.n_classes, at_least=2, integer=True)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The probabilities "p0", "p1", ..., as many as classes."""
        return tuple(f"p{c}" for c in range(self._known_classes()))

    @property
    def links(self) -> tuple[str, ...]:
        """As many as raw parameters, one fewer than classes."""
        return ("identity",) * (self._known_classes() - 1)

    def natural_parameters(self, raw: Array) -> dict[str, Array]:
        """Return the probability of each class by name, each of shape (n,)."""
        return dict(zip(self.parameters, self.probabilities(raw).T, strict=True))

    def raw_parameters(self, **natural: Array) -> Array:
        """Return probabilities, given by name, as raw parameters, shape (n, C - 1)."""
        columns = [np.asarray(natural[name], dtype=float) for name in self.parameters]
        logs = np.log(np.column_stack(np.broadcast_arrays(*columns)))
        return np.asfortranarray(logs[:, 1:] - logs[:, :1])

    def probabilities(self, raw: Array) -> Array:
        """Return the probabilities of the classes, shape (n, C)."""
        return np.exp(log_shares(raw))

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return ``log P(Y = y)``, shape (n,)."""
        logs = log_shares(raw)
        inside = (y >= 0) & (y < logs.shape[1]) & (y == np.floor(y))
        at = np.where(inside, y, 0).astype(np.int64)
        return np.where(inside, logs[np.arange(len(y)), at], -np.inf)

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= y)``, shape (n,)."""
        up_to = np.arange(self._known_classes()) <= np.asarray(y)[:, None]
        # The rounded sum of all must not be less than 1.
        return np.where(up_to[:, -1], 1.0, np.sum(self.probabilities(raw) * up_to, 1))

    def sf(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y > y)``, shape (n,)."""
        beyond = np.arange(self._known_classes()) > np.asarray(y)[:, None]
        return np.where(beyond[:, 0], 1.0, np.sum(self.probabilities(raw) * beyond, 1))

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return the least class with a cdf of at least `p`, shape (n,)."""
        below = self._cumulated(raw)[:, :-1] < np.asarray(p)[:, None]
        return np.sum(below, axis=1).astype(np.float64)

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one class for each row, shape (n,)."""
        return self.quantile(rng.random(len(raw)), raw)

    def mean(self, raw: Array) -> Array:
        """Return the mean number of the class, shape (n,)."""
        return self.probabilities(raw) @ np.arange(float(self._known_classes()))

    def variance(self, raw: Array) -> Array:
        """Return the variance of the number of the class, shape (n,)."""
        gap = np.arange(self._known_classes()) - self.mean(raw)[:, None]
        return np.sum(self.probabilities(raw) * gap**2, axis=1)

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``p_k - 1[y = k]``, shape (n, C - 1)."""
        return np.asfortranarray(self.probabilities(raw)[:, 1:] - self._is_class(y))

    def fisher(self, raw: Array) -> Array:
        """Return ``diag(p) - p p^T``, shape (n, C - 1, C - 1)."""
        p = self.probabilities(raw)
        metric = -p[:, 1:, None] * p[:, None, 1:]
        order = np.arange(metric.shape[1])
        # p_k (1 - p_k), where the sum of the others keeps its digits if p_k is near 1.
        others = np.sum(p, axis=1, keepdims=True) - p[:, 1:]
        near_one = p[:, 1:] > 0.5
        if near_one.any():
            row, k = np.nonzero(near_one)
            rest = p[row]
            rest[np.arange(len(row)), k + 1] = 0.0
            others[row, k] = np.sum(rest, axis=1)
        metric[:, order, order] = p[:, 1:] * others
        return metric

    def natural_log_gradient(self, y: Array, raw: Array) -> Array:
        """Return ``1[y = 0]/p_0 - 1[y = k]/p_k``, capped, shape (n, C - 1)."""
        steep = np.exp(np.minimum(-self.log_density(y, raw), np.log(STEEPEST)))
        out = np.asfortranarray(-self._is_class(y) * steep[:, None])
        out[y == 0] = steep[y == 0, None]
        return out

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the ranked probability score, shape (n,)."""
        return np.sum(self._rank_errors(y, raw) ** 2, axis=1)

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of the ranked probability score, (n, C - 1)."""
        slopes = self._cdf_slopes(raw)
        error = self._rank_errors(y, raw)
        return np.asfortranarray(2.0 * np.einsum("nc,nkc->nk", error, slopes))

    def crps_metric(self, raw: Array) -> Array:
        """Return ``2 sum_c dF_c/dr dF_c/dr^T``, shape (n, C - 1, C - 1)."""
        slopes = self._cdf_slopes(raw)
        return 2.0 * slopes @ slopes.transpose(0, 2, 1)

    def start(self, y: Array, weight: Array) -> Array:
        """Return the log ratios of the weighted shares of the classes, (C - 1,)."""
        shares = class_shares(y, weight, self._known_classes())
        return np.log(shares[1:] / shares[0])

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, (C - 1,)."""
        return self.start(y, weight)

    def with_classes(self, n_classes: int) -> Categorical:
        """Return the family for `n_classes` classes."""
        if self.n_classes not in (None, n_classes):
            raise ValueError(
                f"y has {n_classes} classes, but n_classes of the distribution is "
                f"{self.n_classes}; leave it None to take the number from y."
            )
        return type(self)(max(n_classes, 2))

    def check_targets(self, y: Array) -> None:
        """Raise ValueError, naming the first row, if a target is no class."""
        check_classes(self, y, self._known_classes())

    def _known_classes(self) -> int:
        if self.n_classes is None:
            raise ValueError(
                "The number of classes is not known yet; fit an estimator, or give it: "
                "Categorical(n_classes=3)."
            )
        return self.n_classes

    def _is_class(self, y: Array) -> Array:
        """Return ``1[y = k]`` for k = 1..C-1, shape (n, C - 1)."""
        return (np.asarray(y)[:, None] == np.arange(1, self._known_classes())) * 1.0

    def _cumulated(self, raw: Array) -> Array:
        return np.cumsum(self.probabilities(raw), axis=1)

    def _rank_errors(self, y: Array, raw: Array) -> Array:
        """Return ``P(Y <= c) - 1[y <= c]`` for c = 0..C-2, shape (n, C - 1)."""
        reached = np.asarray(y)[:, None] <= np.arange(self._known_classes() - 1)
        return self._cumulated(raw)[:, :-1] - reached

    def _cdf_slopes(self, raw: Array) -> Array:
        """Return ``dF_c/dr_k = p_k (1[k <= c] - F_c)``, shape (n, C - 1, C - 1)."""
        p, cdf = self.probabilities(raw), self._cumulated(raw)[:, None, :-1]
        counted = np.arange(1, p.shape[1])[:, None] <= np.arange(p.shape[1] - 1)
        return p[:, 1:, None] * (counted - cdf)
