"""The samples that the voters of a majority are fitted on."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.data.hashing import hash_rows, mix
from boostlab.data.sparse import Values, dense_columns

Array = NDArray[np.float64]

MOST_COPIES = 1000
"""A row of more weight than this is so many examples of equal weight."""

MOST_EXAMPLES = 1 << 27
"""Number of examples from which on a fit is refused."""

_REDRAWS = 100

_NEARLY = 1e-9
"""Share of a weight by which rounding may have moved it off a whole number."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Rows for one voter.

    Parameters
    ----------
    rows : ndarray of int, shape (m,)
        Numbers of the rows, none twice.
    weight : ndarray of shape (m,)
        Their weights, above 0: how often a row was drawn, times what it weighs.
    """

    rows: NDArray[np.intp]
    weight: Array


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Training rows as the examples that samples are made of.

    Theorems about voting speak of examples drawn one by one, where equal ones may
    well be in different parts. So a row of weight w stands for w examples of weight 1
    and, if w is no whole number to nine digits, one more of weight ``w - floor(w)``;
    and rows that
    are equal, label included, are one row of the sum of their weights. Hence a row of
    weight 2 is the same as that row given twice, and the order of the rows does not
    matter: they are sorted by a hash of the seed and their contents.

    Parameters
    ----------
    rows : ndarray of int, shape (n,)
        The number of one row of each kind.
    labels : ndarray of int, shape (n,)
        Number of its class.
    weight : ndarray of shape (n,)
        The total weight of its kind.
    code : ndarray of uint64, shape (n,)
        The hash, ascending.
    """

    rows: NDArray[np.intp]
    labels: NDArray[np.intp]
    weight: Array
    code: NDArray[np.uint64]

    @classmethod
    def of(
        cls, numeric: Values, labels: NDArray[np.intp], weight: Array, seed: int
    ) -> Examples:
        """Return the examples of rows of positive weight.

        Parameters
        ----------
        numeric : ndarray or sparse matrix of shape (n, n_features)
            Features as numbers.
        labels : ndarray of int, shape (n,)
            Numbers of the classes.
        weight : ndarray of shape (n,)
            Sample weights; rows of weight 0 are not there.
        seed : int
            Makes the order.
        """
        columns = itertools.chain(dense_columns(numeric), [labels.astype(np.float64)])
        code = hash_rows(columns, len(labels), seed)
        here = np.flatnonzero(weight > 0)
        code, first, where = np.unique(
            code[here], return_index=True, return_inverse=True
        )
        totals = np.bincount(where, weight[here], len(code))
        # Else a rounding error above a whole number would make one more example.
        whole = np.round(totals)
        totals = np.where(np.abs(totals - whole) <= _NEARLY * totals, whole, totals)
        rows = here[first]
        return cls(rows, labels[rows], totals, code)

    @property
    def n_examples(self) -> int:
        """How many examples there are, m in the theorems."""
        return int(self._copies().sum())

    def _copies(self) -> NDArray[np.int64]:
        """Return of how many examples each row consists."""
        return np.minimum(np.ceil(self.weight), MOST_COPIES).astype(np.int64)

    def one_by_one(self) -> tuple[NDArray[np.intp], Array]:
        """Return the example of each place in a random order, and its weight.

        Returns
        -------
        which : ndarray of int, shape (n_examples,)
            Positions in :attr:`rows`.
        weight : ndarray of shape (n_examples,)
            Weights of the examples.

        Raises
        ------
        ValueError
            If there are more examples than memory should be spent on.
        """
        copies = self._copies()
        if copies.sum() > MOST_EXAMPLES:
            raise ValueError(
                f"The sample weights stand for {copies.sum()} examples, where at most "
                f"{MOST_EXAMPLES} can be told apart; scale the weights down."
            )
        which = np.repeat(np.arange(len(copies)), copies)
        number = np.arange(len(which)) - np.repeat(np.cumsum(copies) - copies, copies)
        each = np.minimum(1.0, self.weight[which] - number)
        heavy = self.weight > MOST_COPIES
        weight = np.where(heavy[which], (self.weight / copies)[which], each)
        order = np.argsort(mix(self.code[which] ^ mix(number.astype(np.uint64))))
        return which[order], weight[order]

    def sample(self, which: NDArray[np.intp], weight: Array) -> Sample:
        """Return examples, in which rows may occur repeatedly, as a sample."""
        totals = np.bincount(which, weight, len(self.rows))
        here = np.flatnonzero(totals)
        return Sample(self.rows[here], totals[here])


def samples_of(
    scheme: str,
    examples: Examples,
    n_voters: int | None,
    most: int | None,
    rng: np.random.Generator,
) -> list[Sample]:
    """Return the samples of a scheme of several voters.

    Parameters
    ----------
    scheme : {"majority", "bagging", "subsample"}
        What the samples are.
    examples : Examples
        The training rows, of two classes or more.
    n_voters : int or None
        Number of parts or bootstraps; by default 3, or :func:`enough_voters`.
    most : int or None
        Number of sub-samples to draw where there are more; None for all.
    rng : numpy.random.Generator
        Draws.
    """
    if scheme == "majority":
        return disjoint_parts(examples, n_voters or 3)
    if scheme == "bagging":
        return bootstraps(examples, n_voters or enough_voters(examples.n_examples), rng)
    return sub_samples(examples, most, rng)


def bootstraps(
    examples: Examples, n_voters: int, rng: np.random.Generator
) -> list[Sample]:
    """Draw samples with replacement, each as large as the data.

    As many examples are drawn as there are (of weights below 1, as many as there are
    distinct rows), each row in proportion to its weight. A sample has the weight of
    the data. One in which a single class occurs is drawn again.

    Parameters
    ----------
    examples : Examples
        The training rows, of two classes or more.
    n_voters : int
        Number of samples.
    rng : numpy.random.Generator
        Draws.

    Raises
    ------
    ValueError
        If a hundred draws in a row have a single class.
    """
    total = float(examples.weight.sum())
    n_drawn = max(round(total), len(examples.rows))
    chance = examples.weight / total
    found = []
    for _ in range(n_voters):
        for _ in range(_REDRAWS):
            counts = rng.multinomial(n_drawn, chance)
            here = np.flatnonzero(counts)
            if len(np.unique(examples.labels[here])) > 1:
                break
        else:
            raise ValueError(
                f"{_REDRAWS} bootstrap samples in a row have a single class, because "
                "nearly all weight is on one; give scheme='majority', whose parts hold "
                "all classes, or scheme='single'."
            )
        weight = counts[here] * (total / n_drawn)
        found.append(Sample(examples.rows[here], weight))
    return found


def disjoint_parts(examples: Examples, n_voters: int) -> list[Sample]:
    """Deal the examples out to disjoint parts, those of each class alike.

    Parameters
    ----------
    examples : Examples
        The training rows.
    n_voters : int
        Number of parts.

    Raises
    ------
    ValueError
        If a part would have a single class.
    """
    which, weight = examples.one_by_one()
    by_class = np.argsort(examples.labels[which], kind="stable")
    # Dealt in turn, over all classes, so that sizes differ by one at most.
    part = np.empty(len(which), np.intp)
    part[by_class] = np.arange(len(which)) % n_voters
    found = []
    for number in range(n_voters):
        here = part == number
        if len(np.unique(examples.labels[which[here]])) < 2:
            _, counts = np.unique(examples.labels[which], return_counts=True)
            fewest = np.sort(counts)[::-1][1]
            raise ValueError(
                f"{n_voters} disjoint parts need examples of two classes each, but of "
                f"n_samples = {len(which)} the second largest class has {fewest}; give "
                "fewer voters, or scheme='bagging'."
            )
        found.append(examples.sample(which[here], weight[here]))
    return found


def sub_samples(
    examples: Examples, most: int | None, rng: np.random.Generator
) -> list[Sample]:
    """Return the nested sub-samples of Larsen and Ritzert, or some of them.

    Of m examples there are ``3^depth``, each of about 2 m / 3; any two of them
    overlap in a part that was set aside, which is what makes their majority optimal.

    Parameters
    ----------
    examples : Examples
        The training rows.
    most : int or None
        Number of sub-samples to draw where there are more; None for all.
    rng : numpy.random.Generator
        Draws them.

    Raises
    ------
    ValueError
        If a sub-sample would have a single class.
    """
    which, weight = examples.one_by_one()
    found = []
    for positions in nested_positions(len(which), most, rng):
        if len(np.unique(examples.labels[which[positions]])) < 2:
            raise ValueError(
                f"A sub-sample of the n_samples = {len(which)} examples has a single "
                "class; give more rows, or scheme='bagging'."
            )
        found.append(examples.sample(which[positions], weight[positions]))
    return found


def nested_depth(n: int) -> int:
    """Return how often ``SubSample`` divides n examples."""
    depth = 0
    while n >= 4:
        n, depth = n - 3 * (n // 4), depth + 1
    return depth


def nested_positions(
    n: int, most: int | None, rng: np.random.Generator
) -> list[NDArray[np.intp]]:
    """Return the sub-samples of n examples as positions, ascending.

    ``SubSample(A, B)`` is ``{A + B}`` if A has fewer than four examples. Else it cuts
    A into A0 and three parts of ``|A| // 4``, and is the union of ``SubSample(A0, B +
    two of the three)``. So a sub-sample is a path of ``depth`` choices of the part
    that is left out.

    Source: Larsen, Ritzert (2022), Optimal weak to strong learning, algorithm 1.

    Parameters
    ----------
    n : int
        Number of examples.
    most : int or None
        Number of sub-samples to draw where there are more; None for all.
    rng : numpy.random.Generator
        Draws them.
    """
    depth = nested_depth(n)
    count = 3**depth
    chosen: Any = range(count)
    if most is not None and most < count:
        chosen = sorted(rng.choice(count, most, replace=False).tolist())
    return [_path(n, number) for number in chosen]


def _path(n: int, number: int) -> NDArray[np.intp]:
    """Return the sub-sample of a number, whose digits to base 3 are the choices."""
    taken = np.ones(n, bool)
    while n >= 4:
        quarter = n // 4
        n -= 3 * quarter
        number, left_out = divmod(number, 3)
        start = n + left_out * quarter
        taken[start : start + quarter] = False
    return np.flatnonzero(taken)


def enough_voters(n_examples: int, delta: float = 0.05) -> int:
    """Return how many bootstraps to draw: the least odd number from ``ln(m / delta)``.

    It is kept within 3 .. 29, the range that was tried in practice (Hogsgaard, Larsen,
    Mathiasen, The many faces of optimal weak-to-strong learning, 2024). The theorem has
    ``O(ln(m / delta))``, with a constant of its own.
    """
    least = math.ceil(math.log(n_examples / delta))
    return min(max(least + (least + 1) % 2, 3), 29)
