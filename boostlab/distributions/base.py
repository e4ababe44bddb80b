"""What a family of distributions has to know about itself.

Shapes throughout: ``n`` rows, ``K`` parameters. A family is stateless: every function
takes the raw parameters of the rows, ``raw`` of shape (n, K), each on the whole real
line, and answers for all rows at once. See ``README.md`` beside this file for how to
write one.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions.fused import FusedScore
from boostlab.distributions.marginal import maximise_likelihood
from boostlab.distributions.moments import floored, weighted_moments
from boostlab.distributions.supports import LINKS, check_support
from boostlab.pieces import Piece

Array = NDArray[np.float64]


LOG_REACH = 25.0
"""How far a parameter on the log or logit scale may go from the start."""

BOUNDED = ("log", "logit", "power")
"""Links whose raw parameters stay that near to the start."""

STEP_LIMIT = 10.0
"""Longest step of one row: on the log scale, and of a location in spreads."""

DISCRETE_STEP_LIMIT = 1000.0
"""The same for discrete families."""


class Distribution(Piece):
    """Base of the families: what a subclass writes, and what it then gets.

    A subclass must write :meth:`log_density`, :meth:`log_score_gradient`,
    :meth:`fisher`, :meth:`cdf`, :meth:`quantile`, :meth:`sample`, :meth:`mean`,
    :meth:`variance` and :meth:`start`. The rest is optional; the class attributes say
    which of it is there.

    Attributes
    ----------
    name : str
        The name that ``distribution=...`` of the estimators takes.
    parameters : tuple of str, length K
        Names of the natural parameters, those of SciPy where it has the family.
    links : tuple of str, length K
        How each raw parameter becomes the natural one: "identity", "log" (the natural
        parameter is ``exp(raw)``), "logit", or "power" (of a Tweedie distribution).
    support : str
        Where targets lie: "real", "positive", "nonnegative", "unit" (0 and 1
        excluded), "counts", "classes", or "simplex" (positive vectors of sum 1).
    scores : tuple of str
        Scores that it has the formulas for: "log", also "crps".
    censors : tuple of str
        Scores under which targets may be intervals; () if none.
    discrete : bool
        Whether targets are whole numbers.
    multivariate : bool
        Whether a target is a vector, so that `y` has shape (n, p).
    fused : dict from str to FusedScore
        Scores that the C core computes as well, by the formulas of this very class: a
        subclass does not inherit it.
    """

    name: ClassVar[str]
    parameters: tuple[str, ...]
    links: tuple[str, ...]
    support: ClassVar[str] = "real"
    scores: ClassVar[tuple[str, ...]] = ("log",)
    censors: ClassVar[tuple[str, ...]] = ()
    discrete: ClassVar[bool] = False
    multivariate: ClassVar[bool] = False
    fused: ClassVar[dict[str, FusedScore]] = {}

    @property
    def n_parameters(self) -> int:
        """Number K of raw parameters of a row."""
        return len(self.links)

    # Parameters: from the real line and back.

    def natural_parameters(self, raw: Array) -> dict[str, Array]:
        """Return the natural parameters by name, each of shape (n,)."""
        return {
            name: LINKS[link].inverse(raw[:, k])
            for k, (name, link) in enumerate(
                zip(self.parameters, self.links, strict=True)
            )
        }

    def raw_parameters(self, **natural: Array) -> Array:
        """Return natural parameters, given by name, as raw ones, shape (n, K)."""
        columns = [
            LINKS[link].link(np.asarray(natural[name], dtype=np.float64))
            for name, link in zip(self.parameters, self.links, strict=True)
        ]
        return np.asfortranarray(np.column_stack(np.broadcast_arrays(*columns)))

    # The distribution itself.

    def log_density(self, y: Array, raw: Array) -> Array:
        """Return the log density, or log probability, of each row's target, (n,)."""
        raise NotImplementedError

    def cdf(self, y: Array, raw: Array) -> Array:
        """Return the probability of at most `y`, shape (n,).

        For vectors that of each output by itself, shape (n, p), as are `sf` and
        `quantile`.
        """
        raise NotImplementedError

    def sf(self, y: Array, raw: Array) -> Array:
        """Return the probability of more than `y`, shape (n,)."""
        return 1.0 - self.cdf(y, raw)

    def cdf_before(self, y: Array, raw: Array) -> Array:
        """Return the probability of less than `y`, shape (n,).

        Where a single value has a probability of its own, it is less than the cdf: in
        all discrete families, and in others that say so themselves.
        """
        return self.cdf(np.ceil(y) - 1.0 if self.discrete else y, raw)

    def quantile(self, p: Array, raw: Array) -> Array:
        """Return the least value that is not exceeded with probability `p`, (n,)."""
        raise NotImplementedError

    def sample(self, raw: Array, rng: np.random.Generator) -> Array:
        """Return one draw for each row, shape (n,)."""
        raise NotImplementedError

    def mean(self, raw: Array) -> Array:
        """Return the mean of each row; NaN where it does not exist, shape (n,)."""
        raise NotImplementedError

    def variance(self, raw: Array) -> Array:
        """Return the variance of each row; inf or NaN where there is none, (n,)."""
        raise NotImplementedError

    # The log score, -log p(y).

    def log_score_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of ``-log p(y)`` by the raw parameters, (n, K)."""
        raise NotImplementedError

    def fisher(self, raw: Array) -> Array:
        """Return the Fisher information of the raw parameters.

        Shape (n, K, K), or (n, K) where it is diagonal.
        """
        raise NotImplementedError

    def natural_log_gradient(self, y: Array, raw: Array) -> Array | None:
        """Return ``fisher^-1 gradient`` in closed form, (n, K); None without one."""
        return None

    # The continuous ranked probability score, for families with "crps" in `scores`.

    def crps(self, y: Array, raw: Array) -> Array:
        """Return the integral of ``(F(x) - 1[x >= y])^2`` over x, shape (n,)."""
        raise NotImplementedError

    def crps_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps` by the raw parameters, (n, K)."""
        raise NotImplementedError

    def crps_metric(self, raw: Array) -> Array:
        """Return ``2 integral dF/draw dF/draw^T dx``, (n, K, K) or diagonal (n, K)."""
        raise NotImplementedError

    # Intervals, for families with scores in `censors`.

    def log_cdf(self, y: Array, raw: Array) -> Array:
        """Return ``log F(y)``, also far in the tail, shape (n,)."""
        raise NotImplementedError

    def log_sf(self, y: Array, raw: Array) -> Array:
        """Return ``log(1 - F(y))``, also far in the tail, shape (n,)."""
        raise NotImplementedError

    def log_cdf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`log_cdf` by the raw parameters, (n, K)."""
        raise NotImplementedError

    def log_sf_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`log_sf` by the raw parameters, (n, K)."""
        raise NotImplementedError

    def crps_below(self, bound: Array, raw: Array) -> Array:
        """Return the integral of ``F(x)^2`` up to `bound`, shape (n,)."""
        raise NotImplementedError

    def crps_above(self, bound: Array, raw: Array) -> Array:
        """Return the integral of ``(1 - F(x))^2`` from `bound` on, shape (n,)."""
        raise NotImplementedError

    def crps_below_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_below` by the raw parameters."""
        raise NotImplementedError

    def crps_above_gradient(self, bound: Array, raw: Array) -> Array:
        """Return the derivatives of :meth:`crps_above` by the raw parameters."""
        raise NotImplementedError

    # Fitting one distribution to all targets.

    def start(self, y: Array, weight: Array) -> Array:
        """Return raw parameters near those of weighted targets, shape (K,).

        Moments or quantiles will do; they must be finite for any allowed targets: a
        single one, all equal, or as large as numbers go.
        """
        raise NotImplementedError

    def marginal(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of greatest weighted likelihood, shape (K,).

        By Fisher scoring from :meth:`start`, with steps that are halved until the
        likelihood grows. `y` may be intervals, shape (n, 2), where the log score is in
        ``censors``.
        """
        return maximise_likelihood(self, y, weight)

    # How far boosting may go from the start.

    def limits(self, start: Array) -> tuple[Array, Array]:
        """Return the least and greatest raw parameters, each of shape (K,).

        Logarithms and logits stay within 25 of the start, which is more than ten
        orders of magnitude to each side.
        """
        reach = np.where(np.isin(self.links, BOUNDED), LOG_REACH, np.inf)
        return start - reach, start + reach

    def longest_step(self, start: Array) -> Array:
        """Return the greatest natural gradient of one row that is believed, (K,).

        10 on the log scale, and for a location 10 times the spread of the start; a
        single outlier must not decide about everything. For discrete families 1000,
        since the natural gradient of an event of probability p is 1/p, without which
        rare events would seem rarer still.
        """
        step = np.full(self.n_parameters, STEP_LIMIT)
        if self.discrete:
            step[:] = DISCRETE_STEP_LIMIT
        for k, link in enumerate(self.links):
            if link == "identity" and self.support == "real":
                step[k] = STEP_LIMIT * self._spread(start)
        return step

    def _spread(self, start: Array) -> float:
        """Return the middle half of the distribution's width, at the start."""
        raw = np.asfortranarray(start[None])
        high, low = (self.quantile(np.array([p]), raw)[0] for p in (0.75, 0.25))
        spread = float(high - low)
        return spread if 0 < spread < np.inf else 1.0

    # What targets it is for.

    def for_targets(self, y: Array) -> Distribution:
        """Return the family for as many targets as `y` has; itself if univariate."""
        return self

    def with_classes(self, n_classes: int) -> Distribution:
        """Return the family for `n_classes` classes; ValueError if it has none."""
        raise ValueError(
            f"The distribution {self.name!r} is not one of classes; use a regressor, "
            "or the distribution 'categorical'."
        )

    def check_targets(self, y: Array) -> None:
        """Raise ValueError, naming the first row, if `y` is outside the support."""
        check_support(self, y)


def location_scale_start(y: Array, weight: Array) -> Array:
    """Return the weighted mean and the log of the standard deviation, shape (2,).

    The deviation is at least 1e-10 times the largest target, so that equal targets
    have a finite logarithm too.
    """
    mean, deviation = weighted_moments(y, weight)
    return np.array([mean, np.log(floored(deviation, y))])
