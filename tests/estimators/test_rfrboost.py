import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from boostlab import RFRBoostClassifier, RFRBoostRegressor, load
from boostlab.callbacks import Checkpoint
from boostlab.learners.front_end import FrontEnd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 4))
Y = np.sin(2 * X[:, 0]) * X[:, 1] + X[:, 2] + 0.1 * RNG.normal(size=500)
LABELS = np.digitize(Y, [-0.5, 0.7])
SMALL = {"n_estimators": 5, "n_features": 40, "random_state": 0}
VARIANTS = [
    {},
    {"variant": "greedy"},
    {"variant": "greedy", "update": "diagonal"},
    {"variant": "greedy", "update": "scalar"},
    {"hidden_dim": 20, "kind": "iid"},
    {"faithful": True},
    {"faithful": True, "variant": "greedy"},
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_rounds_go_beyond_the_linear_model(variant):
    model = RFRBoostRegressor(**SMALL | variant).fit(X[:350], Y[:350])
    scores = [np.mean((p - Y[350:]) ** 2) for p in model.staged_predict(X[350:])]
    assert len(scores) == 5
    assert scores[-1] < (1.0 if "update" in variant else 0.8) * scores[0]
    classifier = RFRBoostClassifier(**SMALL | variant).fit(X[:350], LABELS[:350])
    assert classifier.score(X[350:], LABELS[350:]) > 0.68


def test_defaults_learn():
    model = RFRBoostRegressor(random_state=0).fit(X[:350], Y[:350])
    assert model.score(X[350:], Y[350:]) > 0.8
    classifier = RFRBoostClassifier(random_state=0).fit(X[:350], LABELS[:350])
    assert classifier.score(X[350:], LABELS[350:]) > 0.75


def test_the_first_round_is_ridge_regression():
    model = RFRBoostRegressor(n_estimators=1, faithful=True, l2_top=0.1).fit(X, Y)
    theirs = Ridge(0.1 * len(Y)).fit(X, Y)
    np.testing.assert_allclose(model.predict(X), theirs.predict(X), rtol=1e-9)


def test_for_one_output_a_greedy_round_is_ridge_along_one_direction():
    """The corollary of the rank: D = b u' with b a ridge solution for w'w."""
    model = RFRBoostRegressor(
        n_estimators=2, faithful=True, variant="greedy", l2=0.05, n_features=30
    ).fit(X, Y)
    first, change = (done.hypothesis for done in model.ensemble_.rounds)
    w = model.ensemble_.rounds[0].correction.coef[:, 0]
    residual = Y - next(model.staged_predict(X))
    features = np.hstack([change.of_hidden.features(X), change.of_inputs.features(X)])
    penalty = 0.05 / (w @ w) * len(Y) * np.var(Y)  # in standard deviations of Y
    gram = features.T @ features + penalty * np.eye(60)
    b = np.linalg.solve(gram, features.T @ residual)
    np.testing.assert_allclose(
        change.readout, np.outer(b, w / (w @ w)), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_array_equal(first.front_end.columns(X), X)


@pytest.mark.parametrize("variant", VARIANTS[:2])
def test_the_update_of_a_round_has_at_most_the_rank_of_the_outputs(variant):
    targets = np.column_stack([Y, X[:, 3] ** 2])
    model = RFRBoostRegressor(**SMALL | variant).fit(X, targets)
    for done in model.ensemble_.rounds[1:]:
        assert np.linalg.matrix_rank(done.hypothesis.readout, tol=1e-8) <= 2
    assert model.predict(X).shape == (500, 2)


@pytest.mark.parametrize("variant", [{}, {"variant": "greedy"}])
@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_with_a_line_search_the_loss_falls_with_every_change(variant, kind):
    is_class = kind == "classification"
    make = RFRBoostClassifier if is_class else RFRBoostRegressor
    params = SMALL | variant | {"l2_top": 1e-9, "freeze_top_at": 1, "verbose": 1}
    model = make(**params).fit(X, LABELS if is_class else Y)
    losses = model.history_["training_loss"]
    assert (np.diff(losses) <= 1e-15).all()
    tops = [done.correction.coef for done in model.ensemble_.rounds]
    for top in tops[1:]:
        np.testing.assert_array_equal(top, tops[0])


@pytest.mark.parametrize("variant", VARIANTS[:2])
def test_weight_two_is_a_row_given_twice(variant):
    twice = np.arange(0, 500, 3)
    weight = np.ones(500)
    weight[twice] = 2.0
    one = RFRBoostClassifier(**SMALL | variant).fit(X, LABELS, weight)
    other = RFRBoostClassifier(**SMALL | variant).fit(
        np.vstack([X, X[twice]]), np.append(LABELS, LABELS[twice])
    )
    np.testing.assert_allclose(
        one.predict_proba(X), other.predict_proba(X), rtol=1e-4, atol=1e-6
    )


def test_a_prediction_depends_neither_on_company_nor_on_threads():
    model = RFRBoostClassifier(**SMALL).fit(X, LABELS)
    together = model.predict_proba(X)
    alone = np.concatenate([model.predict_proba(X[i : i + 1]) for i in range(40)])
    np.testing.assert_array_equal(together[:40], alone)
    np.testing.assert_array_equal(together[::-1], model.predict_proba(X[::-1]))
    for n_jobs in (1, 2):
        again = RFRBoostClassifier(n_jobs=n_jobs, **SMALL).fit(X, LABELS)
        np.testing.assert_array_equal(again.predict_proba(X), together)


def test_warm_start_is_one_longer_fit():
    whole = RFRBoostRegressor(**SMALL).fit(X, Y)
    part = RFRBoostRegressor(**SMALL | {"n_estimators": 2, "warm_start": True})
    part.fit(X, Y).set_params(n_estimators=5).fit(X, Y)
    np.testing.assert_array_equal(part.predict(X), whole.predict(X))


def test_early_stopping_delivers_the_best_round_as_it_was():
    params = SMALL | {"n_estimators": 25, "l2": 1e-6, "n_features": 100}
    model = RFRBoostRegressor(
        early_stopping=True, keep_all_rounds=True, n_iter_no_change=3, **params
    ).fit(X[:150], Y[:150], X_val=X[150:], y_val=Y[150:])
    losses = model.history_["validation_loss"]
    assert model.n_iter_ == np.argmin(losses) < len(losses) - 1
    best = np.mean((model.predict(X[150:]) - Y[150:]) ** 2) / 2
    np.testing.assert_allclose(best, losses.min())


def test_nothing_leaks_from_held_out_rows():
    model = RFRBoostRegressor(early_stopping=True, **SMALL)
    model.fit(X[:350], Y[:350], X_val=X[350:], y_val=Y[350:])
    alone = RFRBoostRegressor(**SMALL).fit(X[:350], Y[:350])
    front_ends = [m.ensemble_.rounds[0].hypothesis.front_end for m in (model, alone)]
    for name in ("center", "scale", "fill"):
        np.testing.assert_array_equal(*(getattr(f, name) for f in front_ends))
    np.testing.assert_array_equal(
        model.predict(X), list(alone.staged_predict(X))[model.n_iter_ - 1]
    )


def test_frames_with_categories_and_missing_values():
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["kind"] = np.where(X[:, 0] > 0, "warm", "cold")
    frame.loc[::7, "b"] = np.nan
    frame.loc[::9, "kind"] = None
    model = RFRBoostRegressor(**SMALL).fit(frame, Y)
    assert model.score(frame, Y) > 0.7
    columns = model.ensemble_.rounds[0].hypothesis.front_end
    assert columns.n_columns == 4 + 1 + 2
    frame["kind"] = "unheard of"
    assert np.isfinite(model.predict(frame)).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_files_and_pickles_hold_it(variant, tmp_path):
    model = RFRBoostClassifier(**SMALL | variant).fit(X, LABELS)
    model.save(tmp_path / "model.boostlab")
    for again in (load(tmp_path / "model.boostlab"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path):
    whole = RFRBoostRegressor(**SMALL).fit(X, Y)
    for rounds in (3, 5):
        watch = Checkpoint(tmp_path / "fit.boostlab", every=1)
        params = SMALL | {"n_estimators": rounds, "callbacks": [watch]}
        model = RFRBoostRegressor(**params).fit(X, Y)
    assert watch.resumed_from_ == 3
    np.testing.assert_array_equal(model.predict(X), whole.predict(X))


@pytest.mark.parametrize("loss", ["poisson", "absolute_error", "huber", "gamma"])
def test_any_loss_of_the_library(loss):
    y = np.exp(Y / 2) if loss in ("poisson", "gamma") else Y
    model = RFRBoostRegressor(loss, **SMALL).fit(X[:350], y[:350])
    error = np.mean((model.predict(X[350:]) - y[350:]) ** 2)
    assert error < 0.5 * np.var(y[350:])


def test_rounds_and_width_grow_with_the_rows():
    rounds, widths = [], []
    for n in (100, 2000):
        x = np.random.default_rng(0).normal(size=(n, 2))
        model = RFRBoostRegressor(random_state=0).fit(x, x[:, 0] * x[:, 1])
        rounds.append(model.n_iter_)
        widths.append(model.ensemble_.rounds[1].hypothesis.of_inputs.width)
    assert rounds[0] < rounds[1]
    assert widths[0] < widths[1]


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="update='scalar' belongs to variant='greedy'"):
        RFRBoostRegressor(update="scalar").fit(X, Y)
    with pytest.raises(ValueError, match="give n_estimators too"):
        RFRBoostRegressor(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="kind is 'swin'"):
        RFRBoostRegressor(kind="swin").fit(X, Y)
    assert FrontEnd() == FrontEnd("robust")


@pytest.mark.parametrize("unit", [1e-4, 1e4, 1e150])
@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"variant": "greedy", "l2": 1e-3},
        {"variant": "greedy", "update": "diagonal"},
        {"variant": "greedy", "update": "scalar"},
        {"faithful": True, "variant": "greedy"},
    ],
)
def test_the_unit_of_the_targets_does_not_matter(variant, unit, monkeypatch):
    # Draws are by a hash of rows and targets: here it sees no targets.
    monkeypatch.setattr(
        "boostlab.learners.random_features.hash_rows",
        lambda columns, n, seed: np.arange(n, dtype=np.uint64),
    )
    one = RFRBoostRegressor(**SMALL | variant).fit(X, Y)
    with np.errstate(all="raise", under="ignore"):
        other = RFRBoostRegressor(**SMALL | variant).fit(X, unit * Y)
    np.testing.assert_allclose(
        other.predict(X) / unit, one.predict(X), rtol=1e-4, atol=1e-5
    )


def test_the_unit_of_the_weights_does_not_matter():
    weight = np.random.default_rng(1).random(500) + 0.1
    one = RFRBoostRegressor(**SMALL).fit(X, Y, weight)
    for unit in (0.01, 0.1, 3.0, 7.0):
        other = RFRBoostRegressor(**SMALL).fit(X, Y, unit * weight)
        np.testing.assert_allclose(
            other.predict(X), one.predict(X), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("faithful", [False, True])
def test_greedy_rounds_on_nothing_to_learn_add_nothing(faithful):
    params = SMALL | {"variant": "greedy", "faithful": faithful}
    flat = RFRBoostRegressor(**params).fit(X, np.full(len(X), 3.0))
    np.testing.assert_allclose(flat.predict(X), 3.0)
    same = RFRBoostRegressor(**params).fit(np.ones((20, 2)), Y[:20])
    np.testing.assert_allclose(same.predict(X[:, :2]), Y[:20].mean())
    single = RFRBoostRegressor(**params).fit(X[:1], Y[:1])
    np.testing.assert_allclose(single.predict(X), Y[0])


@pytest.mark.parametrize("variant", ["gradient", "greedy"])
def test_without_a_penalty_predictions_make_sense(variant):
    params = SMALL | {"n_features": 512, "l2": 0.0, "variant": variant}
    model = RFRBoostRegressor(**params).fit(X[:100], X[:100, 0])
    assert model.score(X[100:], X[100:, 0]) > 0.5


def test_numbers_and_targets_that_overflow_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match="numeric='robust' or faithful=False"):
        RFRBoostRegressor(faithful=True, **SMALL).fit(X * 1e300, Y)
    with pytest.raises(ValueError, match="divide y by its standard deviation"):
        RFRBoostRegressor(**SMALL).fit(X, Y * 1e300)
