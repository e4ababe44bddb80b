"""Random features that move a representation: the weak learner of RFRBoost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boostlab.checks import check_number
from boostlab.contributions import Dense
from boostlab.directions.representation import RESPONSE, UNIT
from boostlab.learners.composed import composed_from_parts, composed_to_parts
from boostlab.learners.front_end import Columns, FrontEnd, FrontEndModel
from boostlab.learners.least_squares import moments, ridge, sandwiched
from boostlab.learners.random_features import (
    check_kind,
    features_of,
    places_of,
    read_out,
)
from boostlab.learners.random_layers import RandomLayer, draw_layer
from boostlab.pieces import Piece
from boostlab.protocols import Contribution
from boostlab.registry import register
from boostlab.state import State, Target
from boostlab.updates import INPUTS, REPRESENTATION, TOP_COEF, representation

Array = NDArray[np.float64]

SOLVERS = ("gradient", "dense", "diagonal", "scalar")


WIDTH_PER_ROOT, WIDTHS = 4.0, (32, 512)
"""Random features for each root of a row, and their least and greatest number."""


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


@register("representation_features")
class RepresentationFeatures(Piece):
    """Move the representation by a readout of random features of it and of the inputs.

    The first round lays the representation: the scaled inputs, or a random layer of
    them. In each later round features ``P = [rho(A Phi + a), rho(B X + b)]`` of the
    representation Phi (n, D) and the inputs X (n, d) are drawn, and their readout is
    solved for in closed form:

    - "gradient": ridge regression of the target (n, D), the negative gradient in the
      representation, with an intercept. Needs the direction
      ``RepresentationGradient()``.
    - "dense", "diagonal", "scalar": the readout that, seen through the top model W,
      lowers the loss most: ``mean(|r - P D W|^2) + l2 |D|^2`` with the Newton step r,
      both r and W in units of the root mean square of r in the first round (so for
      squared loss in standard deviations of the target), for any matrix D, or one that
      scales each column, or all alike (then the two halves of P are added and have D
      columns). Needs the direction
      ``RepresentationGradient(through_top=False)``.

    For each row the update has rank at most K, the number of raw outputs.

    Source: Zozoulenko, Cass, Gonon (2025), Random feature representation boosting,
    Algorithms 1 and 2.

    Parameters
    ----------
    solver : {"gradient", "dense", "diagonal", "scalar"}, default="gradient"
        What is solved for.
    n_features : int or "auto", default="auto"
        Random features of the inputs, and as many of the representation, at least 1;
        of no account where the two are added. "auto" is four times the square root of
        the number of rows (equal ones are one, and rows of little weight less), but at
        least 32 and at most 512.
    kind : {"swim", "iid", "fourier"}, default="swim"
        How features are drawn; see :class:`~boostlab.learners.RandomFeatures`.
    scale : float, default=0.5
        How steep they are, greater than 0.
    activation : {"tanh", "relu"}, default="tanh"
        What bends them.
    l2 : float or "auto", default="auto"
        Penalty on the readout, at least 0, per mean square. "auto" is found by
        generalised cross-validation in each round; "diagonal" and "scalar" then take
        1e-3.
    numeric : {"robust", "standard", "none"}, default="robust"
        How numbers are scaled; see :class:`~boostlab.learners.front_end.FrontEnd`.
    hidden_dim : int or None, default=None
        Width D of the representation, at least 1; None takes the inputs as they are.
    """

    accepts = frozenset({"derivatives"})
    allows_missing = True

    def __init__(
        self,
        solver: str = "gradient",
        n_features: int | str = "auto",
        kind: str = "swim",
        scale: float = 0.5,
        activation: str = "tanh",
        l2: float | str = "auto",
        numeric: str = "robust",
        hidden_dim: int | None = None,
    ):
        self.solver = solver
        self.n_features = n_features
        self.kind = kind
        self.scale = scale
        self.activation = activation
        self.l2 = l2
        self.numeric = numeric
        self.hidden_dim = hidden_dim

    def validate(self) -> None:
        """Raise TypeError or ValueError if a parameter is out of its domain."""
        if self.solver not in SOLVERS:
            raise ValueError(f"solver is {self.solver!r}; give one of {SOLVERS}.")
        if not _is_auto(self.n_features):
            check_number("n_features", self.n_features, at_least=1, integer=True)
        check_kind(self.kind, self.scale, self.activation, self.l2)
        if self.hidden_dim is not None:
            check_number("hidden_dim", self.hidden_dim, at_least=1, integer=True)

    def fit(self, target: Target, state: State) -> tuple[Any, Contribution]:
        """Lay the representation, or fit a change of it.

        Parameters
        ----------
        target : Target
            What the direction gave.
        state : State
            The training rows, which carry the representation and the top model.

        Returns
        -------
        hypothesis : FirstRepresentation or RepresentationChange
            The drawn features and what was solved for.
        contribution : Dense
            What is added to the representation, (n, D).

        Raises
        ------
        TypeError
            If the direction did not keep what features are drawn by.
        """
        if RESPONSE not in state.carried:
            raise TypeError(
                "RepresentationFeatures needs the direction RepresentationGradient and "
                "the corrector RefitTop, which carry the top model."
            )
        hypothesis = self._change if INPUTS in state.carried else self._first
        made = hypothesis(target, state)
        return made, made.contribution(state)

    def _first(self, target: Target, state: State) -> FirstRepresentation:
        front_end, inputs = target.table.view(FrontEnd(self.numeric))
        if self.hidden_dim is None:
            layer = RandomLayer(np.empty((inputs.shape[1], 0)), np.empty(0), "identity")
        else:
            layer = self._layer(inputs, int(self.hidden_dim), target, state)
        return FirstRepresentation(front_end, layer)

    def _layer(self, x: Array, width: int, target: Target, state: State) -> RandomLayer:
        """Draw features of the sampled rows of `x`."""
        rows = slice(None) if target.rows is None else target.rows
        return draw_layer(
            self.kind,
            width,
            float(self.scale),
            self.activation,
            x[rows],
            state.carried[RESPONSE][rows],
            places_of(state, target.rows),
            state.rng,
        )

    def _width(self, n_rows: float) -> int:
        """Return the number of random features of each half."""
        if not _is_auto(self.n_features):
            return int(self.n_features)
        grown = WIDTH_PER_ROOT * np.sqrt(n_rows)
        return int(np.clip(round(grown), *WIDTHS))

    def _change(self, target: Target, state: State) -> RepresentationChange:
        phi, inputs = representation(state), state.carried[INPUTS]
        added = self.solver in ("diagonal", "scalar")
        n_rows = places_of(state, target.rows).n_rows
        width = phi.shape[1] if added else self._width(n_rows)
        layers = [self._layer(x, width, target, state) for x in (phi, inputs)]
        rows = np.arange(len(phi)) if target.rows is None else target.rows

        def features(part: slice) -> Array:
            seen = features_of(layers, [phi[rows[part]], inputs[rows[part]]])
            return seen[:, :width] + seen[:, width:] if added else seen

        step, curvature = target.newton()
        weight = target.weight[rows]
        total = float(weight.sum())
        l2 = 1e-3 if added and _is_auto(self.l2) else self.l2
        unit = 1.0 if self.solver == "gradient" else state.carried[UNIT]
        known = moments(
            features,
            step / unit,
            curvature[:, 0],
            total,
            centred=self.solver == "gradient",
        )
        if self.solver == "gradient":
            readout, shift = ridge(known, l2, n_rows, shared=True)
        else:
            coef = state.carried[TOP_COEF] / unit
            readout = sandwiched(self.solver, known, coef, l2, n_rows)
            shift = np.zeros(len(coef))
        if added:
            readout = np.vstack([readout, readout])
        return RepresentationChange(*layers, readout, shift)


@register("first_representation")
@dataclass(frozen=True, slots=True, eq=False)
class FirstRepresentation:
    """The representation that the first round lays.

    Parameters
    ----------
    front_end : FrontEndModel
        Makes inputs (n, d) of a table.
    layer : RandomLayer
        Makes the representation of them; one of no features leaves them as they are.
    """

    front_end: FrontEndModel
    layer: RandomLayer

    @property
    def n_features(self) -> int:
        """Number of features of the tables it applies to."""
        return self.front_end.n_features

    def contribution(self, state: State) -> Dense:
        """Return the representation (n, D); the one that `state` carries becomes 0."""
        inputs = state.table.view(Columns(self.front_end))
        state.carried[INPUTS] = inputs
        phi = self.layer.features(inputs) if self.layer.width else inputs
        state.carried[REPRESENTATION] = np.zeros_like(phi)
        return Dense(phi)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the hypothesis as plain data and arrays."""
        return composed_to_parts(self, ("front_end", "layer"))

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> FirstRepresentation:
        """Build the hypothesis again; raise ValueError unless its parts fit."""
        members = {"front_end": FrontEndModel, "layer": RandomLayer}
        made = composed_from_parts(cls, data, arrays, members)
        if made.layer.weight.shape[0] != made.front_end.n_columns:
            raise ValueError("The parts of a first representation do not fit together.")
        return made


@register("representation_change")
@dataclass(frozen=True, slots=True, eq=False)
class RepresentationChange:
    """A change of the representation: a readout of random features.

    Parameters
    ----------
    of_hidden, of_inputs : RandomLayer
        Make features of the representation (n, D), and of the inputs (n, d).
    readout : ndarray of shape (p, D)
        Of the features of both, side by side.
    shift : ndarray of shape (D,)
        Added to it.
    """

    of_hidden: RandomLayer
    of_inputs: RandomLayer
    readout: Array
    shift: Array

    def contribution(self, state: State) -> Dense:
        """Return the change (n, D) of the representation that `state` carries."""
        layers = [self.of_hidden, self.of_inputs]
        inputs = [representation(state), state.carried[INPUTS]]
        return Dense(read_out(layers, inputs, self.readout) + self.shift)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the hypothesis as plain data and arrays."""
        return composed_to_parts(self, ("of_hidden", "of_inputs"))

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> RepresentationChange:
        """Build the hypothesis again; raise ValueError unless its parts fit."""
        members = {"of_hidden": RandomLayer, "of_inputs": RandomLayer}
        made = composed_from_parts(cls, data, arrays, members)
        width = made.of_hidden.weight.shape[0]
        n_features = made.of_hidden.width + made.of_inputs.width
        if made.readout.shape != (n_features, width) or made.shift.shape != (width,):
            raise ValueError("The parts of a change do not fit together.")
        return made
