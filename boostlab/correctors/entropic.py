"""The game of rows against voters with an entropy in it, by an interior point method.

Over weights d of the rows of sum 1 with ``0 <= d_i <= p_i / nu``, the rows minimise
``max_j (U'd)_j + KL(d || p) / eta``, and over votes w of sum 1 the voters maximise what
is least of ``d @ U w + KL(d || p) / eta``. The difference of the two values is the
duality gap: it bounds what either side can still gain, however the pair was found.

First order methods need of the order of eta steps, so a great `eta` defeats them. Here
all conditions of optimality are solved by Newton's method along the central path, which
takes some 10 to 40 steps for any eta. Its barrier counts rows by their weights, so that
a row of weight 2 is that row given twice.

Source: Warmuth, Glocer, Vishwanathan (2008), Entropy regularized LPBoost, equation 5;
Mehrotra (1992), On the implementation of a primal-dual interior point method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

Array = NDArray[np.float64]

GOAL = 1e-9
"""Duality gap at which the method ends."""

_MOST_STEPS = 100
_SHORT_OF_THE_WALL = 0.99
_START = 0.1


class Votes(NamedTuple):
    """A solution of the game.

    Parameters
    ----------
    votes : ndarray of shape (t,)
        At least 0, of sum 1.
    dual : ndarray of shape (n,)
        Weights of the rows, of sum 1.
    value : float
        The greatest edge of a voter under these weights.
    gap : float
        The duality gap, at least 0: what the regularised soft margin may fall short by.
    """

    votes: Array
    dual: Array
    value: float
    gap: float


def entropic_soft_margin(payoff: Array, weight: Array, nu: float, eta: float) -> Votes:
    """Return votes, weights, greatest edge and gap where weights stay near the shares.

    Parameters
    ----------
    payoff : ndarray of shape (n, t)
        How far each voter is for the class of each row, -1 to 1.
    weight : ndarray of shape (n,)
        Sample weights, greater than 0, p being their shares.
    nu : float
        Share of the weight that may lie below the margin, greater than 0, at most 1.
    eta : float
        How little the weights are kept near the shares, greater than 0.

    Returns
    -------
    Votes
        The best that was found; ``gap`` says how good it is.
    """
    share = weight / weight.sum()
    if nu == 1:  # the shares are all that rows can choose
        edges = payoff.T @ share
        best = int(np.argmax(edges))
        return Votes(np.eye(len(edges))[best], share, float(edges[best]), 0.0)
    game = _Game(payoff, share, nu, eta)
    found = game.certified(_Point.start(game))
    for point in _path(game):
        found = min(found, game.certified(point), key=lambda one: one.gap)
        if found.gap <= GOAL:
            break
    return found


def entropic_weights(m: Array, share: Array, nu: float, eta: float) -> Array:
    """Return the weights of least ``d @ m + KL(d || share) / eta``, at most share / nu.

    They are in proportion to ``share exp(-eta m)``, but for those that are cut.
    """
    order = np.argsort(m, kind="stable")
    p, tilt = share[order], -eta * (m[order] - m.min())
    # Logarithms, as the tilts of one row and another may differ by any factor.
    free = np.logaddexp.accumulate((np.log(p) + tilt)[::-1])[::-1]
    cut = np.append(0.0, np.cumsum(p)[:-1]) / nu
    with np.errstate(divide="ignore"):
        scale = np.log(np.maximum(1.0 - cut, 0.0)) - free
    # The first number of cut rows at which the next one need not be cut.
    k = int(np.argmax(scale + tilt <= -np.log(nu)))
    tilt = np.minimum(-np.log(nu), scale[k] + tilt)
    tilt[:k] = -np.log(nu)
    dual = np.empty(len(m))
    dual[order] = p * np.exp(tilt)
    return dual / dual.sum()


@dataclass(frozen=True)
class _Game:
    """What is played for."""

    payoff: Array
    share: Array
    nu: float
    eta: float

    def certified(self, point: _Point) -> Votes:
        """Return what a point of the path says, with the gap of that pair."""
        votes = point.votes / point.votes.sum()
        m = self.payoff @ votes
        best = entropic_weights(m, self.share, self.nu, self.eta)
        least = float(best @ m) + self._divergence(best)
        # The best reply to the votes, or, where eta is so great that it is all but
        # a vertex, the point's own weights.
        own = np.minimum(point.dual, self.share / self.nu)
        pairs = []
        for dual in (best, own / own.sum()):
            value = float((self.payoff.T @ dual).max())
            gap = max(value + self._divergence(dual) - least, 0.0)
            pairs.append(Votes(votes, dual, value, gap))
        return min(pairs, key=lambda pair: pair.gap)

    def _divergence(self, dual: Array) -> float:
        return float(rel_entr(dual, self.share).sum()) / self.eta


@dataclass
class _Point:
    """A point inside: pairs of which the product goes to 0, and two free numbers.

    They are votes and the slack of the voters' edges below `edge`; the weights of the
    rows and the price of their being 0; the room below their caps and its price.
    """

    votes: Array
    slack: Array
    dual: Array
    floor_price: Array
    room: Array
    cap_price: Array
    edge: float
    level: float

    @classmethod
    def start(cls, game: _Game) -> _Point:
        """Return the shares as weights, and equal votes."""
        p, t = game.share, game.payoff.shape[1]
        edges = game.payoff.T @ p
        edge, room = float(edges.max()) + _START, p * (1.0 / game.nu - 1.0)
        return cls(
            votes=np.full(t, 1.0 / t),
            slack=edge - edges,
            dual=p.copy(),
            floor_price=np.full(len(p), _START),
            room=room,
            cap_price=_START * p / room,
            edge=edge,
            level=0.0,
        )

    def pairs(self) -> tuple[tuple[Array, Array], ...]:
        """Return the three pairs."""
        return (
            (self.votes, self.slack),
            (self.dual, self.floor_price),
            (self.room, self.cap_price),
        )

    def moved(self, step: _Point, length: float) -> _Point:
        """Return the point after a part of a step."""
        names = vars(self)
        return _Point(**{n: own + length * vars(step)[n] for n, own in names.items()})


def _path(game: _Game) -> Iterator[_Point]:
    """Yield points ever nearer to the solution, until numbers end it."""
    point = _Point.start(game)
    share, t = game.share, game.payoff.shape[1]
    # Rows count by their weight, and so do the products of their pairs.
    parts = (np.full(t, 1.0 / t), share, share)
    for _ in range(_MOST_STEPS):
        newton = _Newton(game, point)
        products = [a * b for a, b in point.pairs()]
        mean = sum(float(product.sum()) for product in products) / 3.0
        try:
            ahead = newton.step([-product for product in products])
            reach = _length(point, ahead, 1.0)
            after = point.moved(ahead, reach).pairs()
            left = sum(float(a @ b) for a, b in after) / 3.0
            target = mean * (left / mean) ** 3
            curved = [a * b for a, b in ahead.pairs()]
            trio = zip(parts, products, curved, strict=True)
            step = newton.step([target * p - now - more for p, now, more in trio])
        except np.linalg.LinAlgError:
            return  # singular to the last digit: the gap says how near it came
        point = point.moved(step, _length(point, step, _SHORT_OF_THE_WALL))
        if not all((a > 0).all() and (b > 0).all() for a, b in point.pairs()):
            return  # a number has underflown, or is none
        yield point


def _length(point: _Point, step: _Point, share: float) -> float:
    """Return `share` of the way to where a number would be 0, at most 1."""
    longest = 1.0
    for own, change in zip(point.pairs(), step.pairs(), strict=True):
        for a, da in zip(own, change, strict=True):
            falls = da < 0
            if falls.any():
                longest = min(longest, share * float((a[falls] / -da[falls]).min()))
    return longest


class _Newton:
    """Newton's equations at a point, of which all but those of the votes fall away."""

    def __init__(self, game: _Game, point: _Point):
        payoff, at = game.payoff, point
        self.payoff, self.at = payoff, at
        slope = (np.log(at.dual / game.share) + 1.0) / game.eta
        price = at.cap_price - at.floor_price
        self.rows = slope + payoff @ at.votes + price - at.level
        self.voters = payoff.T @ at.dual + at.slack - at.edge
        self.caps = at.dual + at.room - game.share / game.nu
        self.sums = 1.0 - np.array([at.votes.sum(), at.dual.sum()])
        bend = 1.0 / (game.eta * at.dual) + at.floor_price / at.dual
        self.inverse = 1.0 / (bend + at.cap_price / at.room)
        self.weighted = self.inverse[:, None] * payoff
        t = payoff.shape[1]
        self.matrix = np.zeros((t + 2, t + 2))
        self.matrix[:t, :t] = payoff.T @ self.weighted
        self.matrix[range(t), range(t)] += at.slack / at.votes
        self.matrix[:t, t] = self.matrix[t, :t] = 1.0
        column = self.weighted.sum(axis=0)
        self.matrix[:t, t + 1] = self.matrix[t + 1, :t] = -column
        self.matrix[t + 1, t + 1] = self.inverse.sum()

    def step(self, changes: list[Array]) -> _Point:
        """Return the step that changes the products of the pairs like this."""
        at, t = self.at, len(self.at.votes)
        voters, floor, cap = changes
        cap = cap + at.cap_price * self.caps
        pull = -self.rows - cap / at.room + floor / at.dual
        right = np.concatenate(
            [
                voters / at.votes + self.voters + self.weighted.T @ pull,
                [self.sums[0], self.sums[1] - float(self.inverse @ pull)],
            ]
        )
        found = np.linalg.solve(self.matrix, right)
        votes, edge, level = found[:t], float(found[t]), float(found[t + 1])
        dual = self.inverse * (pull + level - self.payoff @ votes)
        return _Point(
            votes=votes,
            slack=edge - self.voters - self.payoff.T @ dual,
            dual=dual,
            floor_price=(floor - at.floor_price * dual) / at.dual,
            room=-self.caps - dual,
            cap_price=(cap + at.cap_price * dual) / at.room,
            edge=edge,
            level=level,
        )
