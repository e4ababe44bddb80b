"""``n_estimators="auto"``: the number of rounds is found without held-out rows."""

import warnings

import core_calls
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from boostlab import (
    GradientBoostingClassifier,
    GradientBoostingRanker,
    GradientBoostingRegressor,
    load,
)
from boostlab.callbacks import BaseMonitor, Checkpoint, EarlyStopping, SplitStopping
from boostlab.directions import Dart
from boostlab.learners import LinearTree, Tree


def regressor(**parameters):
    return GradientBoostingRegressor(
        n_estimators="auto", **{"random_state": 0} | parameters
    )


def classifier(**parameters):
    return GradientBoostingClassifier(
        n_estimators="auto", **{"random_state": 0} | parameters
    )


def table(n=1500, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, (n, 5))
    return x, 2 * np.sin(2 * x[:, 0]) + x[:, 1] ** 2 + noise * rng.standard_normal(n)


def total_splits(model):
    return sum(done.hypothesis.n_splits for done in model.ensemble_.rounds)


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_hardly_fitted(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((3000, 10)), rng.standard_normal(3000)
    model = regressor().fit(x, y)
    assert total_splits(model) < 400
    assert model.predict(x).var() < 0.04  # of a variance of 1
    free = GradientBoostingRegressor(n_estimators=100, max_leaf_nodes=31)
    assert free.fit(x, y).predict(x).var() > 0.2


@pytest.mark.parametrize("seed", range(3))
def test_signal_is_fitted_about_as_well_as_by_early_stopping(seed):
    x, y = table(3000, seed)
    new_x, new_y = table(3000, seed + 100)
    model = regressor().fit(x, y)
    stopped = GradientBoostingRegressor(
        n_estimators=1000, early_stopping=True, random_state=0
    ).fit(x, y)
    error, other = (np.mean((m.predict(new_x) - new_y) ** 2) for m in (model, stopped))
    assert 5 < model.n_iter_ < 300
    assert error < 1.04 * other
    assert error < 1.25  # of which 1 is noise


def test_last_round_has_a_split_and_all_rounds_have_twenty_more():
    x, y = table()
    model = regressor(keep_all_rounds=True).fit(x, y)
    splits = [done.hypothesis.n_splits for done in model.all_rounds_.rounds]
    assert splits[model.n_iter_ - 1] > 0
    assert splits[model.n_iter_ :] == [0] * 20
    assert len(model.train_score_) == 0
    fewer = regressor(n_iter_no_change=2).fit(x, y)
    assert fewer.n_iter_ <= model.n_iter_


def test_the_model_depends_on_no_tier_and_no_number_of_threads():
    x, y = table()
    x[::7, 2] = np.nan
    expected = regressor(n_jobs=1).fit(x, y).predict(x)
    for tier in core_calls.present_tiers():
        with core_calls.tier(tier):
            for n_jobs in (1, 3):
                model = regressor(n_jobs=n_jobs).fit(x, y)
                assert np.array_equal(model.predict(x), expected), (tier, n_jobs)


def test_weights_are_duplicates_and_zero_weights_nothing():
    x, y = table(600)
    copies = np.random.default_rng(0).integers(0, 4, 600)
    twice = regressor().fit(np.repeat(x, copies, axis=0), np.repeat(y, copies))
    weighted = regressor().fit(x, y, sample_weight=copies.astype(float))
    assert twice.n_iter_ == weighted.n_iter_ > 5
    np.testing.assert_allclose(twice.predict(x), weighted.predict(x), atol=1e-4)


@pytest.mark.parametrize("multi_strategy", ["separate", "shared"])
def test_three_classes(multi_strategy):
    x, score = table()
    y = np.digitize(score, [0, 2])
    model = classifier(multi_strategy=multi_strategy).fit(x, y)
    assert model.n_iter_ > 5
    new_x, new_score = table(seed=1)
    assert model.score(new_x, np.digitize(new_score, [0, 2])) > 0.6


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": "absolute_error"},
        {"loss": "quantile", "quantile": 0.7},
        {"subsample": 0.6},
        {"sampling": "goss"},
        {"growth": "oblivious"},
        {"splitter": "random"},
        {"linear_leaves": True},
        {"monotonic_cst": [0, 0, 1, 0, 0]},
        {"learner": Tree(max_depth=3, split_test=0.4)},
        {"learner": LinearTree(Tree(split_test=0.3))},
        {"learning_rate": 0.3},
    ],
    ids=str,
)
def test_works_with(parameters):
    x, y = table()
    model = regressor(**parameters).fit(x, y)
    new_x, new_y = table(seed=1)
    assert 2 < model.n_iter_ < 1000
    assert model.score(new_x, new_y) > 0.5


def test_categories_and_missing_values():
    rng = np.random.default_rng(0)
    x, y = table()
    names = np.array(list("abcdefgh"))
    codes = rng.integers(0, 8, len(y))
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(x).add_prefix("x")
    frame["name"] = pandas.Categorical(names[codes])
    frame.loc[::9, "name"] = None
    model = regressor().fit(frame, y + 3 * np.isin(codes, [1, 4, 6]))
    sets = sum(
        len(t.subsets) for d in model.ensemble_.rounds for t in d.hypothesis.trees
    )
    assert sets > 0


def test_ranker_holds_out_queries():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2000, 4))
    group = np.repeat(np.arange(200), 10)
    y = np.clip(np.rint(x[:, 0] + 0.5 * rng.standard_normal(2000) + 1), 0, 3)
    model = GradientBoostingRanker(n_estimators="auto", random_state=0)
    model.fit(x, y, group=group)
    assert 2 < model.n_iter_ < 300
    noise = GradientBoostingRanker(n_estimators="auto", random_state=0)
    noise.fit(x, rng.permutation(y), group=group)
    assert total_splits(noise) < total_splits(model)


def test_held_out_rows_are_only_watched():
    x, y = table()
    model = regressor().fit(x, y, X_val=x[:200], y_val=y[:200])
    alone = regressor().fit(x, y)
    assert model.n_iter_ == alone.n_iter_
    assert len(model.history_["validation_loss"]) > model.n_iter_
    assert "validation_loss" not in alone.history_


def test_many_rows_stop_by_themselves_too():
    """No rows are held out above 10,000, as "auto" early stopping else does."""
    x, y = table(10_500)
    model = regressor(max_leaf_nodes=4, learning_rate=0.5).fit(x, y)
    assert not model.history_


def test_it_ends_where_all_is_learnt():
    """Without noise every split passes, however little is left to learn."""
    x, y = table(noise=0.0)
    model = regressor(learning_rate=0.3, max_leaf_nodes=None, min_samples_leaf=1)
    assert model.fit(x, np.rint(y)).n_iter_ < 300
    assert classifier(tol=1e-4).fit(x, x[:, 0] > 0.3).n_iter_ < 600


def test_the_unit_of_the_target_does_not_matter():
    x, y = table()
    model = regressor().fit(x, 2.0**-30 * y)
    assert model.n_iter_ > 20
    assert model.score(x, 2.0**-30 * y) > 0.7


def test_more_rounds_are_warned_of(monkeypatch):
    monkeypatch.setattr("boostlab.estimators.tree_boosting.AUTO_STEPS", 1)
    x, y = table()
    with pytest.warns(ConvergenceWarning, match="The 10 rounds ran out"):
        assert regressor().fit(x, y).n_iter_ == 10


def test_a_start_and_a_file(tmp_path):
    x, y = table()
    first = GradientBoostingRegressor(n_estimators=5, random_state=0).fit(x, y)
    model = regressor(init=first).fit(x, y)
    assert model.n_init_ == 5
    assert model.n_iter_ > 5
    model = regressor().fit(x, y)
    model.save(tmp_path / "model.boostlab")
    again = load(tmp_path / "model.boostlab")
    assert again.n_estimators == "auto"
    assert np.array_equal(again.predict(x), model.predict(x))


def test_a_fit_goes_on_from_its_checkpoint(tmp_path):
    x, y = table()

    class Cut(BaseMonitor):
        """Ends the process, as it were, after some rounds."""

        def after_round(self, run):
            if run.ensemble.n_rounds == 12:
                raise KeyboardInterrupt
            return False

    path = tmp_path / "fit"
    with pytest.raises(KeyboardInterrupt):
        regressor(callbacks=[Checkpoint(path, every=5), Cut()]).fit(x, y)
    saved = Checkpoint(path, every=5)
    model = regressor(callbacks=[saved]).fit(x, y)
    assert saved.resumed_from_ >= 10
    expected = regressor().fit(x, y)
    assert model.n_iter_ == expected.n_iter_
    assert np.array_equal(model.predict(x), expected.predict(x))


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_few_rows(n):
    x, y = table(n)
    assert np.isfinite(regressor().fit(x, y).predict(x)).all()


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"early_stopping": True}, "early_stopping=True both stop"),
        ({"warm_start": True}, "warm_start=True"),
        ({"dropout": 0.1}, "dropout"),
        ({"dropout": Dart()}, "dropout"),
        ({"learner": "linear"}, "tests its splits"),
        ({"learner": Tree()}, "tests its splits"),
        ({"learner": LinearTree()}, "tests its splits"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused(parameters, told):
    with pytest.raises(ValueError, match=told):
        regressor(**parameters).fit(*table(50))


@pytest.mark.parametrize("wrong", ["Auto", 0, 2.5])
def test_other_values_are_refused(wrong):
    model = GradientBoostingRegressor(n_estimators=wrong)
    with pytest.raises((ValueError, TypeError), match="or 'auto'"):
        model.fit(*table(50))


def test_the_monitor_refuses_learners_without_a_test():
    model = GradientBoostingRegressor(callbacks=[SplitStopping()])
    with pytest.raises(TypeError, match="Tree does not test its splits"):
        model.fit(*table(50))
    with pytest.raises(ValueError, match="n_iter_no_change"):
        SplitStopping(n_iter_no_change=0).validate()


def test_the_monitor_goes_with_a_number_of_rounds():
    """And with other monitors; the warning stays away if one of them stops."""
    x, y = table()
    model = GradientBoostingRegressor(
        n_estimators=500, learner=Tree(split_test=0.3), random_state=0,
        callbacks=[SplitStopping()],
    ).fit(x, y)  # fmt: skip
    assert model.n_iter_ < 200
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regressor(callbacks=[EarlyStopping(1, tol=1e9)]).fit(x, y)


def test_a_scorer_is_not_asked():
    with pytest.raises(ValueError, match="scoring='r2'"):
        GradientBoostingRegressor(n_estimators="auto", scoring="r2").fit(
            np.zeros((9, 1)), np.arange(9.0)
        )
