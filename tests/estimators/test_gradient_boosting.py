import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from boostlab import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    NGBoostRegressor,
    RFRBoostRegressor,
    load,
)
from boostlab.callbacks import History
from boostlab.learners import Linear
from boostlab.learners.tree import Tree
from boostlab.objectives import CustomObjective, Huber, Quantile, Tweedie
from boostlab.persistence import ModelFileError, model_hash


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True)


@pytest.fixture(scope="module")
def cancer():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def noisy(n=400, n_features=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features))
    return X, X[:, 0] + np.sin(3 * X[:, 1]) + rng.normal(size=n)


# Oracles and hand-computed cases


def test_one_stump_by_hand():
    """Two leaves of two rows: -G / (H + 1), times the learning rate, on the mean."""
    X = np.array([[0.0], [1.0], [2.0], [3.0]])
    y = np.array([0.0, 1.0, 5.0, 6.0])
    model = GradientBoostingRegressor(
        n_estimators=1, max_leaf_nodes=2, min_samples_leaf=1, learning_rate=0.5
    ).fit(X, y)
    low, high = 3 + 0.5 * (-5 / 3), 3 + 0.5 * (5 / 3)
    np.testing.assert_allclose(model.predict(X), [low, low, high, high])
    np.testing.assert_allclose(model.baseline_prediction_, [3.0])
    np.testing.assert_array_equal(model.feature_importances_, [1.0])


def test_a_first_binary_round_by_hand():
    X = np.array([[0.0], [0.0], [0.0], [1.0]])
    y = np.array(["no", "no", "yes", "yes"])
    model = GradientBoostingClassifier(
        n_estimators=1, min_samples_leaf=1, l2_regularization=0, learning_rate=1.0
    ).fit(X, y)
    # p = 1/2 everywhere: gradients 1/2, 1/2, -1/2 against -1/2, hessians 1/4.
    raw = [-0.5 / 0.75, 0.5 / 0.25]
    np.testing.assert_allclose(model.decision_function([[0.0], [1.0]]), raw)
    proba = 1 / (1 + np.exp(-np.array(raw)))
    np.testing.assert_allclose(model.predict_proba([[0.0], [1.0]])[:, 1], proba)
    np.testing.assert_array_equal(model.predict([[0.0], [1.0]]), ["no", "yes"])


def test_as_good_as_scikit_learn(cancer):
    params = {"random_state": 0, "early_stopping": False, "l2_regularization": 1.0}
    ours = cross_val_score(
        GradientBoostingClassifier(
            n_estimators=100, max_leaf_nodes=31, min_samples_leaf=20, **params
        ),
        *cancer,
        scoring="neg_log_loss",
    )
    theirs = cross_val_score(
        HistGradientBoostingClassifier(**params), *cancer, scoring="neg_log_loss"
    )
    assert ours.mean() > theirs.mean() - 0.01


@pytest.mark.parametrize(
    ("loss", "level"),
    [("absolute_error", None), ("quantile", 0.9), ("huber", None)],
)
def test_losses_that_refit_leaves(diabetes, loss, level):
    X, y = diabetes
    model = GradientBoostingRegressor(loss, quantile=level, n_estimators=150)
    model.fit(X, y, X_val=X, y_val=y)
    below = np.mean(y <= model.predict(X) + 1e-9)
    assert abs(below - (level or 0.5)) < 0.07
    assert type(model.ensemble_.rounds[0].size).__name__ == "CellValues"


def test_loss_objects_and_names_agree(diabetes):
    X, y = diabetes
    for name, level, loss in (
        ("quantile", 0.3, Quantile(0.3)),
        ("huber", None, Huber()),
        ("tweedie", None, Tweedie()),
    ):
        models = [
            GradientBoostingRegressor(
                loss=given, quantile=q, n_estimators=5, random_state=0
            ).fit(X, y)
            for given, q in ((name, level), (loss, None))
        ]
        assert model_hash(models[0]) == model_hash(models[1])


def test_positive_targets_stay_positive(diabetes):
    X, y = diabetes
    for loss in ("poisson", "gamma", "tweedie"):
        model = GradientBoostingRegressor(loss, n_estimators=50).fit(X, y)
        assert (model.predict(X) > 0).all()
        np.testing.assert_allclose(
            model.predict(X[:3]),
            np.exp(model.ensemble_.predict(model._table(X[:3]))[:, 0]),
        )
        with pytest.raises(ValueError, match="y"):
            model.fit(X, -y)


def test_a_loss_of_ones_own(diabetes):
    X, y = diabetes
    squared = CustomObjective(
        loss=lambda y, raw: 0.5 * (raw - y) ** 2,
        gradient=lambda y, raw: raw - y,
        baseline=lambda y, weight: np.average(y, weights=weight),
    )
    models = [
        GradientBoostingRegressor(loss, n_estimators=10, random_state=0).fit(X, y)
        for loss in (squared, "squared_error")
    ]
    np.testing.assert_allclose(models[0].predict(X), models[1].predict(X), rtol=1e-6)


def test_another_learner(diabetes):
    X, y = diabetes
    model = GradientBoostingRegressor(learner=Linear(alpha=0), learning_rate=1.0)
    model.set_params(n_estimators=3).fit(X, y)
    from sklearn.linear_model import LinearRegression

    expected = LinearRegression().fit(X, y).predict(X)
    np.testing.assert_allclose(model.predict(X), expected)
    with pytest.raises(AttributeError, match="permutation_importance"):
        model.feature_importances_  # noqa: B018


# Weights


def test_weight_two_is_a_row_given_twice():
    X, y = noisy(700)
    counts = np.random.default_rng(1).integers(0, 4, size=len(y))
    twice = np.repeat(np.arange(len(y)), counts)
    for params in (
        {},
        {"early_stopping": True, "n_estimators": 200},
        {"loss": "absolute_error"},
        {"growth": "depth", "max_depth": 4},
    ):
        model = GradientBoostingRegressor(random_state=0, **params)
        weighted = clone(model).fit(X, y, sample_weight=counts)
        repeated = clone(model).fit(X[twice], y[twice])
        assert weighted.n_iter_ == repeated.n_iter_
        assert weighted.n_iter_ > 10
        np.testing.assert_allclose(weighted.predict(X), repeated.predict(X))


def test_rows_of_weight_zero_are_not_there():
    X, y = noisy(300)
    labels = np.where(y > 0, "high", "low")
    frame = pd.DataFrame(X).assign(city=np.where(X[:, 2] > 0, "Oslo", "Bergen"))
    frame.columns = frame.columns.astype(str)
    weight = np.ones(300)
    weight[:20] = 0
    labels[:20] = "never"
    frame.loc[:19, "city"] = "Atlantis"
    model = GradientBoostingClassifier(random_state=0, early_stopping=True)
    with_them = clone(model).fit(frame, labels, sample_weight=weight)
    without = clone(model).fit(frame[20:], labels[20:])
    assert with_them.classes_.tolist() == ["high", "low"]
    assert model_hash(with_them) == model_hash(without)


def test_class_weight_is_a_factor_on_sample_weights(iris):
    X, y = iris
    weight = np.random.default_rng(0).uniform(0.5, 2, size=len(y))
    factors = np.array([1.0, 5.0, 0.5])
    by_class = GradientBoostingClassifier(
        class_weight={0: 1, 1: 5, 2: 0.5}, n_estimators=10, random_state=0
    ).fit(X, y, sample_weight=weight)
    by_row = GradientBoostingClassifier(n_estimators=10, random_state=0)
    by_row.fit(X, y, sample_weight=weight * factors[y])
    assert model_hash(by_class) == model_hash(by_row)


def test_balanced_classes(cancer):
    X, y = cancer
    rare = np.r_[np.flatnonzero(y == 0)[:20], np.flatnonzero(y == 1)]
    params = {"n_estimators": 10, "random_state": 0}
    plain = GradientBoostingClassifier(**params).fit(X[rare], y[rare])
    model = GradientBoostingClassifier(class_weight="balanced", **params)
    model.fit(X[rare], y[rare])
    np.testing.assert_allclose(model.baseline_prediction_, [0], atol=1e-12)
    assert model.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean()


# Early stopping and held-out rows


def test_the_model_is_that_of_the_best_round():
    X, y = noisy()
    X_val, y_val = noisy(seed=1)
    params = {"learning_rate": 0.3, "random_state": 0, "n_jobs": 1}
    stopped = GradientBoostingRegressor(
        n_estimators=300, early_stopping=True, n_iter_no_change=5, **params
    ).fit(X, y, X_val=X_val, y_val=y_val)
    best = stopped.n_iter_
    assert 0 < best < 300
    short = GradientBoostingRegressor(n_estimators=best, early_stopping=False, **params)
    assert model_hash(stopped) == model_hash(short.fit(X, y))
    losses = stopped.history_["validation_loss"]
    assert np.argmin(losses) == best
    assert best < len(losses) - 1 <= best + 2 * 5
    held_out = ((y_val - stopped.predict(X_val)) ** 2).mean() / 2
    np.testing.assert_allclose(losses[best], held_out)
    training = ((y - stopped.predict(X)) ** 2).mean() / 2
    np.testing.assert_allclose(stopped.history_["training_loss"][best], training)
    np.testing.assert_array_equal(stopped.validation_score_, -losses)
    assert len(stopped.train_score_) == len(losses)


def test_the_best_round_may_be_none():
    """Where every round is worse than the start, the start is delivered."""
    X, y = noisy()
    model = GradientBoostingRegressor(early_stopping=True, n_iter_no_change=4)
    model.fit(X, y, X_val=X, y_val=2 * y.mean() - y)
    assert model.n_iter_ == 0
    assert len(model.validation_score_) == 5
    np.testing.assert_allclose(model.predict(X), y.mean())
    np.testing.assert_array_equal(model.feature_importances_, np.zeros(5))
    assert list(model.staged_predict(X)) == []


def test_all_rounds_may_be_kept():
    X, y = noisy()
    model = GradientBoostingRegressor(early_stopping=True, keep_all_rounds=True)
    model.set_params(learning_rate=0.5, random_state=0).fit(X, y)
    assert model.all_rounds_.n_rounds == len(model.validation_score_) - 1
    assert model.all_rounds_.n_rounds > model.n_iter_ == model.ensemble_.n_rounds
    model.set_params(keep_all_rounds=False).fit(X, y)
    assert not hasattr(model, "all_rounds_")


def test_automatic_early_stopping():
    X, y = noisy(60, n_features=2)
    few = GradientBoostingRegressor(n_estimators=3, max_leaf_nodes=3)
    assert few.fit(X, y).history_ == {}
    assert few.train_score_.size == few.validation_score_.size == 0
    assert "validation_loss" in few.fit(X, y, X_val=X, y_val=y).history_
    few.set_params(early_stopping=False)
    history = few.fit(X, y, X_val=X, y_val=y).history_
    assert list(history) == ["validation_loss"]
    many = noisy(10_001, n_features=2)
    few.set_params(early_stopping="auto")
    assert len(few.fit(*many).validation_score_) == 4
    assert few.fit(many[0][1:], many[1][1:]).history_ == {}


def test_stopping_by_a_scorer(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    X, X_val, y, y_val = train_test_split(X, names, random_state=0)
    weight_val = np.random.default_rng(0).uniform(size=len(y_val))
    model = GradientBoostingClassifier(scoring="accuracy", early_stopping=True)
    model.fit(X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight_val)
    scores = model.history_["validation_score"]
    predicted = model.predict(X_val)
    expected = accuracy_score(y_val, predicted, sample_weight=weight_val)
    np.testing.assert_allclose(scores[model.n_iter_], expected)
    assert np.argmax(scores) == model.n_iter_
    np.testing.assert_array_equal(model.validation_score_, scores)


def test_stopping_by_a_function(iris):
    def score(estimator, X, y, sample_weight=None):
        return -log_loss(y, estimator.predict_proba(X), sample_weight=sample_weight)

    X, y = iris
    models = [
        GradientBoostingClassifier(
            scoring=scoring, early_stopping=True, n_iter_no_change=3, random_state=0
        ).fit(X, y)
        for scoring in (score, "loss", "neg_log_loss")
    ]
    assert len({model_hash(model) for model in models}) == 1


def test_stopping_by_training_rows(iris):
    model = GradientBoostingClassifier(
        early_stopping=True, validation_fraction=None, tol=0.1, n_iter_no_change=2
    ).fit(*iris)
    assert list(model.history_) == ["training_loss"]
    assert len(model.train_score_) < 100


def test_unknown_scorer(iris):
    with pytest.raises(ValueError, match="beauty"):
        GradientBoostingClassifier(scoring="beauty", early_stopping=True).fit(*iris)


@pytest.mark.parametrize(
    "val",
    [
        {"X_val": np.ones((2, 4))},
        {"y_val": [0, 1]},
        {"sample_weight_val": [1, 1]},
    ],
)
def test_held_out_rows_come_together(iris, val):
    with pytest.raises(ValueError, match="X_val and y_val belong together"):
        GradientBoostingClassifier().fit(*iris, **val)


def test_held_out_rows_are_checked(iris):
    X, y = iris
    model = GradientBoostingClassifier()
    with pytest.raises(ValueError, match=r"y_val has the classes \[7\]"):
        model.fit(X, y, X_val=X[:3], y_val=[0, 1, 7])
    with pytest.raises(ValueError, match=r"X has 2 features.*expecting 4"):
        model.fit(X, y, X_val=X[:3, :2], y_val=y[:3])
    with pytest.raises(ValueError, match="sample_weight_val contains negative"):
        model.fit(X, y, X_val=X[:2], y_val=y[:2], sample_weight_val=[1, -1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y, X_val=X[:2], y_val=y[:3])


# Warm start


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"subsample": 0.5, "max_features": 0.6},
        {"early_stopping": True, "n_iter_no_change": 1000, "tol": 0},
        {"loss": "absolute_error"},
    ],
)
def test_two_warm_fits_are_one_longer_fit(params):
    X, y = noisy()
    X[::7, 1] = np.nan
    params = {"random_state": 0, "learning_rate": 0.05, **params}
    once = GradientBoostingRegressor(n_estimators=30, **params).fit(X, y)
    assert once.n_iter_ == 30
    warm = GradientBoostingRegressor(n_estimators=12, warm_start=True, **params)
    warm.fit(X, y)
    first = warm.ensemble_.rounds
    warm.set_params(n_estimators=30).fit(X, y)
    assert all(a is b for a, b in zip(first, warm.ensemble_.rounds, strict=False))
    assert model_hash(warm) == model_hash(once)
    for name, curve in once.history_.items():
        np.testing.assert_allclose(warm.history_[name], curve)
    again = copy.deepcopy(warm).fit(X, y)
    assert model_hash(again) == model_hash(warm), "nothing to add"


RANDOM = {"learning_rate": 0.5, "n_iter_no_change": 5}


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("cls", "params", "n_first"),
    [
        (GradientBoostingRegressor, {**RANDOM, "max_features": 0.5}, 40),
        (GradientBoostingRegressor, {**RANDOM, "subsample": 0.5}, 40),
        # The first fit is over before patience is out.
        (GradientBoostingRegressor, {**RANDOM, "subsample": 0.5}, 4),
        (GradientBoostingRegressor, {**RANDOM, "subsample": 0.5, "tol": 0.1}, 40),
        (GradientBoostingRegressor, {**RANDOM, "scoring": "r2", "subsample": 0.5}, 5),
        (NGBoostRegressor, {**RANDOM, "max_features": 0.5}, 12),
        (RFRBoostRegressor, {"n_features": 20, "n_iter_no_change": 5}, 3),
        (RFRBoostRegressor, {"n_features": 20, "n_iter_no_change": 5}, 40),
    ],
)
def test_a_warm_start_after_early_stopping_is_one_longer_fit(
    cls, params, n_first, stored, tmp_path
):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = X[:, 0] + 0.2 * rng.normal(size=120)
    params = {"random_state": 0, "early_stopping": True, **params}
    once = cls(n_estimators=60, keep_all_rounds=True, **params).fit(X, y)
    assert once.all_rounds_.n_rounds < 60, "patience is out"
    warm = cls(n_estimators=n_first, warm_start=True, **params).fit(X, y)
    if stored:
        warm.save(tmp_path / "m.boostlab")
        warm = load(tmp_path / "m.boostlab")
    warm.set_params(n_estimators=60, keep_all_rounds=True).fit(X, y)
    assert warm.n_iter_ == once.n_iter_
    assert warm.all_rounds_.n_rounds == once.all_rounds_.n_rounds
    np.testing.assert_array_equal(warm.predict(X), once.predict(X))
    for name, curve in once.history_.items():
        np.testing.assert_allclose(warm.history_[name], curve)


def test_patience_starts_anew_on_other_rows():
    X, y = noisy()
    params = {"early_stopping": True, "n_iter_no_change": 3, "random_state": 0}
    warm = GradientBoostingRegressor(n_estimators=500, warm_start=True, **params)
    first = warm.fit(X, y).n_iter_
    warm.generator_state_["stopping"]["stale"] = 3
    assert copy.deepcopy(warm).fit(X, y).n_iter_ == first
    assert copy.deepcopy(warm).fit(X, -y).n_iter_ > first


@pytest.mark.parametrize("damaged", [3, {"loss": 1.0}, "stale"])
def test_a_damaged_patience_is_not_loaded(damaged, tmp_path):
    X, y = noisy(60)
    model = GradientBoostingRegressor(n_estimators=3, early_stopping=True).fit(X, y)
    whole = model.generator_state_["stopping"]
    model.generator_state_["stopping"] = (
        {**whole, "stale": "x"} if damaged == "stale" else damaged
    )
    model.save(tmp_path / "m.boostlab")
    with pytest.raises(ModelFileError, match="stopping"):
        load(tmp_path / "m.boostlab")


def test_warm_start_from_a_file(tmp_path):
    X, y = noisy()
    model = GradientBoostingRegressor(n_estimators=5, warm_start=True, random_state=0)
    model.fit(X, y).save(tmp_path / "m.boostlab")
    loaded = load(tmp_path / "m.boostlab").set_params(n_estimators=9).fit(X, y)
    assert model_hash(loaded) == model_hash(model.set_params(n_estimators=9).fit(X, y))


def test_warm_start_removes_no_rounds():
    X, y = noisy(50)
    model = GradientBoostingRegressor(n_estimators=5, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="larger or equal to n_iter_=5"):
        model.set_params(n_estimators=4).fit(X, y)


def test_warm_start_keeps_what_the_rounds_rely_on():
    X = pd.DataFrame({"c": ["a", "a", "b", "c"] * 10, "x": np.arange(40.0)})
    y = np.array(["u", "v", "v", "w"] * 10)
    model = GradientBoostingClassifier(n_estimators=3, warm_start=True).fit(X, y)
    categories = model.encoder_.categories_[0]
    assert sorted(categories) == ["a", "b", "c"]
    model.set_params(n_estimators=6).fit(X[1:8], y[1:8])
    assert model.encoder_.categories_[0] == categories
    assert model.classes_.tolist() == ["u", "v", "w"]
    assert model.n_iter_ == 6
    with pytest.raises(ValueError, match=r"y has the classes \['x'\]"):
        model.set_params(n_estimators=7).fit(X[:4], ["u", "v", "w", "x"])
    with pytest.raises(ValueError, match="feature names should match"):
        model.fit(X.assign(new=1.0), y)


def test_warm_start_with_another_number_of_outputs():
    X, y = noisy(50)
    two = CustomObjective(
        loss=lambda y, raw: ((raw - y[:, None]) ** 2).sum(axis=1),
        gradient=lambda y, raw: 2 * (raw - y[:, None]),
        n_outputs=2,
    )
    model = GradientBoostingRegressor(n_estimators=2, warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match=r"has 2 outputs, but the rounds .* have 1"):
        model.set_params(loss=two, n_estimators=4).fit(X, y)
    cold = GradientBoostingRegressor(two, n_estimators=2).fit(X, y)
    assert cold.predict(X).shape == (50, 2)


def test_a_cold_fit_forgets():
    X, y = noisy(50)
    model = GradientBoostingClassifier(n_estimators=3).fit(X, y > 0)
    model.fit(X[:, :2], y > 5, sample_weight=(y < 5).astype(float))
    assert model.classes_.tolist() == [False]
    assert model.n_features_in_ == 2
    assert not hasattr(model, "objective_")
    with pytest.raises(ValueError, match=r"target y is None"):
        model.fit(X, None)


# Data as it comes


def mixed(n=120, seed=0):
    rng = np.random.default_rng(seed)
    city = rng.choice(
        ["Oslo", "Bergen", "Tromsø", None], size=n, p=[0.5, 0.2, 0.2, 0.1]
    )
    size = rng.normal(size=n)
    size[rng.random(n) < 0.1] = np.nan
    y = (city == "Oslo") + (np.nan_to_num(size) > 0) + 0.1 * rng.normal(size=n)
    return {"city": city.tolist(), "size": size.tolist(), "old": (size < 0).tolist()}, y


def test_equal_frames_of_all_libraries_make_equal_models():
    columns, y = mixed()
    frames = [
        pd.DataFrame(columns),
        pd.DataFrame(columns).astype({"city": "category"}),
        pl.DataFrame(columns, strict=False).with_columns(pl.col("size").fill_nan(None)),
        pl.DataFrame(columns, schema_overrides={"city": pl.Categorical}),
        pa.table(columns),
        pa.table(columns).set_column(
            0, "city", pa.chunked_array([pa.array(columns["city"])]).dictionary_encode()
        ),
    ]
    models = [
        GradientBoostingRegressor(n_estimators=20, random_state=0).fit(frame, y)
        for frame in frames
    ]
    assert len({model_hash(model) for model in models}) == 1
    assert models[0].score(frames[0], y) > 0.8
    for model in models:
        assert model.feature_names_in_.tolist() == ["city", "size", "old"]
        for frame in frames:
            np.testing.assert_array_equal(
                model.predict(frame), models[0].predict(frames[0])
            )


def test_an_unseen_category_is_missing():
    columns, y = mixed()
    frame = pd.DataFrame(columns)
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(frame, y)
    unseen = frame[:5].assign(city="Atlantis")
    np.testing.assert_array_equal(
        model.predict(unseen), model.predict(frame[:5].assign(city=None))
    )


def test_held_out_frames_use_the_categories_of_training():
    columns, y = mixed()
    frame = pd.DataFrame(columns)
    # Alone, the rarest category would be the first of its own encoding.
    rare = frame["city"] == frame["city"].value_counts().index[-1]
    model = GradientBoostingRegressor(n_estimators=20, early_stopping=True)
    model.fit(frame, y, X_val=frame[rare], y_val=y[rare])
    losses = model.history_["validation_loss"]
    assert losses[model.n_iter_] < 0.5 * losses[0]


def test_other_columns_are_refused():
    columns, y = mixed()
    frame = pd.DataFrame(columns)
    model = GradientBoostingRegressor(n_estimators=2).fit(frame, y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"city": "town"}))
    with pytest.raises(ValueError, match="same order"):
        model.predict(frame[["size", "city", "old"]])


def test_strings_in_an_array():
    columns, y = mixed()
    frame = pd.DataFrame(columns)
    array = frame.to_numpy(dtype=object)
    model = GradientBoostingRegressor(n_estimators=20, random_state=0)
    from_array = clone(model).fit(array, y)
    from_frame = clone(model).fit(frame, y)
    np.testing.assert_array_equal(from_array.predict(array), from_frame.predict(frame))
    assert not hasattr(from_array, "feature_names_in_")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["b", "a", "b", "a"], ["a", "b"]),
        (np.array(["b", "a", "b", "a"], dtype=object), ["a", "b"]),
        ([True, False, True, False], [False, True]),
        ([3, -1, 3, -1], [-1, 3]),
        ([1.0, 2.0, 1.0, 2.0], [1.0, 2.0]),
        (pd.Series(["b", "a", "b", "a"], dtype="category"), ["a", "b"]),
        (pl.Series(["b", "a", "b", "a"]), ["a", "b"]),
        (pa.array(["b", "a", "b", "a"]), ["a", "b"]),
    ],
)
def test_labels_of_any_type(given, expected):
    X = np.array([[1.0], [0.0], [1.0], [0.0]])
    model = GradientBoostingClassifier(min_samples_leaf=1).fit(X, given)
    assert model.classes_.tolist() == expected
    assert model.predict(X).tolist() == list(np.asarray(given))
    assert model.score(X, np.asarray(given)) == 1


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([0.5, 1.2, 3.3], "Unknown label type"),
        (["a", None, "b"], "missing labels"),
        (np.array(["a", 1, "b"], dtype=object), "cannot be sorted|Unknown label"),
        ([0, np.nan, 1], "NaN"),
        ([0, np.inf, 1], "infinity"),
        ([[0, 1], [1, 0], [1, 1]], "1d array"),
        ([0, 1], "inconsistent numbers of samples"),
        (None, "requires y"),
    ],
)
def test_bad_labels(y, match):
    with pytest.raises(ValueError, match=match):
        GradientBoostingClassifier().fit(np.eye(3), y)


@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([0, np.nan, 1], "contains NaN"),
        (["a", "b", "c"], "not one number for each row"),
        ([[[0]], [[1]], [[1]]], "not one number for each row"),
        ([0, 1], "inconsistent numbers of samples"),
        (None, "requires y"),
    ],
)
def test_bad_targets(y, match):
    with pytest.raises(ValueError, match=match):
        GradientBoostingRegressor().fit(np.eye(3), y)


def test_one_row():
    model = GradientBoostingRegressor().fit([[1.0, np.nan]], [5.0])
    np.testing.assert_array_equal(model.predict([[0.0, 1.0], [9.0, np.nan]]), [5, 5])
    with pytest.raises(ValueError, match="n_samples = 1"):
        GradientBoostingRegressor(early_stopping=True).fit([[1.0]], [5.0])


def test_one_class():
    X = np.arange(6.0).reshape(3, 2)
    model = GradientBoostingClassifier().fit(X, ["only"] * 3)
    np.testing.assert_array_equal(model.predict(X), ["only"] * 3)
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((3, 1)))
    np.testing.assert_array_equal(model.decision_function(X), np.zeros(3))
    assert model.n_iter_ == 0
    assert list(model.staged_predict(X)) == []
    np.testing.assert_array_equal(model.feature_importances_, [0, 0])


def test_constant_and_empty_columns():
    X, y = noisy(200, n_features=3)
    X[:, 1] = 7.0
    X[:, 2] = np.nan
    model = GradientBoostingRegressor(n_estimators=10).fit(X, y)
    importances = model.feature_importances_
    assert importances[0] > 0
    np.testing.assert_array_equal(importances[1:], 0)
    constant = GradientBoostingRegressor().fit(np.ones((30, 2)), np.arange(30.0))
    np.testing.assert_allclose(constant.predict(np.ones((1, 2))), [14.5])
    target = GradientBoostingRegressor().fit(X, np.full(200, 3.0))
    np.testing.assert_allclose(target.predict(X), 3.0)


def test_infinities_are_the_largest_values():
    X = np.array([[-np.inf], [-1.0], [1.0], [np.inf]] * 5)
    y = np.array([0.0, 1.0, 2.0, 3.0] * 5)
    model = GradientBoostingRegressor(min_samples_leaf=1, n_estimators=200).fit(X, y)
    np.testing.assert_allclose(model.predict(X[:4]), [0, 1, 2, 3], atol=0.05)
    assert model.predict([[1e300]])[0] == model.predict(X[2:3])[0]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, bool])
def test_layouts_and_types(order, dtype):
    X, y = noisy(100)
    X = (4 * X).astype(dtype, order=order)
    model = GradientBoostingRegressor(n_estimators=5, random_state=0)
    reference = clone(model).fit(np.ascontiguousarray(X, dtype=np.float64), y)
    given = clone(model).fit(X, y)
    np.testing.assert_array_equal(given.predict(X), reference.predict(X * 1.0))


def test_read_only_memory_maps(tmp_path):
    X, y = noisy(100)
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", y)
    X_map = np.load(tmp_path / "x.npy", mmap_mode="r")
    y_map = np.load(tmp_path / "y.npy", mmap_mode="r")
    model = GradientBoostingRegressor(n_estimators=3, random_state=0)
    mapped = clone(model).fit(X_map, y_map)
    np.testing.assert_array_equal(mapped.predict(X_map), model.fit(X, y).predict(X))


# Staged predictions


def test_stages_end_in_the_prediction(iris, diabetes):
    X, y = diabetes
    model = GradientBoostingRegressor(n_estimators=7, random_state=0).fit(X, y)
    stages = list(model.staged_predict(X))
    assert len(stages) == 7
    np.testing.assert_array_equal(stages[-1], model.predict(X))
    short = GradientBoostingRegressor(n_estimators=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(stages[2], short.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_stages_of_a_classifier(iris, n_classes):
    X, y = (part[iris[1] < n_classes] for part in iris)
    model = GradientBoostingClassifier(n_estimators=5, random_state=0).fit(X, y)
    for name, staged in (
        ("predict", model.staged_predict),
        ("predict_proba", model.staged_predict_proba),
        ("decision_function", model.staged_decision_function),
    ):
        stages = list(staged(X))
        assert len(stages) == 5
        np.testing.assert_array_equal(stages[-1], getattr(model, name)(X))
        short = GradientBoostingClassifier(n_estimators=2, random_state=0).fit(X, y)
        np.testing.assert_array_equal(stages[1], getattr(short, name)(X))
    np.testing.assert_allclose(
        model.predict_log_proba(X), np.log(model.predict_proba(X))
    )


def test_stages_are_made_one_by_one(diabetes):
    X, y = diabetes
    model = GradientBoostingRegressor(n_estimators=50).fit(X, y)
    stages = model.staged_predict(X)
    assert iter(stages) is stages
    next(stages)


# scikit-learn around it


def test_nothing_works_before_fit():
    model = GradientBoostingClassifier()
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(model, method)(np.eye(2))
    for staged in (model.staged_predict, model.staged_predict_proba):
        with pytest.raises(NotFittedError):
            next(staged(np.eye(2)))
    with pytest.raises(NotFittedError):
        model.feature_importances_  # noqa: B018
    with pytest.raises(NotFittedError):
        model.save("nowhere.boostlab")


def test_pickles_predict_the_same(iris):
    X, y = iris
    for model in (
        GradientBoostingClassifier(n_estimators=5),
        GradientBoostingClassifier(n_estimators=5, learner=Tree(max_depth=2)),
        GradientBoostingClassifier(n_estimators=5, callbacks=[History()]),
    ):
        model.fit(X, y)
        twin = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(twin.predict_proba(X), model.predict_proba(X))
        assert twin.get_params()["n_estimators"] == 5


def test_clones_are_not_fitted_and_share_nothing(iris):
    model = GradientBoostingClassifier(n_estimators=5, learner=Linear(), n_jobs=1)
    model.fit(*iris)
    twin = clone(model)
    assert not hasattr(twin, "ensemble_")
    assert twin.learner is not model.learner
    twin.set_params(learner__alpha=7.0)
    assert model.learner.alpha == 1.0
    assert twin.get_params()["learner__alpha"] == 7.0


def test_fitting_leaves_the_pieces_alone(iris):
    learner, loss = Linear(), Tweedie(power=1.2)
    model = GradientBoostingRegressor(loss, learner=learner, n_estimators=3)
    model.fit(iris[0], iris[1] + 1)
    assert model.learner is learner
    assert model.loss is loss
    assert vars(loss) == {"power": 1.2}
    assert model.objective_ is not loss


def test_pipeline_and_grid_search(iris):
    X, y = iris
    pipeline = make_pipeline(
        StandardScaler(), GradientBoostingClassifier(n_estimators=5)
    )
    prefix = "gradientboostingclassifier__"
    search = GridSearchCV(
        pipeline,
        {f"{prefix}max_leaf_nodes": [2, 8], f"{prefix}learning_rate": [1e-9, 0.3]},
        cv=3,
    ).fit(X, y)
    assert search.best_params_[f"{prefix}learning_rate"] == 0.3
    assert search.best_score_ > 0.9


def test_weights_and_held_out_rows_are_routed(diabetes):
    X, y = diabetes
    weight = np.random.default_rng(0).integers(1, 4, size=len(y)).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = GradientBoostingRegressor(n_estimators=20, random_state=0)
        model.set_fit_request(
            sample_weight=True, X_val=True, y_val=True, sample_weight_val=True
        )
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            model,
            transform_input=["X_val"],
        )
        val = {
            "X_val": X[300:],
            "y_val": y[300:],
            "sample_weight_val": weight[300:],
        }
        pipeline.fit(X[:300], y[:300], sample_weight=weight[:300], **val)
    scaler = StandardScaler().fit(X[:300])
    alone = clone(model).fit(
        scaler.transform(X[:300]),
        y[:300],
        sample_weight=weight[:300],
        **(val | {"X_val": scaler.transform(X[300:])}),
    )
    assert model_hash(pipeline[-1]) == model_hash(alone)


def test_the_seed_decides_and_threads_do_not():
    X, y = noisy(3000, n_features=8)
    params = {"n_estimators": 8, "subsample": 0.5, "max_features": 0.5}
    hashes = {
        (seed, n_jobs): model_hash(
            GradientBoostingRegressor(random_state=seed, n_jobs=n_jobs, **params).fit(
                X, y
            )
        )
        for seed in (0, 1)
        for n_jobs in (1, 2, None)
    }
    assert len({hashes[0, n_jobs] for n_jobs in (1, 2, None)}) == 1
    assert hashes[0, 1] != hashes[1, 1]
    repeatable = GradientBoostingRegressor(random_state=0, n_jobs=1, **params)
    assert model_hash(repeatable.fit(X, y)) == hashes[0, 1]
    assert model_hash(repeatable.fit(X, y)) == hashes[0, 1], "the seed is not used up"


def test_random_states_of_numpy():
    X, y = noisy(100)
    model = GradientBoostingRegressor(n_estimators=3, subsample=0.5)
    for make in (np.random.RandomState, np.random.default_rng):
        model.set_params(random_state=make(0))
        first, second = (model_hash(model.fit(X, y)) for _ in range(2))
        assert first != second
        model.set_params(random_state=make(0))
        assert model_hash(model.fit(X, y)) == first


def test_predictions_of_threads(iris):
    X, y = iris
    model = GradientBoostingClassifier(n_estimators=5, n_jobs=1).fit(X, y)
    one = model.predict_proba(X)
    np.testing.assert_array_equal(model.set_params(n_jobs=2).predict_proba(X), one)


def test_tags():
    tags = GradientBoostingClassifier().__sklearn_tags__()
    assert tags.input_tags.allow_nan
    assert tags.input_tags.categorical
    linear = GradientBoostingClassifier(learner="linear").__sklearn_tags__()
    assert linear.input_tags.allow_nan
    assert not linear.input_tags.categorical
    assert tags.input_tags.sparse
    assert not linear.input_tags.sparse
    assert tags.classifier_tags is not None
    assert GradientBoostingRegressor().__sklearn_tags__().regressor_tags is not None


def test_html(iris):
    html = GradientBoostingClassifier(n_estimators=2).fit(*iris)._repr_html_()
    assert "GradientBoostingClassifier" in html


def test_importances_find_the_features_that_matter():
    X, y = noisy(800)
    importances = (
        GradientBoostingRegressor(n_estimators=20).fit(X, y).feature_importances_
    )
    np.testing.assert_allclose(importances.sum(), 1)
    assert importances[:2].sum() > 0.6
    assert (importances >= 0).all()


def test_verbose_logs_progress(diabetes, caplog):
    import logging

    with caplog.at_level(logging.INFO, logger="boostlab"):
        model = GradientBoostingRegressor(n_estimators=4, verbose=2).fit(*diabetes)
    assert "round 2 of 4" in caplog.text
    assert len(model.train_score_) == 5
