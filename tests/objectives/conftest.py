"""Every built-in objective with rows drawn from its domain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from boostlab.objectives import (
    AbsoluteError,
    Binomial,
    Exponential,
    Gamma,
    Huber,
    Multinomial,
    PointwiseObjective,
    Poisson,
    Quantile,
    SquaredError,
    Tweedie,
)
from boostlab.state import Problem, State


@dataclass(frozen=True)
class Rows:
    """As much of a table as an objective looks at."""

    n_samples: int


@dataclass(frozen=True)
class Case:
    """An objective, and rows from its domain."""

    objective: PointwiseObjective
    y: np.ndarray
    raw: np.ndarray
    weight: np.ndarray

    def state(self, index: object = slice(None), weight: object = None) -> State:
        """The state at `raw`, of some of the rows, perhaps repeated."""
        y = self.y[index]
        weight = self.weight[index] if weight is None else weight
        state = self.objective.start(Problem(Rows(len(y)), y, weight), None)
        state.raw_prediction = np.asfortranarray(self.raw[index])
        return state


def draw_targets(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    return {
        "real": lambda: rng.normal(size=n),
        "count": lambda: rng.poisson(1.5, n).astype(float),
        "positive": lambda: rng.gamma(1.5, size=n) + 1e-3,
        "zeros and tail": lambda: rng.gamma(1.0, size=n) * (rng.random(n) < 0.6),
        "two": lambda: (rng.random(n) < 0.4).astype(float),
        "four": lambda: rng.integers(0, 4, n).astype(float),
    }[kind]()


BUILT_IN = {
    "squared": (SquaredError(), "real"),
    "absolute": (AbsoluteError(), "real"),
    "quantile": (Quantile(level=0.2), "real"),
    "huber": (Huber(delta=0.7), "real"),
    "huber renewed": (Huber(), "real"),
    "poisson": (Poisson(), "count"),
    "gamma": (Gamma(), "positive"),
    "tweedie": (Tweedie(power=1.3), "zeros and tail"),
    "binomial": (Binomial(), "two"),
    "exponential": (Exponential(), "two"),
    "multinomial": (Multinomial(n_classes=4), "four"),
}


def make_case(name: str, n: int = 80) -> Case:
    objective, kind = BUILT_IN[name]
    rng = np.random.default_rng(len(name))
    y = draw_targets(kind, n, rng)
    raw = rng.normal(size=(n, objective.n_outputs(y)))
    return Case(objective, y, np.asfortranarray(raw), rng.uniform(0.5, 3.0, n))


@pytest.fixture(params=BUILT_IN)
def case(request: pytest.FixtureRequest) -> Case:
    return make_case(request.param)


NEWTON = [name for name, (piece, _) in BUILT_IN.items() if not piece.refits_cells]


@pytest.fixture(params=NEWTON)
def newton_case(request: pytest.FixtureRequest) -> Case:
    """Objectives whose cells take a Newton step."""
    return make_case(request.param)


@pytest.fixture
def squared_case() -> Case:
    return make_case("squared")
