"""Small fake pieces, registered like real ones."""

from types import SimpleNamespace

import numpy as np
import pytest

from boostlab.contributions import CellValues, Dense
from boostlab.registry import register
from boostlab.state import Ensemble, Round


@register("test-persistence-add")
class Add:
    """Adds to the raw prediction."""

    additive = True

    def __call__(self, state, contribution, size):
        contribution.add_to(state.raw_prediction, size)

    def to_parts(self):
        return {}, {}

    @classmethod
    def from_parts(cls, data, arrays):
        if data or arrays:
            raise ValueError("Add has no parts.")
        return cls()


@register("test-persistence-linear")
class Linear:
    """A linear hypothesis, written one by one."""

    def __init__(self, weights):
        self.weights = weights

    def contribution(self, state):
        return Dense(state.table.numeric @ self.weights)

    def to_parts(self):
        return {"kind": "linear"}, {"weights": self.weights}

    @classmethod
    def from_parts(cls, data, arrays):
        if data != {"kind": "linear"} or arrays["weights"].ndim != 2:
            raise ValueError("Linear weights have the wrong shape.")
        return cls(arrays["weights"])


@register("test-persistence-stump")
class Stump:
    """A constant where the first feature is positive; packs."""

    def __init__(self, value):
        self.value = value

    def contribution(self, state):
        return Dense((state.table.numeric[:, :1] > 0) * self.value)

    def to_parts(self):
        return {}, {"value": self.value}

    @classmethod
    def from_parts(cls, data, arrays):
        return cls(arrays["value"])

    @classmethod
    def pack(cls, stumps):
        return {"n": len(stumps)}, {"values": np.array([s.value for s in stumps])}

    @classmethod
    def unpack(cls, data, arrays):
        return [cls(value) for value in arrays["values"][: data["n"]]]


@register("test-persistence-clip")
class Clip:
    """A correction."""

    def __init__(self, bound):
        self.bound = bound

    def apply(self, state):
        np.clip(state.raw_prediction, -self.bound, self.bound, out=state.raw_prediction)

    def to_parts(self):
        return {"bound": self.bound}, {}

    @classmethod
    def from_parts(cls, data, arrays):
        return cls(data["bound"])


class Table:
    def __init__(self, numeric):
        self.numeric = numeric
        self.n_samples, self.n_features = numeric.shape


@pytest.fixture
def fakes():
    return SimpleNamespace(Add=Add, Linear=Linear, Stump=Stump, Clip=Clip, Table=Table)


@pytest.fixture
def ensemble():
    """Return five runs of hypotheses under every kind of size that stays Dense."""
    rng = np.random.default_rng(0)
    rounds = [Round(Stump(rng.normal(size=2)), 0.1) for _ in range(5)]
    rounds += [Round(Linear(rng.normal(size=(3, 2))), 0.3) for _ in range(2)]
    rounds += [Round(Stump(rng.normal(size=2)), np.array([0.5, 0.25]), Clip(1.5))]
    rounds += [Round(Linear(rng.normal(size=(3, 2))), np.float64(1 / 3), Clip(1.0))]
    return Ensemble(np.array([0.5, -0.5]), Add(), rounds)


@pytest.fixture
def table():
    return Table(np.random.default_rng(1).normal(size=(20, 3)))


@pytest.fixture
def cell_sizes():
    """Return sizes that are one value per cell: one partition, and three."""
    rng = np.random.default_rng(2)
    return [
        CellValues((rng.normal(size=(4, 2)),)),
        CellValues(tuple(rng.normal(size=(n, 1)) for n in (3, 1, 5))),
    ]
