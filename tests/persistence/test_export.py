"""Our models in other formats: what those libraries predict from them is ours."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from boostlab import (
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    import_xgboost,
)
from boostlab.data.table import Table
from boostlab.learners.tree_arrays import TreeArrays
from boostlab.learners.trees import Trees
from boostlab.objectives import CustomObjective
from boostlab.persistence import to_onnx, to_xgboost_json
from boostlab.state import Ensemble, Round
from boostlab.updates import AddToPrediction


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    X = X.astype(np.float32)
    X[np.random.default_rng(0).random(X.shape) < 0.1] = np.nan
    return X, y / 100


def tree(feature, left, threshold, value, missing_left, subset=None, sets=()):
    n = len(feature)
    words = np.zeros((len(sets), 4), np.uint64)
    for row, codes in zip(words, sets, strict=True):
        for code in codes:
            row[code // 64] |= np.uint64(1) << np.uint64(code % 64)
    return TreeArrays(
        feature=np.array(feature, np.int32),
        left=np.array(left, np.int32),
        threshold=np.array(threshold, float),
        value=np.array(value, float),
        gain=np.zeros(n),
        weight=np.ones(n),
        bin=np.zeros(n, np.uint8),
        missing_left=np.array(missing_left, np.uint8),
        subset=np.array([-1] * n if subset is None else subset, np.int32),
        subsets=words,
    )


def by_sets(width):
    """Return a tree of sets of categories, one of them empty, and a threshold."""
    rng = np.random.default_rng(1)
    leaf = [False, False, True, False, True, False, True, True, True]
    value = np.where(leaf, 1, 0)[:, None] * rng.normal(size=(9, width))
    return tree(
        feature=[0, 1, -1, 0, -1, 2, -1, -1, -1],
        left=[1, 3, -1, 5, -1, 7, -1, -1, -1],
        threshold=[0, 0, 0, 0, 0, 0.1, 0, 0, 0],
        value=value,
        missing_left=[1, 0, 0, 1, 0, 1, 0, 0, 0],
        subset=[0, 1, -1, 2, -1, -1, -1, -1, -1],
        sets=[[1, 2, 3, 5, 64, 128, 255], [*range(0, 256, 3)], [1, 5, 63]],
    )


def set_ensemble(width):
    shared = Trees((by_sets(width),), 3)
    nothing = tree([0, -1, -1], [1, -1, -1], [0] * 3, [[0.0], [1], [2]], [1, 0, 0])
    empty = tree(
        *([0, -1, -1], [1, -1, -1], [0] * 3, [[0.0], [1], [2]], [1, 0, 0], [0, -1, -1]),
        sets=[[]],
    )
    lone = tree([-1], [-1], [0.0], [[0.25]], [0])
    several = Trees((nothing, empty, lone)[:width], 3)
    rounds = [Round(shared, 0.5), Round(several, np.linspace(1, 2, width))]
    return Ensemble(np.linspace(-1, 1, width), AddToPrediction(), rounds)


def set_rows():
    rng = np.random.default_rng(2)
    codes = rng.choice([np.nan, *range(260)], size=(4000, 2))
    codes[:2000] = rng.choice([np.nan, 0, 1, 2, 5, 63, 64, 128, 255, 256], (2000, 2))
    return np.c_[codes, rng.choice([np.nan, 0.1, 0.2, -5], 4000)]


MODELS = {
    "squared_error": {},
    "absolute_error": {"loss": "absolute_error"},
    "huber": {"loss": "huber"},
    "quantile": {"loss": "quantile", "quantile": 0.8},
    "poisson": {"loss": "poisson"},
    "gamma": {"loss": "gamma"},
    "tweedie": {"loss": "tweedie"},
    "own": {
        "loss": CustomObjective(
            lambda y, raw: (raw - y) ** 2, lambda y, raw: 2 * (raw - y)
        )
    },
}


def fitted_models(diabetes):
    X, y = diabetes
    for name, params in MODELS.items():
        model = GradientBoostingRegressor(n_estimators=20, random_state=0, **params)
        yield name, model.fit(X, y), X
    for loss in ("log_loss", "exponential"):
        model = GradientBoostingClassifier(loss, n_estimators=20, random_state=0)
        yield loss, model.fit(X, np.where(y > 1.5, "high", "low")), X
    X, y = load_iris(return_X_y=True)
    X = X.astype(np.float32)
    model = GradientBoostingClassifier(n_estimators=20, random_state=0)
    yield "three", model.fit(X, y), X


class TestXGBoost:
    @pytest.fixture(autouse=True)
    def library(self):
        self.xgboost = pytest.importorskip("xgboost")

    def load(self, model, path):
        to_xgboost_json(model, path)
        booster = self.xgboost.Booster()
        booster.load_model(path)
        return booster

    def close(self, booster, matrix, raw, n_trees=1):
        actual = booster.predict(matrix, output_margin=True)
        scale = max(1.0, np.abs(raw).max())
        assert np.abs(actual.reshape(raw.shape) - raw).max() <= 1e-6 * scale

    def test_every_loss(self, diabetes, tmp_path):
        for _, model, X in fitted_models(diabetes):
            booster = self.load(model, tmp_path / "model.json")
            matrix = self.xgboost.DMatrix(X)
            scale = getattr(model.objective_.link, "scale", 1.0)
            self.close(booster, matrix, model._raw_prediction(X) * scale)
            predicted = booster.predict(matrix)
            if hasattr(model, "classes_"):
                ours = model.predict_proba(X)
                ours = ours[:, 1] if ours.shape[1] == 2 else ours
            else:
                ours = model.predict(X)
            np.testing.assert_allclose(predicted, ours, rtol=1e-5, atol=1e-6)

    def test_there_and_back(self, diabetes, tmp_path):
        for name, model, X in fitted_models(diabetes):
            path = tmp_path / f"{name}.json"
            to_xgboost_json(model, path)
            back = import_xgboost(path)
            assert back.n_iter_ == model.n_iter_
            scale = getattr(model.objective_.link, "scale", 1.0)
            raw = model._raw_prediction(X) * scale
            assert np.abs(back._raw_prediction(X) - raw).max() <= 2e-6
            again = tmp_path / "again.json"
            to_xgboost_json(back, again)
            twice = import_xgboost(again)
            np.testing.assert_array_equal(
                twice._raw_prediction(X), back._raw_prediction(X)
            )

    @pytest.mark.parametrize("width", [1, 3])
    def test_sets_and_shared_trees(self, width, tmp_path):
        ensemble, rows = set_ensemble(width), set_rows()
        rows[:, 2] = rows[:, 2].astype(np.float32)
        booster = self.load(ensemble, tmp_path / "model.json")
        types = ["c", "c", "float"]
        matrix = self.xgboost.DMatrix(
            rows, feature_types=types, enable_categorical=True
        )
        self.close(booster, matrix, ensemble.predict(Table(rows)))

    def test_a_model_without_rounds(self, tmp_path):
        for width in (1, 3):
            ensemble = Ensemble(np.linspace(1, 2, width), AddToPrediction(), [])
            booster = self.load(ensemble, tmp_path / "model.json")
            rows = np.zeros((4, 1))
            raw = ensemble.predict(Table(rows))
            self.close(booster, self.xgboost.DMatrix(rows), raw)

    def test_thresholds_at_the_ends(self, tmp_path):
        ends = [np.inf, -np.inf, 1e39, -1e39, 3.5e38, 1e-46, -1e-46, 0.1]
        stumps = [
            tree([0, -1, -1], [1, -1, -1], [end, 0, 0], [[0.0], [i], [-i]], [0] * 3)
            for i, end in enumerate(ends, 1)
        ]
        rounds = [Round(Trees((stump,), 1), 1.0) for stump in stumps]
        ensemble = Ensemble(np.zeros(1), AddToPrediction(), rounds)
        rows = np.float32([0, 1e-45, -1e-45, 3.4e38, -3.4e38, 0.1, 0.11, 0.09])[:, None]
        booster = self.load(ensemble, tmp_path / "model.json")
        raw = ensemble.predict(Table(rows))
        self.close(booster, self.xgboost.DMatrix(rows), raw)

    def test_frames_with_categories(self, real_table, tmp_path):
        X, y, _ = real_table("adult", 3000)
        model = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(X, y)
        encoded = model.encoder_.transform(X).astype(np.float32)
        path = tmp_path / "model.json"
        booster = self.load(model, path)
        types = booster.feature_types
        matrix = self.xgboost.DMatrix(
            encoded, feature_types=types, feature_names=booster.feature_names,
            enable_categorical=True,
        )  # fmt: skip
        self.close(booster, matrix, model._raw_prediction(X))
        raw = import_xgboost(path).ensemble_.predict(Table(encoded))
        assert np.abs(raw - model._raw_prediction(X)).max() <= 2e-6

    def test_deep_trees_of_sets(self, tmp_path):
        """XGBoost adds 1 to the left child's number, in 3.2 below six levels."""
        rng = np.random.default_rng(0)
        codes = rng.integers(0, 40, (3000, 3))
        frame = pd.DataFrame(np.array([f"k{i:02}" for i in range(40)])[codes])
        frame = frame.rename(columns=str).assign(x=rng.normal(size=3000))
        y = np.sin(codes).sum(axis=1) + rng.normal(size=3000)
        options = {"n_estimators": 5, "max_leaf_nodes": 200, "min_samples_leaf": 2}
        model = GradientBoostingRegressor(random_state=0, **options).fit(frame, y)
        booster = self.load(model, tmp_path / "model.json")
        trees = json.loads((tmp_path / "model.json").read_text())["learner"]
        for tree in trees["gradient_booster"]["model"]["trees"]:
            left, right = np.array(tree["left_children"]), tree["right_children"]
            assert (np.where(left < 0, -1, left + 1) == right).all()
        matrix = self.xgboost.DMatrix(
            model.encoder_.transform(frame), feature_types=booster.feature_types,
            feature_names=booster.feature_names, enable_categorical=True,
        )  # fmt: skip
        self.close(booster, matrix, model._raw_prediction(frame))

    def test_what_does_not_fit_is_refused(self, diabetes, tmp_path):
        X, y = diabetes
        path = tmp_path / "model.json"
        model = BoostingRegressor(learner="linear", n_estimators=2)
        with pytest.raises(TypeError, match="holds trees only"):
            to_xgboost_json(model.fit(np.nan_to_num(X), y), path)
        lone = tree([-1], [-1], [0.0], [[1e300]], [0])
        huge = Ensemble(np.zeros(1), AddToPrediction(), [Round(Trees((lone,), 1), 1.0)])
        with pytest.raises(ValueError, match="beyond single precision"):
            to_xgboost_json(huge, path)
        one = GradientBoostingClassifier().fit(X, np.zeros(len(X)))
        with pytest.raises(ValueError, match="single class"):
            to_xgboost_json(one, path)
        assert not path.exists()


class TestONNX:
    @pytest.fixture(autouse=True)
    def library(self):
        pytest.importorskip("onnx")
        self.runtime = pytest.importorskip("onnxruntime")

    def run(self, model, X):
        session = self.runtime.InferenceSession(
            to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        found = session.run(None, {"X": np.asarray(X, dtype=np.float64)})
        return dict(zip(names, found, strict=True))

    def test_every_loss(self, diabetes):
        for _, model, X in fitted_models(diabetes):
            found = self.run(model, X)
            if not hasattr(model, "classes_"):
                predicted = found["prediction"][:, 0]
                np.testing.assert_allclose(predicted, model.predict(X), rtol=1e-12)
                continue
            ours = model.predict_proba(X)
            np.testing.assert_allclose(found["probabilities"], ours, rtol=1e-9)
            assert found["label"].tolist() == model.predict(X).tolist()

    @pytest.mark.parametrize("width", [1, 3])
    def test_sets_and_shared_trees(self, width):
        ensemble, rows = set_ensemble(width), set_rows()
        found = self.run(ensemble, rows)["prediction"]
        np.testing.assert_allclose(
            found, ensemble.predict(Table(rows)), rtol=1e-12, atol=1e-14
        )

    def test_a_model_without_rounds(self):
        ensemble = Ensemble(np.array([1.0, 2.0]), AddToPrediction(), [])
        found = self.run(ensemble, [[np.nan], [0.0], [1.0]])["prediction"]
        np.testing.assert_array_equal(found, [[1.0, 2.0]] * 3)

    def test_double_thresholds(self):
        stump = tree(
            [0, -1, -1], [1, -1, -1], [0.1, 0, 0], [[0.0], [0.1], [-0.1]], [0] * 3
        )
        rounds = [Round(Trees((stump,), 1), 1.0)]
        ensemble = Ensemble(np.zeros(1), AddToPrediction(), rounds)
        rows = [[0.1], [np.nextafter(0.1, 1)], [np.nextafter(0.1, 0)], [np.nan]]
        found = self.run(ensemble, rows)["prediction"][:, 0]
        assert found.tolist() == [0.1, -0.1, 0.1, -0.1]

    def test_frames(self, real_table, tmp_path):
        X, y, _ = real_table("adult", 3000)
        model = GradientBoostingClassifier(n_estimators=20, random_state=0).fit(X, y)
        found = self.run(model, model.encoder_.transform(X))
        ours = model.predict_proba(X)
        np.testing.assert_allclose(found["probabilities"], ours, rtol=1e-9)
        assert found["label"].tolist() == pd.Series(model.predict(X)).tolist()
        to_onnx(model, tmp_path / "model.onnx")
        import onnx

        properties = onnx.load(tmp_path / "model.onnx").metadata_props
        assert properties[0].value.split("\n") == list(X)

    def test_a_linear_model_is_refused(self, diabetes):
        X, y = diabetes
        model = BoostingRegressor(learner="linear", n_estimators=2)
        with pytest.raises(TypeError, match="ONNX holds trees only"):
            to_onnx(model.fit(np.nan_to_num(X), y))
