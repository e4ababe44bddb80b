"""Fits of rows in parts give the model of all rows, bit for bit; or refuse."""

from __future__ import annotations

import math
import threading
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from thread_parts import ThreadParts

from boostlab import (
    GradientBoostingClassifier,
    GradientBoostingRanker,
    GradientBoostingRegressor,
    reduce,
)
from boostlab.callbacks import TimeBudget
from boostlab.data import Chunks
from boostlab.objectives import PointwiseObjective
from boostlab.persistence import model_hash
from boostlab.reduce import reducing

N_PARTS = (2, 3, 7)


def in_parts(n_parts, task, timeout=30):
    """What ``task(part)`` returns in each part, all inside `reducing`."""
    hooks = ThreadParts(n_parts, timeout)

    def guarded(part):
        with reducing(hooks.hook(part), part, n_parts):
            return task(part)

    return hooks.run(guarded)


def edges_of(n, n_parts, seed=0):
    """Borders of parts of any sizes, none empty."""
    inner = np.random.default_rng([seed, n_parts]).choice(n - 1, n_parts - 1, False)
    return [0, *np.sort(inner + 1).tolist(), n]


def rows_of(values, first, end):
    return values.iloc[first:end] if hasattr(values, "iloc") else values[first:end]


def fit_parts(make, given, held_out, n_parts, seed=0):
    """Fit each part on its rows of `given` and `held_out`, dicts of fit's arguments."""
    edges = {}
    for rows in (given, held_out):
        for name, values in rows.items():
            edges[name] = edges_of(values.shape[0], n_parts, seed)

    def task(part):
        own = {
            name: rows_of(values, *edges[name][part : part + 2])
            for name, values in (given | held_out).items()
        }
        return make(1 + part % 2).fit(own.pop("X"), own.pop("y"), **own)

    return in_parts(n_parts, task)


def check(make, given, held_out=None, n_parts=N_PARTS):
    """Hold the fits in parts against the one of all rows, which is returned."""
    held_out = held_out or {}
    arguments = given | held_out
    X, y = arguments.pop("X"), arguments.pop("y")
    whole = make(2).fit(X, y, **arguments)
    for n in n_parts:
        for model in fit_parts(make, given, held_out, n):
            assert model_hash(model) == model_hash(whole), n
            for name, curve in whole.history_.items():
                np.testing.assert_array_equal(model.history_[name], curve)
    return whole


def maker(cls, **params):
    params = {"n_estimators": 6, "random_state": 0, **params}
    return lambda n_jobs: cls(n_jobs=n_jobs, **params)


def numbers(n=1200, seed=0):
    """Numbers with missing values, a target of three columns, weights."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 6))
    X[:, 4] = np.round(3 * X[:, 4])
    y = X[:, 0] + X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(n)
    X[rng.random(X.shape) < 0.1] = np.nan
    return X, y, rng.uniform(0.2, 3.0, n)


# ---- real tables ------------------------------------------------------------------


def test_adult(real_table):
    """Strings, missing values, weights, some 0, and rows held out by their contents."""
    X, y, _ = real_table("adult", n_rows=4000)
    weight = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    weight[::9] = 0.0
    params = {"subsample": 0.6, "max_features": 0.7, "class_weight": "balanced"}
    make = maker(GradientBoostingClassifier, early_stopping=True, **params)
    whole = check(make, {"X": X, "y": y, "sample_weight": weight})
    assert whole.encoder_.nominal_.any()
    assert len(whole.history_["validation_loss"]) > 1


def test_diamonds(real_table):
    """Numbers, ordered categories, and a validation set in parts that stops the fit."""
    X, y, _ = real_table("diamonds", n_rows=5000)
    make = maker(
        GradientBoostingRegressor,
        n_estimators=60,
        learning_rate=0.8,
        n_iter_no_change=3,
    )
    whole = check(
        make,
        {"X": X[:4000], "y": y[:4000]},
        {"X_val": X[4000:], "y_val": y[4000:]},
    )
    assert len(whole.history_["validation_loss"]) <= 60
    assert whole.n_iter_ > 2


def test_features_that_one_fit_would_bundle():
    """Enough rows, in each part too, for flags to share bytes where they are alone."""
    rng = np.random.default_rng(3)
    flags = (rng.random((24_000, 6)) < 0.3).astype(float)
    y = flags @ np.arange(6) + rng.standard_normal(24_000)
    make = maker(GradientBoostingRegressor, n_estimators=2, early_stopping=False)
    check(make, {"X": flags, "y": y}, n_parts=[2])


@pytest.mark.parametrize("multi_strategy", ["separate", "shared"])
def test_satimage(real_table, multi_strategy):
    """Six classes, by trees of their own and by shared ones; all rows drawn anew."""
    X, y, _ = real_table("satimage", n_rows=3000)
    params = {"multi_strategy": multi_strategy, "n_estimators": 3, "subsample": 0.5}
    check(maker(GradientBoostingClassifier, **params), {"X": X, "y": y})


# ---- columns ----------------------------------------------------------------------


@pytest.mark.parametrize("cls", [GradientBoostingRegressor, GradientBoostingClassifier])
@pytest.mark.parametrize("library", ["pandas", "polars", "objects"])
def test_many_categories(cls, library):
    """More than 254 of them, few of which are in every part; missing; three classes."""
    rng = np.random.default_rng(0)
    X, y, weight = numbers(2500)
    town, colour = rng.integers(0, 700, 2500) ** 2 // 700, rng.integers(0, 9, 2500)
    y = y + np.sin(town) + (colour == 3)
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"])
    frame["town"] = [f"t{i}" if i % 7 else None for i in town]
    frame["colour"] = pd.Categorical([f"c{i}" for i in colour])
    if library == "objects":
        frame["mixed"] = np.array([i if i % 2 else f"s{i}" for i in colour], object)
    given = {"X": pl.from_pandas(frame) if library == "polars" else frame, "y": y}
    if cls is GradientBoostingClassifier:
        given["y"] = np.array(["low", "middle", "very high"])[np.digitize(y, [0, 1])]
    whole = check(maker(cls), given | {"sample_weight": weight})
    known = whole.encoder_._categories[2]
    assert known.statistics is not None
    assert len(known.values) > 254


def test_order_of_categories_that_the_data_declare():
    X, y, _ = numbers()
    sizes = pd.CategoricalDtype(["s", "m", "l"], ordered=True)
    frame = pd.DataFrame(
        {"a": X[:, 0], "size": pd.Series(list("sml") * 400, dtype=sizes)}
    )
    check(maker(GradientBoostingRegressor), {"X": frame, "y": y})


@pytest.mark.parametrize("form", ["csr", "csc"])
def test_sparse_matrices(form):
    X, y, _ = numbers()
    X = sparse.csr_array(np.where(np.abs(X) > 1, X, 0.0)).asformat(form)
    check(maker(GradientBoostingRegressor), {"X": X, "y": y})


def test_classes_that_only_some_parts_have():
    X, y, _ = numbers(600)
    labels = np.where(np.arange(600) < 30, "rare", np.where(y > 0, "up", "down"))
    whole = check(maker(GradientBoostingClassifier), {"X": X, "y": labels})
    assert whole.classes_.tolist() == ["down", "rare", "up"]
    check(maker(GradientBoostingClassifier), {"X": X, "y": labels.astype(object)})
    check(maker(GradientBoostingClassifier), {"X": X, "y": y > 0})


def test_a_single_class():
    X, _, _ = numbers(60)
    check(maker(GradientBoostingClassifier), {"X": X, "y": np.zeros(60, int)})


# ---- losses, trees, rounds --------------------------------------------------------


@pytest.mark.parametrize("loss", ["poisson", "gamma", "tweedie", "exponential"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(loss, weighted):
    X, y, weight = numbers()
    given = {"X": X, "y": (y > 0).astype(int) if loss == "exponential" else np.exp(y)}
    given |= {"sample_weight": weight} if weighted else {}
    task = "Classifier" if loss == "exponential" else "Regressor"
    cls = globals()[f"GradientBoosting{task}"]
    check(maker(cls, loss=loss, early_stopping=True), given, n_parts=(3,))


class LogCosh(PointwiseObjective):
    """A loss of formulas alone: its baseline is searched for, with sums of all rows."""

    def pointwise_loss(self, y, raw):
        error = raw[:, 0] - y
        return np.logaddexp(error, -error)

    def pointwise_gradient(self, y, raw):
        return np.tanh(raw - y[:, None])


def test_a_loss_of_formulas_alone():
    X, y, _ = numbers()
    held_out = {"X_val": X[:200], "y_val": y[:200]}

    def fitted(n_parts):
        make = maker(GradientBoostingRegressor, loss=LogCosh())
        if n_parts == 1:
            return [make(1).fit(X, y, **held_out)]
        return fit_parts(make, {"X": X, "y": y}, held_out, n_parts)

    (whole,) = fitted(1)
    for model in fitted(3):
        np.testing.assert_array_equal(model.predict(X), whole.predict(X))
        assert (
            model.history_["validation_loss"][-1]
            == (whole.history_["validation_loss"][-1])
        )


@pytest.mark.parametrize("multi_strategy", ["separate", "shared"])
def test_several_targets(multi_strategy):
    X, y, weight = numbers()
    y = np.column_stack([y, 1000 * y**2, np.nan_to_num(X[:, 3])])
    params = {"multi_strategy": multi_strategy, "early_stopping": True}
    check(
        maker(GradientBoostingRegressor, **params),
        {"X": X, "y": y, "sample_weight": weight},
        n_parts=(3,),
    )


@pytest.mark.parametrize(
    "params",
    [
        {"growth": "oblivious", "max_depth": 4},
        {"growth": "depth", "max_depth": 3},
        {"splitter": "random", "max_features_level": 0.5},
        {
            "l1_regularization": 0.5,
            "path_smoothing": 2.0,
            "monotonic_cst": [1] + 5 * [0],
        },
        {"interaction_cst": "pairwise", "min_gain": 0.1, "max_bins": 17},
        {"subsample": 0.004},
    ],
    ids=lambda params: next(iter(params)),
)
def test_trees(params):
    X, y, _ = numbers()
    check(maker(GradientBoostingRegressor, **params), {"X": X, "y": y}, n_parts=(2, 7))


def test_few_rows():
    """Less weight than 1000: leaves are small, and bounded by the weight of all."""
    X, y, weight = numbers(23)
    check(maker(GradientBoostingRegressor), {"X": X, "y": y})
    given = {"X": X, "y": y, "sample_weight": weight / 40}
    check(maker(GradientBoostingRegressor), given)


@pytest.mark.parametrize("task", ["Regressor", "Classifier"])
def test_the_number_of_rounds_is_left_to_the_data(task):
    """Cross-validation, with the folds of all rows."""
    X, y, weight = numbers(150)
    cls = globals()[f"GradientBoosting{task}"]
    given = {"X": X, "y": y if task == "Regressor" else (y > 0).astype(int)}
    given["sample_weight"] = weight
    make = maker(cls, n_estimators=None, subsample=0.7)
    check(make, given, n_parts=(2, 7))


def test_few_rows_that_stop_early():
    """Some parts hold no row out."""
    X, y, _ = numbers(40)
    make = maker(GradientBoostingRegressor, early_stopping=True)
    check(make, {"X": X, "y": y})


def test_warm_start():
    """Rounds are added as they are to one fit."""
    X, y, _ = numbers()
    params = {"random_state": 0, "n_jobs": 1, "subsample": 0.5}

    def fitted(own):
        model = GradientBoostingRegressor(n_estimators=3, warm_start=True, **params)
        model.fit(X[own], y[own]).set_params(n_estimators=6)
        return model_hash(model.fit(X[own], y[own]))

    edges = edges_of(len(y), 3)
    found = in_parts(3, lambda part: fitted(slice(*edges[part : part + 2])))
    assert set(found) == {fitted(slice(None))}


# ---- refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "absolute_error"}, "AbsoluteError cannot be used where rows"),
        ({"loss": "quantile", "quantile": 0.9}, "Quantile cannot be used"),
        ({"loss": "huber"}, "Huber cannot be used"),
        ({"linear_leaves": True}, "LinearTree cannot be used"),
        ({"learner": "linear"}, "cannot be used"),
        ({"sampling": "goss"}, "Sampled cannot be used"),
        ({"dropout": 0.1}, "Dropout"),
        ({"scoring": "r2", "early_stopping": True}, "scoring other than the loss"),
        ({"callbacks": [TimeBudget(9.0)]}, "callbacks=... is not possible"),
        ({"random_state": None}, "random state .give an integer"),
    ],
)
def test_what_needs_all_rows(params, message):
    X, y, _ = numbers(200)
    make = maker(GradientBoostingRegressor, **params)
    with pytest.raises((ValueError, TypeError), match=message):
        fit_parts(make, {"X": X, "y": y}, {}, 2)


def test_init_and_ranking():
    X, y, _ = numbers(200)
    start = GradientBoostingRegressor(n_estimators=2, random_state=0).fit(X, y)
    make = maker(GradientBoostingRegressor, init=start)
    with pytest.raises(ValueError, match=r"init=... is not possible"):
        fit_parts(make, {"X": X, "y": y}, {}, 2)
    given = {"X": X, "y": (y > 0).astype(int), "group": np.arange(200) // 10}
    with pytest.raises(ValueError, match="Groups of rows"):
        fit_parts(maker(GradientBoostingRanker), given, {}, 2)


def test_chunks():
    X, y, _ = numbers(200)

    def task(part):
        GradientBoostingRegressor(random_state=0).fit(Chunks([(X, y)]), None)

    with pytest.raises(ValueError, match="X as Chunks is not possible"):
        in_parts(2, task)


def test_one_shared_tree_of_many_outputs():
    X, _, _ = numbers(400)
    make = maker(GradientBoostingClassifier, multi_strategy="shared")
    with pytest.raises(ValueError, match="more than 16 outputs is not possible"):
        fit_parts(make, {"X": X, "y": np.arange(400) % 17}, {}, 2)


class OwnBaseline(LogCosh):
    """Says nothing of parts, and has a method that sees the rows of one alone."""

    def baseline(self, y, weight):
        return np.array([np.median(y)])


class Careless(OwnBaseline):
    takes_parts = True


def test_baselines_of_one_part_are_noticed():
    X, y, _ = numbers(200)
    for loss, message in ((OwnBaseline(), "OwnBaseline"), (Careless(), "the baseline")):
        make = maker(GradientBoostingRegressor, loss=loss)
        with pytest.raises((TypeError, ValueError), match=message):
            fit_parts(make, {"X": X, "y": y}, {}, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X.rename(columns={"a": "b"}), y), "names or the number"),
        (lambda X, y: (X.assign(c=1.0), y), "names or the number"),
        (lambda X, y: (X.assign(a="x"), y), "whether column 'a' is numeric"),
        (lambda X, y: (X.astype("float32"), y), "type of the numbers in X"),
        (lambda X, y: (X, y.astype(str)), "the type of their labels"),
    ],
)
def test_parts_that_differ(change, message):
    frame = pd.DataFrame({"a": np.arange(40.0)})
    y = np.arange(40) % 2

    def task(part):
        X, labels = change(frame, y) if part else (frame, y)
        GradientBoostingClassifier(random_state=0, n_estimators=1).fit(X, labels)

    with pytest.raises(ValueError, match=message):
        in_parts(2, task)


def test_arguments_that_differ():
    X, y, _ = numbers(60)

    def with_params(part):
        GradientBoostingRegressor(random_state=0, max_bins=9 + part).fit(X, y)

    with pytest.raises(ValueError, match="differ in the parameter max_bins"):
        in_parts(2, with_params)

    def with_val(part):
        held_out = {"X_val": X, "y_val": y} if part else {}
        GradientBoostingRegressor(random_state=0).fit(X, y, **held_out)

    with pytest.raises(ValueError, match="whether there are X_val"):
        in_parts(2, with_val)


def test_a_part_without_rows():
    X, y, _ = numbers(30)
    params = {"random_state": 0, "early_stopping": True, "validation_fraction": 0.9}

    def task(part):
        own = slice(0, 1) if part else slice(1, 30)
        GradientBoostingRegressor(**params).fit(X[own], y[own])

    with pytest.raises(ValueError, match="A part has no training row"):
        in_parts(2, task)


def test_one_part_that_fails_ends_the_others():
    X, y, _ = numbers(200)

    def task(part):
        target = np.where(part == 1, np.nan, y)
        GradientBoostingRegressor(random_state=0, n_estimators=1).fit(X, target)

    with pytest.raises(ValueError, match="contains NaN"):
        in_parts(3, task)


def test_the_context_ends_with_the_block():
    class BrokenError(Exception):
        pass

    def hook(buffer, op):
        raise BrokenError

    X, y, _ = numbers(60)
    with pytest.raises(BrokenError), reducing(hook, 0, 2):
        GradientBoostingRegressor(random_state=0).fit(X, y)
    assert reduce.parts() is None
    GradientBoostingRegressor(random_state=0, n_estimators=1).fit(X, y)


def test_the_hook_is_called_on_the_thread_of_the_fit():
    seen = set()
    X, y, _ = numbers(3000)
    with reducing(lambda buffer, op: seen.add(threading.get_ident()), 0, 1):
        GradientBoostingRegressor(random_state=0, n_jobs=2, n_estimators=2).fit(X, y)
    assert seen == {threading.get_ident()}


def test_arguments_of_reducing():
    with pytest.raises(TypeError, match="give a function"), reducing(3, 0, 2):
        pass
    for part in (-1, 2):
        with (
            pytest.raises(ValueError, match="numbered from 0"),
            reducing(lambda buffer, op: None, part, 2),
        ):
            pass


# ---- sums and messages ------------------------------------------------------------


def test_totals_are_near_the_exact_sum_and_depend_on_no_parts():
    rng = np.random.default_rng(0)
    for scale in (1.0, 1e300, 1e-300, 1e-320, 0.0):
        values = scale * rng.standard_normal(999)
        exact = float(sum(map(Fraction, values)))
        total = reduce.total(values)
        assert total == pytest.approx(exact, rel=1e-13, abs=0)
        assert reduce.total(values[::-1]) == total
        thirds = np.split(values, [100, 700])
        parts = in_parts(3, lambda part, own=thirds: reduce.total(own[part]))
        assert parts == [total] * 3
    assert reduce.total(np.empty(0)) == 0.0


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, np.inf], np.inf),
        ([-np.inf, 2.0], -np.inf),
        ([np.inf, -np.inf], np.nan),
        ([np.nan, np.inf], np.nan),
    ],
)
def test_totals_that_are_not_finite(values, expected):
    np.testing.assert_equal(reduce.total(np.array(values)), expected)
    found = in_parts(2, lambda part: reduce.total(np.array(values[part : part + 1])))
    np.testing.assert_equal(found, [expected] * 2)


def test_group_sums():
    rng = np.random.default_rng(1)
    values, groups = rng.standard_normal(500), rng.integers(0, 7, 500)
    sums = reduce.group_sums(groups, values, 9)
    np.testing.assert_allclose(sums, np.bincount(groups, values, 9), rtol=1e-12)
    assert (sums[7:] == 0).all()
    whole = reduce.group_sums(groups, np.ones(500), 9)
    np.testing.assert_array_equal(whole, np.bincount(groups, minlength=9))


@pytest.mark.parametrize(("n", "n_groups"), [(1, 1), (500, 7), (90_000, 5)])
def test_group_sums_are_those_of_exact_addition(n, n_groups):
    rng = np.random.default_rng(n)
    values = rng.standard_normal(n) * np.exp(2 * rng.standard_normal(n))
    groups, order = rng.integers(0, n_groups, n), rng.permutation(n)
    sums = reduce.group_sums(groups, values, n_groups)
    for group in range(n_groups):
        own = values[groups == group]
        bound = np.abs(values).max() * len(own) * 2.0**-69
        assert abs(sums[group] - math.fsum(own)) <= bound + 1e-300
    again = reduce.group_sums(groups[order], values[order], n_groups)
    np.testing.assert_array_equal(again, sums)


def test_what_parts_tell_each_other():
    def task(part):
        own = np.arange(part, dtype=float)
        return (
            reduce.gathered(own).tolist(),
            reduce.gathered(np.full((part, 2), part, dtype=np.uint64)).tolist(),
            reduce.own_rows(np.arange(3), part).tolist(),
            reduce.told([part, "ä" * part, None, 0.1]),
            reduce.count(part),
            reduce.first_of(own + 5),
            reduce.any_of(np.array([part == 1, False])).tolist(),
            reduce.whole(part, np.full(part, 2.0)),
        )

    found = in_parts(3, task)
    for part, own in enumerate(found):
        assert own[0] == [0.0, 0.0, 1.0]
        assert own[1] == [[1, 1], [2, 2], [2, 2]]
        assert own[2] == [[], [0], [1, 2]][part]
        assert own[3] == [[i, "ä" * i, None, 0.1] for i in range(3)]
        assert own[4:7] == (3, 5.0, [True, False])
        assert own[7] == reduce.Whole(3, [0, 0, 1][part], 6.0, False)


def test_without_parts_nothing_is_exchanged():
    values = np.arange(4.0)
    assert reduce.gathered(values) is values
    assert reduce.own_rows(values, 2) is values
    assert reduce.told("x") == ["x"]
    assert reduce.whole(4, None) == reduce.Whole(4, 0, 4.0, True)
    reduce.agree(object(), "anything")
    reduce.refuse("Nothing", "do as you like")
    reduce.check_takes_parts(object())
