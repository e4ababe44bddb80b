"""The model is the same, bit for bit, whether the bins are kept once or twice."""

from __future__ import annotations

import core_calls
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from thread_parts import ThreadParts

from boostlab import (
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRanker,
    GradientBoostingRegressor,
    NGBoostClassifier,
    NGBoostRegressor,
    NGBoostSurvival,
)
from boostlab.data import Chunks, bundles
from boostlab.learners import LinearTree, Tree
from boostlab.persistence import model_hash
from boostlab.reduce import reducing

SETTINGS = {"n_estimators": 6, "random_state": 0}


@pytest.fixture(autouse=True)
def _bundles(monkeypatch):
    """Small tables are bundled, too."""
    monkeypatch.setattr(bundles, "FEWEST_ROWS", 1)


def frame(n=900, seed=0):
    """Numbers, flags, missing values, categories; and a target that needs them."""
    rng = np.random.default_rng(seed)
    city = rng.integers(0, 40, n)
    made = pd.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": rng.integers(0, 30, n).astype(float),
            "flag": rng.random(n) < 0.3,
            "rare": rng.random(n) < 0.02,
            "one": 1.0,
            "none": np.nan,
            "city": pd.Categorical([f"c{c}" for c in city]),
            "text": np.array(["x", "y", None], object)[rng.integers(0, 3, n)],
            **{f"v{j}": rng.normal(size=n) for j in range(14)},
        }
    )
    y = made["a"] + made["flag"] + (city % 3) + 0.1 * made["b"] * (made["text"] == "x")
    made.loc[rng.random(n) < 0.2, "a"] = np.nan
    return made, y.to_numpy() + 0.1 * rng.normal(size=n)


def matrix(n=900):
    X, y = frame(n)
    return X.drop(columns=["city", "text"]).to_numpy(dtype=float), y


def check(make, X, y, **given):
    """Fit both ways on one thread and on three, on every tier."""
    expected = make(low_memory=False, n_jobs=1).fit(X, y, **given)
    for name in core_calls.present_tiers():
        with core_calls.tier(name):
            for n_jobs in (1, 3):
                model = make(low_memory=True, n_jobs=n_jobs).fit(X, y, **given)
                assert model_hash(model) == model_hash(expected), (name, n_jobs)
                for curve in expected.history_:
                    np.testing.assert_array_equal(
                        model.history_[curve], expected.history_[curve]
                    )
    assert expected.n_iter_ > 1
    return expected


def maker(cls, **settings):
    return lambda **own: cls(**SETTINGS | settings | own)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"max_leaf_nodes": 40, "subsample": 0.6, "max_features": 0.5},
        {"growth": "oblivious", "max_leaf_nodes": 31},
        {"growth": "depth", "max_depth": 4},
        {"early_stopping": True, "n_estimators": 30},
        {"n_estimators": "auto", "learning_rate": 0.5},
        {"path_smoothing": 2.0, "l1_regularization": 0.1, "splitter": "random"},
        {"monotonic_cst": {"a": 1}, "interaction_cst": "pairwise"},
        {"sampling": "goss", "learning_rate": 0.5},
        {"sampling": "mvs", "subsample": 0.4},
        {"dropout": 0.5},
        {"loss": "absolute_error"},
        {"max_bins": 7},
    ],
    ids=str,
)
def test_frames(settings):
    X, y = frame()
    check(maker(GradientBoostingRegressor, **settings), X, y)


@pytest.mark.parametrize("strategy", ["separate", "shared"])
def test_classes_and_weights(strategy):
    X, y = frame()
    labels = np.digitize(y, np.quantile(y, [0.3, 0.6, 0.8]))
    weight = np.random.default_rng(1).uniform(0.2, 3.0, len(y))
    make = maker(GradientBoostingClassifier, multi_strategy=strategy)
    check(make, X, labels, sample_weight=weight, X_val=X[::5], y_val=labels[::5])


@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, np.float32])
def test_matrices(form):
    X, y = matrix()
    check(maker(GradientBoostingRegressor, early_stopping=True), form(X), y)


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array])
def test_sparse(form):
    X, y = matrix()
    X[np.random.default_rng(1).random(X.shape) < 0.6] = 0.0
    check(maker(GradientBoostingRegressor, early_stopping=True), form(X), y)


def test_warm_start_and_init():
    X, y = matrix()
    first = GradientBoostingRegressor(**SETTINGS).fit(X, y)
    check(maker(GradientBoostingRegressor, init=first), X, y)
    models = []
    for low_memory in (False, True):
        model = GradientBoostingRegressor(
            warm_start=True, low_memory=low_memory, **SETTINGS
        )
        models.append(model.fit(X, y).set_params(n_estimators=9).fit(X, y))
    assert model_hash(models[0]) == model_hash(models[1])


def test_chunks():
    X, y = frame()
    whole = X.assign(target=y)
    parts = [whole[:300], whole[300:333], whole[333:]]
    models = [
        GradientBoostingRegressor(low_memory=low, early_stopping=True, **SETTINGS).fit(
            Chunks(parts, target="target")
        )
        for low in (False, True)
    ]
    assert model_hash(models[0]) == model_hash(models[1])


@pytest.mark.parametrize("n_parts", [2, 3])
def test_parts(n_parts):
    X, y = matrix()
    expected = GradientBoostingRegressor(**SETTINGS).fit(X, y)
    together = ThreadParts(n_parts)
    edges = np.linspace(0, len(X), n_parts + 1).astype(int)

    def fitted(part):
        rows = slice(*edges[part : part + 2])
        with reducing(together.hook(part), part, n_parts):
            model = GradientBoostingRegressor(low_memory=True, **SETTINGS)
            return model.fit(X[rows], y[rows])

    for model in together.run(fitted):
        assert model_hash(model) == model_hash(expected)


def test_ranking():
    X, y = matrix()
    labels = np.digitize(y, np.quantile(y, [0.4, 0.8]))
    group = np.arange(len(y)) // 9
    check(maker(GradientBoostingRanker), X, labels, group=group)


def test_natural_gradients():
    X, y = frame()
    check(maker(NGBoostRegressor), X, y)
    check(maker(NGBoostClassifier, multi_strategy="shared"), X, y > np.median(y))
    times = pd.DataFrame({"event": y < 2, "time": np.exp(y)})
    check(maker(NGBoostSurvival), X, times)


@pytest.mark.parametrize("learner", [Tree, lambda **own: LinearTree(Tree(**own))])
def test_learners(learner):
    X, y = matrix()
    models = [
        BoostingRegressor(learner=learner(low_memory=low), **SETTINGS).fit(X, y)
        for low in (False, True)
    ]
    assert model_hash(models[0]) == model_hash(models[1])


def test_what_is_no_flag_is_refused():
    X, y = matrix(60)
    with pytest.raises(ValueError, match="low_memory"):
        GradientBoostingRegressor(low_memory="yes").fit(X, y)
    with pytest.raises(TypeError, match="low_memory is 'yes'; give True or False"):
        Tree(low_memory="yes").validate()
    with pytest.raises(ValueError, match="low_memory cannot be set together with"):
        GradientBoostingRegressor(learner=Tree(), low_memory=True).fit(X, y)
