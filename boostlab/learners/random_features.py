"""Random features with a closed-form linear readout, as a weak learner."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.contributions import Dense
from boostlab.data.hashing import hash_rows
from boostlab.in_blocks import chunks, in_order, product
from boostlab.learners.composed import composed_from_parts, composed_to_parts
from boostlab.learners.front_end import Columns, FrontEnd, FrontEndModel
from boostlab.learners.least_squares import moments, ridge
from boostlab.learners.random_layers import (
    KINDS,
    Places,
    RandomLayer,
    draw_layer,
)
from boostlab.pieces import Piece
from boostlab.protocols import Contribution
from boostlab.registry import register
from boostlab.state import State, Target

Array = NDArray[np.float64]

CODES = "codes of rows"
"""Where a state carries a hash of each training row and its target."""


def places_of(state: State, rows: NDArray[np.intp] | None = None) -> Places:
    """Return the places of the training rows, or of some, for draws by weight."""
    if CODES not in state.carried:
        columns = itertools.chain(state.table.columns(), np.atleast_2d(state.y.T))
        state.carried[CODES] = hash_rows(columns, state.table.n_samples, 0)
    codes, weight = state.carried[CODES], state.weight
    if rows is not None:
        codes, weight = codes[rows], weight[rows]
    return Places.of(codes, weight)


def check_kind(kind: Any, scale: Any, activation: Any, l2: Any) -> None:
    """Raise TypeError or ValueError unless these describe random features."""
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}; give one of {KINDS}.")
    if activation not in ("tanh", "relu"):
        raise ValueError(f"activation is {activation!r}; give 'tanh' or 'relu'.")
    check_number("scale", scale, above=0)
    if not (isinstance(l2, str) and l2 == "auto"):
        check_number("l2", l2, at_least=0)


@register("random_features")
class RandomFeatures(Piece):
    """Ridge regression on random features of all inputs.

    Each round draws fresh features ``p = activation(x A + a)`` and solves for the
    readout in closed form, in float64. With steps ``r_i = -g_i / h_i`` and weights
    ``h_i`` of one output it minimises ::

        sum_i h_i (r_i - b_0 - p_i . b)^2 / sum_i w_i + l2 |b|^2

    which serves under any objective, also for the parameters of a distribution. Inputs
    are scaled numbers, indicators of categories and marks of missing values, as
    :class:`~boostlab.learners.front_end.FrontEnd` describes.

    Features are drawn by rows in proportion to their weights. Predictions for a row do
    not depend on what else is predicted, nor on the number of threads.

    Source: Bolager and others (2023), Sampling weights of deep neural networks (for
    "swim"); Rahimi, Recht (2007), Random features for large-scale kernel machines (for
    "fourier"); Huang, Zhu, Siew (2006), Extreme learning machine (for "iid").

    Parameters
    ----------
    n_features : int, default=100
        Number of random features, at least 1.
    kind : {"swim", "iid", "fourier"}, default="swim"
        How they are drawn: by pairs of rows whose gradients differ, blindly, or as
        cosines that approximate a Gaussian kernel.
    scale : float, default=0.5
        How steep they are, greater than 0. For "swim" the pre-activation at the rows
        of a pair; for "iid" the factor on weights of ``1 / sqrt(d)``; for "fourier"
        the inverse width of the kernel, per square root of the number of inputs.
    activation : {"tanh", "relu"}, default="tanh"
        What bends them; "fourier" always has the cosine.
    l2 : float or "auto", default="auto"
        Penalty on the readout, at least 0, per unit of weight. "auto" takes what
        generalised cross-validation finds best in each round, for each output.
    numeric : {"robust", "standard", "none"}, default="robust"
        How numbers are scaled.
    """

    accepts = frozenset({"derivatives"})
    allows_missing = True

    def __init__(
        self,
        n_features: int = 100,
        kind: str = "swim",
        scale: float = 0.5,
        activation: str = "tanh",
        l2: float | str = "auto",
        numeric: str = "robust",
    ):
        self.n_features = n_features
        self.kind = kind
        self.scale = scale
        self.activation = activation
        self.l2 = l2
        self.numeric = numeric

    def validate(self) -> None:
        """Raise TypeError or ValueError if a parameter is out of its domain."""
        check_number("n_features", self.n_features, at_least=1, integer=True)
        check_kind(self.kind, self.scale, self.activation, self.l2)
        FrontEnd(self.numeric)

    def fit(
        self, target: Target, state: State
    ) -> tuple[RandomFeatureModel, Contribution]:
        """Fit all outputs of `target`.

        Parameters
        ----------
        target : Target
            Derivatives of K outputs; its rows and features limit the fit.
        state : State
            The rows that the contribution is computed on; ``state.rng`` draws.

        Returns
        -------
        hypothesis : RandomFeatureModel
            The features and their readout.
        contribution : Dense
            Its values (n, K) on the rows of `state`.
        """
        front_end, inputs = target.table.view(FrontEnd(self.numeric))
        step, curvature = target.newton()
        weight, slope, x = target.weight, target.gradient, inputs
        if target.rows is not None:
            weight, slope, x = (v[target.rows] for v in (weight, slope, x))
        places = places_of(state, target.rows)
        used = front_end.belong_to(target.features)
        layer = draw_layer(
            self.kind,
            self.n_features,
            float(self.scale),
            self.activation,
            x if target.features is None else np.where(used, x, 0.0),
            slope / weight[:, None],
            places,
            state.rng,
        )
        layer.weight[~used] = 0.0
        readout = np.empty((layer.width, target.n_outputs))
        intercept = np.empty(target.n_outputs)
        total = float(weight.sum())
        shared = target.hessian is None or curvature.shape[1] == 1
        groups = (
            [slice(None)]
            if shared
            else [slice(k, k + 1) for k in range(len(intercept))]
        )
        for outputs in groups:
            known = moments(
                lambda rows: layer.features(x[rows]),
                step[:, outputs],
                curvature[:, outputs][:, 0],
                total,
            )
            readout[:, outputs], intercept[outputs] = ridge(
                known, self.l2, places.n_rows
            )
        model = RandomFeatureModel(front_end, layer, readout, intercept)
        return model, model.contribution(state)


@register("random_feature_model")
@dataclass(frozen=True, slots=True, eq=False)
class RandomFeatureModel:
    """Random features and their readout: plain arrays.

    Parameters
    ----------
    front_end : FrontEndModel
        Makes inputs (n, d) of a table.
    layer : RandomLayer
        Makes features (n, p) of inputs.
    readout : ndarray of shape (p, K)
    intercept : ndarray of shape (K,)
    """

    front_end: FrontEndModel
    layer: RandomLayer
    readout: Array
    intercept: Array

    @property
    def n_features(self) -> int:
        """Number of features of the tables it applies to."""
        return self.front_end.n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs K."""
        return len(self.intercept)

    def contribution(self, state: State) -> Dense:
        """Return the outputs (n, K) on the rows of ``state.table``."""
        return Dense(self.values(state.table.view(Columns(self.front_end))))

    def values(self, inputs: Array) -> Array:
        """Return the outputs (n, K) for scaled inputs (n, d)."""
        return read_out([self.layer], [inputs], self.readout) + self.intercept

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the model as plain data and arrays."""
        return composed_to_parts(self, ("front_end", "layer"))

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> RandomFeatureModel:
        """Build the model again; raise ValueError unless its parts fit together."""
        model = composed_from_parts(
            cls, data, arrays, {"front_end": FrontEndModel, "layer": RandomLayer}
        )
        d, p = model.layer.weight.shape
        if d != model.front_end.n_columns or model.readout.shape[:1] != (p,):
            raise ValueError("The parts of a random feature model do not fit together.")
        return model


def read_out(layers: list[RandomLayer], inputs: list[Array], readout: Array) -> Array:
    """Return ``[features of each layer, side by side] @ readout``, chunk by chunk."""
    out = np.empty((len(inputs[0]), readout.shape[1]))

    def fill(rows: slice) -> None:
        out[rows] = product(features_of(layers, [x[rows] for x in inputs]), readout)

    for _ in in_order(fill, chunks(len(out))):
        pass
    return out


def features_of(layers: list[RandomLayer], inputs: list[Array]) -> Array:
    """Return the features of several layers, side by side."""
    found = [layer.features(x) for layer, x in zip(layers, inputs, strict=True)]
    return found[0] if len(found) == 1 else np.hstack(found)
