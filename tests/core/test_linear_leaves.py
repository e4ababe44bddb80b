"""Linear models in leaves: the kernel against NumPy, and what it refuses."""

import numpy as np
import pytest

from boostlab import _core

INF, NAN = np.inf, np.nan


def problem(n=5000, f=6, n_nodes=9, width=4, n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, f))
    x[rng.random((n, f)) < 0.05] = NAN
    x[rng.random((n, f)) < 0.02] = INF
    x[rng.random((n, f)) < 0.02] = -INF
    model_of = np.full(n_nodes, -1, np.int32)
    model_of[[2, 5, 8]] = [0, 1, 2]
    low = rng.normal(size=(3, width)) - 1
    low[0] = -INF
    return {
        "X": x,
        "ids": rng.integers(0, n_nodes, n).astype(np.int32),
        "model_of": model_of,
        "features": rng.integers(0, f, (3, width)).astype(np.int32),
        "center": rng.normal(size=(3, width)),
        "low": low,
        "high": low + rng.uniform(0, 3, (3, width)),
        "coef": rng.normal(size=(3, width, n_outputs)),
        "intercept": rng.normal(size=(3, n_outputs)),
        "outputs": np.asfortranarray(rng.normal(size=(n, n_outputs))),
    }


def plain(p):
    """The same in NumPy, term by term."""
    outputs, model = p["outputs"].copy(order="F"), p["model_of"][p["ids"]]
    rows = np.flatnonzero(model >= 0)
    model = model[rows]
    values, known = p["intercept"][model], np.ones(len(rows), bool)
    for d in range(p["features"].shape[1]):
        x = p["X"][rows, p["features"][model, d]].astype(np.float64)
        known &= np.isfinite(x)
        x = np.minimum(np.maximum(x, p["low"][model, d]), p["high"][model, d])
        with np.errstate(invalid="ignore"):
            values += (x - p["center"][model, d])[:, None] * p["coef"][model, d]
    outputs[rows[known]] = values[known]
    return outputs


def run(p, n_threads=1):
    outputs = p["outputs"].copy(order="F")
    _core.linear_leaves(*list((p | {"outputs": outputs}).values()), n_threads)
    return outputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F", "gaps"])
@pytest.mark.parametrize(("width", "n_outputs"), [(1, 1), (4, 1), (3, 3), (0, 2)])
def test_equal_to_numpy_bit_for_bit(dtype, order, width, n_outputs):
    p = problem(width=width, n_outputs=n_outputs)
    x = p["X"].astype(dtype)
    p["X"] = np.repeat(x, 2, axis=1)[:, ::2] if order == "gaps" else x.copy(order=order)
    expected = plain(p)
    assert width == 0 or not np.array_equal(expected, p["outputs"])
    for n_threads in (1, 2, 5):
        np.testing.assert_array_equal(run(p, n_threads), expected)


@pytest.mark.parametrize("n", [0, 1, 4095, 4096, 4097])
def test_any_number_of_rows(n):
    p = problem(n=n)
    np.testing.assert_array_equal(run(p, 3), plain(p))


def test_a_row_by_hand():
    p = problem(n=1, f=2, width=2, n_outputs=1)
    p |= {
        "X": np.array([[7.0, -1.0]]),
        "ids": np.array([5], np.int32),
        "features": np.array([[0, 0], [1, 0], [0, 0]], np.int32),
        "low": np.zeros((3, 2)),
        "high": np.full((3, 2), 5.0),
        "center": np.ones((3, 2)),
        "coef": np.array([[[0.0], [0.0]], [[10.0], [100.0]], [[0.0], [0.0]]]),
        "intercept": np.array([[0.0], [3.0], [0.0]]),
    }
    # 3 + 10 (0 - 1) + 100 (5 - 1)
    assert run(p)[0, 0] == 393


@pytest.mark.parametrize(
    ("name", "where", "value", "message"),
    [
        ("ids", 0, 9, "leaf id"),
        ("ids", -1, -1, "leaf id"),
        ("model_of", 0, 3, "does not exist"),
        ("model_of", 0, -2, "does not exist"),
        ("features", (2, 3), 6, "X does not have"),
        ("features", (0, 0), -1, "X does not have"),
    ],
)
def test_links_to_nowhere_are_refused(name, where, value, message):
    p = problem()
    p[name][where] = value
    with pytest.raises(ValueError, match=message):
        run(p)
