"""Chunks in, the model of the whole table out, bit for bit."""

from __future__ import annotations

import os
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from sklearn.dummy import DummyClassifier

import boostlab
from boostlab import (
    BoostingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRanker,
    GradientBoostingRegressor,
    NGBoostClassifier,
    NGBoostRegressor,
)
from boostlab.callbacks import Checkpoint
from boostlab.callbacks.monitor import BaseMonitor
from boostlab.data import Chunks
from boostlab.persistence import model_hash
from boostlab.persistence.ensemble import ensemble_to_parts

LIBRARIES = {"pandas": lambda f: f, "polars": pl.from_pandas, "arrow": pa.table}


def check_same(one, other):
    """All that was learnt, bit for bit."""
    found, expected = (ensemble_to_parts(model.ensemble_) for model in (one, other))
    assert found[0] == expected[0]
    assert found[1].keys() == expected[1].keys()
    for name, array in found[1].items():
        assert array.dtype == expected[1][name].dtype
        assert array.tobytes() == expected[1][name].tobytes(), name
    assert one.encoder_.to_parts() == other.encoder_.to_parts()
    assert one.history_.keys() == other.history_.keys()
    for name, curve in one.history_.items():
        np.testing.assert_array_equal(curve, other.history_[name])
    for name in ("classes_", "feature_names_in_", "baseline_prediction_"):
        assert hasattr(one, name) == hasattr(other, name)
        if hasattr(one, name):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.n_features_in_ == other.n_features_in_
    assert one.generator_state_ == other.generator_state_


def cut(frame, size, convert=lambda frame: frame):
    """Chunks of `size` rows, or of random sizes, some of them 0."""
    if isinstance(size, int):
        starts = [*range(0, len(frame), size), len(frame)]
    else:
        rng = np.random.default_rng(0)
        starts = np.sort(rng.integers(0, len(frame), 12))
        starts = [0, 0, *starts, starts[-1], len(frame)]
    return [convert(frame.iloc[a:b]) for a, b in pairwise(starts)]


def table(n=1500, seed=0):
    """Numbers of all widths, missing values, flags, few and many categories."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "real": rng.normal(size=n),
            "single": rng.normal(size=n).astype(np.float32),
            "count": rng.poisson(2, size=n),
            "flag": rng.random(n) < 0.3,
            "nothing": np.full(n, np.nan),
            "few": rng.choice(["u", "v", "w", "rare"], n, p=[0.5, 0.3, 0.199, 0.001]),
            "many": rng.choice([f"c{i}" for i in range(400)], n),
            "mixed": rng.choice(np.array([1, True, "one", None], dtype=object), n),
        }
    )
    frame.loc[rng.random(n) < 0.2, "real"] = np.nan
    frame.loc[rng.random(n) < 0.1, ["few", "many"]] = None
    score = np.nan_to_num(frame["real"]) + (frame["few"] == "v") + frame["flag"]
    frame["number"] = score + rng.normal(size=n)
    frame["label"] = np.where(score + rng.normal(size=n) > 0.7, "yes", "no")
    frame["grade"] = np.digitize(score + rng.normal(size=n), [0, 1.5])
    frame["weight"] = rng.integers(0, 4, n) / 3
    frame["query"] = rng.integers(n // 20, size=n)
    return frame


FRAME = table()
FEATURES = list(FRAME.columns[:8])
PARAMETERS = {"n_estimators": 8, "random_state": 0, "max_leaf_nodes": 8}
KINDS = {
    "number": GradientBoostingRegressor,
    "label": GradientBoostingClassifier,
    "grade": GradientBoostingClassifier,
}


def chunked(frame, target, size=200, convert=lambda frame: frame, **kwargs):
    parts = cut(frame, size, convert)
    return Chunks(parts, target=target, features=FEATURES, **kwargs)


@pytest.mark.parametrize("size", [149, 1500, "random"])
@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_model_is_that_of_the_whole_table(size, target, weighted, early_stopping):
    parameters = {**PARAMETERS, "early_stopping": early_stopping}
    weight = FRAME["weight"] if weighted else None
    expected = KINDS[target](**parameters).fit(FRAME[FEATURES], FRAME[target], weight)
    data = chunked(FRAME, target, size, weight="weight" if weighted else None)
    model = KINDS[target](**parameters).fit(data)
    check_same(model, expected)
    np.testing.assert_array_equal(
        model.predict(data), expected.predict(FRAME[FEATURES])
    )
    if target != "number":
        np.testing.assert_array_equal(
            model.predict_proba(data), expected.predict_proba(FRAME[FEATURES])
        )


@pytest.mark.parametrize(
    ("name", "n_jobs"), [("adult", 2), ("diamonds", 1), ("satimage", 2)]
)
def test_real_tables(real_table, name, n_jobs, tmp_path):
    X, y, task = real_table(name)
    kind = (
        GradientBoostingRegressor
        if task == "regression"
        else (GradientBoostingClassifier)
    )
    parameters = {"n_estimators": 6, "random_state": 3, "n_jobs": n_jobs}
    expected = kind(**parameters).fit(X, y)
    frame = X.assign(the_target=y)
    file = tmp_path / "table.parquet"
    frame.to_parquet(file, row_group_size=5000)
    for source in (cut(frame, 4321), cut(frame, "random"), file, ds.dataset(file)):
        data = Chunks(source, target="the_target", memory="20MB")
        check_same(kind(**parameters).fit(data), expected)
        np.testing.assert_array_equal(expected.predict(data), expected.predict(X))


@pytest.mark.parametrize("library", LIBRARIES)
def test_frames_of_any_library(library):
    frame = FRAME.drop(columns="mixed")
    names = [name for name in FEATURES if name != "mixed"]
    convert = LIBRARIES[library]
    for target, kind in KINDS.items():
        expected = kind(**PARAMETERS).fit(convert(frame[names]), frame[target])
        data = Chunks(cut(frame, 111, convert), target=target, features=names)
        check_same(kind(**PARAMETERS).fit(data), expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_matrices_without_names(dtype):
    rng = np.random.default_rng(0)
    X = (10 * rng.normal(size=(900, 20))).astype(dtype)
    y = X[:, 0] + X[:, 1] > 0
    parameters = {**PARAMETERS, "early_stopping": True}
    expected = GradientBoostingClassifier(**parameters).fit(X, y)
    data = Chunks([(X[a : a + 70], y[a : a + 70]) for a in range(0, 900, 70)])
    model = GradientBoostingClassifier(**parameters).fit(data)
    check_same(model, expected)
    assert not hasattr(model, "feature_names_in_")
    np.testing.assert_array_equal(
        model.decision_function(data), expected.decision_function(X)
    )
    np.testing.assert_array_equal(model.predict(Chunks([X])), expected.predict(X))


def test_a_generator_is_read_once():
    parts = (part for part in cut(FRAME, 100))
    data = Chunks(parts, target="number", features=FEATURES)
    model = GradientBoostingRegressor(**PARAMETERS).fit(data)
    whole = FRAME[FEATURES], FRAME["number"]
    check_same(model, GradientBoostingRegressor(**PARAMETERS).fit(*whole))
    with pytest.raises(ValueError, match="hold no rows"):
        GradientBoostingRegressor(**PARAMETERS).fit(data)


def test_types_columns_and_dictionaries_may_differ():
    whole = FRAME.drop(columns="mixed").assign(few=FRAME["few"].fillna("u"))
    names = [name for name in FEATURES if name != "mixed"]
    first, second, third = whole[:500], whole[500:900], whole[900:]
    first = first.assign(few=first["few"].astype("category"))
    order = pd.CategoricalDtype(["rare", "w", "zero", "v", "u"])
    second = second.assign(
        few=second["few"].astype(order),
        count=second["count"].astype(np.int8),
        flag=second["flag"].astype(object),
        single=second["single"].astype(np.float64),
    )
    third = pa.table(third.assign(count=third["count"].astype(float)))
    parts = [first, second[list(reversed(second.columns))], third]
    data = Chunks(parts, target="label", features=names)
    expected = GradientBoostingClassifier(**PARAMETERS).fit(
        whole[names], whole["label"]
    )
    whole_first = whole[names]
    model = GradientBoostingClassifier(**PARAMETERS).fit(data)
    check_same(model, expected)
    np.testing.assert_array_equal(model.predict(data), expected.predict(whole_first))


def test_chunks_without_a_value_of_a_column_say_nothing_of_it():
    n = len(FRAME)
    real, text = FRAME["real"].copy(), FRAME["few"].copy()
    real[:500], text[:500] = np.nan, None
    text[800:] = None
    whole = pd.DataFrame({"real": real, "text": text, "label": FRAME["label"]})
    parts = [whole[:500], whole[500:800], whole[800:]]
    parts[0] = parts[0].assign(real=None, text=np.nan)  # an object, and a float
    parts[2] = pa.table(parts[2]).set_column(1, "text", pa.nulls(n - 800))
    expected = GradientBoostingClassifier(**PARAMETERS).fit(
        whole[["real", "text"]], whole["label"]
    )
    model = GradientBoostingClassifier(**PARAMETERS).fit(Chunks(parts, target="label"))
    check_same(model, expected)


def test_declared_orders_stay():
    kind = pd.CategoricalDtype(["w", "v", "u", "rare", "never"], ordered=True)
    whole = FRAME.assign(few=FRAME["few"].astype(kind))
    expected = GradientBoostingClassifier(**PARAMETERS).fit(
        whole[FEATURES], whole["label"]
    )
    model = GradientBoostingClassifier(**PARAMETERS).fit(chunked(whole, "label"))
    check_same(model, expected)
    assert model.encoder_.categories_[5] == ("w", "v", "u", "rare", "never")
    other = whole[700:].assign(
        few=whole["few"][700:].cat.reorder_categories(
            ["v", "w", "u", "rare", "never"], ordered=True
        )
    )
    data = Chunks([whole[:700], other], target="label", features=FEATURES)
    with pytest.raises(ValueError, match="'few' declares another order"):
        GradientBoostingClassifier().fit(data)


@pytest.mark.parametrize("held_out", ["chunks", "frame"])
@pytest.mark.parametrize("train", ["chunks", "frame"])
@pytest.mark.parametrize("target", KINDS)
def test_held_out_rows_may_be_chunks_too(target, train, held_out):
    fit, val = FRAME[:1000], FRAME[1000:]
    expected = KINDS[target](**PARAMETERS).fit(
        fit[FEATURES],
        fit[target],
        fit["weight"],
        X_val=val[FEATURES],
        y_val=val[target],
        sample_weight_val=val["weight"],
    )
    model = KINDS[target](**PARAMETERS)
    given = {"X": fit[FEATURES], "y": fit[target], "sample_weight": fit["weight"]}
    given = {"X": chunked(fit, target, weight="weight")} if train == "chunks" else given
    aside = {
        "X_val": val[FEATURES],
        "y_val": val[target],
        "sample_weight_val": val["weight"],
    }
    if held_out == "chunks":
        aside = {"X_val": chunked(val, target, 77, weight="weight")}
    check_same(model.fit(**given, **aside), expected)
    assert "validation_loss" in model.history_


@pytest.mark.parametrize(
    "parameters",
    [
        {"class_weight": "balanced", "early_stopping": True},
        {"n_estimators": None, "learning_rate": 0.5},
        {"scoring": "accuracy", "early_stopping": True},
        {"sampling": "goss", "learning_rate": 0.5},
        {"subsample": 0.5, "max_features": 0.5},
        {"growth": "oblivious", "max_leaf_nodes": 31},
        {"multi_strategy": "shared", "max_bins": 16},
        {"dropout": 0.3},
        {"learner": None, "max_depth": 2, "monotonic_cst": {"real": 1}},
    ],
)
def test_parameters_mean_the_same(parameters):
    parameters = {**PARAMETERS, **parameters}
    target = "label" if "monotonic_cst" in parameters else "grade"
    expected = GradientBoostingClassifier(**parameters)
    expected.fit(FRAME[FEATURES], FRAME[target])
    model = GradientBoostingClassifier(**parameters).fit(chunked(FRAME, target, 250))
    check_same(model, expected)


@pytest.mark.parametrize("loss", ["absolute_error", "poisson"])
def test_losses_mean_the_same(loss):
    whole = FRAME.assign(number=FRAME["number"].abs())
    expected = GradientBoostingRegressor(loss, **PARAMETERS)
    expected.fit(whole[FEATURES], whole["number"])
    model = GradientBoostingRegressor(loss, **PARAMETERS)
    check_same(model.fit(chunked(whole, "number")), expected)


def test_generic_estimators_and_several_targets():
    expected = BoostingClassifier(n_estimators=4, random_state=0)
    expected.fit(FRAME[FEATURES], FRAME["label"])
    model = BoostingClassifier(n_estimators=4, random_state=0)
    check_same(model.fit(chunked(FRAME, "label")), expected)
    for kind, target in ((NGBoostRegressor, "number"), (NGBoostClassifier, "grade")):
        expected = kind(n_estimators=4, random_state=0, early_stopping=True)
        expected.fit(FRAME[FEATURES], FRAME[target])
        model = kind(n_estimators=4, random_state=0, early_stopping=True)
        check_same(model.fit(chunked(FRAME, target)), expected)
    targets = ["number", "grade"]
    expected = GradientBoostingRegressor(**PARAMETERS)
    expected.fit(FRAME[FEATURES], FRAME[targets])
    model = GradientBoostingRegressor(**PARAMETERS).fit(chunked(FRAME, targets))
    check_same(model, expected)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("form", ["names", "texts", "tuples"])
def test_ranking(early_stopping, form):
    parameters = {**PARAMETERS, "early_stopping": early_stopping}
    query = FRAME["query"]
    if form == "texts":
        query = query.map("q{:03}".format).astype(object)
    whole = FRAME.assign(query=query)
    expected = GradientBoostingRanker(**parameters)
    expected.fit(whole[FEATURES], whole["grade"], whole["query"])
    data = chunked(whole, "grade", group="query")
    if form == "tuples":
        data = Chunks(
            [(c[FEATURES], c["grade"], None, c["query"]) for c in cut(whole, 300)]
        )
    check_same(GradientBoostingRanker(**parameters).fit(data), expected)
    model = GradientBoostingRanker(**parameters).fit(
        data, X_val=whole[FEATURES], y_val=whole["grade"], group_val=whole["query"]
    )
    assert len(model.history_["validation_loss"]) > 1
    parts = [(FRAME[:9], *[FRAME[n][:9] for n in ("grade", "weight", "query")])]
    parts.append((FRAME[9:], FRAME["grade"][9:]))
    with pytest.raises(ValueError, match="Some chunks have groups"):
        GradientBoostingRanker().fit(Chunks(parts))


def test_a_single_class_is_predicted_always():
    whole = FRAME.assign(label="one")
    data = chunked(whole, "label")
    model = GradientBoostingClassifier().fit(data)
    assert model.classes_.tolist() == ["one"]
    assert (model.predict(data) == "one").all()
    assert model.predict(data).shape == (1500,)
    parts = [FRAME[FRAME["label"] == label] for label in ("no", "yes")]
    data = Chunks(parts, target="label", features=FEATURES)
    joined = pd.concat(parts)
    expected = GradientBoostingClassifier(**PARAMETERS)
    expected.fit(joined[FEATURES], joined["label"])
    check_same(GradientBoostingClassifier(**PARAMETERS).fit(data), expected)


@pytest.mark.parametrize("kind", [int, float, bool, "category", "labels"])
def test_labels_of_any_type(kind):
    labels = FRAME["grade"] > 0
    labels = labels.map({True: "b", False: "a"}) if kind == "labels" else labels
    whole = FRAME.assign(label=labels.astype("object" if kind == "labels" else kind))
    expected = GradientBoostingClassifier(**PARAMETERS)
    expected.fit(whole[FEATURES], whole["label"].to_numpy())
    model = GradientBoostingClassifier(**PARAMETERS).fit(chunked(whole, "label"))
    check_same(model, expected)
    assert model.classes_.dtype == expected.classes_.dtype


def test_going_on_from_earlier_rounds(tmp_path):
    X, y = FRAME[FEATURES], FRAME["label"]
    data = chunked(FRAME, "label")
    two = {**PARAMETERS, "n_estimators": 4, "warm_start": True}
    expected, model = (
        GradientBoostingClassifier(**two),
        GradientBoostingClassifier(**two),
    )
    expected.fit(X, y).set_params(n_estimators=8).fit(X, y)
    check_same(model.fit(data).set_params(n_estimators=8).fit(data), expected)
    start = GradientBoostingClassifier(**PARAMETERS).fit(X[:700], y[:700])
    expected = GradientBoostingClassifier(**PARAMETERS, init=start).fit(X, y)
    model = GradientBoostingClassifier(**PARAMETERS, init=start).fit(data)
    check_same(model, expected)
    saved = Checkpoint(tmp_path / "checkpoint", every=2)
    short = {**PARAMETERS, "n_estimators": 5}
    GradientBoostingClassifier(**short, callbacks=[saved]).fit(data)
    model = GradientBoostingClassifier(**PARAMETERS, callbacks=[saved]).fit(data)
    assert saved.resumed_from_ == 5
    check_same(model, GradientBoostingClassifier(**PARAMETERS).fit(X, y))


def test_a_model_of_chunks_is_saved_and_explained(tmp_path):
    model = GradientBoostingClassifier(**PARAMETERS).fit(chunked(FRAME, "label"))
    model.save(tmp_path / "model")
    again = boostlab.load(tmp_path / "model")
    X = FRAME[FEATURES][:50]
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    shares = model.predict_contributions(X)
    np.testing.assert_allclose(
        shares.sum(axis=1), model.decision_function(X), atol=1e-9
    )


def test_unknown_categories_of_held_out_chunks():
    val = FRAME.assign(few="new")
    data, aside = chunked(FRAME, "label"), chunked(val, "label")
    given = {"X_val": val[FEATURES], "y_val": val["label"]}
    expected = GradientBoostingClassifier(**PARAMETERS)
    expected.fit(FRAME[FEATURES], FRAME["label"], **given)
    model = GradientBoostingClassifier(**PARAMETERS).fit(data, X_val=aside)
    check_same(model, expected)
    strict = GradientBoostingClassifier(**PARAMETERS, handle_unknown="error")
    with pytest.raises(ValueError, match="category 'new'"):
        strict.fit(data, X_val=aside)
    texts = FRAME.assign(real="text")
    with pytest.raises(ValueError, match="'real' was numeric in fit"):
        GradientBoostingClassifier().fit(data, X_val=chunked(texts, "label"))


class Looks(BaseMonitor):
    """Lists a folder in every round, and raises in one of them."""

    def __init__(self, folder, error=None):
        self.folder = folder
        self.error = error
        self.seen = []

    def after_round(self, run):
        self.seen.append(os.listdir(self.folder))
        if self.error is not None and len(self.seen) == 3:
            raise self.error
        return False


@pytest.mark.parametrize("error", [None, KeyboardInterrupt(), RuntimeError()])
def test_files_never_have_names(tmp_path, error):
    data = chunked(FRAME, "number", directory=tmp_path)
    looks = Looks(tmp_path, error)
    model = GradientBoostingRegressor(**PARAMETERS, callbacks=[looks])
    if error is None:
        model.fit(data)
    else:
        with pytest.raises(type(error)):
            model.fit(data)
    assert looks.seen
    assert not any(looks.seen)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("model", "chunks", "match"),
    [
        (GradientBoostingRegressor(), [], "hold no rows"),
        (GradientBoostingRegressor(), [FRAME[:0]], "hold no rows"),
        (
            GradientBoostingRegressor(),
            [FRAME[:5], FRAME[5:].assign(real="text")],
            "Column 'real' holds numbers in one chunk",
        ),
        (
            GradientBoostingRegressor(),
            [FRAME[:5], FRAME[5:].assign(few=3.5)],
            "Column 'few' holds numbers in one chunk",
        ),
        (
            GradientBoostingRegressor(),
            [FRAME, FRAME.assign(number=np.nan)],
            "y contains NaN",
        ),
        (
            GradientBoostingRegressor(),
            [FRAME.assign(weight=-1.0)],
            "sample_weight contains negative",
        ),
        (
            GradientBoostingRegressor(),
            [FRAME.assign(weight=0.0), FRAME.assign(weight=0.0)],
            "sample_weight are all zero",
        ),
        (
            GradientBoostingRegressor(),
            [FRAME.assign(real=pd.Timestamp("2020-01-01"))],
            "dates or times",
        ),
    ],
)
def test_chunks_that_cannot_be_used_are_refused(model, chunks, match):
    data = Chunks(chunks, target="number", features=FEATURES, weight="weight")
    with pytest.raises(ValueError, match=match) as caught:
        model.fit(data)
    assert "\n" not in str(caught.value)


def test_labels_that_do_not_go_together_are_refused():
    parts = [FRAME[:700], FRAME[700:].assign(label=3)]
    data = Chunks(parts, target="label", features=FEATURES)
    with pytest.raises(ValueError, match="cannot be sorted"):
        GradientBoostingClassifier().fit(data)
    X, y = FRAME[FEATURES], np.zeros((len(FRAME), 2))
    data = Chunks([(X[:7], y[:7]), (X[7:], y[7:, 0])])
    with pytest.raises(ValueError, match=r"targets of shape \(1493,\)"):
        GradientBoostingRegressor().fit(data)


def test_what_chunks_hold_is_not_given_beside_them():
    data, model = chunked(FRAME, "number"), GradientBoostingRegressor()
    with pytest.raises(ValueError, match="y cannot be given beside Chunks"):
        model.fit(data, FRAME["number"])
    with pytest.raises(ValueError, match="sample_weight cannot be given beside"):
        model.fit(data, sample_weight=FRAME["weight"])
    with pytest.raises(ValueError, match="y_val cannot be given beside"):
        model.fit(data, X_val=data, y_val=FRAME["number"])
    with pytest.raises(ValueError, match="X_val and y_val belong together"):
        model.fit(data, X_val=FRAME[FEATURES])


def test_learners_that_need_the_values_refuse_chunks():
    data = chunked(FRAME, "label")
    for model in (
        GradientBoostingClassifier(linear_leaves=True),
        GradientBoostingClassifier(learner="linear"),
    ):
        with pytest.raises(TypeError, match="read by trees alone"):
            model.fit(data)
    numbers = Chunks(cut(FRAME[["single", "label"]], 100), target="label")
    start = DummyClassifier().fit(FRAME[["single"]], FRAME["label"])
    with pytest.raises(TypeError, match="table is on disk"):
        GradientBoostingClassifier(init=start).fit(numbers)
    model = GradientBoostingClassifier(**PARAMETERS).fit(data)
    for refuses in (model.apply, model.predict_contributions, _staged(model)):
        with pytest.raises(TypeError, match="one chunk after another"):
            refuses(data)


def _staged(model):
    return lambda X: list(model.staged_predict(X))


def test_rows_and_categories_beyond_the_memory_are_refused():
    X = np.zeros((150_000, 2))
    read = []

    def chunks():
        for i in range(100):
            read.append(i)
            yield X, X[:, 0]

    with pytest.raises(ValueError, match="about 100 bytes for each row") as caught:
        GradientBoostingRegressor().fit(Chunks(chunks, memory="20MB"))
    assert "\n" not in str(caught.value)
    assert len(read) == 2
    names = np.arange(100_000)
    frame = pd.DataFrame({"id": [f"{i}" for i in names], "z": 1.5, "y": names})
    with pytest.raises(ValueError, match=r"Column 'id' has more than [\d,]+ categ"):
        GradientBoostingRegressor().fit(Chunks([frame], target="y", memory="20MB"))


def test_parquet_keeps_order_and_missing_values(tmp_path):
    frame = FRAME.drop(columns="mixed")
    names = [name for name in FEATURES if name != "mixed"]
    arrow = pa.table(frame)
    for i in range(3):
        pq.write_table(
            arrow[i * 500 : (i + 1) * 500], tmp_path / f"{i}.parquet", row_group_size=99
        )
    expected = GradientBoostingClassifier(**PARAMETERS, early_stopping=True)
    expected.fit(frame[names], frame["grade"])
    data = Chunks(tmp_path, target="grade", features=names)
    model = GradientBoostingClassifier(**PARAMETERS, early_stopping=True).fit(data)
    check_same(model, expected)
    np.testing.assert_array_equal(model.predict(data), expected.predict(frame[names]))


def test_an_array_of_weights_may_be_filled_anew():
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(300, 3)), rng.normal(size=300), rng.random(300)
    buffer = np.empty(100)

    def refilled():
        for start in range(0, 300, 100):
            rows = slice(start, start + 100)
            buffer[:] = weight[rows]
            yield X[rows], y[rows], buffer

    model = GradientBoostingRegressor(n_estimators=5, random_state=0)
    one = model_hash(model.fit(Chunks(refilled())))
    assert one == model_hash(model.fit(X, y, sample_weight=weight))
