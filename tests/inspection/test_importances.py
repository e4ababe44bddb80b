import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from boostlab import (
    GradientBoostingClassifier,
    GradientBoostingRanker,
    GradientBoostingRegressor,
)
from boostlab.inspection import (
    Importances,
    feature_importances,
    importances,
    plot_importances,
)
from boostlab.state import Ensemble, Round
from boostlab.updates import AddToPrediction


class Counted:
    def __init__(self, gain, split):
        self.amounts = {"gain": np.array(gain, float), "split": np.array(split, float)}

    def importances(self, kind):
        return self.amounts[kind]


def counted(*hypotheses):
    rounds = [Round(hypothesis, 0.1) for hypothesis in hypotheses]
    return Ensemble(np.zeros(1), AddToPrediction(), rounds)


class Explained(GradientBoostingRegressor):
    """Contributions that are known: those of the first rows of a table."""

    def predict_contributions(self, X, background=None):
        self.background = background
        return np.array([[1.0, -2.0, 9.0], [-3.0, 0.0, 9.0]])


class ExplainedByClass(GradientBoostingClassifier):
    def predict_contributions(self, X, background=None):
        one = np.array([[1.0, -2.0, 9.0], [-3.0, 0.0, 9.0]])
        return np.stack([one, -one, 2 * one], axis=1)


def test_shares_of_gain_and_of_splits():
    model = counted(Counted([1, 3, 0], [1, 1, 0]), Counted([1, 5, 0], [0, 2, 0]))
    np.testing.assert_allclose(feature_importances(model, 3), [0.2, 0.8, 0])
    shares = feature_importances(model, 3, kind="split")
    np.testing.assert_allclose(shares, [0.25, 0.75, 0])


def test_nothing_learnt():
    np.testing.assert_array_equal(feature_importances(counted(), 2), [0, 0])
    zeros = counted(Counted([0, 0], [0, 0]))
    np.testing.assert_array_equal(feature_importances(zeros, 2), [0, 0])


def test_hypotheses_without_importances():
    with pytest.raises(AttributeError, match="object hypotheses have no feature"):
        feature_importances(counted(Counted([1], [1]), object()), 1)


def test_of_an_ensemble(small, make_ensemble):
    model = make_ensemble([small], [small])
    gain, split = importances(model), importances(model, "split")
    assert gain.names == ("x0", "x1", "x2")
    assert gain.values.tolist() == [0.75, 0, 0.25]
    assert split.values.tolist() == [0.5, 0, 0.5]
    assert gain.order().tolist() == [0, 2, 1]
    assert repr(gain) == "Importances(gain: x0 0.75, x2 0.25, x1 0)"


def test_of_an_estimator(regressor):
    found = importances(regressor)
    assert found.names == ("size", "colour", "noise", "shape")
    np.testing.assert_array_equal(found.values, regressor.feature_importances_)
    assert found.std is None


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_permutation_of_any_frame(frame, regressor, library):
    X, y = frame
    if library == "pandas":
        given, model = X, regressor
    else:
        import polars as pl

        given = pl.from_pandas(X)
        given = given if library == "polars" else given.to_arrow()
        model = GradientBoostingRegressor(n_estimators=20, random_state=0)
        model.fit(given, y)
    found = importances(model, "permutation", given, y, n_repeats=3)
    size, colour, noise, shape = found.values
    assert size > colour > shape > 5 * abs(noise)
    assert found.std.shape == (4,)
    assert (found.std > 0).all()
    again = importances(model, "permutation", given, y, n_repeats=3)
    np.testing.assert_array_equal(found.values, again.values)


def test_permutation_drop_is_that_of_the_score(frame, classifier):
    X, y = frame
    labels = np.array(["low", "middle", "high"])[np.digitize(y, [2, 4])]
    weight = np.ones(len(y))
    weight[:50] = 0
    found = importances(
        classifier,
        "permutation",
        X,
        labels.tolist(),
        sample_weight=weight,
        scoring="neg_log_loss",
    )
    unweighted = importances(
        classifier, "permutation", X, labels, scoring="neg_log_loss"
    )
    assert found.values[0] > 0.1
    assert (found.values != unweighted.values).any()


def test_permutation_of_a_ranker_keeps_queries(frame):
    X, y = frame
    y, query = np.round(y), np.arange(len(y)) // 10
    model = GradientBoostingRanker(n_estimators=5).fit(X, y, group=query)
    asked = []

    def scoring(model, X, y, group):
        asked.append(group)
        return model.score(X, y, group=group)

    found = importances(model, "permutation", X, y, group=query)
    own = importances(model, "permutation", X, y, group=query, scoring=scoring)
    np.testing.assert_array_equal(found.values, own.values)
    assert found.order()[0] == 0
    assert len(asked) == 1 + 4 * 5
    np.testing.assert_array_equal(asked[-1], query)
    with pytest.raises(ValueError, match="scoring='r2' does not know of group"):
        importances(model, "permutation", X, y, group=query, scoring="r2")


def test_shap_is_the_mean_absolute_contribution():
    X = np.array([[0.0, 1.0], [1.0, 0.0]])
    model = Explained(n_estimators=1).fit(X, [0.0, 1.0])
    found = importances(model, "shap", X, background=X)
    assert model.background is X
    assert found.values.tolist() == [2.0, 1.0]
    weighted = importances(model, "shap", X, sample_weight=[3, 1])
    assert weighted.values.tolist() == [1.5, 1.5]
    model = ExplainedByClass(n_estimators=1).fit(X[[0, 1, 1]], [0, 1, 2])
    assert importances(model, "shap", X).values.tolist() == [8.0, 4.0]


def test_what_is_wrong_is_said(regressor, frame, small, make_ensemble):
    X, y = frame
    with pytest.raises(ValueError, match="kind is 'cover'; give one of"):
        importances(regressor, "cover")
    with pytest.raises(ValueError, match="give X and y, best those of held-out"):
        importances(regressor, "permutation", X)
    with pytest.raises(ValueError, match="give X, best those of held-out"):
        importances(regressor, "shap")
    with pytest.raises(TypeError, match="An Ensemble cannot read rows"):
        importances(make_ensemble([small]), "permutation", X, y)
    with pytest.raises(NotFittedError):
        importances(GradientBoostingRegressor())
    with pytest.raises(TypeError, match="A str has no boosting rounds to look into"):
        importances("model")
    from sklearn.linear_model import Ridge

    with pytest.raises(TypeError, match="This Ridge has no boosting rounds"):
        importances(Ridge().fit([[0.0]], [1.0]))
    with pytest.raises(TypeError, match="number of features cannot be told"):
        importances(counted())


def test_plot_has_a_bar_a_feature(regressor):
    ax = plot_importances(regressor)
    found = importances(regressor)
    assert len(ax.patches) == 4
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, np.sort(found.values)[::-1])
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [found.names[j] for j in found.order()]
    assert ax.get_xlabel() == "share of the gain of all splits"
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top


def test_plot_says_what_it_leaves_out():
    import matplotlib.pyplot as plt

    found = Importances(
        ("a", "b", "$\\c$", "d"), np.array([0.1, 0.2, 0.6, 0.1]), "gain"
    )
    _, own = plt.subplots()
    ax = plot_importances(found, top=2, ax=own)
    assert ax is own
    assert len(ax.patches) == 2
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["0.600", "0.200", "2 more features: 0.200 in all"]
    ax.figure.canvas.draw()  # a name is no formula
    found = Importances(found.names, found.values, "shap")
    texts = plot_importances(found, top=3).texts
    assert texts[-1].get_text() == "1 more feature, none above 0.100"
    with pytest.raises(ValueError, match="top is 0; give an integer"):
        plot_importances(found, top=0)


def test_plot_of_permutation_has_deviations(regressor, frame):
    X, y = frame
    ax = plot_importances(regressor, "permutation", X=X, y=y, n_repeats=2)
    assert len(ax.patches) == 4
    assert len(ax.containers) == 2  # bars and their deviations
    assert ax.get_title(loc="left") == "Feature importances (permutation)"


def test_plot_of_nothing_learnt():
    ax = plot_importances(Importances(("a", "b"), np.zeros(2), "gain"))
    assert [bar.get_width() for bar in ax.patches] == [0, 0]
