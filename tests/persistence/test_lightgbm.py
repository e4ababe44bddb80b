"""Models of LightGBM, read: what they predict is what LightGBM predicts."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

import boostlab
from boostlab import ModelFileError, import_lightgbm
from boostlab.data.table import Table
from boostlab.persistence import model_hash
from boostlab.state import Ensemble

GOLDEN = Path(__file__).parent / "golden_lightgbm"

lightgbm = pytest.importorskip("lightgbm")


def train(X, y, n_rounds=30, categorical="auto", **params):
    data = lightgbm.Dataset(X, y, categorical_feature=categorical)
    params = {"num_leaves": 15, "verbose": -1, "num_threads": 2, **params}
    return lightgbm.train(params, data, n_rounds)


def raw_prediction(model, X):
    ensemble = getattr(model, "ensemble_", model)
    return ensemble.predict(Table(np.asarray(X, dtype=float)))


def assert_raw_close(model, booster, X):
    expected = booster.predict(X, raw_score=True)
    actual = raw_prediction(model, X).reshape(expected.shape)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-9)


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    X = X.copy()
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    return X, y / 100


@pytest.mark.parametrize(
    ("params", "loss"),
    [
        ({"objective": "regression"}, "squared_error"),
        ({"objective": "regression_l1"}, "absolute_error"),
        ({"objective": "huber", "alpha": 1.5}, "Huber(delta=1.5)"),
        ({"objective": "quantile", "alpha": 0.8}, "Quantile(level=0.8)"),
        ({"objective": "poisson"}, "poisson"),
        ({"objective": "gamma"}, "gamma"),
        ({"objective": "tweedie", "tweedie_variance_power": 1.3}, "Tweedie(power=1.3)"),
        ({"objective": "regression", "boosting": "dart"}, "squared_error"),
        (
            {
                "objective": "regression",
                "boosting": "rf",
                "bagging_freq": 1,
                "bagging_fraction": 0.5,
            },
            "squared_error",
        ),
    ],
)
def test_regression(diabetes, params, loss):
    X, y = diabetes
    booster = train(X, y, **params)
    model = import_lightgbm(booster)
    assert type(model) is boostlab.GradientBoostingRegressor
    assert str(model.loss) == loss
    np.testing.assert_allclose(model.predict(X), booster.predict(X), rtol=1e-9)
    if params.get("boosting") != "rf":  # there the raw score is not averaged
        assert_raw_close(model, booster, X)


@pytest.mark.parametrize(
    ("objective", "loss"), [("lambdarank", "ndcg"), ("rank_xendcg", "xe_ndcg")]
)
def test_ranking(diabetes, objective, loss):
    X, y = diabetes
    ranker = lightgbm.LGBMRanker(objective=objective, n_estimators=10, verbose=-1)
    ranker.fit(X, y.astype(int), group=[200, 242])
    model = import_lightgbm(ranker)
    assert type(model) is boostlab.GradientBoostingRanker
    assert model.loss == loss
    np.testing.assert_allclose(model.predict(X), ranker.predict(X), rtol=1e-9)
    more = boostlab.GradientBoostingRanker(init=ranker, n_estimators=5)
    more.fit(X, y.astype(int), group=np.arange(len(X)) // 200)
    assert more.n_iter_ == 15


@pytest.mark.parametrize("sigmoid", [1.0, 2.0])
def test_two_classes(diabetes, sigmoid):
    X, y = diabetes
    booster = train(X, y > 1.5, objective="binary", sigmoid=sigmoid)
    model = import_lightgbm(booster)
    expected = booster.predict(X)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expected, rtol=1e-9)


def test_many_classes():
    X, y = load_iris(return_X_y=True)
    booster = train(X, y, 10, objective="multiclass", num_class=3)
    model = import_lightgbm(booster, classes=["a", "b", "c"])
    np.testing.assert_allclose(model.predict_proba(X), booster.predict(X), rtol=1e-9)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.n_iter_ == 10


@pytest.mark.parametrize(
    "params",
    [
        {"objective": "fair"},
        {"objective": "cross_entropy"},
        {"objective": "regression", "reg_sqrt": True},
        {"objective": "multiclassova", "num_class": 3},
    ],
)
def test_objectives_without_an_estimator_are_ensembles(diabetes, params):
    X, y = diabetes
    y = (y > 1.5) + 0.0 + (y > 2) * ("num_class" in params)
    booster = train(X, y, **params)
    ensemble = import_lightgbm(booster)
    assert type(ensemble) is Ensemble
    assert_raw_close(ensemble, booster, X)


@pytest.mark.parametrize("use_missing", [True, False])
@pytest.mark.parametrize("zero_as_missing", [True, False])
def test_missing_values_and_zeros(use_missing, zero_as_missing):
    rng = np.random.default_rng(3)
    X = rng.integers(-4, 5, size=(2000, 3)).astype(float)
    X[:, 2] *= rng.choice([1, 1e-35, 1e-36, 1e-38], size=2000)
    y = X[:, 0] * (X[:, 0] != 0) + (X[:, 1] == 0) * 5 + rng.normal(size=2000)
    y += np.where(X[:, 0] == 0, rng.choice([-3, 3]), 0)
    X[rng.random(X.shape) < 0.2] = np.nan
    booster = train(
        *(X, y, 40),
        min_data_in_bin=1,
        use_missing=use_missing,
        zero_as_missing=zero_as_missing,
    )
    model = import_lightgbm(booster)
    kinds = {int(d) >> 2 & 3 for d in decisions(booster)}
    assert kinds == ({1 if zero_as_missing else 2} if use_missing else {0})
    new = rng.choice(
        [np.nan, 0, -0.0, 1e-36, -1e-36, 1e-34, -1e-34, 1, -1, 3], (3000, 3)
    )
    edge = float(np.float32(1e-35))
    new[::3] = rng.choice([edge, -edge, np.nextafter(edge, 1), -np.nextafter(edge, 1)])
    for rows in (X, new):
        assert_raw_close(model, booster, rows)


def decisions(booster):
    lines = booster.model_to_string().splitlines()
    return [
        word
        for line in lines
        if line.startswith("decision_type=")
        for word in line.partition("=")[2].split()
    ]


def test_category_codes(diabetes):
    X, y = diabetes
    rng = np.random.default_rng(0)
    X = np.c_[X, rng.integers(0, 200, len(X)), rng.integers(0, 5, len(X))]
    X[::17, -1] = np.nan
    y = y + (X[:, -2] % 7) + (X[:, -1] % 2 == 1)
    given = {"min_data_per_group": 3, "cat_smooth": 1, "max_cat_to_onehot": 1}
    booster = train(X, y, categorical=[10, 11], **given)
    assert any(int(d) & 1 for d in decisions(booster))
    model = import_lightgbm(booster)
    assert_raw_close(model, booster, X)
    new = X.copy()
    new[:, -2:] = rng.choice([-3, 0, 1, 4, 5, 199, 255, 256, 1000, np.nan], (len(X), 2))
    assert_raw_close(model, booster, new)
    X[:, -2] += 256
    with pytest.raises(ModelFileError, match="beyond the code 255"):
        import_lightgbm(train(X, y, categorical=[10], **given))


def test_frames_by_name_and_categories_by_value(real_table):
    X, y, _ = real_table("adult", 4000)
    text = [name for name in X if not pd.api.types.is_numeric_dtype(X[name])]
    X = X.astype({name: "category" for name in text})
    codes = pd.factorize(y, sort=True)[0]
    booster = train(X, codes, objective="binary", max_cat_to_onehot=1)
    model = import_lightgbm(booster, classes=sorted(set(y)))
    assert model.feature_names_in_.tolist() == booster.feature_name()
    X = X.set_axis(booster.feature_name(), axis=1)
    text = [name for name in X if X[name].dtype == "category"]
    expected = booster.predict(X)
    for frame in (X, X.astype({name: object for name in text})):
        actual = model.predict_proba(frame)[:, 1]
        np.testing.assert_allclose(actual, expected, rtol=1e-9)
    strings = X.astype({name: object for name in text})
    missing = strings.copy()
    strings[text[0]], missing[text[0]] = "never seen", None
    np.testing.assert_array_equal(
        model.predict_proba(strings), model.predict_proba(missing)
    )


@pytest.mark.parametrize(
    ("name", "objective"),
    [
        ("california_housing", "regression"),
        ("motor_claims_be97", "poisson"),
        ("telco_churn", "binary"),
        ("satimage", "multiclass"),
    ],
)
def test_real_tables(real_table, name, objective):
    X, y, _ = real_table(name, 5000)
    X = X.select_dtypes("number").astype(float)
    params = {}
    if objective in ("binary", "multiclass"):
        y = pd.factorize(y, sort=True)[0]
        params = {"num_class": y.max() + 1} if objective == "multiclass" else {}
    booster = train(X.to_numpy(), y, 50, objective=objective, **params)
    model = import_lightgbm(booster.model_to_string())
    predict = getattr(model, "predict_proba", model.predict)
    predicted, expected = predict(X.to_numpy()), booster.predict(X.to_numpy())
    predicted = predicted[:, 1] if objective == "binary" else predicted
    np.testing.assert_allclose(predicted, expected, rtol=1e-6)


def test_sources(diabetes, tmp_path):
    X, y = diabetes
    classifier = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1)
    classifier.fit(X, np.where(y > 1.5, "high", "low"))
    path = tmp_path / "model.txt"
    classifier.booster_.save_model(path)
    sources = [classifier.booster_, path, str(path), path.read_text()]
    sources.append(path.read_bytes().replace(b"\n", b"\r\n"))
    models = [import_lightgbm(source) for source in sources]
    assert len(set(map(model_hash, models))) == 1
    model = import_lightgbm(classifier)
    assert model.classes_.tolist() == ["high", "low"]
    np.testing.assert_array_equal(model.predict(X), classifier.predict(X))
    with pytest.raises(TypeError, match="no model of LightGBM"):
        import_lightgbm(3)
    with pytest.raises(FileNotFoundError):
        import_lightgbm(tmp_path / "other.txt")


def test_trees_without_splits():
    X = np.zeros((50, 2))
    model = import_lightgbm(train(X, np.full(50, 2.5), 3))
    np.testing.assert_array_equal(model.predict(X), 2.5)


def test_linear_trees_are_read_where_they_are_constant(diabetes):
    X, y = diabetes
    X = np.nan_to_num(X)
    booster = train(X, y, 1, linear_tree=True)
    assert_raw_close(import_lightgbm(booster), booster, X)
    with pytest.raises(ModelFileError, match="linear models in its leaves"):
        import_lightgbm(train(X, y, 3, linear_tree=True))


def test_an_imported_model_can_be_saved(diabetes, tmp_path):
    X, y = diabetes
    model = import_lightgbm(train(X, y, 5))
    model.save(tmp_path / "model.boostlab")
    loaded = boostlab.load(tmp_path / "model.boostlab")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def golden_rows():
    return np.loadtxt(GOLDEN / "rows.csv", delimiter=",")


def test_golden_file():
    rows = golden_rows()
    model = import_lightgbm(GOLDEN / "v4.txt")
    np.testing.assert_allclose(
        raw_prediction(model, rows[:, :-1])[:, 0], rows[:, -1], rtol=1e-12
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("version=v4", "version=v9", "version 'v9' is not known"),
        ("tree\n", "forest\n", "not a text model"),
        ("num_leaves=", "num_leaves=1", "numbers 'leaf_value'"),
        ("decision_type=", "decision_type=12 ", "numbers 'decision_type'"),
        ("split_feature=", "split_features=", "split_feature"),
        ("max_feature_idx=", "max_feature_idx=1", "feature names"),
    ],
)
def test_damaged_texts_are_refused(old, new, reason):
    text = (GOLDEN / "v4.txt").read_text()
    with pytest.raises(ModelFileError, match=reason):
        import_lightgbm(text.replace(old, new, 1).encode())


def test_mutated_texts():
    rng = np.random.default_rng(1)
    text = (GOLDEN / "v4.txt").read_text()
    data = np.frombuffer(text.encode(), np.uint8)
    alphabet = np.frombuffer(b"0123456789 -.=e\n:", np.uint8)
    words = ["-1", "nan", "inf", "99999999999", "0", "1e300", "-7", "x", ""]
    n_refused = 0
    for i in range(3000):
        if i % 2:
            changed = data.copy()
            where = rng.integers(len(data), size=rng.integers(1, 5))
            changed[where] = rng.choice(alphabet, len(where))
            changed = changed[: rng.integers(len(changed))] if i % 9 == 0 else changed
            source = changed.tobytes()
        else:
            parts = text.split(" ")
            parts[rng.integers(len(parts))] = words[rng.integers(len(words))]
            source = " ".join(parts).encode()
        n_refused += refused_or_sound(source)
    assert n_refused > 1000


def refused_or_sound(source):
    try:
        model = import_lightgbm(source)
    except ModelFileError:
        return True
    ensemble = getattr(model, "ensemble_", model)
    rows = golden_rows()[:5, :-1]
    if ensemble.rounds and ensemble.rounds[0].hypothesis.n_features == rows.shape[1]:
        with np.errstate(all="ignore"):
            assert len(ensemble.predict(Table(rows))) == 5
    return False
