"""A distribution under a score: the objective of probabilistic prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from boostlab.distributions import (
    Distribution,
    Predictive,
    get_distribution,
    get_score,
)
from boostlab.distributions.fused import FusedRows
from boostlab.distributions.marginal import minimise_score
from boostlab.distributions.scores import fused_score
from boostlab.objectives.base import PointwiseObjective
from boostlab.objectives.links import Link
from boostlab.registry import register
from boostlab.state import State

Array = NDArray[np.float64]

STEEPEST = 1e150
"""Greatest derivative of one row's score, so that weighted sums are finite."""


@register("objective:distribution")
class DistributionObjective(PointwiseObjective):
    r"""The mean score of a predicted distribution for each row.

    .. math:: L = \frac{\sum_i w_i S(\theta_i, y_i)}{\sum_i w_i}

    The raw prediction of a row is the vector of raw parameters ``theta_i``, shape (K,),
    each on the whole real line. The baseline is the weighted marginal fit. The
    direction :class:`~boostlab.directions.NaturalGradient` asks for
    :meth:`natural_gradient`; under :class:`~boostlab.directions.Newton` the curvatures
    are the diagonal of the metric.

    Source: Duan and others (2020), NGBoost: natural gradient boosting for
    probabilistic prediction, section 3.

    Parameters
    ----------
    distribution : str or Distribution, default="normal"
        The family.
    score : str or Score, default="log"
        "log", "crps", or a score of your own.
    limits : bool, default=True
        Whether raw parameters on the log scale are kept within 25 of the baseline, and
        the natural gradient of a row within
        :meth:`~boostlab.distributions.Distribution.longest_step`. Without limits the
        baseline is the fit by likelihood whatever the score, as in the published code.
    calibration : sequence of float, optional
        Sorted conformity scores of held-out rows; the intervals of predictions follow
        them. See :class:`~boostlab.distributions.Predictive`.
    conformity : sequence of float, optional
        The same of rows that were held out during the fit; they are kept for intervals
        that ask for them. Empty where their targets were not one number each, and
        None where there were no such rows.
    """

    # The metric is the expected curvature, and not the curvature itself.
    smooth: ClassVar[bool] = False
    _reached: tuple[Array, Any] | None = None

    def __init__(
        self,
        distribution: str | Distribution = "normal",
        score: Any = "log",
        limits: bool = True,
        calibration: Sequence[float] | None = None,
        conformity: Sequence[float] | None = None,
    ):
        self.distribution = distribution
        self.score = score
        self.limits = limits
        self.calibration = calibration
        self.conformity = conformity

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_reached", None)
        return state

    def validate(self) -> None:
        """Raise TypeError or ValueError, also where the family has no such score."""
        self.family.validate()
        get_score(self.score).check(self.family)
        for name in ("calibration", "conformity"):
            levels = np.asarray(getattr(self, name) or (), dtype=np.float64)
            if levels.ndim != 1 or not np.all((levels >= 0) & (levels <= 1)):
                raise ValueError(f"{name} holds scores outside [0, 1].")

    @property
    def family(self) -> Distribution:
        """The distribution, made from its name if need be."""
        return get_distribution(self.distribution)

    @property
    def task(self) -> str:
        """Kind of targets."""
        return "classification" if self.family.support == "classes" else "regression"

    @property
    def link(self) -> Link:
        """From raw parameters to the mean, or to the probabilities of classes."""
        return MeanLink(self.family)

    @property
    def multi_target(self) -> bool:
        """Whether a target is a vector."""
        return self.family.multivariate

    def with_classes(self, n_classes: int) -> DistributionObjective:
        """Return the objective for `n_classes` classes."""
        return self._with(distribution=self.family.with_classes(n_classes))

    def calibrated(self, scores: Sequence[float] | None) -> DistributionObjective:
        """Return the objective with conformity scores of held-out rows, or None."""
        return self._with(calibration=scores)

    def remembering(self, scores: Sequence[float] | None) -> DistributionObjective:
        """Return the objective with scores of rows that the fit held out, or None."""
        return self._with(conformity=scores)

    def _with(self, **changed: Any) -> DistributionObjective:
        names = ("distribution", "score", "limits", "calibration", "conformity")
        return DistributionObjective(
            **{name: getattr(self, name) for name in names} | changed
        )

    def n_outputs(self, y: Array) -> int:
        """Return the number of parameters K."""
        return self.family.n_parameters

    def check_targets(self, y: Array) -> None:
        """Raise ValueError, naming a row, if `y` is outside the support."""
        family = self.family
        if y.ndim == 2 and not family.multivariate:
            self._check_intervals()
            if y.shape[1] != 2:
                raise ValueError(
                    f"y has {y.shape[1]} columns, but intervals have two, the lower "
                    "and the upper end; for vectors take a multivariate distribution."
                )
        family.check_targets(y)

    def _check_intervals(self) -> None:
        """Raise ValueError unless there are formulas for intervals."""
        family, score = self.family, get_score(self.score)
        takes = getattr(score, "takes_intervals", None)
        if takes is None or not takes(family):
            named = getattr(score, "name", type(score).__name__)
            raise ValueError(
                f"The distribution {family.name!r} has no formulas for intervals under "
                f"the score {named!r}; give one number for each row, or, if the score "
                "is your own and has them, let its method takes_intervals return True."
            )
        if "log" not in family.censors:  # the baseline begins with its fit
            raise ValueError(
                f"The distribution {family.name!r} has no formulas for intervals under "
                "the score 'log', with which every fit begins; choose another family."
            )

    def baseline(self, y: Array, weight: Array) -> Array:
        """Return the raw parameters of least weighted mean score, shape (K,)."""
        family, score = self.family, get_score(self.score)
        raw = family.marginal(y, weight)
        if score.name == "log" or not self.limits:
            return raw
        return minimise_score(family, score, y, weight, raw)

    def pointwise_loss(self, y: Array, raw: Array) -> Array:
        """Return the score of each row, shape (n,)."""
        return get_score(self.score).values(self.family, y, raw)

    def pointwise_gradient(self, y: Array, raw: Array) -> Array:
        """Return the derivatives of the score by the raw parameters, (n, K)."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            gradient = get_score(self.score).gradient(self.family, y, raw)
        return np.clip(gradient, -STEEPEST, STEEPEST) if self.limits else gradient

    def pointwise_hessian(self, y: Array, raw: Array) -> Array:
        """Return the diagonal of the metric, shape (n, K)."""
        metric = get_score(self.score).metric(self.family, raw)
        return metric if metric.ndim == 2 else np.einsum("nkk->nk", metric)

    def loss(self, state: State) -> float:
        """Return the weighted mean score."""
        rows = self._fused_rows(state)
        if rows is not None:
            return rows.total() / state.among_all().weight
        return super().loss(self.within_limits(state))

    def loss_along(
        self, state: State, values: Array
    ) -> Callable[[float], float] | None:
        """Return the loss as a function of the size of a step, None without a kernel.

        Parameters
        ----------
        state : State
            Where the step begins.
        values : ndarray of shape (n, K)
            The step of size 1.
        """
        rows = self._fused_rows(state)
        if rows is None:
            return None
        total, weight = rows.totals_along(values), state.among_all().weight
        return lambda size: total(size) / weight

    def gradient(self, state: State) -> Array:
        """Return the weighted gradient, shape (n, K), Fortran order."""
        gradient = super().gradient(self.within_limits(state))
        self._check_gradient(gradient, state)
        return gradient

    def derivatives(self, state: State) -> tuple[Array, Array | None]:
        """Return the weighted gradient and the weighted diagonal of the metric."""
        gradient, metric = super().derivatives(self.within_limits(state))
        self._check_gradient(gradient, state)
        return gradient, metric

    def natural_gradient(self, state: State) -> Array:
        """Return the weighted natural gradient, shape (n, K), Fortran order.

        Rows that are not in the round's sample, which a metric would be found for in
        vain, may have zeros.
        """
        fused = self._fused_rows(state)
        if fused is not None:
            natural = fused.natural_gradient(self._reach(state.baseline)[3])
            self._check_gradient(natural, state)
            return natural
        raw, rows = self.clipped(state.raw_prediction, state.baseline), state.rows
        if rows is None:
            natural = self._natural(state.y, raw, state.weight, state.baseline)
            self._check_gradient(natural, state)
            return natural
        part = np.asfortranarray(raw[rows])
        natural = np.zeros(raw.shape, order="F")
        natural[rows] = self._natural(
            state.y[rows], part, state.weight[rows], state.baseline
        )
        self._check_gradient(natural, state)
        return natural

    def _natural(self, y: Array, raw: Array, weight: Array, baseline: Array) -> Array:
        """Return the weighted natural gradient by the formulas of the family."""
        # A row may overflow far from its target; what comes of it is checked later.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            natural = get_score(self.score).natural_gradient(self.family, y, raw)
        if self.limits:
            longest = self._reach(baseline)[3]
            for column, most in zip(natural.T, longest, strict=True):
                np.clip(column, -most, most, out=column)
        if not (weight == 1.0).all():
            natural *= weight[:, None]
        return natural

    def _check_gradient(self, gradient: Array, state: State) -> None:
        """Raise FloatingPointError, naming a row, if a derivative is no number."""
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(gradient.sum()):
                return
        finite = np.isfinite(gradient).all(axis=1)
        if finite.all():
            return
        row = int(np.argmin(finite))
        advice = (
            "leave out compat='reference', which sets no limits, or lower learning_rate"
            if not self.limits
            else "lower learning_rate, or choose another distribution or score"
        )
        raise FloatingPointError(
            f"The fit has diverged: before round {state.round + 1} the gradient of row "
            f"{row} of the training rows, whose y is {state.y[row]!s:.60} and whose "
            f"raw parameters are {state.raw_prediction[row]!s:.100}, is not finite; "
            f"{advice}."
        )

    def curvatures(self, state: State) -> Array:
        """Return the diagonal of the metric at the baseline, shape (K,).

        It says in which proportion steps of the parameters count.
        """
        raw = np.asfortranarray(state.baseline[None])
        return self.pointwise_hessian(state.y[:1], raw)[0]

    def within_limits(self, state: State) -> State:
        """Return the state with raw parameters clipped to the limits."""
        raw = self.clipped(state.raw_prediction, state.baseline)
        if raw is state.raw_prediction:
            return state
        return replace(state, raw_prediction=raw)

    def clipped(self, raw: Array, baseline: Array) -> Array:
        """Return raw parameters within the limits; `raw` itself if all of them are."""
        if not self.limits:
            return raw
        low, high, bounded, _ = self._reach(baseline)
        if all(
            low[k] <= raw[:, k].min(initial=np.inf)
            and raw[:, k].max(initial=-np.inf) <= high[k]
            for k in bounded
        ):
            return raw
        return np.asfortranarray(np.clip(raw, low, high))

    def _fused_rows(self, state: State) -> FusedRows | None:
        """Return the rows as a kernel in C takes them, None where there is none."""
        family = self.family
        kernel = fused_score(get_score(self.score), family)
        if kernel is None or state.y.ndim != 1:
            return None
        low, high, _, _ = self._reach(state.baseline)
        weight = None if state.among_all().unweighted else state.weight
        return FusedRows(kernel, state.y, state.raw_prediction, weight, low, high)

    def _reach(self, baseline: Array) -> tuple[Array, Array, list[int], Array]:
        """Return least, greatest, which of them are finite, and longest steps."""
        # Asked several times a round, and always of the same baseline.
        known = None if self._reached is None else self._reached[0]
        if known is not baseline and not np.array_equal(known, baseline):
            family = self.family
            infinite = np.full(len(baseline), np.inf)
            low, high, longest = -infinite, infinite, infinite
            if self.limits:
                low, high = family.limits(baseline)
                longest = family.longest_step(baseline)
            bounded = np.flatnonzero(np.isfinite(low) & np.isfinite(high)).tolist()
            self._reached = baseline, (low, high, bounded, longest)
        return self._reached[1]

    def predictive(self, raw: Array, baseline: Array) -> Predictive:
        """Return the predicted distributions of raw predictions, shape (n, K)."""
        raw = self.clipped(raw, baseline)
        return Predictive(self.family, raw, self.calibration)


class MeanLink:
    """From raw parameters to means, or to the probabilities of classes.

    Parameters
    ----------
    family : Distribution
        The family.
    """

    def __init__(self, family: Distribution):
        self.family = family

    def inverse(self, raw: Array) -> Array:
        """Return means (n, 1), vectors (n, p), or probabilities (n, n_classes)."""
        if self.family.support == "classes":
            return self.family.probabilities(raw)
        mean = self.family.mean(raw)
        return mean[:, None] if mean.ndim == 1 else mean

    def link(self, mean: Array) -> Array:
        """Raise TypeError: a mean does not tell all parameters."""
        raise TypeError("The mean does not determine the parameters of a distribution.")
