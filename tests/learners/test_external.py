"""Any scikit-learn estimator as weak learner."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import AdaBoostClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from boostlab.data.table import Table
from boostlab.learners.external import External, _fit
from boostlab.state import State, Target


def state_on(table, n_outputs=1, seed=0):
    raw = np.zeros((table.n_samples, n_outputs), order="F")
    rng = np.random.default_rng(seed)
    return State(table, None, None, np.zeros(n_outputs), raw, rng)


def draw(n=60, n_outputs=1, hessian=False, seed=0):
    rng = np.random.default_rng(seed)
    table = Table(rng.normal(size=(n, 4)), ["age", "pay", "size", "rank"])
    weight = rng.uniform(0.5, 2, n)
    curvature = rng.uniform(0.1, 2, (n, n_outputs)) if hessian else None
    gradient = rng.normal(size=(n, n_outputs))
    return Target(table, weight, gradient=gradient, hessian=curvature)


def sampled(target, **sample):
    return Target(
        target.table, target.weight, target.gradient, target.hessian, **sample
    )


def fit(estimator, target, seed=0, n_outputs=None, **options):
    n_outputs = n_outputs or target.n_outputs
    state = state_on(target.table, n_outputs, seed)
    hypothesis, contribution = External(estimator, **options).fit(target, state)
    again = hypothesis.contribution(state_on(target.table, n_outputs))
    np.testing.assert_array_equal(again.values(), contribution.values())
    assert contribution.values().shape == (target.table.n_samples, n_outputs)
    assert contribution.values().dtype == np.float64
    return hypothesis, contribution.values()


def test_a_regressor_fits_the_newton_step_with_its_weights():
    target = draw(hessian=True)
    _, values = fit(Ridge(2.0), target)
    step, weight = target.newton()
    theirs = Ridge(2.0).fit(target.table.numeric, step[:, 0], weight[:, 0])
    np.testing.assert_allclose(values[:, 0], theirs.predict(target.table.numeric))


def test_outputs_with_weights_of_their_own_get_a_clone_each():
    target = draw(n_outputs=3, hessian=True)
    hypothesis, values = fit(Ridge(), target)
    assert len(hypothesis.models) == 3
    step, weight = target.newton()
    for k in range(3):
        theirs = Ridge().fit(target.table.numeric, step[:, k], weight[:, k])
        np.testing.assert_allclose(values[:, k], theirs.predict(target.table.numeric))


def test_outputs_that_share_their_weights_are_one_fit_where_possible():
    target = draw(n_outputs=3)
    step, weight = target.newton()
    tree = DecisionTreeRegressor(max_depth=2, random_state=0)
    hypothesis, values = fit(tree, target)
    assert len(hypothesis.models) == 1
    theirs = clone(tree).fit(target.table.numeric, step, target.weight)
    np.testing.assert_allclose(values, theirs.predict(target.table.numeric))
    hypothesis, values = fit(SVR(), target)
    assert len(hypothesis.models) == 3
    theirs = SVR().fit(target.table.numeric, step[:, 1], weight[:, 1])
    np.testing.assert_allclose(values[:, 1], theirs.predict(target.table.numeric))


def test_the_rounds_sample_limits_the_fit():
    rows, features = np.arange(0, 60, 3), np.array([1, 3])
    whole = draw(hessian=True)
    _, values = fit(Ridge(), sampled(whole, rows=rows, features=features))
    x = whole.table.numeric[:, features]
    step, weight = whole.newton()
    theirs = Ridge().fit(x[rows], step[rows, 0], weight[rows, 0])
    np.testing.assert_allclose(values[:, 0], theirs.predict(x))


def test_the_estimator_given_is_never_fitted():
    tree = DecisionTreeRegressor(random_state=3)
    fit(tree, draw())
    assert not hasattr(tree, "tree_")
    assert tree.random_state == 3


def test_random_states_are_drawn_from_the_generator_of_the_fit():
    forest = make_pipeline(RandomForestRegressor(2, max_depth=2, random_state=5))
    target = draw()
    one, values = fit(forest, target, seed=1)
    _, same = fit(forest, target, seed=1)
    other, different = fit(forest, target, seed=2)
    np.testing.assert_array_equal(values, same)
    assert not np.array_equal(values, different)
    seeds = [h.models[0].steps[-1][1].random_state for h in (one, other)]
    assert len({5, *seeds}) == 3


def test_weights_go_to_the_last_step_of_a_pipeline():
    target = draw(hessian=True)
    _, values = fit(make_pipeline(StandardScaler(), Ridge(2.0)), target)
    step, weight = target.newton()
    theirs = make_pipeline(StandardScaler(), Ridge(2.0))
    theirs.fit(target.table.numeric, step[:, 0], ridge__sample_weight=weight[:, 0])
    np.testing.assert_allclose(values[:, 0], theirs.predict(target.table.numeric))


def test_estimators_without_weights_see_rows_drawn_by_weight():
    n = 400
    table = Table(np.zeros((n, 1)))
    heavy = np.arange(n) < n // 2
    step, weight = np.where(heavy, 1.0, 0.0), np.where(heavy, 1.5, 0.5)
    target = Target(table, weight, gradient=(-step * weight)[:, None])
    mean = KNeighborsRegressor(n_neighbors=n)
    _, values = fit(mean, target)
    # Three quarters of the weight, in 400 draws: standard deviation 0.02.
    assert values[0, 0] == pytest.approx(0.75, abs=0.1)
    assert not np.array_equal(fit(mean, target, seed=1)[1], values)
    np.testing.assert_array_equal(fit(mean, target)[1], values)


def test_estimators_without_weights_see_every_row_once_if_weights_are_equal():
    table = Table(np.zeros((10, 1)))
    target = Target(table, np.full(10, 2.0), gradient=-np.arange(10.0)[:, None])
    _, values = fit(KNeighborsRegressor(n_neighbors=10), target)
    np.testing.assert_allclose(values, np.full((10, 1), 4.5 / 2))


def test_too_little_curvature_is_raised_to_a_share_of_the_weight():
    target = draw(n_outputs=2, hessian=True)
    low = np.where(target.gradient > 0, 1e-9, target.hessian)
    target = Target(target.table, target.weight, target.gradient, low)
    _, values = fit(Ridge(), target, min_hessian=0.5)
    x = target.table.numeric
    for k in range(2):
        weight = np.maximum(low[:, k], 0.5 * target.weight)
        theirs = Ridge().fit(x, -target.gradient[:, k] / weight, weight)
        np.testing.assert_allclose(values[:, k], theirs.predict(x))


def test_a_leaf_with_one_misclassified_row_stays_in_bounds():
    table = Table(np.arange(10.0)[:, None])
    p = np.where(np.arange(10) == 4, 1e-8, 0.5)
    gradient = np.where(np.arange(10) == 4, p - 1, 0.0)[:, None]
    hessian = (p * (1 - p))[:, None]
    target = Target(table, np.ones(10), gradient, hessian)
    tree = DecisionTreeRegressor(random_state=0)
    assert fit(tree, target)[1].max() == pytest.approx(100)
    assert fit(tree, target, min_hessian=0.0)[1].max() == pytest.approx(1e8)


def test_rows_without_curvature_are_left_out():
    whole = draw(hessian=True)
    some = np.arange(60) < 40
    hessian = np.where(some[:, None], whole.hessian, 0.0)
    target = Target(whole.table, whole.weight, whole.gradient, hessian)
    _, values = fit(Ridge(), target, min_hessian=0.0)
    rows = np.flatnonzero(some)
    _, wanted = fit(Ridge(), sampled(whole, rows=rows), min_hessian=0.0)
    np.testing.assert_allclose(values, wanted)
    flat = np.zeros_like(whole.gradient)
    nothing = Target(whole.table, whole.weight, whole.gradient, flat)
    assert not fit(Ridge(), nothing, min_hessian=0.0)[1].any()


def with_holes(target):
    x = np.array(target.table.numeric)
    x[::5, 2] = np.nan
    names = target.table.feature_names
    return Target(Table(x, names), target.weight, target.gradient, target.hessian)


def test_missing_values_are_refused_where_the_estimator_refuses_them():
    target = with_holes(draw())
    said = "Ridge does not accept missing values, but the feature 'size' has some"
    with pytest.raises(ValueError, match=said):
        fit(Ridge(), target)
    fit(DecisionTreeRegressor(), target)
    imputing = make_pipeline("passthrough", SimpleImputer(), Ridge())
    fit(imputing, target)
    fit(TransformedTargetRegressor(make_pipeline(imputing)), target)
    _, values = fit(Ridge(), sampled(target, features=np.array([0, 3])))
    assert np.isfinite(values).all()


def test_new_rows_with_missing_values_are_refused_in_the_same_words():
    target = draw()
    hypothesis, _ = fit(Ridge(), sampled(target, features=np.array([2, 3])))
    with pytest.raises(ValueError, match=r"Ridge does not accept missing.*'size'"):
        hypothesis.contribution(state_on(with_holes(target).table))


def labels_target(n=90, n_classes=2, **sample):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 2))
    labels = np.digitize(x[:, 0] + 0.3 * rng.normal(size=n), [-0.4, 0.4])
    labels = np.minimum(labels, n_classes - 1).astype(float)
    return Target(Table(x), rng.uniform(0.5, 2, n), labels=labels, **sample)


def test_a_classifier_votes_for_one_output_by_sign():
    target = labels_target()
    tree = DecisionTreeClassifier(max_depth=1, random_state=0)
    _, values = fit(tree, target, n_outputs=1)
    x = target.table.numeric
    tree.fit(x, target.labels, target.weight)
    np.testing.assert_array_equal(values[:, 0], 2 * tree.predict(x) - 1)
    _, values = fit(clone(tree), target, n_outputs=1, predict="proba")
    np.testing.assert_allclose(values[:, 0], 2 * tree.predict_proba(x)[:, 1] - 1)


def test_a_classifier_votes_for_many_outputs_in_sammes_code():
    target = labels_target(n_classes=3)
    tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    _, values = fit(tree, target, n_outputs=3)
    x = target.table.numeric
    tree.fit(x, target.labels, target.weight)
    code = np.where(np.eye(3) == 1, 1.0, -0.5)
    np.testing.assert_array_equal(values, code[tree.predict(x).astype(int)])
    _, values = fit(clone(tree), target, n_outputs=3, predict="proba")
    np.testing.assert_allclose(values.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose((2 * values + 1) / 3, tree.predict_proba(x))


@pytest.mark.parametrize("predict", ["labels", "proba"])
def test_classes_absent_from_a_sample_keep_their_columns(predict):
    whole = labels_target(n_classes=3)
    rows = np.flatnonzero(whole.labels != 1)
    target = labels_target(n_classes=3, rows=rows)
    _, values = fit(LogisticRegression(), target, n_outputs=3, predict=predict)
    np.testing.assert_array_equal(values[:, 1], -0.5)
    assert (values[rows].argmax(axis=1) == whole.labels[rows]).mean() > 0.9


@pytest.mark.parametrize("predict", ["labels", "proba"])
def test_a_sample_of_one_class_votes_for_it(predict):
    whole = labels_target()
    target = labels_target(rows=np.flatnonzero(whole.labels == 1))
    _, values = fit(LogisticRegression(), target, n_outputs=1, predict=predict)
    np.testing.assert_array_equal(values, 1.0)


def test_one_round_is_one_round_of_adaboost():
    target = labels_target()
    stump = DecisionTreeClassifier(max_depth=1)
    _, values = fit(stump, target, n_outputs=1)
    theirs = AdaBoostClassifier(stump, n_estimators=1, random_state=0)
    theirs.fit(target.table.numeric, target.labels, target.weight)
    predicted = 2 * theirs.predict(target.table.numeric) - 1
    np.testing.assert_array_equal(values[:, 0], predicted)


def test_it_accepts_what_the_estimator_can_fit():
    assert External(Ridge()).accepts == {"derivatives"}
    assert External(make_pipeline(SVR())).accepts == {"derivatives"}
    assert External(LogisticRegression()).accepts == {"labels"}
    External(LogisticRegression(), predict="proba").validate()


def test_it_tells_whether_missing_values_are_allowed():
    assert External(DecisionTreeRegressor()).allows_missing
    assert External(make_pipeline(SimpleImputer(), Ridge())).allows_missing
    assert not External(Ridge()).allows_missing
    assert not External(make_pipeline(Ridge())).allows_missing
    assert not External("ridge").allows_missing


@pytest.mark.parametrize("wrong", [StandardScaler(), Ridge, "ridge", None])
def test_other_objects_are_refused(wrong):
    assert not External(wrong).accepts
    with pytest.raises(TypeError, match="neither a regressor nor a classifier"):
        External(wrong).validate()


def test_parameters_are_checked():
    with pytest.raises(
        ValueError, match="predict is 'votes'; give 'labels', 'proba' or"
    ):
        External(Ridge(), predict="votes").validate()
    with pytest.raises(ValueError, match="min_hessian is -1; give a number at least 0"):
        External(Ridge(), min_hessian=-1).validate()
    with pytest.raises(ValueError, match="LinearSVC has no predict_proba"):
        External(LinearSVC(), predict="proba").validate()


def test_xgboost_serves_as_a_weak_learner():
    xgboost = pytest.importorskip("xgboost")
    target = with_holes(draw(n_outputs=2, hessian=True))
    estimator = xgboost.XGBRegressor(
        n_estimators=3, max_depth=2, n_jobs=1, learning_rate=1.0
    )
    assert External(estimator).accepts == {"derivatives"}
    hypothesis, values = fit(estimator, target)
    assert len(hypothesis.models) == 2
    step, weight = target.newton()
    error = (weight * (values - step) ** 2).sum()
    mean = (weight * step).sum(axis=0) / weight.sum(axis=0)
    assert error < 0.8 * (weight * (mean - step) ** 2).sum()


class Counts(RegressorMixin, BaseEstimator):
    """It takes no weights, and keeps the rows that it was given."""

    def fit(self, X, y):
        self.rows_ = np.sort(X[:, 0])
        return self

    def predict(self, X):
        return np.zeros(len(X))


def test_whole_weights_say_how_often_a_row_is_given():
    X = np.arange(4.0)[:, None].astype(np.float32)
    weight = np.array([3.0, 1.0, 0.0, 2.0])
    rng = np.random.default_rng(0)
    model = _fit(Counts(), X, np.zeros(4), weight, rng)
    np.testing.assert_array_equal(model.rows_, [0, 0, 0, 1, 3, 3])
    drawn = _fit(Counts(), X, np.zeros(4), weight * 100, rng)
    assert len(drawn.rows_) == 3


def weighted_state(target):
    n = len(target.weight)
    raw = np.zeros((n, 1), order="F")
    rng = np.random.default_rng(0)
    return State(target.table, target.labels, np.full(n, 2.0), np.zeros(1), raw, rng)


def test_a_classifier_sees_weights_as_heavy_as_the_rows():
    target = labels_target()
    share = Target(
        target.table, target.weight / target.weight.sum(), labels=target.labels
    )
    state = weighted_state(target)
    hypothesis, _ = External(LogisticRegression()).fit(share, state)
    weight = 2.0 * len(target.weight) * share.weight
    theirs = LogisticRegression().fit(target.table.numeric, target.labels, weight)
    np.testing.assert_allclose(hypothesis.model.coef_, theirs.coef_, rtol=1e-6)


class NeedsTwoClasses(ClassifierMixin, BaseEstimator):
    """It takes no weights, and no sample of one class."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError("one class")
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[1])


def test_resampling_never_gives_one_class_to_a_classifier():
    table = Table(np.arange(12.0)[:, None])
    labels = (np.arange(12) == 0).astype(float)
    kinds = set()
    for seed in range(20):
        for rare in (0.3, 1e-9):
            weight = np.where(labels == 1, rare, np.linspace(0.9, 1.1, 12))
            target = Target(table, weight, labels=labels)
            hypothesis, values = fit(NeedsTwoClasses(), target, seed, n_outputs=1)
            kinds.add((rare, type(hypothesis.model).__name__, values[0, 0]))
    # What is too rare to be drawn is not learnt.
    assert kinds == {(0.3, "NeedsTwoClasses", 1.0), (1e-9, "DummyClassifier", -1.0)}
