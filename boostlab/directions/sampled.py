"""Rows drawn by their derivatives: the direction first, then who is fitted."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.pieces import Piece
from boostlab.protocols import Direction, Objective
from boostlab.registry import register
from boostlab.state import State, Target

Array = NDArray[np.float64]


Drawn = tuple[NDArray[np.intp], Array]

SKETCH = 1 << 16
"""Rows that the border between the certain and the drawn is estimated from."""


class RowSampling(Protocol):
    """How rows are drawn once their derivatives are known."""

    def draw(
        self, gradient: Array, curvature: Array, rng: np.random.Generator
    ) -> Drawn:
        """Return the drawn rows, ascending and at least one, and their factors.

        The expected factor of a row, 0 where it is not drawn, is 1: sums over the
        drawn rows, each times its factor, are unbiased estimates of sums over all.

        Parameters
        ----------
        gradient, curvature : ndarray of shape (n, K)
            Weighted derivatives; the curvature is the weight where there is none.
        rng : numpy.random.Generator
            The fit's source of randomness.
        """


@register("sampled")
class Sampled(Piece):
    """A direction seen on few rows, those with small derivatives less often.

    The inner direction says what is to be fitted; of its rows some are drawn, and
    their gradient, hessian and weight are multiplied by a factor that makes up for
    those left out. Sums over the drawn rows, and so the leaf values of a tree, are
    unbiased estimates of the sums over all rows. That goes for leaf sizes, too: under
    ``min_samples_leaf=20`` a leaf stands for 20 rows of the table, of which a few
    were drawn. (Under a uniform ``subsample`` 20 of the rows drawn must be there.)

    A row of weight 2 has the derivatives of that row given twice. It is drawn once or
    not at all, so the two give equal sums in expectation and not draw by draw.

    Where the round's sampler has left some rows only, these are drawn from. Steps
    and losses go on to see all rows of the round: values that
    :class:`~boostlab.steps.CellFit` gives to cells need no estimate.

    Parameters
    ----------
    direction : Direction
        The inner direction; it must produce derivatives.
    sampling : GOSS, MVS or another with ``draw``
        How rows are drawn.
    start : int, default=0
        Rounds before the first draw, at least 0; all rows count in them.
    """

    produces = "derivatives"

    def __init__(self, direction: Direction, sampling: RowSampling, start: int = 0):
        self.direction = direction
        self.sampling = sampling
        self.start = start

    def validate(self) -> None:
        """Check the parts; raise TypeError or ValueError."""
        check_number("start", self.start, at_least=0, integer=True)
        produced = getattr(self.direction, "produces", None)
        if produced != "derivatives" or isinstance(self.direction, type):
            raise TypeError(
                f"direction of Sampled is {self.direction!r}; give a direction that "
                "produces derivatives, such as Newton()."
            )
        if not hasattr(self.sampling, "draw") or isinstance(self.sampling, type):
            raise TypeError(
                f"sampling is {self.sampling!r}; give GOSS() or MVS(), or an object "
                "with draw."
            )
        for part in (self.direction, self.sampling):
            if isinstance(part, Piece):
                part.validate()

    def __call__(self, objective: Objective, state: State) -> Target:
        """Return the inner target on the drawn rows.

        Parameters
        ----------
        objective : Objective
            Handed to the inner direction.
        state : State
            The training rows; ``state.rng`` draws.

        Returns
        -------
        Target
            With zeros in place of the rows that were not drawn.
        """
        target = self.direction(objective, state)
        if state.round < self.start:
            return target
        gradient, weight = target.gradient, target.weight[:, None]
        curvature = target.hessian
        if curvature is None:
            curvature = np.broadcast_to(weight, gradient.shape)
        if target.rows is None:
            rows, factor = self.sampling.draw(gradient, curvature, state.rng)
        else:
            known = gradient[target.rows], curvature[target.rows]
            places, factor = self.sampling.draw(*known, state.rng)
            rows = target.rows[places]
        hessian = target.hessian
        return replace(
            target,
            weight=_scaled(weight, rows, factor)[:, 0],
            gradient=_scaled(gradient, rows, factor),
            hessian=None if hessian is None else _scaled(hessian, rows, factor),
            rows=rows,
        )


@register("goss")
class GOSS(Piece):
    """Gradient-based one-side sampling: the large derivatives, and a few others.

    The rows with the largest ``sum_k |g_k h_k|`` are kept; of the others a part is
    drawn uniformly, and each drawn row counts for those left out, about
    ``(1 - top_rate) / other_rate`` times. Rows that tie with the border of the top
    are among the others, and the number of drawn rows is the same with ties.

    Above 65,536 rows the border of the top is estimated from as many rows, so that the
    share of the top is off by a few thousandths.

    Source: Ke et al. (2017), LightGBM, Algorithm 2; the score is that of LightGBM.

    Parameters
    ----------
    top_rate : float, default=0.2
        Share of the rows that are kept for their derivatives, in [0, 1).
    other_rate : float, default=0.1
        Share of all rows that is drawn from the others, in (0, 1]; the two shares
        sum to at most 1.
    """

    def __init__(self, top_rate: float = 0.2, other_rate: float = 0.1):
        self.top_rate = top_rate
        self.other_rate = other_rate

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the shares are in their ranges."""
        check_number("top_rate", self.top_rate, at_least=0)
        check_number("other_rate", self.other_rate, above=0)
        if self.top_rate + self.other_rate > 1:
            raise ValueError(
                f"top_rate={self.top_rate} and other_rate={self.other_rate} sum to "
                "more than 1; give shares of the same rows."
            )

    def draw(
        self, gradient: Array, curvature: Array, rng: np.random.Generator
    ) -> Drawn:
        """Return the top rows with factor 1 and some others with a greater one."""
        score = _sum_over_outputs(gradient, curvature)
        n_rows = len(score)
        n_top = min(round(self.top_rate * n_rows), n_rows - 1)
        n_kept = round((self.top_rate + self.other_rate) * n_rows)
        n_kept = min(max(n_kept, n_top + 1), n_rows)
        is_top = score > _border_of_top(score, n_top, rng)
        others = np.flatnonzero(~is_top)
        n_drawn = max(1, n_kept - (n_rows - len(others)))
        drawn = rng.choice(len(others), n_drawn, replace=False, shuffle=False)
        kept = is_top.copy()
        kept[others[drawn]] = True
        rows = np.flatnonzero(kept)
        return rows, np.where(is_top[rows], 1.0, len(others) / n_drawn)


def _border_of_top(score: Array, n_top: int, rng: np.random.Generator) -> float:
    """Return the largest score that is not among the top `n_top`, or an estimate.

    A partition leaves no doubt about that number, on any CPU, while it may order
    equal scores in many ways.
    """
    n_rows = len(score)
    if n_rows > SKETCH:
        score = score[rng.integers(n_rows, size=SKETCH)]
        n_top = min(round(n_top * SKETCH / n_rows), SKETCH - 1)
    border = len(score) - n_top - 1
    return float(np.partition(score, border)[border])


@register("mvs")
class MVS(Piece):
    """Minimal variance sampling: the chance of a row grows with its derivatives.

    With ``s_i = sqrt(sum_k g_ik^2 + regularization * c * h_ik^2)`` row i is drawn with
    probability ``p_i = min(1, s_i / mu)``, independently of the others, and counts
    ``1 / p_i`` times; mu makes the probabilities sum to `rate` times the rows. For a
    given expected number of rows this has the smallest variance of the estimated
    split gains, to first order. The scale ``c = (mean |g| / mean h)^2`` makes
    `regularization` free of units; it keeps rows with small derivatives from being
    drawn almost never and then counting beyond all measure. Above 65,536 rows mu and
    c are estimated from as many rows.

    Source: Ibragimov, Gusev (2019), Minimal variance sampling in stochastic gradient
    boosting, Theorem 1 and Algorithm 1.

    Parameters
    ----------
    rate : float, default=0.3
        Expected share of the rows, in (0, 1].
    regularization : float, default=0.1
        Weight of the curvature in the score, at least 0.
    """

    def __init__(self, rate: float = 0.3, regularization: float = 0.1):
        self.rate = rate
        self.regularization = regularization

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        check_number("rate", self.rate, above=0, at_most=1)
        check_number("regularization", self.regularization, at_least=0)

    def draw(
        self, gradient: Array, curvature: Array, rng: np.random.Generator
    ) -> Drawn:
        """Return the drawn rows, each with the inverse of its probability.

        Should no row be drawn, as may happen among a handful, all rows are.
        """
        n_rows = len(gradient)
        sketch = slice(None)
        if n_rows > SKETCH:
            sketch = rng.integers(n_rows, size=SKETCH)
        penalty = self._penalty(gradient[sketch], curvature[sketch])
        score = self._score(gradient, curvature, penalty)
        known = score[sketch]
        border = _border(known, self.rate * len(known))
        chance = np.minimum(score, border) / border
        rows = np.flatnonzero(rng.random(n_rows) < chance)
        if not len(rows):
            return np.arange(n_rows), np.ones(n_rows)
        return rows, 1.0 / chance[rows]

    def _penalty(self, gradient: Array, curvature: Array) -> float:
        """Return what the squared curvature counts beside the squared gradient."""
        mean = float(np.mean(curvature))
        if self.regularization == 0 or mean == 0:
            return 0.0
        return self.regularization * float(np.mean(np.abs(gradient)) / mean) ** 2

    def _score(self, gradient: Array, curvature: Array, penalty: float) -> Array:
        """Return the score of every row, shape (n,)."""
        squares = _sum_over_outputs(gradient, gradient)
        if penalty > 0:
            squares += penalty * _sum_over_outputs(curvature, curvature)
        return np.sqrt(squares, out=squares)


def _border(score: Array, wanted: float) -> float:
    """Return mu with ``sum(min(1, score / mu))`` equal to `wanted`.

    Where no more than `wanted` scores are positive it is the least of these, so that
    all of them are certain. From above mu falls with every pass to the solution, which
    is met exactly as soon as no further row is certain.
    """
    score = score[score > 0]
    if len(score) <= wanted:
        return float(score.min(initial=np.inf))
    certain = 0
    while True:
        border = float(score.sum()) / (wanted - certain)
        low = score < border
        certain += len(score) - np.count_nonzero(low)
        # The second only where scores differ so much that sums lose the small ones.
        if low.all() or certain >= wanted:
            return border
        score = score[low]


def _sum_over_outputs(one: Array, other: Array) -> Array:
    """Return ``sum_k |one_ik * other_ik|``, one output after another, shape (n,)."""
    total = np.abs(one[:, 0] * other[:, 0])
    for k in range(1, one.shape[1]):
        total += np.abs(one[:, k] * other[:, k])
    return total


def _scaled(values: Array, rows: NDArray[np.intp], factor: Array) -> Array:
    """Return ``factor * values`` on `rows` and zeros elsewhere, output-major."""
    scaled = np.zeros(values.shape, order="F")
    for column, source in zip(scaled.T, values.T, strict=True):
        column[rows] = source[rows] * factor
    return scaled
