import numpy as np
import pytest

from boostlab import GradientBoostingClassifier, GradientBoostingRegressor
from boostlab.inspection import plot_learning_curve


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(300, 3))
    return X, X[:, 0] + rng.normal(size=300)


@pytest.fixture(scope="module")
def stopped(data):
    model = GradientBoostingRegressor(
        n_estimators=200, early_stopping=True, n_iter_no_change=5, random_state=0
    )
    model.fit(*data)
    assert model.n_iter_ < len(model.history_["validation_loss"]) - 1
    return model


def marks(ax):
    return [line for line in ax.lines if line.get_gid() == "best"]


def curves(ax):
    return {
        line.get_label(): line.get_ydata()
        for line in ax.lines
        if line.get_gid() != "best"
    }


def test_both_losses_and_the_best_round(stopped):
    ax = plot_learning_curve(stopped)
    found = curves(ax)
    assert list(found) == ["training", "validation"]
    for name, losses in found.items():
        np.testing.assert_array_equal(losses, stopped.history_[f"{name}_loss"])
    (mark,) = marks(ax)
    assert mark.get_xdata() == [stopped.n_iter_]
    assert mark.get_ydata() == [stopped.history_["validation_loss"].min()]
    assert ax.texts[0].get_text() == f"best round: {stopped.n_iter_}"
    assert ax.get_ylabel() == "mean loss (SquaredError)"


def test_several_models(stopped, data):
    X, y = data
    other = GradientBoostingRegressor(n_estimators=6, early_stopping=False)
    other.fit(X, y, X_val=X, y_val=y)
    ax = plot_learning_curve({"first": stopped, "second": other})
    names = ["first, training", "first, validation", "second"]
    assert list(curves(ax))[:2] == names[:2]
    assert list(curves(ax))[2:] == ["second, validation"]
    assert [mark.get_xdata()[0] for mark in marks(ax)] == [stopped.n_iter_, 6]
    assert ax.get_legend() is not None


def test_training_loss_alone(data):
    model = GradientBoostingRegressor(n_estimators=5, verbose=1).fit(*data)
    ax = plot_learning_curve(model)
    assert list(curves(ax)) == ["training"]
    assert marks(ax) == []


def test_score_that_was_watched_chooses_the_round(data):
    X, y = data
    model = GradientBoostingClassifier(
        n_estimators=60, early_stopping=True, scoring="accuracy", random_state=0
    ).fit(X, y > 0)
    (mark,) = marks(plot_learning_curve(model))
    assert mark.get_xdata() == [model.n_iter_]


def test_after_a_warm_start_some_losses_are_unknown(data):
    model = GradientBoostingRegressor(n_estimators=4, warm_start=True).fit(*data)
    model.set_params(n_estimators=8, verbose=1).fit(*data)
    losses = curves(plot_learning_curve(model))["training"]
    assert np.isnan(losses[:4]).all()
    assert np.isfinite(losses[4:]).all()


def test_own_axes(stopped):
    import matplotlib.pyplot as plt

    _, own = plt.subplots()
    assert plot_learning_curve(stopped, ax=own) is own


def test_nothing_recorded(data):
    model = GradientBoostingRegressor(n_estimators=2, early_stopping=False).fit(*data)
    with pytest.raises(ValueError, match="has recorded no loss; fit it with early_"):
        plot_learning_curve(model)
    with pytest.raises(ValueError, match="model 'a' has recorded no loss"):
        plot_learning_curve({"a": model})
    with pytest.raises(ValueError, match="no model to plot"):
        plot_learning_curve({})
