"""Models of XGBoost, read: what they predict is what XGBoost predicts."""

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

import boostlab
from boostlab import ModelFileError, import_xgboost
from boostlab.data.table import Table
from boostlab.persistence import model_hash
from boostlab.state import Ensemble

GOLDEN = Path(__file__).parent / "golden_xgboost"
TOLERANCE = 1e-6
"""Of the largest prediction: XGBoost's sums are in single precision."""

xgboost = pytest.importorskip("xgboost")


def assert_close(actual, expected):
    actual, expected = np.asarray(actual), np.asarray(expected, dtype=float)
    scale = max(1.0, np.abs(expected).max())
    error = np.abs(actual.reshape(expected.shape) - expected).max()
    assert error <= TOLERANCE * scale


def raw_prediction(model, X):
    ensemble = getattr(model, "ensemble_", model)
    return ensemble.predict(Table(np.asarray(X, dtype=float)))


def train(X, y, n_rounds=30, **params):
    matrix = xgboost.DMatrix(X, y)
    return xgboost.train({"max_depth": 4, "nthread": 2, **params}, matrix, n_rounds)


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    X = X.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    return X, y / 100


REGRESSION = {
    "reg:squarederror": "squared_error",
    "reg:absoluteerror": "absolute_error",
    "reg:pseudohubererror": "Huber(delta=1.0)",
    "count:poisson": "poisson",
    "reg:gamma": "gamma",
    "reg:tweedie": "Tweedie()",
}


@pytest.mark.parametrize("form", ["json", "ubj"])
@pytest.mark.parametrize("objective", REGRESSION)
def test_regression(diabetes, objective, form):
    X, y = diabetes
    booster = train(X, y, objective=objective)
    model = import_xgboost(booster.save_raw(form))
    assert type(model) is boostlab.GradientBoostingRegressor
    assert str(model.loss) == REGRESSION[objective]
    assert model.n_iter_ == model.n_estimators == 30
    matrix = xgboost.DMatrix(X)
    assert_close(model.predict(X), booster.predict(matrix))
    assert_close(raw_prediction(model, X), booster.predict(matrix, output_margin=True))


def test_parameters_of_losses(diabetes):
    X, y = diabetes
    booster = train(X, y, 5, objective="reg:quantileerror", quantile_alpha=0.8)
    assert import_xgboost(booster).loss.level == 0.8
    booster = train(X, y, 5, objective="reg:tweedie", tweedie_variance_power=1.2)
    assert import_xgboost(booster).loss.power == pytest.approx(1.2)
    booster = train(X, y, 5, objective="reg:pseudohubererror", huber_slope=2.5)
    assert import_xgboost(booster).loss.delta == 2.5


@pytest.mark.parametrize("base_score", [None, 0.2])
@pytest.mark.parametrize("objective", ["binary:logistic", "binary:logitraw"])
def test_two_classes(diabetes, objective, base_score):
    X, y = diabetes
    given = {} if base_score is None else {"base_score": base_score}
    booster = train(X, y > 1.5, objective=objective, **given)
    model = import_xgboost(booster, classes=["high", "low"])
    assert model.classes_.tolist() == ["high", "low"]
    expected = booster.predict(xgboost.DMatrix(X), output_margin=True)
    assert_close(model.decision_function(X), expected)
    if objective == "binary:logistic":
        expected = booster.predict(xgboost.DMatrix(X))
        assert_close(model.predict_proba(X)[:, 1], expected)


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
@pytest.mark.parametrize("booster", ["gbtree", "dart"])
@pytest.mark.parametrize("parallel", [1, 3])
def test_many_classes(objective, booster, parallel):
    X, y = load_iris(return_X_y=True)
    fitted = train(
        *(X, y, 8),
        objective=objective,
        num_class=3,
        booster=booster,
        num_parallel_tree=parallel,
        subsample=0.7,
        **({"rate_drop": 0.4} if booster == "dart" else {}),
    )
    model = import_xgboost(fitted)
    matrix = xgboost.DMatrix(X)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.n_iter_ == 8 * parallel
    assert_close(model.decision_function(X), fitted.predict(matrix, output_margin=True))
    predicted = fitted.predict(matrix)
    if objective == "multi:softmax":
        np.testing.assert_array_equal(model.predict(X), predicted)
    else:
        assert_close(model.predict_proba(X), predicted)


@pytest.mark.parametrize("name", ["ndcg", "map", "pairwise"])
def test_ranking(diabetes, name):
    X, y = diabetes
    matrix = xgboost.DMatrix(X, y > 1.5, group=[200, 242])
    booster = xgboost.train({"objective": f"rank:{name}", "nthread": 2}, matrix, 10)
    model = import_xgboost(booster)
    assert type(model) is boostlab.GradientBoostingRanker
    assert model.loss == name
    assert_close(model.predict(X), booster.predict(xgboost.DMatrix(X)))


def test_dart(diabetes):
    X, y = diabetes
    booster = train(X, y, booster="dart", rate_drop=0.3)
    assert len({done.size for done in import_xgboost(booster).ensemble_.rounds}) > 1
    assert_close(
        import_xgboost(booster).predict(X), booster.predict(xgboost.DMatrix(X))
    )


@pytest.mark.parametrize(
    "objective",
    ["reg:logistic", "reg:squaredlogerror", "binary:hinge", "survival:cox"],
)
def test_objectives_without_an_estimator_are_ensembles(diabetes, objective):
    X, y = diabetes
    booster = train(X, (y > 1.5) + (objective == "survival:cox"), objective=objective)
    ensemble = import_xgboost(booster)
    assert type(ensemble) is Ensemble
    expected = booster.predict(xgboost.DMatrix(X), output_margin=True)
    assert_close(raw_prediction(ensemble, X), expected)


@pytest.mark.parametrize("strategy", ["multi_output_tree", "one_output_per_tree"])
def test_many_targets(diabetes, strategy):
    X, y = diabetes
    booster = train(X, np.c_[y, -y, y**2], multi_strategy=strategy, tree_method="hist")
    ensemble = import_xgboost(booster)
    shared = strategy == "multi_output_tree"
    assert len(ensemble.rounds[0].hypothesis.trees) == (1 if shared else 3)
    assert_close(raw_prediction(ensemble, X), booster.predict(xgboost.DMatrix(X)))


def test_early_stopping_cuts_to_the_best_round(diabetes):
    X, y = diabetes
    matrix, aside = xgboost.DMatrix(X[:300], y[:300]), xgboost.DMatrix(X[300:], y[300:])
    booster = xgboost.train(
        {"num_parallel_tree": 2, "subsample": 0.5, "nthread": 2},
        matrix,
        100,
        evals=[(aside, "aside")],
        early_stopping_rounds=4,
        verbose_eval=False,
    )
    model = import_xgboost(booster)
    n_best = booster.best_iteration + 1
    assert model.n_iter_ == 2 * n_best
    assert model.all_rounds_.n_rounds == 2 * booster.num_boosted_rounds()
    expected = booster.predict(xgboost.DMatrix(X), iteration_range=(0, n_best))
    assert_close(model.predict(X), expected)


def test_frames_by_name_and_categories_by_value(real_table):
    X, y, _ = real_table("adult", 4000)
    text = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    assert text
    X = X.astype({name: "category" for name in text})
    assert X.isna().to_numpy().any() or len(text) > 5
    codes = pd.factorize(y, sort=True)[0]
    booster = train_frame(X, codes)
    model = import_xgboost(booster, classes=sorted(set(y)))
    expected = booster.predict(xgboost.DMatrix(X, enable_categorical=True))
    assert_close(model.predict_proba(X)[:, 1], expected)
    # The codes of a frame may differ; values count.
    strings = X.astype({name: object for name in text})
    assert_close(model.predict_proba(strings)[:, 1], expected)
    shuffled = X.copy()
    for name in text:
        shuffled[name] = X[name].cat.reorder_categories(X[name].cat.categories[::-1])
    assert_close(model.predict_proba(shuffled)[:, 1], expected)
    strings.iloc[0, strings.columns.get_loc(text[0])] = "never seen"
    with pytest.raises(ValueError, match="never seen"):
        model.predict(strings)


def train_frame(X, y, **params):
    matrix = xgboost.DMatrix(X, y, enable_categorical=True)
    params = {"objective": "binary:logistic", "max_cat_to_onehot": 3, **params}
    booster = xgboost.train({"max_depth": 5, "nthread": 2, **params}, matrix, 40)
    trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    assert any(tree["categories"] for tree in trees["trees"])
    return booster


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("california_housing", "reg:squarederror"),
        ("house_16h", "reg:absoluteerror"),
        ("motor_claims_be97", "count:poisson"),
        ("telco_churn", "binary:logistic"),
        ("satimage", "multi:softprob"),
    ],
)
def test_real_tables(real_table, name, objective):
    X, y, _ = real_table(name, 5000)
    X = X.select_dtypes("number").astype(float)
    params = {}
    if objective.startswith(("binary", "multi")):
        y = pd.factorize(y, sort=True)[0]
        params = {"num_class": y.max() + 1} if objective.startswith("multi") else {}
    elif objective != "count:poisson":
        y = (y - y.mean()) / y.std()
    booster = train(X, y, 50, objective=objective, **params)
    model = import_xgboost(booster.save_raw())
    predict = getattr(model, "predict_proba", model.predict)
    predicted = predict(X)
    expected = booster.predict(xgboost.DMatrix(X))
    assert_close(predicted[:, 1] if objective[0] == "b" else predicted, expected)
    assert model.feature_names_in_.tolist() == list(X)


@pytest.mark.parametrize("version", ["2", "3"])
def test_golden_files(version):
    known = json.loads((GOLDEN / f"v{version}.expected.json").read_text())
    X = np.array(known["X"], dtype=float)
    for entry in known["models"].values():
        model = import_xgboost(GOLDEN / entry["file"])
        margin = np.array(entry["margin"])
        rows = X if "vectors" not in entry["file"] else X[:, :3]
        assert_close(raw_prediction(model, rows), margin)


def test_sources(diabetes, tmp_path):
    X, y = diabetes
    regressor = xgboost.XGBRegressor(n_estimators=5).fit(X, y)
    regressor.save_model(tmp_path / "model.json")
    sources = [
        regressor,
        regressor.get_booster(),
        tmp_path / "model.json",
        str(tmp_path / "model.json"),
        memoryview((tmp_path / "model.json").read_bytes()),
    ]
    assert len({model_hash(import_xgboost(source)) for source in sources}) == 1
    with pytest.raises(TypeError, match="no model of XGBoost"):
        import_xgboost(3)
    with pytest.raises(FileNotFoundError):
        import_xgboost(tmp_path / "other.json")


def test_an_imported_model_is_one_of_ours(diabetes, tmp_path):
    X, y = diabetes
    model = import_xgboost(train(X, y, 5))
    model.save(tmp_path / "model.boostlab")
    loaded = boostlab.load(tmp_path / "model.boostlab")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert model.feature_importances_.sum() == pytest.approx(1)
    loaded.set_params(warm_start=True, n_estimators=8).fit(X, y)
    assert loaded.n_iter_ == 8
    assert np.mean((loaded.predict(X) - y) ** 2) < np.mean((model.predict(X) - y) ** 2)


def golden_document():
    return json.loads((GOLDEN / "v2_sets.json").read_text())


def refused(document, reason):
    with pytest.raises(ModelFileError, match=reason):
        import_xgboost(json.dumps(document).encode())


def test_what_cannot_be_read_is_refused_in_one_sentence():
    document = golden_document()
    document["learner"]["objective"]["name"] = "reg:own"
    refused(document, "objective 'reg:own' is not known")
    document = golden_document()
    document["learner"]["gradient_booster"]["name"] = "gblinear"
    refused(document, "'gblinear' is not made of trees")
    document = golden_document()
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    tree = next(tree for tree in trees if tree["categories"])
    tree["categories"][0] = 256
    refused(document, "beyond the code 255")
    with pytest.raises(ModelFileError, match="old binary format"):
        import_xgboost(b"binf" + bytes(100))
    with pytest.raises(ModelFileError, match="neither JSON nor UBJSON"):
        import_xgboost(b"tree\nversion=v4\n")
    with pytest.raises(ValueError, match="ascending"):
        import_xgboost(GOLDEN / "v2_classes.ubj", classes=["b", "a", "c"])


CHANGES = [-1, -2, 0, 1, 255, 2**31, 2**62, 1e300, "", "x", None, [], {}, [[1]], True]


def mutate(value, rng):
    """Change one leaf of a JSON document, in place."""
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        if not keys:
            return
        key = keys[rng.integers(len(keys))]
        inside = value[key]
        if not isinstance(inside, dict | list) or not inside or rng.random() < 0.1:
            break
        value = inside
    if isinstance(value, dict) and rng.random() < 0.1:
        del value[key]
    else:
        value[key] = deepcopy(CHANGES[rng.integers(len(CHANGES))])


def assert_refused_or_sound(data):
    try:
        model = import_xgboost(data)
    except ModelFileError:
        return 1
    ensemble = getattr(model, "ensemble_", model)
    n_features = 4 if not ensemble.rounds else ensemble.rounds[0].hypothesis.n_features
    if n_features < 1000:
        rows = np.random.default_rng(0).normal(size=(5, n_features))
        with np.errstate(all="ignore"):
            assert ensemble.predict(Table(rows)).shape[0] == 5
    return 0


@pytest.mark.parametrize("name", ["v2_sets", "v2_vectors", "v3_sets"])
def test_mutated_documents(name):
    rng = np.random.default_rng(1)
    text = (GOLDEN / f"{name}.json").read_text()
    n_refused = 0
    for _ in range(1000):
        document = json.loads(text)
        for _ in range(rng.integers(1, 4)):
            mutate(document["learner"], rng)
        n_refused += assert_refused_or_sound(json.dumps(document).encode())
    assert n_refused > 300


@pytest.mark.parametrize("name", ["v2_classes.ubj", "v3_classes.ubj", "v3_sets.json"])
def test_damaged_bytes(name):
    rng = np.random.default_rng(2)
    data = np.frombuffer((GOLDEN / name).read_bytes(), np.uint8)
    n_refused = 0
    for i in range(1000):
        changed = data.copy()
        where = rng.integers(len(data), size=rng.integers(1, 4))
        changed[where] = rng.integers(256, size=len(where))
        if i % 10 == 0:
            changed = changed[: rng.integers(len(changed))]
        n_refused += assert_refused_or_sound(changed.tobytes())
    assert n_refused > 300
