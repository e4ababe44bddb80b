import sys

import numpy as np
import pytest

from boostlab import GradientBoostingClassifier, GradientBoostingRegressor
from boostlab.inspection import explanation, importances

# Importing shap changes settings of matplotlib's colour maps in ways it deprecates.
pytestmark = pytest.mark.filterwarnings("ignore")


class Explained(GradientBoostingRegressor):
    def predict_contributions(self, X, background=None):
        self.background = background
        rows = np.arange(len(X), dtype=float)
        return np.column_stack([rows, -rows, 2 * rows, 0 * rows, np.full(len(X), 7.0)])


class ExplainedByClass(GradientBoostingClassifier):
    def predict_contributions(self, X, background=None):
        one = Explained().predict_contributions(X)
        return np.stack([one, 2 * one, 3 * one], axis=1)


@pytest.fixture(scope="module")
def shap():
    return pytest.importorskip("shap")


def test_numbers(shap):
    X = np.random.default_rng(0).normal(size=(30, 4))
    model = Explained(n_estimators=1).fit(X, X[:, 0])
    found = explanation(model, X, background=X[:5])
    assert isinstance(found, shap.Explanation)
    assert len(model.background) == 5
    assert found.values.shape == (30, 4)
    assert found.values[3].tolist() == [3, -3, 6, 0]
    assert found.base_values.tolist() == [7.0] * 30
    assert found.feature_names == ["x0", "x1", "x2", "x3"]
    np.testing.assert_array_equal(found.data, X)
    assert found.display_data is None


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_categories_are_shown_as_given(frame, library, shap):
    X, y = frame
    given = X
    if library != "pandas":
        import polars as pl

        given = pl.from_pandas(X)
        given = given if library == "polars" else given.to_arrow()
    found = explanation(Explained(n_estimators=1).fit(given, y), given)
    assert found.feature_names == ["size", "colour", "noise", "shape"]
    assert found.display_data[1, 1] == X["colour"][1]
    assert found.display_data[1, 3] == X["shape"][1]
    assert found.data.dtype == np.float64  # codes: they have colours
    np.testing.assert_array_equal(found.data[:, 2], X["noise"])


def test_classes(frame, shap):
    X, y = frame
    labels = np.array(["low", "middle", "high"])[np.digitize(y, [2, 4])]
    model = ExplainedByClass(n_estimators=1).fit(X, labels)
    found = explanation(model, X)
    assert found.values.shape == (400, 4, 3)
    assert found.base_values[0].tolist() == [7, 14, 21]
    assert found.output_names == ["class high", "class low", "class middle"]
    assert found[..., 1].values[3].tolist() == [6, -6, 12, 0]


def test_without_shap(frame, monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    with pytest.raises(ImportError, match=r"package shap .*install boostlab\[shap\]"):
        explanation(Explained(), frame[0])


def test_an_ensemble_alone_cannot_read_rows(regressor, frame, shap):
    with pytest.raises(TypeError, match="This Ensemble has no predict_contributions"):
        explanation(regressor.ensemble_, frame[0])


def test_importances_are_those_of_the_values(classifier, frame, shap):
    X, _ = frame
    found = importances(classifier, "shap", X)
    values = np.abs(explanation(classifier, X).values)
    np.testing.assert_allclose(found.values, values.mean(axis=0).sum(axis=1))


def test_real_values_add_up_to_the_raw_prediction(regressor, classifier, frame, shap):
    X, _ = frame
    found = explanation(regressor, X)
    total = found.values.sum(axis=1) + found.base_values
    np.testing.assert_allclose(total, regressor.predict(X), rtol=0, atol=1e-9)
    assert np.abs(found.values[:, 1]).mean() > np.abs(found.values[:, 2]).mean()
    found = explanation(classifier, X)
    total = found.values.sum(axis=1) + found.base_values
    raw = classifier.decision_function(X)
    np.testing.assert_allclose(total, raw, rtol=0, atol=1e-9)


def test_real_values_against_a_background(regressor, frame, shap):
    X, _ = frame
    found = explanation(regressor, X[:20], background=X[20:60])
    mean = regressor.predict(X[20:60]).mean()
    np.testing.assert_allclose(found.base_values, mean, rtol=0, atol=1e-9)
    total = found.values.sum(axis=1) + found.base_values
    np.testing.assert_allclose(total, regressor.predict(X[:20]), rtol=0, atol=1e-9)


@pytest.mark.parametrize("plot", ["beeswarm", "waterfall", "bar", "scatter"])
def test_shap_draws_it(regressor, frame, shap, plot):
    found = explanation(regressor, frame[0][:50])
    shown = {"waterfall": found[0], "scatter": found[:, "colour"]}.get(plot, found)
    getattr(shap.plots, plot)(shown, show=False)
