import numpy as np
import pytest
from sklearn.inspection import partial_dependence

from boostlab import (
    GradientBoostingClassifier,
    GradientBoostingRanker,
    GradientBoostingRegressor,
)
from boostlab.inspection import plot_dependence


def line(ax):
    return ax.lines[0].get_xdata(), ax.lines[0].get_ydata()


def tops(ax):
    """The value that each bar reaches, by the name below it."""
    names = [label.get_text() for label in ax.get_xticklabels()]
    reached = [bar.get_y() + bar.get_height() for bar in ax.patches]
    return dict(zip(names, reached, strict=True))


def test_of_numbers_is_that_of_scikit_learn():
    X = np.random.default_rng(0).normal(size=(200, 3))
    y = X[:, 0] ** 2 + X[:, 1]
    model = GradientBoostingRegressor(n_estimators=10).fit(X, y)
    ax = plot_dependence(model, X, 0, grid_resolution=15)
    expected = partial_dependence(model, X, 0, grid_resolution=15)
    np.testing.assert_allclose(line(ax)[0], expected["grid_values"][0])
    np.testing.assert_allclose(line(ax)[1], expected["average"][0])
    assert ax.get_xlabel() == "x0"
    assert ax.get_ylabel() == "mean prediction"


def test_of_categories_by_hand(regressor, frame):
    X, _ = frame
    found = tops(plot_dependence(regressor, X, "colour", grid_resolution=2))
    assert set(found) == {"red", "green", "blue", "grey", "missing"}
    for name, value in found.items():
        changed = X.assign(colour=None if name == "missing" else name)
        assert value == pytest.approx(regressor.predict(changed).mean())
    assert found["red"] > found["missing"] > found["grey"]


def test_bars_start_at_the_mean_of_all_rows(regressor, frame):
    X, _ = frame
    weight = np.arange(len(X)) % 3.0
    ax = plot_dependence(regressor, X, "shape", sample_weight=weight)
    found = tops(ax)
    heights = X["shape"].map(found).astype(float)
    (base,) = {bar.get_y() for bar in ax.patches}
    assert base == pytest.approx(np.average(heights, weights=weight))
    assert ax.lines[-1].get_ydata()[0] == base


def test_missing_numbers_stay_out_of_the_axis_and_in_the_mean(regressor, frame):
    X, _ = frame
    ax = plot_dependence(regressor, X, "size", grid_resolution=12)
    x, y = line(ax)
    assert np.isfinite(x).all()
    known = X["size"].dropna()
    assert known.quantile(0.03) < x[0] < known.quantile(0.07)
    for value, mean in zip(x[::4], y[::4], strict=True):
        changed = X.assign(size=value)
        assert mean == pytest.approx(regressor.predict(changed).mean())


def test_one_feature_leaves_the_gaps_of_others(regressor, frame):
    X, _ = frame
    together = plot_dependence(regressor, X, ["size", "noise"], grid_resolution=9)
    alone = plot_dependence(regressor, X, "noise", grid_resolution=9)
    np.testing.assert_array_equal(line(together[1])[1], line(alone)[1])


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_other_frames(frame, library):
    import polars as pl

    X, y = frame
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, y)
    ours = pl.from_pandas(X)
    ours = ours if library == "polars" else ours.to_arrow()
    same = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(ours, y)
    expected = tops(plot_dependence(model, X, "colour"))
    assert tops(plot_dependence(same, ours, "colour")) == pytest.approx(expected)


def test_classes(classifier, frame):
    X, _ = frame
    ax = plot_dependence(classifier, X, "colour", target="low")
    assert ax.get_ylabel() == "mean probability of low"
    changed = X.assign(colour="grey")
    column = classifier.classes_.tolist().index("low")
    mean = classifier.predict_proba(changed)[:, column].mean()
    assert tops(ax)["grey"] == pytest.approx(mean)
    with pytest.raises(ValueError, match="target must be specified"):
        plot_dependence(classifier, X, "colour")


def test_two_classes_and_raw_predictions(frame):
    X, y = frame
    model = GradientBoostingClassifier(n_estimators=5).fit(X, y > 3)
    ax = plot_dependence(model, X, "size", grid_resolution=5)
    assert ax.get_ylabel() == "mean probability of True"
    ax = plot_dependence(
        model, X, "size", response_method="decision_function", grid_resolution=5
    )
    assert ax.get_ylabel() == "mean raw prediction"


def test_individual_lines(regressor, frame):
    X, _ = frame
    ax = plot_dependence(
        regressor, X, "size", kind="both", subsample=30, grid_resolution=5
    )
    assert len(ax.lines) == 31
    assert ax.get_ylabel() == "prediction"
    with pytest.raises(ValueError, match="individual effects for categorical"):
        plot_dependence(regressor, X, "colour", kind="individual")


def test_maps(regressor, frame):
    X, _ = frame
    numbers, categories = plot_dependence(
        regressor, X, [("size", "noise"), ("colour", "shape")], grid_resolution=6
    )
    assert (numbers.get_xlabel(), numbers.get_ylabel()) == ("size", "noise")
    assert (categories.get_xlabel(), categories.get_ylabel()) == ("shape", "colour")
    rows = [label.get_text() for label in categories.get_yticklabels()]
    columns = [label.get_text() for label in categories.get_xticklabels()]
    assert set(rows) == {"red", "green", "blue", "grey", "missing"}
    cells = categories.images[0].get_array()
    changed = X.assign(colour="blue", shape="flat")
    value = cells[rows.index("blue"), columns.index("flat")]
    assert value == pytest.approx(regressor.predict(changed).mean())


def test_axes_that_are_given(regressor, frame):
    import matplotlib.pyplot as plt

    X, _ = frame
    _, own = plt.subplots(1, 2)
    found = plot_dependence(regressor, X, ["size", 3], ax=own, grid_resolution=5)
    assert list(found) == list(own)
    assert found[1].get_xlabel() == "shape"
    assert found[0].get_ylim() == found[1].get_ylim()
    with pytest.raises(ValueError, match="2 axes are given for 1 plots"):
        plot_dependence(regressor, X, "size", ax=own)


def test_what_is_wrong_is_said(regressor, frame):
    X, _ = frame
    with pytest.raises(ValueError, match="no feature 'weight'; its features are"):
        plot_dependence(regressor, X, "weight")
    with pytest.raises(ValueError, match="no feature 4"):
        plot_dependence(regressor, X, 4)
    with pytest.raises(ValueError, match="no feature to plot"):
        plot_dependence(regressor, X, [])
    with pytest.raises(ValueError, match="no feature and no pair"):
        plot_dependence(regressor, X, ("size", "noise", "shape"))
    gone = X.assign(size=np.nan)
    with pytest.raises(ValueError, match="All values of feature 'size' are missing"):
        plot_dependence(regressor, gone, "size")


def test_the_model_is_left_as_it_was(regressor, frame):
    X, _ = frame
    encoder, before = regressor.encoder_, regressor.predict(X)
    plot_dependence(regressor, X, "colour")
    assert regressor.encoder_ is encoder
    np.testing.assert_array_equal(regressor.predict(X), before)


def test_scores_of_a_ranker(frame):
    X, y = frame
    query = np.arange(len(y)) // 10
    model = GradientBoostingRanker(n_estimators=3).fit(X, np.round(y), group=query)
    ax = plot_dependence(model, X, "shape")
    assert ax.get_ylabel() == "mean prediction"
    mean = model.predict(X.assign(shape="flat")).mean()
    assert tops(ax)["flat"] == pytest.approx(mean)


def test_names_are_no_formulas():
    import pandas as pd

    X = pd.DataFrame(
        {"$x_{": np.arange(60.0), "b": np.array(["$\\frac$", "$\\sqrt{", "c"] * 20)}
    )
    model = GradientBoostingClassifier(n_estimators=2)
    model.fit(X, np.where(X["$x_{"] > 20, "$a$", "$\\b$"))
    axes = plot_dependence(model, X, ["$x_{", "b"])
    axes[0].figure.canvas.draw()
    assert axes[0].get_xlabel() == r"\$x_{"
