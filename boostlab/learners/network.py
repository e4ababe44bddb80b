"""A fitted net as plain arrays: what nets of all learners are once they are trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from boostlab.contributions import Dense
from boostlab.in_blocks import product
from boostlab.learners.front_end import Columns, FrontEndModel
from boostlab.registry import register
from boostlab.state import State

Array = NDArray[np.float64]

HIDDEN = "hidden layer of the last net"
"""Where a state carries the hidden layer (n, H) that the next net may read."""

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.1 * x),
    "logistic": expit,
    "tanh": np.tanh,
    "silu": lambda x: x * expit(x),
}
"""The functions of units, by name; "leaky_relu" has slope 0.1 below 0."""

READS = ("features", "hidden", "both")


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """What batch normalisation has become after training: a line for each input.

    Parameters
    ----------
    mean, variance : ndarray of shape (d,)
        Running weighted statistics of the inputs.
    gain, shift : ndarray of shape (d,)
        What was learnt.
    """

    mean: Array
    variance: Array
    gain: Array
    shift: Array

    EPSILON = 1e-5

    def __call__(self, x: Array) -> Array:
        """Return the normalised inputs."""
        scale = self.gain / np.sqrt(self.variance + self.EPSILON)
        return (x - self.mean) * scale + self.shift


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer before its activation, ``norm(x) @ weight + bias``.

    Parameters
    ----------
    weight : ndarray of shape (d, m)
    bias : ndarray of shape (m,)
    norm : Norm, optional
        Applied to the inputs.
    """

    weight: Array
    bias: Array
    norm: Norm | None = None

    def __call__(self, x: Array) -> Array:
        """Return the m values of each row; a row's bits depend on no other row."""
        inputs = x if self.norm is None else self.norm(x)
        return product(inputs, self.weight) + self.bias


@register("network")
@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A multilayer perceptron on the features, on the last net's hidden layer, or both.

    Parameters
    ----------
    front_end : FrontEndModel or None
        How features become inputs; None where it reads only the hidden layer.
    reads : {"features", "hidden", "both"}
        What it is computed from; "both" puts the columns of the features first.
    activations : tuple of str
        The function of the units of each hidden layer.
    layers : tuple of Layer
        The hidden layers, at least one, and the output layer.
    passes_activated : bool, default=False
        Whether the hidden layer that the next net reads is taken after its activation.
    """

    front_end: FrontEndModel | None
    reads: str
    activations: tuple[str, ...]
    layers: tuple[Layer, ...]
    passes_activated: bool = False

    @property
    def n_outputs(self) -> int:
        """Number of outputs K."""
        return len(self.layers[-1].bias)

    @property
    def n_hidden(self) -> int:
        """Number of units of the last hidden layer."""
        return len(self.layers[-2].bias)

    def inputs(self, state: State) -> Array:
        """Return what the first layer is given on the rows of `state`, shape (n, d)."""
        return network_inputs(self.front_end, self.reads, state)

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Return the outputs (n, K) and the hidden layer (n, H) for inputs (n, d)."""
        hidden = x
        for layer, activation in zip(self.layers, self.activations, strict=False):
            before = layer(x)
            x = ACTIVATIONS[activation](before)
            hidden = x if self.passes_activated else before
        return self.layers[-1](x), hidden

    def contribution(self, state: State) -> Dense:
        """Return the outputs (n, K), and let the state carry the hidden layer."""
        outputs, state.carried[HIDDEN] = self.forward(self.inputs(state))
        return Dense(outputs)

    def hidden(self, state: State) -> Array:
        """Return the hidden layer (n, H); the state must carry that of the last net."""
        return self.forward(self.inputs(state))[1]

    def to_parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return the net as plain data and arrays."""
        arrays: dict[str, NDArray[Any]] = {}
        for i, layer in enumerate(self.layers):
            arrays |= {f"{i}.weight": layer.weight, f"{i}.bias": layer.bias}
            if layer.norm is not None:
                arrays |= {f"{i}.{n}": getattr(layer.norm, n) for n in _NORM}
        data: dict[str, Any] = {
            "reads": self.reads,
            "activations": list(self.activations),
            "passes_activated": self.passes_activated,
            "front_end": None,
        }
        if self.front_end is not None:
            data["front_end"], tensors = self.front_end.to_parts()
            arrays |= {f"front_end.{name}": a for name, a in tensors.items()}
        return data, arrays

    @classmethod
    def from_parts(
        cls, data: dict[str, Any], arrays: dict[str, NDArray[Any]]
    ) -> Network:
        """Build the net again; raise ValueError unless its parts fit together."""
        known = {"reads", "activations", "passes_activated", "front_end"}
        if not isinstance(data, dict) or set(data) != known:
            raise ValueError("A net has other parts; the file is damaged.")
        front, tensors = data["front_end"], {}
        layers: dict[str, NDArray[Any]] = {}
        for name, array in arrays.items():
            of_front = name.startswith("front_end.")
            (tensors if of_front else layers)[name.removeprefix("front_end.")] = array
        front_end = None if front is None else FrontEndModel.from_parts(front, tensors)
        activations = data["activations"]
        if (
            not isinstance(activations, list)
            or not activations
            or any(name not in ACTIVATIONS for name in activations)
            or data["reads"] not in READS
            or not isinstance(data["passes_activated"], bool)
            or (front_end is None) != (data["reads"] == "hidden")
            or (front is None and tensors)
        ):
            raise ValueError("The parts of a net do not fit together.")
        return cls(
            front_end,
            data["reads"],
            tuple(activations),
            _layers(layers, len(activations) + 1, front_end, data["reads"]),
            data["passes_activated"],
        )


def network_inputs(front_end: FrontEndModel | None, reads: str, state: State) -> Array:
    """Return what a net that reads so is given on the rows of `state`, shape (n, d).

    Raises
    ------
    ValueError
        If it reads a hidden layer that the state does not carry.
    """
    parts = []
    if reads != "hidden":
        parts.append(state.table.view(Columns(front_end)))
    if reads != "features":
        if HIDDEN not in state.carried:
            raise ValueError(
                "A net reads the hidden layer of the net before it, and there is none; "
                "apply the rounds of an ensemble in their order."
            )
        parts.append(state.carried[HIDDEN])
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


_NORM = ("mean", "variance", "gain", "shift")


def _layers(
    arrays: dict[str, NDArray[Any]],
    n_layers: int,
    front_end: FrontEndModel | None,
    reads: str,
) -> tuple[Layer, ...]:
    """Return the layers of a file; raise ValueError unless they fit together."""
    layers = []
    known: set[str] = set()
    width = front_end.n_columns if reads == "features" else None
    for i in range(n_layers):
        names = [f"{i}.weight", f"{i}.bias"]
        norms = [f"{i}.{name}" for name in _NORM]
        has_norm = norms[0] in arrays
        names += norms if has_norm else []
        known |= set(names)
        if not set(names) <= set(arrays) or not _sound(arrays, names, width):
            raise ValueError("The layers of a net do not fit together.")
        weight, bias, *norm = (arrays[name] for name in names)
        width = len(bias)
        layers.append(Layer(weight, bias, Norm(*norm) if has_norm else None))
    if known != set(arrays):
        raise ValueError("A net has other arrays; the file is damaged.")
    return tuple(layers)


def _sound(
    arrays: dict[str, NDArray[Any]], names: Sequence[str], width: int | None
) -> bool:
    """Return whether the arrays of a layer fit together, and to `width` inputs."""
    weight, bias, *norm = (arrays[name] for name in names)
    return (
        all(a.dtype == np.float64 and np.isfinite(a).all() for a in (weight, bias))
        and weight.ndim == 2
        and bias.shape == weight.shape[1:]
        and len(bias) > 0
        and width in (None, len(weight))
        and all(a.dtype == np.float64 and a.shape == weight.shape[:1] for a in norm)
        and all(np.isfinite(a).all() for a in norm)
        and (not norm or bool((norm[1] >= 0).all()))
    )
