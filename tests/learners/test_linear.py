"""Linear learners against scikit-learn's ridge and against arithmetic by hand."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from boostlab.boosting import Boosting
from boostlab.correctors import NoCorrection
from boostlab.data.table import Table
from boostlab.directions import Gradient
from boostlab.learners.linear import Linear, LinearModel
from boostlab.objectives import SquaredError
from boostlab.registry import class_named
from boostlab.samplers import RowsAndColumns
from boostlab.state import Problem, State, Target
from boostlab.steps import Shrinkage
from boostlab.updates import AddToPrediction


def state_on(table, n_outputs=1):
    baseline = np.zeros(n_outputs)
    raw = np.zeros((table.n_samples, n_outputs), order="F")
    return State(table, None, None, baseline, raw, np.random.default_rng(0))


def target_on(table, step, weight, shared=True, **sample):
    """A target with the given Newton step and its weights (n,) or (n, K)."""
    step = step.reshape(table.n_samples, -1)
    if shared:
        return Target(table, weight, gradient=-step * weight[:, None], **sample)
    rows = np.ones(table.n_samples)
    return Target(table, rows, gradient=-step * weight, hessian=weight, **sample)


def draw(n=40, f=3, n_outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 3, n)
    x = rng.normal([5.0, -1.0, 0.0][:f], [3.0, 0.1, 1.0][:f], (n, f))
    return Table(x, weight=weight), rng.normal(size=(n, n_outputs)), weight, rng


def standardized(table):
    """Return the columns that the learner should see, computed the plain way."""
    x, w = table.numeric.astype(float), table.weight
    columns = []
    for column in x.T:
        known = ~np.isnan(column)
        mean = np.average(column[known], weights=w[known])
        sd = np.sqrt(np.average((column[known] - mean) ** 2, weights=w[known]))
        columns.append(np.where(known, (column - mean) / sd, 0.0))
    for column in x.T:
        missing = np.isnan(column).astype(float)
        if missing.any():
            share = np.average(missing, weights=w)
            columns.append((missing - share) / np.sqrt(share * (1 - share)))
    return np.column_stack(columns)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 20.0])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_sklearns_ridge_on_standardised_columns(alpha, holes, dtype):
    table, step, weight, rng = draw()
    x = table.numeric.astype(dtype)
    if holes:
        x[rng.random(len(x)) < 0.3, 0] = np.nan
        x[:3, 2] = np.nan
    table = Table(x, weight=weight)
    z = standardized(table)
    theirs = Ridge(alpha) if alpha else LinearRegression()
    wanted = theirs.fit(z, step, weight).predict(z)
    target = target_on(table, step, weight)
    model, contribution = Linear(alpha).fit(target, state_on(table, 2))
    np.testing.assert_allclose(contribution.values(), wanted, rtol=1e-6, atol=1e-7)
    again = model.contribution(state_on(table, 2)).values()
    np.testing.assert_array_equal(again, contribution.values())


def test_outputs_with_weights_of_their_own_are_fitted_alone():
    table, step, _, rng = draw()
    hessian = rng.uniform(0.1, 2, step.shape)
    target = target_on(table, step, hessian, shared=False)
    _, contribution = Linear(2.0).fit(target, state_on(table, 2))
    z = standardized(table)
    for k in range(2):
        theirs = Ridge(2.0).fit(z, step[:, k], hessian[:, k])
        np.testing.assert_allclose(contribution.values()[:, k], theirs.predict(z))


@pytest.mark.parametrize("componentwise", [False, True])
def test_the_rounds_sample_limits_the_fit(componentwise):
    table, step, weight, _ = draw()
    rows, features = np.arange(0, 40, 2), np.array([0, 2])
    learner = Linear(1.0, componentwise)
    sampled = target_on(table, step, weight, rows=rows, features=features)
    model, contribution = learner.fit(sampled, state_on(table, 2))
    assert set(model.features) <= {0, 2}
    assert contribution.values().shape == (40, 2)
    z = standardized(table)[:, features]
    if not componentwise:
        theirs = Ridge(1.0).fit(z[rows], step[rows], weight[rows])
        np.testing.assert_allclose(contribution.values(), theirs.predict(z))
    changed = np.where(np.arange(40)[:, None] % 2, 100.0, step)
    other = target_on(table, changed, weight, rows=rows, features=features)
    np.testing.assert_array_equal(
        learner.fit(other, state_on(table, 2))[1].values(), contribution.values()
    )


def test_more_columns_than_rows():
    rng = np.random.default_rng(0)
    table = Table(rng.normal(size=(12, 30)), weight=rng.uniform(0.5, 2, 12))
    step = rng.normal(size=(12, 2))
    z = standardized(table)
    for alpha in (0.5, 1e-300):
        target = target_on(table, step, table.weight)
        _, contribution = Linear(alpha).fit(target, state_on(table, 2))
        theirs = Ridge(max(alpha, 1e-10)).fit(z, step, table.weight)
        np.testing.assert_allclose(
            contribution.values(), theirs.predict(z), rtol=1e-6, atol=1e-6
        )


def test_componentwise_takes_the_best_single_column():
    table, step, weight, _ = draw(n_outputs=3)
    target = target_on(table, step, weight)
    model, contribution = Linear(0.0, componentwise=True).fit(
        target, state_on(table, 3)
    )
    z = standardized(table)
    for k in range(3):
        fits = [
            LinearRegression().fit(z[:, [j]], step[:, k], weight).predict(z[:, [j]])
            for j in range(3)
        ]
        errors = [weight @ (step[:, k] - fit) ** 2 for fit in fits]
        np.testing.assert_allclose(contribution.values()[:, k], fits[np.argmin(errors)])
        assert np.count_nonzero(model.coef[:, k]) == 1
        chosen = model.features[np.flatnonzero(model.coef[:, k])]
        assert chosen == np.argmin(errors)


def test_componentwise_by_hand():
    x = np.array([[-1.0, 7.0], [1.0, 7.0]])
    target = target_on(Table(x), np.array([0.0, 4.0]), np.array([1.0, 1.0]))
    model, contribution = Linear(2.0, componentwise=True).fit(
        target, state_on(target.table)
    )
    # Centred steps -2 and 2 on -1 and 1: slope 4 / (2 + alpha) = 1.
    np.testing.assert_array_equal(model.features, [0])
    np.testing.assert_allclose(model.coef, [[1.0]])
    np.testing.assert_allclose(contribution.values(), [[1.0], [3.0]])


def test_componentwise_may_choose_where_values_are_missing():
    x = np.array([[1.0], [2.0], [np.nan], [np.nan]])
    target = target_on(Table(x), np.array([0.0, 0.0, 3.0, 3.0]), np.ones(4))
    model, contribution = Linear(0.0, componentwise=True).fit(
        target, state_on(target.table)
    )
    np.testing.assert_allclose(contribution.values()[:, 0], [0, 0, 3, 3], atol=1e-12)
    new = Table(np.array([[-50.0], [np.nan]]))
    np.testing.assert_allclose(
        model.contribution(state_on(new)).values()[:, 0], [0, 3], atol=1e-12
    )


def test_boosting_by_components_approaches_least_squares():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    y = x @ [2.0, -1.0, 0.0, 0.5] + 0.1 * rng.normal(size=200)
    table = Table(x)
    pieces = (Linear(0.0, componentwise=True), Shrinkage(0.3), AddToPrediction())
    method = Boosting(
        SquaredError(), Gradient(), *pieces, NoCorrection(), RowsAndColumns()
    )
    run = method.fit(Problem(table, y, np.ones(200)), 100, rng)
    assert len(run.ensemble.rounds[0].hypothesis.features) == 1
    np.testing.assert_allclose(
        run.ensemble.predict(table)[:, 0],
        LinearRegression().fit(x, y).predict(x),
        atol=1e-3,
    )


def test_missing_values_unseen_in_training_count_as_the_mean():
    table, step, weight, _ = draw(n_outputs=1)
    model, _ = Linear().fit(target_on(table, step, weight), state_on(table))
    mean = np.average(table.numeric, axis=0, weights=weight)
    rows = np.vstack([mean, np.full(3, np.nan)])
    at_mean, missing = model.contribution(state_on(Table(rows))).values()
    np.testing.assert_allclose(missing, at_mean)


@pytest.mark.parametrize("componentwise", [False, True])
def test_weight_two_equals_a_duplicated_row(componentwise):
    table, step, _, rng = draw(n_outputs=1)
    x = np.array(table.numeric)
    x[rng.random(x.shape) < 0.1] = np.nan
    twice = np.arange(10)
    weight = np.where(np.arange(40) < 10, 2.0, 1.0)
    more = np.concatenate([np.arange(40), twice])
    learner = Linear(1.0, componentwise)
    weighted = target_on(Table(x, weight=weight), step, weight)
    repeated = target_on(Table(x[more]), step[more], np.ones(50))
    one, _ = learner.fit(weighted, state_on(weighted.table))
    other, _ = learner.fit(repeated, state_on(repeated.table))
    new = state_on(weighted.table)
    np.testing.assert_allclose(
        one.contribution(new).values(), other.contribution(new).values()
    )


@pytest.mark.parametrize("componentwise", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_columns_that_say_nothing_get_no_slope(componentwise, alpha):
    x = np.column_stack([np.full(6, 0.1), np.full(6, np.nan), np.full(6, 1e300)])
    target = target_on(Table(x), np.arange(6.0), np.arange(1.0, 7.0))
    model, contribution = Linear(alpha, componentwise).fit(
        target, state_on(target.table)
    )
    assert len(model.features) == 0
    wanted = np.average(np.arange(6.0), weights=np.arange(1.0, 7.0))
    np.testing.assert_allclose(contribution.values(), np.full((6, 1), wanted))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_rows_without_curvature_count_for_nothing(alpha):
    table, step, weight, _ = draw(n_outputs=1)
    hessian = np.where(np.arange(40) < 30, weight, 0.0)[:, None]
    target = target_on(table, step, hessian, shared=False)
    _, contribution = Linear(alpha).fit(target, state_on(table))
    rows = replace(target, rows=np.arange(30))
    _, without = Linear(alpha).fit(rows, state_on(table))
    np.testing.assert_allclose(contribution.values(), without.values())
    nothing = target_on(table, step, np.zeros((40, 1)), shared=False)
    for componentwise in (False, True):
        _, still = Linear(alpha, componentwise).fit(nothing, state_on(table))
        assert not still.values().any()


def test_large_offsets_keep_their_digits():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(50, 2))
    step = x @ [1.0, 2.0]
    wanted = Linear(0.0).fit(
        target_on(Table(x), step, np.ones(50)), state_on(Table(x))
    )[1]
    moved = Table(x + 1e9)
    _, far = Linear(0.0).fit(target_on(moved, step, np.ones(50)), state_on(moved))
    np.testing.assert_allclose(far.values(), wanted.values(), atol=1e-5)
    huge = Table(x * 1e200)
    _, far = Linear(0.0).fit(target_on(huge, step, np.ones(50)), state_on(huge))
    np.testing.assert_allclose(far.values(), wanted.values(), atol=1e-12)


def test_infinite_values_are_refused():
    x = np.array([[1.0, 2.0], [np.inf, 3.0], [4.0, 5.0]])
    target = target_on(Table(x, ["age", "pay"]), np.arange(3.0), np.ones(3))
    with pytest.raises(ValueError, match=r"'age' holds values too large.*use a tree"):
        Linear().fit(target, state_on(target.table))
    finite = target_on(Table(x[[0, 2]]), np.arange(2.0), np.ones(2))
    model, _ = Linear().fit(finite, state_on(finite.table))
    with pytest.raises(ValueError, match="feature values too large to compute with"):
        model.contribution(state_on(target.table))


@given(
    n=st.integers(1, 12),
    f=st.integers(1, 15),
    alpha=st.sampled_from([0.0, 1e-12, 1.0]),
    componentwise=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_never_worse_than_a_constant(n, f, alpha, componentwise, seed):
    rng = np.random.default_rng(seed)
    x = rng.choice([0.0, 1.0, 1e6, np.nan], size=(n, f))
    step, weight = rng.normal(size=n), rng.choice([1e-3, 1.0, 1e3], size=n)
    target = target_on(Table(x, weight=weight), step, weight)
    _, contribution = Linear(alpha, componentwise).fit(target, state_on(target.table))
    fitted = weight @ (contribution.values()[:, 0] - step) ** 2
    constant = weight @ (np.average(step, weights=weight) - step) ** 2
    assert fitted <= constant * (1 + 1e-9) + 1e-9


def test_views_are_shared_between_rounds():
    table, step, weight, _ = draw()
    target = target_on(table, step, weight)
    for learner in (Linear(), Linear(5.0), Linear(componentwise=True)):
        learner.fit(target, state_on(table, 2))
    assert len(table._views) == 1


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"alpha": -1}, ValueError, "alpha is -1; give a number at least 0"),
        ({"alpha": None}, TypeError, "alpha is None"),
        ({"componentwise": "yes"}, TypeError, "componentwise is 'yes'; give True or"),
    ],
)
def test_parameters_are_checked(parameters, error, message):
    with pytest.raises(error, match=message):
        Linear(**parameters).validate()


def model():
    return LinearModel(
        np.array([0, 2]), np.zeros(2), np.ones((2, 3)), np.zeros((2, 3)), np.ones(3)
    )


def test_models_survive_files_and_pickling():
    table, step, weight, _ = draw()
    model, contribution = Linear().fit(
        target_on(table, step, weight), state_on(table, 2)
    )
    for again in (
        class_named("linear_model").from_parts(*model.to_parts()),
        pickle.loads(pickle.dumps(model)),
    ):
        np.testing.assert_array_equal(
            again.contribution(state_on(table, 2)).values(), contribution.values()
        )


@pytest.mark.parametrize(
    "damage",
    [
        {"coef": np.ones((3, 3))},
        {"coef": np.ones(2)},
        {"missing_coef": np.ones((2, 2))},
        {"center": np.zeros(3)},
        {"intercept": np.ones((3, 1))},
        {"intercept": np.array([1.0, np.nan, 1.0])},
        {"features": np.array([2, 0])},
        {"features": np.array([-1, 0])},
        {"features": np.array([0.0, 2.0])},
        {"features": np.array([[0, 2]])},
        {"coef": np.ones((2, 3), np.float32)},
    ],
)
def test_damaged_models_are_refused(damage):
    data, arrays = model().to_parts()
    assert LinearModel.from_parts(data, arrays) is not None
    with pytest.raises(ValueError, match="do not fit together"):
        LinearModel.from_parts(data, {**arrays, **damage})


def test_models_of_other_arrays_are_refused():
    data, arrays = model().to_parts()
    for wrong in ({**arrays, "more": np.zeros(1)}, {"coef": arrays["coef"]}):
        with pytest.raises(ValueError, match="the file is damaged"):
            LinearModel.from_parts(data, wrong)
    with pytest.raises(ValueError, match="the file is damaged"):
        LinearModel.from_parts({"alpha": 1}, arrays)
