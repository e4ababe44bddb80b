import numpy as np
import pytest

from boostlab import GradientBoostingClassifier, GradientBoostingRegressor
from boostlab.learners.tree_arrays import TreeArrays
from boostlab.learners.trees import Trees
from boostlab.state import Ensemble, Round
from boostlab.updates import AddToPrediction


@pytest.fixture(autouse=True)
def closed_figures():
    """Draw without a screen, and leave no figure and no setting behind."""
    import matplotlib
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture(scope="session")
def frame():
    """Numbers and categories with gaps; the target depends on all but `noise`."""
    import pandas as pd

    rng = np.random.default_rng(0)
    n = 400
    X = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "colour": rng.choice(["red", "green", "blue", "grey"], n),
            "noise": rng.normal(size=n),
            "shape": pd.Categorical(rng.choice(["round", "flat"], n)),
        }
    )
    y = 3 * (X["size"] > 0) + 2 * X["colour"].isin(["red", "blue"])
    y += 1.5 * (X["shape"] == "flat") + rng.normal(scale=0.1, size=n)
    X.loc[::7, "size"] = np.nan
    X.loc[::5, "colour"] = None
    return X, y.to_numpy()


@pytest.fixture(scope="session")
def regressor(frame):
    return GradientBoostingRegressor(n_estimators=20, random_state=0).fit(*frame)


@pytest.fixture(scope="session")
def classifier(frame):
    X, y = frame
    labels = np.array(["low", "middle", "high"])[np.digitize(y, [2, 4])]
    model = GradientBoostingClassifier(n_estimators=8, random_state=0)
    return model.fit(X, labels)


def tree(nodes, subsets=()):
    """A tree from (feature, left, threshold, missing_left, value, gain, weight)."""
    feature, left, threshold, missing_left, value, gain, weight = zip(
        *nodes, strict=True
    )
    subset = np.full(len(nodes), -1, np.int32)
    words = np.zeros((len(subsets), 4), np.uint64)
    for row, (node, codes) in enumerate(subsets):
        subset[node] = row
        for code in codes:
            words[row, code // 64] |= np.uint64(1 << code % 64)
    return TreeArrays(
        feature=np.array(feature, np.int32),
        left=np.array(left, np.int32),
        threshold=np.array(threshold, float),
        value=np.array([np.atleast_1d(v) for v in value], float),
        gain=np.array(gain, float),
        weight=np.array(weight, float),
        bin=np.zeros(len(nodes), np.uint8),
        missing_left=np.array(missing_left, np.uint8),
        subset=subset,
        subsets=words,
    )


def ensemble(*rounds, sizes=None, n_features=3):
    """An ensemble of rounds of trees."""
    sizes = [1.0] * len(rounds) if sizes is None else sizes
    n_outputs = sum(each.n_outputs for each in rounds[0])
    return Ensemble(
        np.zeros(n_outputs),
        AddToPrediction(),
        [
            Round(Trees(tuple(trees), n_features), size)
            for trees, size in zip(rounds, sizes, strict=True)
        ],
    )


LEAF = (-1, -1, 0.0, 0)


@pytest.fixture
def small():
    """Splits on x0 and then, on the left, on x2; three leaves."""
    return tree(
        [
            (0, 1, 1.5, 1, 0.0, 9.0, 10.0),
            (2, 3, -0.25, 0, 0.0, 3.0, 6.0),
            (*LEAF, -2.0, 0.0, 4.0),
            (*LEAF, 1.0, 0.0, 5.0),
            (*LEAF, 4.0, 0.0, 1.0),
        ]
    )


@pytest.fixture
def make_tree():
    return tree


@pytest.fixture
def make_ensemble():
    return ensemble
