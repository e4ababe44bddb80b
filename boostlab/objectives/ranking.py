"""Objectives of ranking: the documents of a query, compared with each other.

Targets are grades of relevance, at least 0. The query of a row is ``state.group``;
without one, all rows are a single query. Raw predictions are scores, and only their
differences within a query count, so the baseline is 0.

Weights. The least sample weight in a query is the weight of the query: twice as much is
the query given twice. A row of m times that weight, m whole, is its document given m
times. Documents of equal score are ranked in every order at once, as the mean over all
orders; so no derivative depends on the order of the rows.
"""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.data.hashing import hash_rows, uniform
from boostlab.groups import Groups
from boostlab.objectives.links import IdentityLink, Link
from boostlab.objectives.queries import EVERYWHERE, GAINS, Measure, Queries, gains
from boostlab.pieces import Piece
from boostlab.registry import register
from boostlab.state import Problem, State

Array = NDArray[np.float64]


class RankingObjective(Piece):
    """Base of the ranking objectives: it prepares queries and averages over them.

    A subclass has an attribute ``gain``, how it values grades, and writes
    :meth:`query_losses` and :meth:`derivatives`; both find the queries by
    :meth:`queries`.
    """

    task: ClassVar[str] = "ranking"
    link: Link = IdentityLink()
    refits_cells: ClassVar[bool] = False

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        if self.gain not in GAINS:
            raise ValueError(
                f"gain is {self.gain!r}; give 'exponential', for 2**y - 1, or "
                "'linear', for y itself."
            )

    def query_losses(self, state: State) -> Array:
        """Return the loss of each query, NaN where it says nothing, shape (Q,)."""
        raise NotImplementedError

    def derivatives(self, state: State) -> tuple[Array, Array]:
        """Return the weighted gradient and hessian, each of shape (n, 1)."""
        raise NotImplementedError

    def n_outputs(self, y: Array) -> int:
        """Return 1: a score."""
        return 1

    def start(self, problem: Problem, rng: np.random.Generator | None) -> State:
        """Return the state with every score 0.

        Raises
        ------
        ValueError
            If a parameter, a label or a weight is not allowed.
        """
        self.validate()
        state = State.at(problem, np.zeros(1), rng)
        for part in state.parts():
            if part.group is None:
                part.group = Groups.one(part.table.n_samples)
            queries = Queries.of(part.group, gains(part.y, self._grades), part.weight)
            part.carried["gain"] = queries.gain
            part.carried["query_weight"] = queries.weight
            if queries.copies is not None:
                part.carried["copies"] = queries.copies
            part.carried["scale"] = self.scales(queries)
        return state

    @property
    def _grades(self) -> str:
        """What labels are carried as: only their order may count, and not the gain."""
        return self.gain

    def scales(self, queries: Queries) -> Array:
        """Return the factor on the pairs of each query, shape (Q,)."""
        return np.ones(len(queries.group))

    def queries(self, state: State) -> Queries:
        """Return the queries of `state`."""
        carried = state.carried
        gain, weight = carried["gain"], carried["query_weight"]
        return Queries(state.group, gain, weight, carried.get("copies"))

    def redraw(self, state: State) -> None:
        """Do nothing: most ranking objectives have nothing to draw."""

    def loss(self, state: State) -> float:
        """Return the mean loss of the queries by weight; 0 if none says anything."""
        mean = self.queries(state).mean(self.query_losses(state))
        return 0.0 if np.isnan(mean) else mean

    def gradient(self, state: State) -> Array:
        """Return the weighted gradient, shape (n, 1)."""
        return self.derivatives(state)[0]

    def hessian(self, state: State) -> Array:
        """Return the weighted hessian, shape (n, 1)."""
        return self.derivatives(state)[1]

    def _check_pairs(self) -> None:
        check_number("sigmoid", self.sigmoid, above=0)
        if self.truncation_level is not None:
            level = self.truncation_level
            check_number("truncation_level", level, at_least=1, integer=True)

    @property
    def _top(self) -> int:
        level = self.truncation_level
        return EVERYWHERE if level is None else min(int(level), EVERYWHERE)


@register("objective:lambda_rank")
class LambdaRank(RankingObjective):
    """LambdaMART's derivatives: pairs weighted by what they do to NDCG or MAP.

    A pair of documents i, j of a query with ``gain_i > gain_j`` has the logistic loss
    ``log(1 + exp(-sigmoid (raw_i - raw_j)))``, weighted by how much the measure would
    change if the two exchanged places in the present ranking. Its slope and curvature
    add to gradient and hessian of both. There is no loss of which these are the exact
    derivatives; :meth:`loss` is 1 less the mean measure, NDCG at the truncation level.
    Queries without a gain have no influence on either.

    Parameters
    ----------
    measure : {"ndcg", "map"}, default="ndcg"
        Normalised discounted cumulative gain, or mean average precision, for which
        documents of a label above 0 are relevant.
    gain : {"exponential", "linear"}, default="exponential"
        Gain of label y in NDCG: ``2**y - 1``, or y.
    truncation_level : int or None, default=30
        Only pairs with a document among the first so many places count, and NDCG is
        that of these places; at least 1, None for all.
    sigmoid : float, default=1.0
        Steepness of the logistic loss, greater than 0.
    normalize : bool, default=True
        As LightGBM's ``lambdarank_norm``: divide each pair by 0.01 + the absolute
        difference of scores (where not all are equal), and scale the derivatives of a
        query, of total S, by ``log2(1 + S) / S``.

    Notes
    -----
    Source: Burges (2010), From RankNet to LambdaRank to LambdaMART; Donmez, Svore &
    Burges (2009) for MAP. Truncation and normalisation are LightGBM's, and where no
    scores are equal, so are all derivatives. A round costs one pair for each of the
    first documents and every other of its query; documents of equal score and equal
    label count as one, so that ties are cheap unless labels are continuous.
    """

    def __init__(
        self,
        measure: str = "ndcg",
        gain: str = "exponential",
        truncation_level: int | None = 30,
        sigmoid: float = 1.0,
        normalize: bool = True,
    ) -> None:
        self.measure = measure
        self.gain = gain
        self.truncation_level = truncation_level
        self.sigmoid = sigmoid
        self.normalize = normalize

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        super().validate()
        self._check_pairs()
        if self.measure not in ("ndcg", "map"):
            raise ValueError(f"measure is {self.measure!r}; give 'ndcg' or 'map'.")

    @property
    def _grades(self) -> str:
        return "linear" if self.measure == "map" else self.gain

    @property
    def _measure(self) -> Measure:
        return Measure.NDCG if self.measure == "ndcg" else Measure.MAP

    def scales(self, queries: Queries) -> Array:
        """Return what makes the measure 1 for an ideal ranking, shape (Q,)."""
        if self.measure == "map":
            best = queries.total((queries.gain > 0).astype(float))
        else:
            best = queries.measure(Measure.NDCG, queries.gain, self._top)
        return np.divide(1.0, best, out=np.zeros(len(best)), where=best > 0)

    def query_losses(self, state: State) -> Array:
        """Return 1 less the measure of each query, NaN without gains, shape (Q,)."""
        queries, raw = self.queries(state), state.raw_prediction[:, 0]
        if self.measure == "map":
            return 1.0 - queries.average_precision(raw)
        scale = state.carried["scale"]
        losses = 1.0 - scale * queries.measure(Measure.NDCG, raw, self._top)
        return np.where(scale > 0, losses, np.nan)

    def derivatives(self, state: State) -> tuple[Array, Array]:
        """Return the weighted lambdas and their curvatures, each of shape (n, 1)."""
        return self.queries(state).lambdas(
            self._measure,
            state.raw_prediction[:, 0],
            state.carried["scale"],
            self._top,
            float(self.sigmoid),
            bool(self.normalize),
        )


@register("objective:pairwise_logistic")
class PairwiseLogistic(RankingObjective):
    """RankNet's loss: the mean logistic loss of a query's pairs of different label.

    The loss of a query is its number of documents times the mean of
    ``log(1 + exp(-sigmoid (raw_i - raw_j)))`` over all pairs with ``y_i > y_j``, so
    that a document counts alike in small and large queries. The hessian is the
    diagonal of the true one. All pairs cost time quadratic in the size of a query.

    Parameters
    ----------
    truncation_level : int or None, default=None
        Only pairs with a document among the first so many places count, the others
        being left out of the sum; at least 1, None for all.
    sigmoid : float, default=1.0
        Steepness of the logistic loss, greater than 0.

    Notes
    -----
    Source: Burges et al. (2005), Learning to rank using gradient descent.
    """

    gain: ClassVar[str] = "exponential"  # of the measures that a model is scored by
    _grades = "linear"

    def __init__(
        self, truncation_level: int | None = None, sigmoid: float = 1.0
    ) -> None:
        self.truncation_level = truncation_level
        self.sigmoid = sigmoid

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters are in their ranges."""
        self._check_pairs()

    def scales(self, queries: Queries) -> Array:
        """Return documents by pairs of different label, 0 without pairs, shape (Q,)."""
        n_documents = queries.total(np.ones(len(queries.gain)))
        # Half the pairs less those of equal label, counted by sorting.
        pairs = 0.5 * (n_documents**2 - _squares_of_equals(queries))
        return np.divide(n_documents, pairs, out=np.zeros(len(pairs)), where=pairs > 0)

    def query_losses(self, state: State) -> Array:
        """Return the loss of each query, NaN without pairs, shape (Q,)."""
        raw, scale = state.raw_prediction[:, 0], state.carried["scale"]
        sums = self.queries(state).measure(
            Measure.PAIRS, raw, self._top, float(self.sigmoid)
        )
        return np.where(scale > 0, scale * sums, np.nan)

    def derivatives(self, state: State) -> tuple[Array, Array]:
        """Return the weighted gradient and hessian, each of shape (n, 1)."""
        return self.queries(state).lambdas(
            Measure.PAIRS,
            state.raw_prediction[:, 0],
            state.carried["scale"],
            self._top,
            float(self.sigmoid),
            False,
        )


@register("objective:cross_entropy_ndcg")
class CrossEntropyNDCG(RankingObjective):
    """XE-NDCG: the cross-entropy of softmax scores and gains, a bound on NDCG.

    Within a query, with ``rho = softmax(raw)`` and ``phi`` proportional to
    ``gain + 1 - noise``, the loss is ``-sum(phi log(rho))``; the gradient is
    ``rho - phi`` and the hessian ``rho (1 - rho)``, the diagonal of the true one. The
    noise is uniform in [0, 1), different for every document and round, so that the
    trees see different targets; :meth:`loss` has its mean, 1/2. It is a hash of the
    row's contents and a number drawn each round: the order of the rows does not matter,
    and equal documents have equal noise. The cost is linear in the size of a query.

    Parameters
    ----------
    gain : {"exponential", "linear"}, default="exponential"
        Gain of label y: ``2**y - 1``, or y.
    noise : bool, default=True
        Whether there is noise; without it, it is 1/2 in the gradient, too.

    Notes
    -----
    Source: Bruch (2021), An alternative cross entropy loss for learning-to-rank,
    equations 6 and 7, with the noise that the paper draws for the proof of the bound.
    LightGBM's ``rank_xendcg`` adds two more terms of an expansion of the inverse
    hessian to the gradient.
    """

    def __init__(self, gain: str = "exponential", noise: bool = True) -> None:
        self.gain = gain
        self.noise = noise

    def start(self, problem: Problem, rng: np.random.Generator | None) -> State:
        """Return the state with every score 0; see :class:`RankingObjective`."""
        state = super().start(problem, rng)
        if self.noise:
            columns = itertools.chain(problem.table.columns(), [problem.y])
            state.carried["hash"] = hash_rows(columns, len(problem.y), 0)
        return state

    def redraw(self, state: State) -> None:
        """Draw the targets of the round."""
        if self.noise:
            seed = int(state.rng.integers(2**63))
            noise = uniform(state.carried["hash"], seed)
            state.carried["target"] = state.carried["gain"] + (1.0 - noise)

    def query_losses(self, state: State) -> Array:
        """Return the cross-entropy of each query, NaN for one document, shape (Q,)."""
        queries = self.queries(state)
        losses = queries.entropy_losses(_mean_target(state), state.raw_prediction[:, 0])
        return np.where(queries.group.sizes > 1, losses, np.nan)

    def derivatives(self, state: State) -> tuple[Array, Array]:
        """Return the weighted gradient and hessian, each of shape (n, 1)."""
        target = state.carried.get("target")
        if target is None:
            target = _mean_target(state)
        return self.queries(state).entropy(target, state.raw_prediction[:, 0])


def _mean_target(state: State) -> Array:
    return state.carried["gain"] + 0.5


def _squares_of_equals(queries: Queries) -> Array:
    """Return the sum of squared numbers of documents of each label, shape (Q,)."""
    codes, gain = queries.group.codes, queries.gain
    copies: Any = queries.copies
    order = np.lexsort((gain, codes))
    is_new = np.ones(len(order), bool)
    is_new[1:] = (np.diff(codes[order]) != 0) | (np.diff(gain[order]) != 0)
    starts = np.flatnonzero(is_new)
    each = np.ones(len(order)) if copies is None else copies[order].astype(float)
    counts = np.add.reduceat(each, starts)
    return np.bincount(codes[order][starts], counts**2, len(queries.group))
