"""What a probabilistic model predicts: one distribution for each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from boostlab.checks import check_number
from boostlab.distributions.base import Distribution
from boostlab.distributions.scores import CRPS, LogScore

Array = NDArray[np.float64]


class Predictive:
    """The predicted distributions of n rows: a value that never changes.

    Parameters
    ----------
    distribution : Distribution
        The family.
    raw : ndarray of shape (n, K)
        Raw parameters of each row; they are copied.
    calibration : sequence of float, optional
        Sorted conformity scores of held-out rows, see :func:`conformity`. Then
        :meth:`interval` is conformal: if those rows and a new one are exchangeable, and
        the model has not seen them, the interval holds the new target with at least the
        probability asked for, whatever the true distribution (on average over rows, not
        for each of them). Nothing else is changed by it.

    Examples
    --------
    >>> import numpy as np
    >>> from boostlab.distributions import Normal, Predictive
    >>> predicted = Predictive(Normal(), np.array([[0.0, 0.0], [10.0, np.log(2.0)]]))
    >>> predicted.mean(), predicted.std()
    (array([ 0., 10.]), array([1., 2.]))
    >>> low, high = predicted[1].interval(0.9)
    >>> low.round(2), high.round(2)
    (array([6.71]), array([13.29]))
    """

    __slots__ = ("_calibration", "_distribution", "_raw")

    def __init__(
        self,
        distribution: Distribution,
        raw: ArrayLike,
        calibration: Sequence[float] | None = None,
    ) -> None:
        values = np.array(raw, dtype=np.float64, order="F")
        if values.ndim != 2 or values.shape[1] != distribution.n_parameters:
            raise ValueError(
                f"raw has shape {values.shape}; give (n, {distribution.n_parameters}), "
                f"the parameters of {distribution.name!r}."
            )
        values.flags.writeable = False
        object.__setattr__(self, "_distribution", distribution)
        object.__setattr__(self, "_raw", values)
        scores = None if calibration is None else tuple(calibration)
        object.__setattr__(self, "_calibration", scores)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("A predicted distribution cannot be changed.")

    def __reduce__(self) -> Any:
        return type(self), (self._distribution, self._raw, self._calibration)

    @property
    def distribution(self) -> Distribution:
        """The family."""
        return self._distribution

    @property
    def raw(self) -> Array:
        """Raw parameters, shape (n, K), read-only."""
        return self._raw

    @property
    def parameters(self) -> dict[str, Array]:
        """Natural parameters by name, each of shape (n,)."""
        return self._distribution.natural_parameters(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __getitem__(self, index: Any) -> Predictive:
        """Return the distributions of some rows, by position, slice or mask."""
        if isinstance(index, int | np.integer):
            index = [index]
        return Predictive(self._distribution, self._raw[index], self._calibration)

    def __repr__(self) -> str:
        return f"<{len(self)} predicted distributions: {self._distribution!r}>"

    def mean(self) -> Array:
        """Return the means, shape (n,), or (n, p) for vectors; NaN if there is none."""
        return self._distribution.mean(self._raw)

    def var(self) -> Array:
        """Return the variances, shape (n,), or (n, p) for vectors."""
        return self._distribution.variance(self._raw)

    def std(self) -> Array:
        """Return the standard deviations, shape (n,), or (n, p) for vectors."""
        return np.sqrt(self.var())

    def median(self) -> Array:
        """Return the medians, shape (n,)."""
        return self.quantile(0.5)

    def quantile(self, p: ArrayLike) -> Array:
        """Return the least values that are not exceeded with probability `p`.

        Parameters
        ----------
        p : float or array-like of shape (q,)
            Probabilities in [0, 1].

        Returns
        -------
        ndarray of shape (n,), or (n, q) for several probabilities
            Of vectors, for each component by itself: (n, p), or (n, q, p).
        """
        levels = np.asarray(p, dtype=np.float64)
        if levels.ndim > 1 or not np.all((levels >= 0) & (levels <= 1)):
            raise ValueError(
                f"p is {p!r:.100}; give a probability in [0, 1], or a list of them."
            )
        if levels.ndim == 0:
            return self._quantile(levels)
        columns = [self._quantile(level) for level in levels]
        return np.stack(columns, axis=1) if columns else np.empty((len(self), 0))

    def ppf(self, p: ArrayLike) -> Array:
        """Return :meth:`quantile`, under SciPy's name."""
        return self.quantile(p)

    def interval(self, level: float = 0.9) -> tuple[Array, Array]:
        """Return the ends of central intervals that hold with probability `level`.

        Parameters
        ----------
        level : float, default=0.9
            Probability in (0, 1).

        Returns
        -------
        low, high : ndarray of shape (n,)
            The quantiles ``(1 - level)/2`` and ``(1 + level)/2``; where the prediction
            is calibrated, with the level that held-out rows call for in place of
            `level`, which may be 1, that is the whole line, if they are few.
        """
        check_number("level", level, above=0)
        if level >= 1:
            raise ValueError(f"level is {level!r}; give a number between 0 and 1.")
        if self._calibration is not None:
            level = _conformal_level(self._calibration, level)
        return self.quantile((1.0 - level) / 2), self.quantile((1.0 + level) / 2)

    def cdf(self, y: ArrayLike) -> Array:
        """Return the probability of at most `y`: shape (n,), or (n, q) for a grid.

        `y` is a number, one number a row, or an array (n, q) or (1, q).
        """
        return self._of_targets(self._distribution.cdf, y)

    def cdf_before(self, y: ArrayLike) -> Array:
        """Return the probability of less than `y`; shapes as in :meth:`cdf`."""
        return self._of_targets(self._distribution.cdf_before, y)

    def sf(self, y: ArrayLike) -> Array:
        """Return the probability of more than `y`; shapes as in :meth:`cdf`."""
        return self._of_targets(self._distribution.sf, y)

    def logpdf(self, y: ArrayLike) -> Array:
        """Return the log density (log probability if discrete) at `y`."""
        return self._of_targets(self._distribution.log_density, y)

    def pdf(self, y: ArrayLike) -> Array:
        """Return the density (the probability if discrete) at `y`."""
        return np.exp(self.logpdf(y))

    def log_score(self, y: ArrayLike) -> Array:
        """Return the negative log likelihood of targets or intervals, shape (n,)."""
        y = np.asarray(y, dtype=np.float64)
        return LogScore().values(self._distribution, y, self._raw)

    def crps(self, y: ArrayLike) -> Array:
        """Return the CRPS of targets or intervals, shape (n,)."""
        score = CRPS()
        score.check(self._distribution)
        y = np.asarray(y, dtype=np.float64)
        return score.values(self._distribution, y, self._raw)

    def sample(
        self, n_samples: int = 1, random_state: int | np.random.Generator | None = None
    ) -> Array:
        """Draw from each row's distribution.

        Parameters
        ----------
        n_samples : int, default=1
            Draws for each row, at least 1.
        random_state : int, Generator or None, default=None
            Source of randomness.

        Returns
        -------
        ndarray of shape (n_samples, n), or (n_samples, n, p) for vectors
        """
        check_number("n_samples", n_samples, at_least=1, integer=True)
        rng = np.random.default_rng(random_state)
        draws = [self._distribution.sample(self._raw, rng) for _ in range(n_samples)]
        return np.stack(draws)

    def _quantile(self, level: Array) -> Array:
        return self._distribution.quantile(np.full(len(self), level), self._raw)

    def _of_targets(self, function: Any, y: ArrayLike) -> Array:
        """Return ``function(y, raw)`` with numbers and grids spread over the rows."""
        y = np.asarray(y, dtype=np.float64)
        n_rows = len(self)
        if self._distribution.multivariate:
            return function(np.broadcast_to(y, (n_rows, y.shape[-1])), self._raw)
        if y.ndim < 2:
            return function(np.broadcast_to(y, (n_rows,)), self._raw)
        grid = np.broadcast_to(y, (n_rows, y.shape[1]))
        return np.column_stack([function(column, self._raw) for column in grid.T])


MOST_SCORES = 10_000
"""Conformity scores that are kept at most."""


def conformity(
    predicted: Predictive, y: ArrayLike, weight: ArrayLike | None = None
) -> tuple[float, ...]:
    """Return the level of the least central interval that holds each target, sorted.

    For continuous families this is ``|2 F(y) - 1|``. A target that has a probability of
    its own is held as soon as the interval touches it. Source: Chernozhukov, Wuethrich,
    Zhu (2021), Distributional conformal prediction, section 3.

    Parameters
    ----------
    predicted : Predictive
        Predictions of rows that the model was not fitted on.
    y : array-like of shape (n,)
        Their targets.
    weight : array-like of shape (n,), optional
        Weights: a row of weight 2 gives its level twice. Fractions are rounded in the
        order of the levels, of which :data:`MOST_SCORES` are kept at most.
    """
    y = np.asarray(y, dtype=np.float64)
    at = predicted.cdf(y)
    before = predicted.cdf_before(y)
    level = np.maximum(np.maximum(1.0 - 2.0 * at, 2.0 * before - 1.0), 0.0)
    order = np.argsort(level, kind="stable")
    level = level[order]
    if weight is not None:
        up_to = np.cumsum(np.asarray(weight, dtype=np.float64)[order])
        n_kept = np.clip(up_to[-1], min(len(level), MOST_SCORES), MOST_SCORES)
        copies = np.diff(np.rint(up_to / up_to[-1] * n_kept), prepend=0.0)
        level = np.repeat(level, copies.astype(np.intp))
    return tuple(level.tolist())


def _conformal_level(scores: Sequence[float], level: float) -> float:
    """Return the score of rank ``ceil((n + 1) level)``, or 1 where there is none."""
    # A product such as 10 * 0.9 must not be rounded up to the next rank.
    rank = int(np.ceil((len(scores) + 1) * level * (1.0 - 1e-12)))
    if rank > len(scores):
        return 1.0
    # Quantiles of a lattice are the least value that reaches a level: a hair more, so
    # that the target whose level this is lies inside.
    return min(1.0, float(scores[rank - 1]) + 1e-12)
