"""Regressors of several targets."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.multioutput import MultiOutputRegressor

from boostlab import BoostingRegressor, GradientBoostingRegressor, load
from boostlab.callbacks import Checkpoint
from boostlab.learners import External
from boostlab.learners.tree import Tree
from boostlab.objectives import CustomObjective, Huber, MultiOutput, Poisson
from boostlab.persistence import model_hash, to_xgboost_json
from boostlab.steps import LineSearch

LOG_COSH = CustomObjective(
    loss=lambda y, raw: np.logaddexp(raw - y, y - raw),
    gradient=lambda y, raw: np.tanh(raw - y),
    baseline=lambda y, weight: [np.median(y)],
)
LOSSES = [
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "poisson",
    "gamma",
    "tweedie",
    Huber(30.0),
    LOG_COSH,
]
IDS = [loss if isinstance(loss, str) else type(loss).__name__ for loss in LOSSES]


@pytest.fixture(scope="module")
def rows():
    """Diabetes with three positive targets of very different units."""
    X, y = load_diabetes(return_X_y=True)
    noise = np.random.default_rng(0).normal(size=len(y))
    return X, np.column_stack([y, 1e4 * np.sqrt(y) + 1e3 * noise + 5e3, 0.01 * y**2])


def params(loss="squared_error", **others):
    level = 0.8 if loss == "quantile" else None
    return {
        "loss": loss,
        "quantile": level,
        "n_estimators": 20,
        "early_stopping": False,
        "random_state": 0,
        **others,
    }


@pytest.mark.parametrize("loss", LOSSES, ids=IDS)
def test_separate_trees_are_those_of_single_fits(rows, loss):
    X, y = rows
    model = GradientBoostingRegressor(**params(loss)).fit(X, y)
    alone = MultiOutputRegressor(GradientBoostingRegressor(**params(loss))).fit(X, y)
    assert model.predict(X).shape == y.shape
    np.testing.assert_allclose(model.predict(X), alone.predict(X), rtol=1e-9)
    assert isinstance(model.objective_, MultiOutput)
    assert model.score(X, y) == pytest.approx(r2_score(y, model.predict(X)))


def test_a_shared_tree_sees_all_targets_whatever_their_units(rows):
    X, y = rows
    learner = Tree(multi_strategy="shared")
    small, large = (
        BoostingRegressor(learner=learner, n_estimators=50, random_state=0).fit(
            X, given
        )
        for given in (y, y * [1.0, 1e-6, 1e3])
    )
    np.testing.assert_allclose(
        small.predict(X) * [1.0, 1e-6, 1e3], large.predict(X), rtol=1e-3
    )
    assert len(small.ensemble_.rounds[0].hypothesis.trees) == 1
    assert r2_score(y, small.predict(X), multioutput="raw_values").min() > 0.7


def test_shared_trees_are_as_good_on_held_out_rows(rows):
    X, y = rows
    scores = {
        strategy: BoostingRegressor(
            learner=Tree(multi_strategy=strategy, max_leaf_nodes=6), n_estimators=60
        )
        .fit(X[::2], y[::2])
        .score(X[1::2], y[1::2])
        for strategy in ("separate", "shared")
    }
    assert scores["shared"] > scores["separate"] - 0.02


@pytest.mark.parametrize("loss", ["squared_error", "huber", "absolute_error"])
@pytest.mark.parametrize("strategy", ["separate", "shared"])
def test_weight_two_is_the_row_twice(rows, loss, strategy):
    X, y = rows
    copies = np.random.default_rng(1).integers(0, 3, len(X))
    learner = Tree(multi_strategy=strategy)
    model = BoostingRegressor(loss, learner=learner, n_estimators=10, random_state=0)
    weighted = model.fit(X, y, sample_weight=copies).predict(X)
    repeated = model.fit(np.repeat(X, copies, 0), np.repeat(y, copies, 0)).predict(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-6)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson"])
def test_saved_and_loaded(rows, tmp_path, loss):
    X, y = rows
    model = GradientBoostingRegressor(**params(loss, n_estimators=5)).fit(X, y)
    model.save(tmp_path / "model.boostlab")
    again = load(tmp_path / "model.boostlab")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert model_hash(again) == model_hash(model)
    assert again.objective_.link == model.objective_.link
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copied.predict(X), model.predict(X))


def test_the_model_hash_knows_the_units(rows):
    X, y = rows
    one, other = (
        GradientBoostingRegressor(**params(n_estimators=3)).fit(X, given)
        for given in (y, 2 * y)
    )
    assert model_hash(one) != model_hash(other)


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_warm_start_goes_on(rows, loss):
    X, y = rows
    model = GradientBoostingRegressor(**params(loss, warm_start=True, n_estimators=4))
    model.fit(X, y)
    units = model.objective_.units
    model.set_params(n_estimators=8).fit(X, y)
    whole = GradientBoostingRegressor(**params(loss, n_estimators=8)).fit(X, y)
    assert model_hash(model) == model_hash(whole)
    model.set_params(n_estimators=9).fit(X, 3 * y)
    assert model.objective_.units == units
    with pytest.raises(ValueError, match="2 outputs, but the rounds to go on from"):
        model.set_params(n_estimators=10).fit(X, y[:, :2])


def test_early_stopping_scoring_and_stages(rows):
    X, y = rows
    model = GradientBoostingRegressor(early_stopping=True, random_state=0).fit(X, y)
    curve = model.history_["validation_loss"]
    assert model.n_iter_ == np.argmin(curve)
    assert model.history_["training_loss"][0] == pytest.approx(3.0, rel=1e-6)
    stages = list(model.staged_predict(X))
    assert len(stages) == model.n_iter_
    np.testing.assert_array_equal(stages[-1], model.predict(X))
    scored = GradientBoostingRegressor(
        early_stopping=True, scoring="r2", random_state=0
    ).fit(X, y)
    assert scored.validation_score_.max() > 0.2


def test_rows_given_for_validation(rows):
    X, y = rows
    model = GradientBoostingRegressor(n_estimators=30, random_state=0)
    model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    predicted = model.predict(X[1::2])
    units = np.array(model.objective_.units)
    loss = 0.5 * np.mean(np.sum(((predicted - y[1::2]) / units) ** 2, axis=1))
    assert model.history_["validation_loss"][model.n_iter_] == pytest.approx(loss)
    with pytest.raises(ValueError, match="y_val has 2 targets, but y has 3"):
        model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2, :2])
    with pytest.raises(ValueError, match="y_val has 1 targets, but y has 3"):
        model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2, 0])


def test_a_checkpoint_keeps_what_each_target_carries(rows, tmp_path):
    X, y = rows
    path = tmp_path / "fit.boostlab"

    class KilledError(Exception):
        pass

    class Kill:
        def begin(self, run):
            pass

        def after_round(self, run):
            if run.ensemble.n_rounds == 5:
                raise KilledError

        def end(self, run):
            pass

    def make(*callbacks):
        return GradientBoostingRegressor(
            **params("huber", n_estimators=8, callbacks=[*callbacks])
        )

    with pytest.raises(KilledError):
        make(Checkpoint(path, every=2), Kill()).fit(X, y)
    resumed = make(Checkpoint(path, every=2)).fit(X, y)
    assert model_hash(resumed) == model_hash(make().fit(X, y))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, np.ndarray.tolist])
def test_targets_in_frames(rows, make):
    X, y = rows
    model = GradientBoostingRegressor(**params(n_estimators=2))
    expected = model.fit(X, y).predict(X)
    if make is not np.ndarray.tolist:
        y = dict(zip("abc", y.T, strict=True))
    np.testing.assert_array_equal(model.fit(X, make(y)).predict(X), expected)


def test_a_single_column_is_one_target(rows):
    X, y = rows
    model = GradientBoostingRegressor(**params(n_estimators=2))
    with pytest.warns(DataConversionWarning):
        predicted = model.fit(X, y[:, :1]).predict(X)
    np.testing.assert_array_equal(predicted, model.fit(X, y[:, 0]).predict(X))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_missing_targets_are_refused(rows, bad):
    X, y = rows
    y = y.copy()
    y[3, 1] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        GradientBoostingRegressor().fit(X, y)


@pytest.mark.parametrize("y", [np.zeros((442, 2, 2)), np.zeros((442, 0)), [["a", "b"]]])
def test_what_is_no_table_of_numbers_is_refused(rows, y):
    with pytest.raises(ValueError, match="a column for each target"):
        GradientBoostingRegressor().fit(rows[0], y)


def test_domains_are_those_of_each_target(rows):
    X, y = rows
    y = y - [0.0, y[:, 1].mean(), 0.0]
    with pytest.raises(ValueError, match="Target 1: Poisson needs y >= 0"):
        GradientBoostingRegressor("poisson").fit(X, y)


def test_a_constant_target_stays_constant(rows):
    X, y = rows
    y = np.column_stack([y[:, 0], np.full(len(y), 7.0)])
    for strategy in ("separate", "shared"):
        model = GradientBoostingRegressor(multi_strategy=strategy, n_estimators=5)
        predicted = model.fit(X, y).predict(X)
        np.testing.assert_array_equal(predicted[:, 1], 7.0)


def test_categories_are_ordered_by_all_targets_alike():
    rng = np.random.default_rng(0)
    code = rng.integers(0, 30, 2000)
    effects = rng.normal(size=(2, 30))
    y = effects[:, code].T + 0.1 * rng.normal(size=(2000, 2))
    X = pd.DataFrame({"c": pd.Categorical([f"c{i}" for i in code])})
    models = [
        GradientBoostingRegressor(**params()).fit(X, given)
        for given in (y, y * [1e4, 1.0])
    ]
    assert models[0].score(X, y) > 0.9
    np.testing.assert_allclose(
        models[0].predict(X) * [1e4, 1.0], models[1].predict(X), rtol=1e-5
    )


@pytest.mark.parametrize(
    "learner",
    ["linear", Ridge(), External(RandomForestRegressor(5, max_depth=3))],
    ids=str,
)
@pytest.mark.parametrize("step", ["shrinkage", LineSearch(0.5)], ids=str)
def test_other_learners(rows, learner, step):
    X, y = rows
    model = BoostingRegressor(learner=learner, step=step, n_estimators=20)
    scores = r2_score(y, model.fit(X, y).predict(X), multioutput="raw_values")
    assert scores.min() > 0.35


@pytest.mark.parametrize("sampling", ["goss", "mvs"])
def test_rows_drawn_by_their_derivatives(rows, sampling):
    X, y = rows
    share = 0.5 if sampling == "mvs" else 1.0
    model = GradientBoostingRegressor(
        n_estimators=100,
        sampling=sampling,
        subsample=share,
        learning_rate=0.3,
        random_state=0,
    )
    scores = r2_score(y, model.fit(X, y).predict(X), multioutput="raw_values")
    assert scores.min() > 0.7


def test_a_loss_for_each_target(rows):
    X, y = rows
    loss = MultiOutput([Huber(), Huber(50.0), Poisson()])
    model = GradientBoostingRegressor(**params(loss)).fit(X, y)
    assert model.objective_.units[2] == 1.0
    # Cells are valued by the losses, since two ask for it; the third has a step then.
    assert r2_score(y, model.predict(X), multioutput="raw_values")[2] > 0
    for k, own in enumerate(loss.objective[:2]):
        alone = GradientBoostingRegressor(**params(own)).fit(X, y[:, k])
        np.testing.assert_allclose(model.predict(X)[:, k], alone.predict(X), rtol=1e-9)
    with pytest.raises(ValueError, match="is a list of 3, but y has 2 targets"):
        GradientBoostingRegressor(loss).fit(X, y[:, :2])
    assert loss.units is None


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson"])
def test_contributions_are_in_the_units_of_the_targets(rows, loss):
    X, y = rows
    model = GradientBoostingRegressor(**params(loss, n_estimators=5)).fit(X, y)
    total = model.predict_contributions(X[:20]).sum(axis=2)
    if loss == "poisson":
        total = np.exp(total)
    np.testing.assert_allclose(total, model.predict(X[:20]), rtol=1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "poisson"])
def test_exported_to_xgboost(rows, tmp_path, loss):
    xgboost = pytest.importorskip("xgboost")
    X, y = rows
    X = X.astype(np.float32)
    model = GradientBoostingRegressor(**params(loss, n_estimators=5)).fit(X, y)
    to_xgboost_json(model, tmp_path / "model.json")
    booster = xgboost.Booster(model_file=tmp_path / "model.json")
    theirs = booster.predict(xgboost.DMatrix(X))
    np.testing.assert_allclose(theirs, model.predict(X), rtol=1e-4)
