"""Layers of random features: drawn, not trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.in_blocks import product
from boostlab.registry import register

Array = NDArray[np.float64]

ACTIVATIONS = ("tanh", "relu", "cos", "identity")
KINDS = ("swim", "iid", "fourier")

LEAST_DISTANCE = 0.01
"""Distances of a pair of rows count as at least this."""

PAIRS_PER_ROW, MOST_PAIRS = 5, 1 << 18
"""Pairs that are drawn to choose from, for each row and at most."""

FINEST_SHARE = 2.0**-36
"""Shares of the weight are multiples of this."""


@register("random_layer")
@dataclass(frozen=True, slots=True, eq=False)
class RandomLayer:
    """One layer ``activation(x weight + bias)``.

    Parameters
    ----------
    weight : ndarray of shape (d, p)
    bias : ndarray of shape (p,)
    activation : {"tanh", "relu", "cos", "identity"}
    """

    weight: Array
    bias: Array
    activation: str

    @property
    def width(self) -> int:
        """Number of features p."""
        return len(self.bias)

    def features(self, x: Array) -> Array:
        """Return the features (n, p) of inputs (n, d)."""
        z = product(x, self.weight)
        z += self.bias
        if self.activation == "tanh":
            np.tanh(z, out=z)
        elif self.activation == "relu":
            np.maximum(z, 0.0, out=z)
        elif self.activation == "cos":
            np.cos(z, out=z)
        return z

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the layer as plain data and arrays."""
        arrays = {"weight": np.ascontiguousarray(self.weight), "bias": self.bias}
        return {"activation": self.activation}, arrays

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> RandomLayer:
        """Build the layer again; raise ValueError unless its parts fit together."""
        if set(data) != {"activation"} or set(arrays) != {"weight", "bias"}:
            raise ValueError("A random layer has other parts; the file is damaged.")
        layer = cls(**arrays, **data)
        sound = (
            layer.activation in ACTIVATIONS
            and all(values.dtype == np.float64 for values in arrays.values())
            and layer.weight.ndim == 2
            and layer.bias.shape == layer.weight.shape[1:]
            and all(np.isfinite(values).all() for values in arrays.values())
        )
        if not sound:
            raise ValueError("The parts of a random layer do not fit together.")
        return layer


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Rows in an order of their own, and where each ends in cumulative weight.

    Rows that are equal stand side by side, so that a row of weight 2 fills the same
    place as that row given twice, wherever the two stood.

    Parameters
    ----------
    order : ndarray of int, shape (n,)
        The rows, by a hash of their contents.
    ends : ndarray of shape (n,)
        Their cumulative share of the weight in that order, without its last bits, in
        which other units of the weights differ.
    n_rows : float
        How many rows of equal weight would tell as much (Kish, 1965), equal rows being
        one: ``sum(w)^2 / sum(w^2)``. The unit of the weights is of no account.
    """

    order: NDArray[np.intp]
    ends: Array
    n_rows: float

    @classmethod
    def of(cls, codes: NDArray[np.uint64], weight: Array) -> Places:
        """Return the places of rows with these hashes and weights."""
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(weight[order])
        ends = np.rint(ends / ends[-1] / FINEST_SHARE) * FINEST_SHARE
        last = np.append(np.flatnonzero(np.diff(codes[order])), len(order) - 1)
        share = np.diff(ends[last], prepend=0.0)
        return cls(order, ends, float(1.0 / (share @ share)))

    def rows_at(self, share: Array) -> NDArray[np.intp]:
        """Return the rows at some shares, in [0, 1), of the total weight."""
        found = np.searchsorted(self.ends, share, side="right")
        return self.order[np.minimum(found, len(self.order) - 1)]


def draw_layer(
    kind: str,
    width: int,
    scale: float,
    activation: str,
    x: Array,
    response: Array,
    places: Places,
    rng: np.random.Generator,
) -> RandomLayer:
    """Return a layer of random features.

    "swim" puts the steep part of each feature between two rows of different targets.
    "iid" draws weights and biases uniformly from ``[-1, 1] / sqrt(d)`` and multiplies
    by `scale`. "fourier" draws weights from a normal distribution of standard
    deviation ``scale / sqrt(d)``; its features ``cos(x w + b)`` approximate a Gaussian
    kernel (Rahimi, Recht, 2007), whatever the activation.

    Parameters
    ----------
    kind : {"swim", "iid", "fourier"}
        How weights are drawn.
    width : int
        Number of features, at least 1.
    scale : float
        Steepness, greater than 0; for "swim" the value of a pre-activation at the two
        rows of its pair, -scale and scale.
    activation : {"tanh", "relu"}
        What is applied to the pre-activation.
    x : ndarray of shape (n, d)
        Inputs.
    response : ndarray of shape (n, K)
        What rows differ in, for "swim".
    places : Places
        How much room each row has in draws of rows.
    rng : numpy.random.Generator
        Draws.
    """
    d = x.shape[1]
    if kind == "swim":
        weight, bias = _swim(width, scale, x, response, places, rng)
    elif kind == "iid":
        reach = scale / np.sqrt(d)
        weight = rng.uniform(-reach, reach, (d, width))
        bias = rng.uniform(-reach, reach, width)
    else:
        weight = rng.normal(size=(d, width)) * (scale / np.sqrt(d))
        bias = rng.uniform(0.0, 2 * np.pi, width)
        activation = "cos"
    return RandomLayer(np.ascontiguousarray(weight), bias, activation)


def _swim(
    width: int,
    scale: float,
    x: Array,
    response: Array,
    places: Places,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Return weights (d, p) and biases (p,) by pairs of rows.

    Pairs i, j are drawn by sample weight, and of these some by
    ``|y_j - y_i| / |x_j - x_i|``: where the target changes fast. The feature of a pair
    is ``activation(2 c (x - x_i) . (x_j - x_i) / |x_j - x_i|^2 - c)``, -c at x_i and c
    at x_j before the activation. Distances count as at least 0.01; where no pair
    differs in its response, all pairs are alike.

    Source: Bolager, Burak, Datar, Sun, Dietrich (2023), Sampling weights of deep
    neural networks, section 3.
    """
    wanted = round(PAIRS_PER_ROW * places.n_rows)
    n_pairs = int(np.clip(wanted, 4 * width, MOST_PAIRS))
    first = places.rows_at((np.arange(n_pairs) + 0.5) / n_pairs)
    second = places.rows_at(rng.random(n_pairs))
    # By a power of two, which rounds nothing: squares may overflow or vanish.
    response = np.ldexp(response, -np.frexp(np.abs(response).max())[1])
    chance = np.empty(n_pairs)
    for start in range(0, n_pairs, 8192):
        part = slice(start, start + 8192)
        i, j = first[part], second[part]
        apart = np.linalg.norm(x[j] - x[i], axis=1)
        differ = np.linalg.norm(response[j] - response[i], axis=1)
        steepness = differ / np.maximum(apart, LEAST_DISTANCE)
        # Rows that differ in nothing that is seen point nowhere.
        chance[part] = np.where(apart > 0, steepness, 0.0)
    if not chance.any():
        chance[:] = 1.0
    ends = np.cumsum(chance)
    drawn = np.searchsorted(ends, rng.random(width) * ends[-1], side="right")
    drawn = np.minimum(drawn, n_pairs - 1)
    i, j = first[drawn], second[drawn]
    across = x[j] - x[i]
    apart = np.maximum(np.linalg.norm(across, axis=1), LEAST_DISTANCE)
    weight = 2 * scale * across / apart[:, None] ** 2
    bias = -np.einsum("ij,ij->i", weight, x[i]) - scale
    return weight.T, bias
