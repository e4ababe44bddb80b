"""One voter of a majority: how it is fitted, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from boostlab.estimators.vote_facts import margins_of
from boostlab.estimators.voter_samples import Sample

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Ballots:
    """What voters answer to rows.

    Parameters
    ----------
    counts : ndarray of int, shape (n, K)
        Number of voters for each class.
    proba : ndarray of shape (n, K)
        Mean of the voters' probabilities.
    """

    counts: NDArray[np.int64]
    proba: Array

    @classmethod
    def of(
        cls, voters: Sequence[Any], X: Any, classes: NDArray[Any], n_jobs: int | None
    ) -> Ballots:
        """Return the answers of fitted voters, of which there is at least one."""
        answers = Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(_answer)(voter, X, classes) for voter in voters
        )
        # Summed in the order of the voters, which no number of jobs changes.
        counts = sum(counts for counts, _ in answers)
        return cls(counts, sum(proba for _, proba in answers) / len(answers))

    def scores(self) -> Array:
        """Return the score of each class by hard votes, rows summing to 1, (n, K)."""
        n_voters = self.counts.sum(axis=1, keepdims=True)
        return (self.counts + self.proba / 2) / (n_voters + 0.5)


def unfitted(booster: Any, rng: np.random.Generator) -> Any:
    """Return a clone of a booster with seeds of its own."""
    model = clone(booster)
    params = sorted(model.get_params())
    seeds = [name for name in params if name.split("__")[-1] == "random_state"]
    return model.set_params(**{name: int(rng.integers(2**31)) for name in seeds})


def fit_voter(
    model: Any, X: Any, y: NDArray[Any], sample: Sample
) -> tuple[Any, float, float]:
    """Fit one voter to its sample, and return its error and least margin there, too.

    The margin is NaN where the model is no normalised vote for one of two classes.

    Weights other than 1 are given as such, or as repeated rows where the model takes no
    weights.

    Raises
    ------
    TypeError
        If rows cannot be repeated, because a weight is no whole number.
    """
    rows, weight = sample.rows, sample.weight
    weights = {}
    if (weight != 1).any():
        if has_fit_parameter(model, "sample_weight"):
            weights = {"sample_weight": weight}
        else:
            rows, weight = _repeated(model, sample), None
    part, labels = _safe_indexing(X, rows), y[rows]
    model.fit(part, labels, **weights)
    error = float(np.average(model.predict(part) != labels, weights=weight))
    margins = margins_of(model, part, labels)
    return model, error, np.nan if margins is None else float(margins.min())


def _repeated(model: Any, sample: Sample) -> NDArray[np.intp]:
    """Return the rows as often as they weigh."""
    times = sample.weight.astype(np.intp)
    if (times != sample.weight).any():
        raise TypeError(
            f"{type(model).__name__} takes no sample_weight, so a row of weight 2 is "
            "given to it twice; sample weights must be whole numbers here."
        )
    return np.repeat(sample.rows, times)


def _answer(
    voter: Any, X: Any, classes: NDArray[Any]
) -> tuple[NDArray[np.int64], Array]:
    """Return a voter's labels as indicators, and its probabilities, (n, K)."""
    codes = np.searchsorted(classes, voter.predict(X))
    indicators = (codes[:, None] == np.arange(len(classes))).astype(np.int64)
    if not hasattr(voter, "predict_proba"):
        return indicators, indicators.astype(np.float64)
    proba = np.zeros(indicators.shape)
    # A sample may lack a class, for which its voter then does not vote.
    proba[:, np.searchsorted(classes, voter.classes_)] = voter.predict_proba(X)
    return indicators, proba
