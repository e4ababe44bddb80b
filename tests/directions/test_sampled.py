"""Rows drawn by their derivatives: by hand, unbiased, repeatable, and in estimators."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

import boostlab
from boostlab import (
    BoostingClassifier,
    BoostingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from boostlab.callbacks import Checkpoint
from boostlab.data.table import Table
from boostlab.directions import GOSS, MVS, Gradient, Newton, Sampled
from boostlab.directions.sampled import SKETCH, _border
from boostlab.objectives import Binomial, Multinomial, SquaredError
from boostlab.persistence import model_hash
from boostlab.state import Problem
from boostlab.steps import CellFit, Shrinkage


def column(values):
    return np.asarray(values, dtype=float)[:, None]


def rng(seed=0):
    return np.random.default_rng(seed)


def state_of(objective, y, weight=None, seed=0):
    n = len(y)
    weight = np.ones(n) if weight is None else weight
    problem = Problem(Table(np.arange(2.0 * n).reshape(n, 2)), y, weight)
    state = objective.start(problem, rng(seed))
    state.raw_prediction += np.linspace(-1, 1, n)[:, None]
    return state


def friedman(n=600, seed=0):
    source = rng(seed)
    X = source.uniform(size=(n, 6))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
    return X, y + 10 * X[:, 3] + source.normal(size=n)


def test_goss_keeps_the_top_and_draws_from_the_others():
    gradient = column([1, -9, 2, 8, -3, 4, 5, -6, 7, 0])
    rows, factor = GOSS(0.2, 0.3).draw(gradient, np.ones((10, 1)), rng())
    assert len(rows) == 5
    assert (np.diff(rows) > 0).all()
    factors = dict(zip(rows.tolist(), factor, strict=True))
    assert factors.pop(1) == factors.pop(3) == 1
    assert set(factors.values()) == {8 / 3}


def test_goss_ranks_by_gradient_times_hessian():
    gradient, hessian = column([1.0, 2, 3, 4]), column([9.0, 1, 1, 1])
    for seed in range(5):
        rows, factor = GOSS(0.25, 0.25).draw(gradient, hessian, rng(seed))
        assert dict(zip(rows.tolist(), factor, strict=True))[0] == 1


def test_goss_with_ties_draws_as_many_rows():
    for n_top in range(10):
        gradient = column([5.0] * n_top + [1.0] * (10 - n_top))
        rows, factor = GOSS(0.4, 0.2).draw(gradient, np.ones((10, 1)), rng())
        assert len(rows) == 6
        assert factor.sum() == pytest.approx(10)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("sampling", [GOSS(), GOSS(0, 1), MVS(0.01), MVS(1.0)])
def test_a_handful_of_rows(n, sampling):
    for gradient in (np.zeros((n, 1)), column(np.arange(n)), np.full((n, 1), 1e100)):
        rows, factor = sampling.draw(gradient, np.ones((n, 1)), rng())
        assert 1 <= len(rows) <= n
        assert np.isfinite(factor).all()
        assert (factor >= 1).all()


@pytest.mark.parametrize("sampling", [GOSS(0.2, 0.1), MVS(0.2, 0.02), MVS(0.3)])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_sums_over_drawn_rows_are_unbiased(sampling, n_outputs):
    source = rng(1)
    gradient = source.normal(size=(60, n_outputs)) ** 3
    hessian = source.uniform(0.1, 1, size=(60, n_outputs))
    both = np.hstack([gradient, hessian, np.ones((60, 1))])
    sums = []
    for _ in range(6000):
        rows, factor = sampling.draw(gradient, hessian, source)
        sums.append(factor @ both[rows])
    error = np.mean(sums, axis=0) - both.sum(axis=0)
    allowed = 4.5 * np.std(sums, axis=0) / np.sqrt(6000)
    assert (np.abs(error) < allowed + 1e-9).all()


def test_mvs_probabilities_by_hand():
    # Of 3 wanted rows the two great ones are certain; the others share one row.
    score = np.array([100.0, 50, 1, 1, 2])
    assert _border(score, 3.0) == 4.0
    draws = [
        MVS(0.6, 0.0).draw(column(score), np.ones((5, 1)), source)
        for source in [rng()]
        for _ in range(4000)
    ]
    counts = np.bincount(np.concatenate([rows for rows, _ in draws]), minlength=5)
    np.testing.assert_array_equal(counts[:2], 4000)
    assert np.abs(counts[2:] - [1000, 1000, 2000]).max() < 140
    for rows, factor in draws[:50]:
        np.testing.assert_allclose(factor, np.array([1, 1, 4, 4, 2.0])[rows])


def test_mvs_varies_less_than_goss_and_goss_less_than_uniform():
    source = rng(2)
    gradient, ones = source.normal(size=(500, 1)) ** 3, np.ones((500, 1))

    def spread(sampling):
        sums = []
        for _ in range(800):
            rows, factor = sampling.draw(gradient, ones, source)
            sums.append(factor @ gradient[rows, 0])
        return np.std(sums)

    uniform, goss, mvs = GOSS(0, 0.3), GOSS(0.2, 0.1), MVS(0.3, 0.0)
    assert spread(mvs) < spread(goss) < spread(uniform)


@given(
    scores=st.lists(
        # Subnormal scores have too few digits for the border between them.
        st.floats(1e-290, 1e300) | st.just(0.0) | st.just(1.0),
        min_size=1,
        max_size=40,
    ),
    rate=st.floats(0.01, 1),
)
def test_the_border_gives_the_wanted_number_of_rows(scores, rate):
    score = np.array(scores)
    wanted = rate * len(score)
    with np.errstate(over="ignore"):
        if not np.isfinite(score.sum()):
            return
        border = _border(score, wanted)
        expected = (np.minimum(score, border) / border).sum()
    assert border > 0
    positive = np.count_nonzero(score)
    assert expected == pytest.approx(min(wanted, positive), rel=1e-6)


@pytest.mark.parametrize("sampling", [GOSS(), MVS()])
def test_borders_of_many_rows_are_estimated(sampling):
    n = 3 * SKETCH
    gradient = rng(3).normal(size=(n, 1))
    rows, factor = sampling.draw(gradient, np.ones((n, 1)), rng())
    assert abs(len(rows) / n - 0.3) < 0.01
    assert abs(factor.sum() / n - 1) < 0.02


@pytest.mark.parametrize("inner", [Gradient(), Newton()])
@pytest.mark.parametrize(
    ("objective", "n_classes"),
    [(SquaredError(), 5), (Binomial(), 2), (Multinomial(), 3)],
)
def test_the_target_is_scaled_on_the_drawn_rows(inner, objective, n_classes):
    y = (np.arange(40) % n_classes).astype(float)
    weight = np.linspace(0.5, 2, 40)
    state, twin = (state_of(objective, y, weight) for _ in range(2))
    whole, target = inner(objective, state), Sampled(inner, GOSS())(objective, state)
    np.testing.assert_array_equal(
        target.rows, Sampled(inner, GOSS())(objective, twin).rows
    )
    assert target.kind == "derivatives"
    assert (target.hessian is None) == (whole.hessian is None)
    factor = target.weight / weight
    np.testing.assert_array_equal(np.flatnonzero(factor), target.rows)
    np.testing.assert_allclose(target.gradient, whole.gradient * factor[:, None])
    assert target.gradient.flags.f_contiguous
    if whole.hessian is not None:
        np.testing.assert_allclose(target.hessian, whole.hessian * factor[:, None])
    # What the loop keeps is left alone.
    np.testing.assert_array_equal(state.weight, weight)
    assert state.rows is None


def test_a_round_that_sees_few_rows_draws_from_them():
    state = state_of(SquaredError(), np.arange(100.0))
    state.rows = np.arange(1, 100, 2)
    state.features = np.array([1])
    target = Sampled(Newton(), GOSS(0.2, 0.2))(SquaredError(), state)
    assert len(target.rows) == 20
    assert np.isin(target.rows, state.rows).all()
    assert target.weight.sum() == pytest.approx(50)
    assert target.features is state.features


def test_all_rows_count_until_the_start():
    state = state_of(SquaredError(), np.arange(10.0))
    direction = Sampled(Newton(), MVS(0.3), start=2)
    assert direction(SquaredError(), state).rows is None
    state.round = 2
    assert direction(SquaredError(), state).rows is not None


@pytest.mark.parametrize(
    ("piece", "error", "message"),
    [
        (GOSS(top_rate=-0.1), ValueError, "top_rate is -0.1"),
        (GOSS(other_rate=0), ValueError, "other_rate is 0; give a number greater"),
        (GOSS(0.7, 0.4), ValueError, "sum to more than 1"),
        (MVS(rate=0), ValueError, "rate is 0"),
        (MVS(regularization=-1), ValueError, "regularization is -1"),
        (Sampled(Newton(), GOSS(), start=1.5), TypeError, "start is 1.5"),
        (Sampled(Newton, GOSS()), TypeError, "give a direction that produces"),
        (Sampled(Newton(), "goss"), TypeError, "give GOSS\\(\\) or MVS\\(\\)"),
        (Sampled(Newton(), GOSS(2)), ValueError, "sum to more than 1"),
    ],
)
def test_faulty_parameters_are_refused(piece, error, message):
    with pytest.raises(error, match=message):
        piece.validate()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sampling": "mvs"}, "draws the share subsample"),
        ({"sampling": "goss", "subsample": 0.5}, "has rates of its own"),
        ({"sampling": MVS(0.2), "subsample": 0.5}, "has rates of its own"),
        ({"sampling": "bootstrap"}, "give one of 'uniform', 'goss', 'mvs'"),
        ({"sampling": GOSS}, "an object with draw"),
        ({"sampling": MVS(3)}, "rate is 3"),
    ],
)
def test_estimators_refuse_what_does_not_go_together(parameters, message):
    X, y = friedman(50)
    with pytest.raises(ValueError, match=message):
        GradientBoostingRegressor(**parameters).fit(X, y)


SAMPLINGS = {
    "goss": {"sampling": "goss", "learning_rate": 0.5},
    "mvs": {"sampling": "mvs", "subsample": 0.3},
    "own": {"sampling": MVS(0.4, regularization=1.0)},
}


def labelled(n=600):
    X, y = friedman(n)
    return X, np.digitize(y, np.quantile(y, [0.3, 0.6]))


@pytest.mark.parametrize("name", SAMPLINGS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_seeds_threads_and_clones_agree(name, early_stopping):
    params = SAMPLINGS[name] | {"n_estimators": 12, "early_stopping": early_stopping}
    for cls, (X, y) in (
        (GradientBoostingRegressor, friedman()),
        (GradientBoostingClassifier, labelled()),
    ):
        model = cls(random_state=0, n_jobs=1, **params)
        hashes = {
            model_hash(each.fit(X, y))
            for each in (model, clone(model), clone(model).set_params(n_jobs=3))
        }
        assert len(hashes) == 1
        other = clone(model).set_params(random_state=1)
        assert model_hash(other.fit(X, y)) not in hashes


@pytest.mark.parametrize("name", SAMPLINGS)
def test_estimators_build_the_pieces(name):
    X, y = friedman()
    params = SAMPLINGS[name]
    easy = GradientBoostingRegressor(
        n_estimators=15,
        max_leaf_nodes=31,
        random_state=3,
        early_stopping=False,
        **params,
    )
    rate = params.get("learning_rate", 0.1)
    sampling = {"goss": GOSS(), "mvs": MVS(0.3)}.get(name, params["sampling"])
    direction = Sampled(Newton(), sampling, start=2 if name == "goss" else 0)
    generic = BoostingRegressor(
        direction=direction,
        step=Shrinkage(rate),
        n_estimators=15,
        random_state=3,
        early_stopping=False,
    )
    np.testing.assert_array_equal(
        easy.fit(X, y).predict(X), generic.fit(X, y).predict(X)
    )


def test_goss_starts_after_the_reciprocal_of_the_learning_rate():
    X, y = friedman()
    params = {"random_state": 0, "early_stopping": False, "learning_rate": 0.25}
    goss = GradientBoostingRegressor(n_estimators=6, sampling="goss", **params)
    plain = GradientBoostingRegressor(n_estimators=6, **params)
    stages = zip(
        goss.fit(X, y).staged_predict(X), plain.fit(X, y).staged_predict(X), strict=True
    )
    assert [np.array_equal(one, two) for one, two in stages] == [True] * 4 + [False] * 2


@pytest.mark.parametrize("name", SAMPLINGS)
def test_save_load_warm_start_and_resume(name, tmp_path):
    X, y = labelled()
    params = {"n_estimators": 10, "random_state": 0, "early_stopping": False}
    model = GradientBoostingClassifier(**params, **SAMPLINGS[name]).fit(X, y)
    model.save(tmp_path / "model.boostlab")
    loaded = boostlab.load(tmp_path / "model.boostlab")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert repr(loaded.sampling) == repr(model.sampling)

    warm = clone(model).set_params(n_estimators=4, warm_start=True).fit(X, y)
    warm.set_params(n_estimators=10).fit(X, y)
    np.testing.assert_array_equal(warm.predict_proba(X), model.predict_proba(X))

    path = tmp_path / "checkpoint"
    for n_estimators in (4, 10):
        resumed = clone(model).set_params(
            n_estimators=n_estimators, callbacks=[Checkpoint(path, every=2)]
        )
        resumed.fit(X, y)
    np.testing.assert_array_equal(resumed.predict_proba(X), model.predict_proba(X))


def test_refitted_cells_see_all_rows():
    """The median of a leaf is that of its rows, drawn or not."""
    X, y = friedman()
    model = BoostingRegressor(
        "absolute_error",
        direction=Sampled(Newton(), MVS(0.2)),
        step=CellFit(1.0),
        n_estimators=1,
        early_stopping=False,
        random_state=0,
    ).fit(X, y)
    done = model.ensemble_.rounds[0]
    (ids,) = done.hypothesis.cells(Table(X))
    residual = y - model.baseline_prediction_[0]
    for cell in np.unique(ids):
        inside = residual[ids == cell]
        value = done.size.values[0][cell, 0]
        assert (inside < value).sum() <= len(inside) / 2 <= (inside <= value).sum()


@pytest.mark.parametrize("name", SAMPLINGS)
def test_weights_and_hostile_weights(name):
    X, y = friedman()
    weight = rng(1).integers(0, 4, len(y)).astype(float)
    params = {"n_estimators": 60, "random_state": 0, "early_stopping": False}
    model = GradientBoostingRegressor(**params, **SAMPLINGS[name])
    plain = clone(model).set_params(sampling="uniform", subsample=1.0)
    test, truth = friedman(400, seed=9)
    errors = [
        np.sqrt(
            np.mean((each.fit(X, y, sample_weight=weight).predict(test) - truth) ** 2)
        )
        for each in (model, plain)
    ]
    assert errors[0] < 1.5 * errors[1]
    extreme = np.where(rng(2).random(len(y)) < 0.5, 1e-12, 1e12)
    assert np.isfinite(model.fit(X, y, sample_weight=extreme).predict(test)).all()


def test_gradient_sampling_beats_uniform_sampling_on_a_real_table(real_table):
    X, y, _ = real_table("protein", n_rows=20_000)
    params = {"n_estimators": 100, "random_state": 0, "early_stopping": False}
    errors = {}
    for sampling in ("uniform", "mvs"):
        model = GradientBoostingRegressor(sampling=sampling, subsample=0.1, **params)
        model.fit(X[:14_000], y[:14_000])
        errors[sampling] = np.mean((model.predict(X[14_000:]) - y[14_000:]) ** 2)
    assert errors["mvs"] < errors["uniform"]


def test_generic_classifier_takes_a_sampled_direction():
    X, y = labelled()
    model = BoostingClassifier(
        direction=Sampled(Newton(), GOSS()), subsample=0.7, n_estimators=20
    )
    assert model.fit(X, y).score(X, y) > 0.7
