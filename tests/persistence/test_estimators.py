"""Fitted models through a file: the same bits, the same parameters, no surprises."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.tree import DecisionTreeRegressor

import boostlab
from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    ModelFileError,
)
from boostlab.callbacks import History
from boostlab.learners import Linear, Tree
from boostlab.objectives import CustomObjective, Huber, PointwiseObjective, Tweedie
from boostlab.persistence import archive, model_hash, read_archive, save
from boostlab.steps import CellFit, LineSearch

SMALL = {"n_estimators": 6, "max_leaf_nodes": 6, "random_state": 0}


def frame():
    """Return rows with strings, ordered and unordered categories, missing values."""
    X, y = load_diabetes(return_X_y=True)
    X = pd.DataFrame(X[:, :3], columns=["age", "sex", "bmi"])
    X.loc[::7, "age"] = np.nan
    X["region"] = np.where(y > 200, "north", np.where(y > 100, "süd", None))
    level = pd.cut(X["bmi"], 3, labels=["low", "mid", "high"])
    X["level"] = level.cat.as_ordered()
    X["flag"] = pd.Categorical(np.where(X["sex"] > 0, 1, 2))
    return X, y


def through_file(model, tmp_path):
    """Return the model after a save and a load, having checked what must not change."""
    first, second = tmp_path / "first.boostlab", tmp_path / "second.boostlab"
    model.save(first)
    loaded = boostlab.load(first)
    loaded.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert type(loaded) is type(model)
    assert set(vars(loaded)) == set(vars(model))
    assert model_hash(loaded) == model_hash(model)
    assert repr(loaded) == repr(model)
    return loaded


def assert_same_predictions(loaded, model, X):
    names = ["predict", "predict_proba", "decision_function"]
    for name in [name for name in names if hasattr(model, name)]:
        old, new = getattr(model, name)(X), getattr(loaded, name)(X)
        assert new.dtype == old.dtype
        if old.dtype == object:
            assert new.tolist() == old.tolist()
        else:
            assert new.tobytes() == old.tobytes()
    stages = zip(model.staged_predict(X), loaded.staged_predict(X), strict=True)
    assert all((new == old).all() for old, new in stages)


REGRESSION_LOSSES = [
    "squared_error",
    "absolute_error",
    "huber",
    "poisson",
    "gamma",
    "tweedie",
    Huber(delta=20.0),
    Tweedie(power=1.7),
]


@pytest.mark.parametrize("loss", REGRESSION_LOSSES, ids=str)
def test_regression_losses(loss, tmp_path):
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(loss, **SMALL).fit(X, y)
    assert_same_predictions(through_file(model, tmp_path), model, X)


def test_quantile_loss_and_subsampling(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(
        "quantile", quantile=0.8, subsample=0.5, max_features=0.5, **SMALL
    ).fit(X, y)
    assert_same_predictions(through_file(model, tmp_path), model, X)


@pytest.mark.parametrize("loss", ["log_loss", "exponential"])
def test_two_classes(loss, tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    model = GradientBoostingClassifier(loss, **SMALL).fit(X, y)
    assert_same_predictions(through_file(model, tmp_path), model, X)


LABELS = {
    "int": np.array([3, 5, 7]),
    "int8": np.array([-1, 0, 1], np.int8),
    "float": np.array([0.0, 1.0, 2.0]),
    "strings": np.array(["a", "bb", "ccc"]),
    "wide strings": np.array(["a", "bb", "cçc"], dtype="U40"),
    "objects": np.array(["a", "bb", "ccc"], dtype=object),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_of_every_kind(labels, tmp_path):
    X, y = load_wine(return_X_y=True)
    model = GradientBoostingClassifier(**SMALL).fit(X, labels[y])
    loaded = through_file(model, tmp_path)
    assert loaded.classes_.dtype == model.classes_.dtype
    assert_same_predictions(loaded, model, X)


def test_truth_values_as_labels_and_class_weights(tmp_path):
    X, y = load_breast_cancer(return_X_y=True)
    weights = {True: 2.0, False: 1.0}
    model = GradientBoostingClassifier(class_weight=weights, **SMALL).fit(X, y > 0)
    loaded = through_file(model, tmp_path)
    assert loaded.class_weight == weights
    assert loaded.classes_.dtype == bool
    assert_same_predictions(loaded, model, X)


def test_a_single_class(tmp_path):
    X, _ = load_iris(return_X_y=True)
    model = GradientBoostingClassifier(**SMALL).fit(X, np.full(len(X), "only"))
    loaded = through_file(model, tmp_path)
    assert loaded.predict(X).tolist() == ["only"] * len(X)


def test_frames_with_categories_missing_and_unseen_values(tmp_path):
    X, y = frame()
    model = GradientBoostingRegressor(**SMALL).fit(X, y)
    loaded = through_file(model, tmp_path)
    assert loaded.feature_names_in_.tolist() == X.columns.tolist()
    assert_same_predictions(loaded, model, X)
    X = X.assign(region="nowhere", age=np.nan)
    assert_same_predictions(loaded, model, X)
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(X[X.columns[::-1]])


def test_early_stopping_with_all_rounds_kept(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(
        n_estimators=60, early_stopping=True, keep_all_rounds=True, random_state=0
    ).fit(X, y)
    loaded = through_file(model, tmp_path)
    assert loaded.n_iter_ == model.n_iter_ < len(model.all_rounds_)
    assert model_hash(loaded.all_rounds_) == model_hash(model.all_rounds_)
    np.testing.assert_array_equal(loaded.train_score_, model.train_score_)
    np.testing.assert_array_equal(loaded.validation_score_, model.validation_score_)
    assert_same_predictions(loaded, model, X)


def test_linear_learners(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    X[::5, 2] = np.nan
    model = BoostingRegressor(
        learner=Linear(alpha=3.0, componentwise=True),
        step=LineSearch(0.5),
        n_estimators=8,
        random_state=0,
    ).fit(X, y)
    assert_same_predictions(through_file(model, tmp_path), model, X)


def test_a_mixture_of_learners_with_pieces_inside_pieces(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = BoostingClassifier(
        learner=[Tree(max_leaf_nodes=4), "linear"],
        every=[1, 3],
        n_estimators=7,
        random_state=0,
    ).fit(X, y)
    loaded = through_file(model, tmp_path)
    assert loaded.learner[0].max_leaf_nodes == 4
    assert loaded.every == [1, 3]
    assert_same_predictions(loaded, model, X)


def test_values_per_cell_in_several_outputs(tmp_path):
    X, y = load_wine(return_X_y=True)
    model = BoostingClassifier(
        learner=Tree(max_leaf_nodes=4),
        step=CellFit(0.3),
        n_estimators=4,
        random_state=0,
    ).fit(X, y)
    assert_same_predictions(through_file(model, tmp_path), model, X)


@pytest.mark.parametrize("rounds", [(5, 12)])
def test_warm_start_goes_on_after_loading_as_if_never_saved(rounds, tmp_path):
    X, y = load_diabetes(return_X_y=True)
    first, last = rounds
    model = GradientBoostingRegressor(
        n_estimators=first, subsample=0.7, warm_start=True, random_state=0
    ).fit(X, y)
    loaded = through_file(model, tmp_path)
    whole = clone(model).set_params(n_estimators=last).fit(X, y)
    for part in (model, loaded):
        part.set_params(n_estimators=last).fit(X, y)
        assert part.n_iter_ == last
        assert model_hash(part) == model_hash(whole)


def test_a_loaded_model_can_be_cloned_and_pickled(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = GradientBoostingClassifier(**SMALL).fit(X, y)
    loaded = through_file(model, tmp_path)
    assert model_hash(clone(loaded).fit(X, y)) == model_hash(model)
    again = pickle.loads(pickle.dumps(loaded))
    assert_same_predictions(again, model, X)
    again.save(tmp_path / "third.boostlab")
    third = (tmp_path / "third.boostlab").read_bytes()
    assert third == (tmp_path / "first.boostlab").read_bytes()


def test_a_pickled_model_saves_the_same_bytes(tmp_path):
    X, y = frame()
    model = GradientBoostingRegressor(**SMALL).fit(X, y)
    model.save(tmp_path / "a")
    pickle.loads(pickle.dumps(model)).save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_generators_and_callbacks_come_back_as_none(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    for state in (np.random.default_rng(0), np.random.RandomState(0)):
        model = GradientBoostingRegressor(
            n_estimators=3, random_state=state, callbacks=[History()]
        ).fit(X, y)
        model.save(tmp_path / "model")
        loaded = boostlab.load(tmp_path / "model")
        assert loaded.random_state is None
        assert loaded.callbacks is None
        assert_same_predictions(loaded, model, X)


def test_numpy_scalars_as_parameters(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(
        n_estimators=np.int64(3),
        learning_rate=np.float64(0.3),
        random_state=np.int32(1),
    ).fit(X, y)
    model.save(tmp_path / "model")
    loaded = boostlab.load(tmp_path / "model")
    assert (loaded.n_estimators, loaded.learning_rate, loaded.random_state) == (
        3,
        0.3,
        1,
    )


def test_a_new_process_loads_without_importing_anything_first(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = GradientBoostingClassifier(**SMALL).fit(X, y)
    model.save(tmp_path / "model")
    code = (
        "import sys, boostlab\n"
        "model = boostlab.load(sys.argv[1])\n"
        "print(boostlab.persistence.model_hash(model))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == model_hash(model)


class Unregistered(PointwiseObjective):
    def pointwise_loss(self, y, raw):
        return 0.5 * (raw[:, 0] - y) ** 2

    def pointwise_gradient(self, y, raw):
        return raw - y[:, None]


def custom():
    return CustomObjective(
        loss=lambda y, raw: 0.5 * (raw - y) ** 2, gradient=lambda y, raw: raw - y
    )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"loss": custom()}, "'loss' cannot be stored.*CustomObjective"),
        ({"loss": Unregistered()}, "'loss' cannot be stored.*Unregistered"),
        (
            {"learner": DecisionTreeRegressor(max_depth=1)},
            "'learner' holds a DecisionTreeRegressor",
        ),
        (
            {"scoring": lambda model, X, y: 0.0, "early_stopping": True},
            "'scoring' holds a function",
        ),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_parameter(params, words, tmp_path):
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(n_estimators=2, random_state=0, **params)
    model.fit(X, y)
    with pytest.raises(TypeError, match=words):
        model.save(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_other_things_that_are_not_saved(tmp_path):
    X, y = load_diabetes(return_X_y=True)

    class Mine(GradientBoostingRegressor):
        pass

    with pytest.raises(TypeError, match="Mine is not an estimator of boostlab"):
        save(Mine(n_estimators=2).fit(X, y), tmp_path / "model")
    with pytest.raises(TypeError, match="DecisionTreeRegressor is not an estimator"):
        save(DecisionTreeRegressor().fit(X, y), tmp_path / "model")
    with pytest.raises(NotFittedError):
        GradientBoostingRegressor().save(tmp_path / "model")
    with pytest.raises(NotFittedError):
        model_hash(GradientBoostingRegressor())
    model = GradientBoostingRegressor(n_estimators=2).fit(X, y).set_params(n_jobs=0)
    with pytest.raises(TypeError, match="n_jobs"):
        model.save(tmp_path / "model")


def test_an_archive_that_is_no_model(tmp_path):
    path = tmp_path / "other"
    for content in ({"kind": "checkpoint"}, [], {"kind": "model", "model": {}, "x": 1}):
        archive.write_archive(path, content, {})
        with pytest.raises(ModelFileError, match=r"holds|expected"):
            boostlab.load(path)
    model = {name: None for name in ("estimator", "params", "encoder", "objective")}
    archive.write_archive(path, {"kind": "model", "model": model}, {})
    with pytest.raises(ModelFileError, match="model part of the file has"):
        boostlab.load(path)


@pytest.fixture
def stored(tmp_path):
    """Return the content and arrays of a saved classifier, and how to load others."""
    X, y = load_iris(return_X_y=True)
    path = tmp_path / "model"
    GradientBoostingClassifier(**SMALL).fit(X, y).save(path)
    data, arrays = read_archive(path)

    def load_changed():
        archive.write_archive(path, data, arrays)
        return boostlab.load(path)

    return data["model"], arrays, load_changed


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("os.system", "'os.system' is unknown here"),
        ("load", "'load' is unknown here"),
        ("ModelFileError", "'ModelFileError' is unknown here"),
        ("trees", "'trees' is unknown here"),
        ("learner:tree", "is not an estimator"),
        (["GradientBoostingClassifier"], "is not a string"),
        ("GradientBoostingRegressor", "has no parameters"),
    ],
)
def test_estimators_are_only_those_known(stored, name, words):
    model, _, load_changed = stored
    model["estimator"] = name
    with pytest.raises(ModelFileError, match=words):
        load_changed()


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"n_estimators": -1}, "n_estimators is -1"),
        ({"n_jobs": 0}, "n_jobs is 0"),
        ({"learner": "forest"}, "learner is 'forest'"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"future": 1}, "no parameters \\['future'\\]"),
        ({"loss": {"piece": {"component": "objective:x", "data": {}}}}, "unknown"),
        ({"loss": {"code": "print()"}}, "parameters part of the file has"),
        ({"loss": {"piece": {"component": "trees", "data": {}}}}, "cannot be its"),
        (
            {"loss": {"piece": {"component": "objective:huber", "data": {"a": 1}}}},
            "no parameters named \\['a'\\]",
        ),
        ({"learner": "linear"}, "max_leaf_nodes cannot be set together"),
        ({"class_weight": {"pairs": [[[], 1]]}}, "damaged \\(TypeError"),
    ],
)
def test_parameters_that_fit_would_refuse(stored, edit, words):
    model, _, load_changed = stored
    model["params"] |= edit
    with pytest.raises(ModelFileError, match=words):
        load_changed()


def test_a_parameter_that_an_older_version_lacked_gets_its_default(stored):
    model, _, load_changed = stored
    del model["params"]["growth"]
    assert load_changed().growth == "leaf"


def changed_part(name, **changes):
    def edit(model, arrays):
        model[name] = {**model[name], **changes}

    return edit


def changed_encoder(**changes):
    def edit(model, arrays):
        model["encoder"]["data"] |= changes

    return edit


def changed_array(name, value):
    def edit(model, arrays):
        arrays[name] = value

    return edit


def none(name):
    def edit(model, arrays):
        model[name] = None

    return edit


def two_outputs(model, arrays):
    arrays["ensemble/baseline/values"] = np.zeros(2)
    arrays["ensemble/sizes/vector"] = np.zeros((0, 2))


BINOMIAL = {"component": "objective:binomial", "data": {}}
SQUARED = {"component": "objective:squared_error", "data": {}}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (changed_part("objective", **BINOMIAL), "predictions of shape \\(1, 2\\)"),
        (changed_part("objective", **SQUARED), "objective is for regression"),
        (changed_part("objective", component="trees"), "cannot be its objective"),
        (none("objective"), "unless there is a single class"),
        (none("classes"), "classes part has arrays but no data"),
        (changed_part("classes", kind="strings"), "classes part"),
        (changed_part("classes", kind="pickle"), "classes part|ascending labels"),
        (changed_array("classes/values", np.array([0, 2, 1])), "ascending labels"),
        (changed_array("classes/values", np.array([0, 1])), "has 2 classes"),
        (changed_array("classes/values", np.zeros((3, 1))), "ascending labels"),
        (changed_array("classes/more", np.zeros(3)), "ascending labels"),
        (
            changed_encoder(n_features=3, categories=[None] * 3),
            "reads 4 features, but the table has 3",
        ),
        (changed_array("ensemble/baseline/values", np.zeros(2)), "'vector' has dtype"),
        (two_outputs, "round 0 adds to 3 outputs, but the baseline has 2"),
        (changed_array("ensemble/sizes/kind", np.full(6, 2, np.uint8)), "'number'"),
        (changed_array("history/x", np.zeros(3)), "not a set of curves"),
        (changed_part("generator_state", more=1), "generator state part"),
        (none("ensemble"), "ensemble part"),
        (none("encoder"), "encoder part"),
        (changed_part("encoder", component="shrinkage"), "cannot be its encoder"),
    ],
)
def test_parts_that_do_not_fit_together(stored, edit, words):
    model, arrays, load_changed = stored
    edit(model, arrays)
    with pytest.raises(ModelFileError, match=words):
        load_changed()


def test_cell_values_for_other_cells_are_refused(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    path = tmp_path / "model"
    GradientBoostingRegressor("absolute_error", **SMALL).fit(X, y).save(path)
    data, arrays = read_archive(path)
    shapes = arrays["ensemble/sizes/cell_shapes"]
    shapes[:2, 0] += np.array([-1, 1])
    archive.write_archive(path, data, arrays)
    with pytest.raises(ModelFileError, match="does not fit the cells"):
        boostlab.load(path)


def test_an_old_file_survives_a_model_that_cannot_be_saved(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    path = tmp_path / "model"
    GradientBoostingRegressor(**SMALL).fit(X, y).save(path)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="'loss' cannot be stored"):
        GradientBoostingRegressor(custom(), **SMALL).fit(X, y).save(path)
    assert path.read_bytes() == before
