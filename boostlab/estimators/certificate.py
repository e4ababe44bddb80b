"""What edges and margins of boosted votes imply, with constants and assumptions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length

from boostlab.checks import check_number
from boostlab.estimators.parameters import Number
from boostlab.estimators.vote_bounds import Bound, bounds_of
from boostlab.estimators.vote_facts import VoteFacts, vote_facts

Array = NDArray[np.float64]

QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Which quantiles of the margins are shown."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Certificate:
    """Edges, margins and what they imply; printed as a readable summary.

    Parameters
    ----------
    n_examples : int
        Number of rows m.
    n_voters : int
        Number of votes that the majority is taken of, 1 for one boosting run.
    gamma : float or None
        Edge that is assumed of the weak learner, or the least measured one.
    assumed : bool
        Whether `gamma` was given, and not measured.
    delta : float
        Chance with which the bounds may fail.
    training_error : float
        Share of the rows that the model gets wrong.
    own_error : float
        Greatest share that a voter gets wrong of the rows it was fitted to.
    edges : tuple of ndarray
        Edge of each round of each voter: weighted share of rows right, less wrong.
    margins : ndarray of shape (n_voters, m)
        Normalised margin of each voter on each row, within -1 .. 1; no rows of it
        where the voters are no normalised votes.
    bounds : tuple of Bound
        What follows.
    refusals : tuple of str
        Why nothing follows, a sentence for each reason; then there are no bounds.
    left_out : tuple of str
        Which other bounds do not follow, a sentence with the reason for each.
    """

    n_examples: int
    n_voters: int
    gamma: float | None
    assumed: bool
    delta: float
    training_error: float
    own_error: float
    edges: tuple[Array, ...]
    margins: Array
    bounds: tuple[Bound, ...]
    refusals: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def min_edge(self) -> float | None:
        """Least edge of all rounds of all voters; None if none is known."""
        return _least_edge(self.edges)

    @property
    def min_margin(self) -> float | None:
        """Least margin of all voters on all rows; None if none is known."""
        return float(self.margins.min()) if self.margins.size else None

    def margin_quantile(self, share: float) -> float:
        """Return the margin that `share` of the margins do not exceed.

        Raises
        ------
        ValueError
            If no margins are known.
        """
        if not self.margins.size:
            raise ValueError(
                "There are no margins: the voters are no normalised votes."
            )
        return float(np.quantile(self.margins, share, method="inverted_cdf"))

    def summary(self) -> str:
        """Return what was measured, and the bounds or why there are none."""
        lines = [
            f"Certificate of {self.n_voters} "
            f"{'vote' if self.n_voters == 1 else 'votes'} on m = {self.n_examples} "
            f"rows, delta = {self.delta:g}",
            self._errors_in_words(),
            self._edges_in_words(),
            self._margins_in_words(),
        ]
        if self.refusals:
            lines += ["no bound is given:", *(f"  - {why}" for why in self.refusals)]
        lines += [str(bound) for bound in self.bounds]
        if self.left_out:
            lines += ["left out:", *(f"  - {which}" for which in self.left_out)]
        return "\n".join(lines)

    def _errors_in_words(self) -> str:
        words = f"training error: {self.training_error:.4g}"
        if self.n_voters == 1:
            return words
        return f"{words}; of a voter on its own sample at most {self.own_error:.4g}"

    def _edges_in_words(self) -> str:
        if self.min_edge is None:
            return "edges: not recorded by the booster"
        rounds = sum(len(edges) for edges in self.edges)
        kind = "assumed" if self.assumed else "measured, not assumed"
        return (
            f"edges: least {self.min_edge:.4g} in {rounds} rounds; gamma = "
            f"{self.gamma:.4g} ({kind})"
        )

    def _margins_in_words(self) -> str:
        if not self.margins.size:
            return "margins: not normalised votes"
        quantiles = ", ".join(
            f"{share:.0%} {self.margin_quantile(share):.3g}" for share in QUANTILES
        )
        return f"margins: least {self.min_margin:.4g}; quantiles {quantiles}"

    __str__ = __repr__ = summary


def certificate(
    model: Any,
    X: Any,
    y: Any,
    gamma: float | None = None,
    delta: float = 0.05,
    *,
    vc_dimension: int | None = None,
) -> Certificate:
    """Measure edges and margins of boosted votes, and say what they imply.

    Bounds hold for labels without noise that the weak learners can express; so there
    are none if a voter errs on a row that it was fitted to, or where an edge was below
    `gamma` in some round. A bound whose constants are not known is named, but has no
    value. Bounds that do not hold for this model alone are left out, and the
    certificate says why.

    Parameters
    ----------
    model : classifier
        A fitted AdaBoost of boostlab or scikit-learn, or
        :class:`~boostlab.estimators.WeakToStrong` of such.
    X : array-like or data frame of shape (m, n_features)
        The rows that the model was fitted on, all of them, drawn independently.
    y : array-like of shape (m,)
        Their labels.
    gamma : float, optional
        Edge that the weak learner is assumed to reach under all weights of the rows, in
        (0, 1]: the weighted share right less the share wrong, that is 1 - 2 error. By
        default the least edge that was measured, which proves nothing about
        weights that did not occur.
    delta : float, default=0.05
        Chance with which the bounds may fail, in (0, 1).
    vc_dimension : int, optional
        VC dimension d of the weak learners. Not needed for trees on numbers, whose
        number of behaviours is counted. Without it and with other weak learners there
        is no margin bound, and above m or with soft votes of several runs neither.

    Returns
    -------
    Certificate
        To be printed, or read.

    Raises
    ------
    ValueError, TypeError
        If a number is out of its range, or the rows cannot be read.
    """
    if gamma is not None:
        check_number("gamma", gamma, above=0, at_most=1)
    Number(above=0, below=1).check("delta", delta)
    if vc_dimension is not None:
        check_number("vc_dimension", vc_dimension, at_least=1, integer=True)
    y = column_or_1d(y)
    check_consistent_length(X, y)
    facts = vote_facts(model, X, y)
    error = float(np.mean(model.predict(X) != y))
    own_error = float(np.max(getattr(model, "training_errors_", error), initial=0.0))
    least = _least_edge(facts.edges)
    refusals = _refusals(model, facts, own_error, gamma)
    used = least if gamma is None else gamma
    bounds: Sequence[Bound] = ()
    left_out: Sequence[str] = ()
    if not refusals:
        bounds, left_out = bounds_of(facts, len(y), used, delta, vc_dimension)
    return Certificate(
        n_examples=len(y),
        n_voters=facts.n_voters,
        gamma=used,
        assumed=gamma is not None,
        delta=float(delta),
        training_error=error,
        own_error=own_error,
        edges=facts.edges,
        margins=facts.margins,
        bounds=tuple(bounds),
        refusals=tuple(refusals),
        left_out=tuple(left_out),
    )


def _least_edge(edges: Sequence[Array]) -> float | None:
    found = [float(each.min()) for each in edges if len(each)]
    return min(found) if found else None


def _refusals(
    model: Any, facts: VoteFacts, error: float, gamma: float | None
) -> list[str]:
    """Return why no bound holds."""
    least = _least_edge(facts.edges)
    why = []
    if len(model.classes_) != 2:
        why.append(
            f"there are {len(model.classes_)} classes; the theorems are about two."
        )
    if error > 0:
        why.append(
            f"a training error is {error:.4g} and not 0: labels are noisy, or the weak "
            "learners cannot express them in so few rounds."
        )
    if facts.failed:
        why.append(
            "a round had no edge, so that boosting ended before all its rounds: that "
            "learner was no better than chance."
        )
    if least is None:
        why.append("the booster records no edges; boost with AdaBoost.")
    elif least <= 0:
        why.append(f"an edge was {least:.4g}: that learner was no better than chance.")
    elif gamma is not None and least < gamma:
        why.append(
            f"an edge was {least:.4g}, below gamma = {gamma:.4g}: the weak-learning "
            "assumption failed in that round."
        )
    return why
