"""Ranks over datasets, and intervals from resampling the datasets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Array = NDArray[np.float64]

#: Resamples of a bootstrap interval, its coverage, and the fewest datasets it needs.
RESAMPLES = 10_000
COVERAGE = 0.95
FEWEST_DATASETS = 3


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over datasets, with the ends of its interval where there is one."""

    mean: float
    low: float | None = None
    high: float | None = None


def ranks(losses: Array) -> Array:
    """Rank methods on each dataset, from 1 for the least loss.

    Parameters
    ----------
    losses : ndarray of shape (n_datasets, n_methods)
        NaN where a method failed: it comes last.

    Returns
    -------
    ndarray of shape (n_datasets, n_methods)
        Equal losses share the mean of their ranks, so each row sums to
        ``n_methods * (n_methods + 1) / 2``.
    """
    losses = np.asarray(losses, dtype=np.float64)
    return rankdata(np.where(np.isnan(losses), np.inf, losses), axis=1)


def bootstrap(values: Array, seed: int = 0) -> list[Interval]:
    """Return the mean of each column with a percentile interval over the rows.

    The datasets are what is resampled: the interval tells how much the mean depends on
    which datasets happened to be chosen, not on folds or seeds.

    Parameters
    ----------
    values : ndarray of shape (n_datasets, m)
        Anything that is averaged over datasets.
    seed : int, default=0
        Of the resampling, so that a report is reproducible.

    Returns
    -------
    list of m Interval
        Without ends for fewer than 3 datasets, which say nothing about others.
    """
    values = np.asarray(values, dtype=np.float64)
    n_datasets = len(values)
    if n_datasets == 0:
        return [Interval(float("nan"))] * values.shape[1]
    means = values.mean(axis=0)
    if n_datasets < FEWEST_DATASETS:
        return [Interval(float(mean)) for mean in means]
    rng = np.random.default_rng(seed)
    chosen = rng.multinomial(
        n_datasets, np.full(n_datasets, 1 / n_datasets), size=RESAMPLES
    )
    resampled = chosen @ values / n_datasets
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    ends = zip(means, low, high, strict=True)
    return [Interval(float(m), float(lo), float(hi)) for m, lo, hi in ends]


def pareto(cost: Array, loss: Array) -> NDArray[np.bool_]:
    """Return which points no other point beats in both cost and loss."""
    cost, loss = np.asarray(cost, float), np.asarray(loss, float)
    no_worse = (cost[:, None] <= cost) & (loss[:, None] <= loss)
    better = (cost[:, None] < cost) | (loss[:, None] < loss)
    return ~(no_worse & better).any(axis=0)
