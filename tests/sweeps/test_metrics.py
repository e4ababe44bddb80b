import numpy as np
import pytest
from sklearn import metrics as oracle

from boostlab.sweeps.metrics import METRICS, Metric, metrics_for, register_metric

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("rmse", oracle.root_mean_squared_error),
        ("mae", oracle.mean_absolute_error),
        ("r2", oracle.r2_score),
    ],
)
def test_regression_metrics_agree_with_scikit_learn(name, function):
    y, prediction = rng.normal(size=(2, 200))
    assert METRICS[name].function(y, prediction) == pytest.approx(
        function(y, prediction)
    )


@pytest.mark.parametrize("n_classes", [2, 5])
def test_classification_metrics_agree_with_scikit_learn(n_classes):
    y = rng.integers(n_classes, size=300)
    probability = rng.dirichlet(np.ones(n_classes), size=300)
    log_loss = METRICS["log_loss"].function(y, probability)
    assert log_loss == pytest.approx(oracle.log_loss(y, probability))
    accuracy = METRICS["accuracy"].function(y, probability)
    assert accuracy == oracle.accuracy_score(y, probability.argmax(axis=1))


@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_brier_score_agrees_with_scikit_learn(n_classes):
    y = rng.integers(n_classes, size=300)
    probability = rng.dirichlet(np.ones(n_classes), size=300)
    brier = METRICS["brier"].function(y, probability)
    if n_classes == 2:
        expected = oracle.brier_score_loss(y, probability[:, 1])
    else:
        expected = np.square(probability - np.eye(n_classes)[y]).sum(axis=1).mean()
    assert brier == pytest.approx(expected)


def test_roc_auc_agrees_with_scikit_learn_ties_included():
    y = rng.integers(2, size=300)
    p = rng.integers(10, size=300) / 10
    probability = np.column_stack([1 - p, p])
    auc = METRICS["roc_auc"].function(y, probability)
    assert auc == pytest.approx(oracle.roc_auc_score(y, p))


def test_a_certain_mistake_costs_much_but_not_infinity():
    loss = METRICS["log_loss"].function(np.array([0]), np.array([[0.0, 1.0]]))
    assert loss == pytest.approx(-np.log(1e-15))


def test_roc_auc_of_one_class_is_undefined():
    y, probability = np.ones(4), np.full((4, 2), 0.5)
    assert np.isnan(METRICS["roc_auc"].function(y, probability))


def test_r2_of_constant_targets_is_undefined():
    assert np.isnan(METRICS["r2"].function(np.ones(4), np.ones(4)))


def test_metrics_for_keeps_order_and_leaves_out_the_undefined():
    names = ("roc_auc", "log_loss")
    assert [m.name for m in metrics_for(names, "binary")] == ["roc_auc", "log_loss"]
    assert [m.name for m in metrics_for(names, "multiclass")] == ["log_loss"]


def test_loss_is_the_metric_with_the_sign_that_makes_less_better():
    values = np.array([1.0, 2.0])
    np.testing.assert_array_equal(METRICS["rmse"].loss(values), values)
    np.testing.assert_array_equal(METRICS["accuracy"].loss(values), -values)


def test_a_taken_name_is_refused():
    with pytest.raises(ValueError, match="'rmse' is there already"):
        register_metric(Metric("rmse", "another", ("regression",), max))
