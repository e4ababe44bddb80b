import pickle

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, cross_validate
from sklearn.tree import DecisionTreeRegressor

import boostlab
from boostlab import GradientBoostingRanker
from boostlab.callbacks import Checkpoint
from boostlab.metrics import mean_average_precision, ndcg_score
from boostlab.objectives import CrossEntropyNDCG, LambdaRank, PairwiseLogistic
from boostlab.persistence import ModelFileError
from boostlab.samplers import GroupsAndColumns

LOSSES = ("ndcg", "map", "pairwise", "xe_ndcg")


def documents(n=800, n_queries=40, seed=0):
    """Return rows in no order, grades 0-3, queries of unequal size."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6))
    score = X[:, 0] + np.sin(2 * X[:, 1]) + 0.5 * X[:, 2] * X[:, 3]
    y = np.digitize(score + 0.5 * rng.normal(size=n), [0.5, 1.2, 2.0])
    query = np.minimum(rng.integers(n_queries, size=n), rng.integers(n_queries, size=n))
    return X, y, query


def ranker(loss="ndcg", **params):
    defaults = {"n_estimators": 20, "min_samples_leaf": 10, "random_state": 0}
    return GradientBoostingRanker(loss, **(defaults | params))


@pytest.mark.parametrize("loss", LOSSES)
def test_it_learns_to_rank(loss):
    X, y, query = documents()
    X_test, y_test, query_test = documents(seed=1)
    model = ranker(loss, n_estimators=50).fit(X, y, query)
    assert model.score(X_test, y_test, query_test) > 0.83
    assert ndcg_score(y_test, -X_test[:, 5], query_test) < 0.7
    score = model.predict(X_test)
    assert score.shape == (800,)
    assert model.score(X_test, y_test, query_test) == ndcg_score(
        y_test, score, query_test
    )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("subsample", [1.0, 0.5])
def test_neither_the_order_of_rows_nor_the_names_of_queries_matter(loss, subsample):
    X, y, query = documents()
    model = ranker(loss, subsample=subsample).fit(X, y, query)
    order = np.random.default_rng(3).permutation(len(y))
    names = np.array([f"query {q:03}" for q in query], dtype=object)[order]
    other = ranker(loss, subsample=subsample).fit(X[order], y[order], names)
    np.testing.assert_allclose(other.predict(X), model.predict(X), rtol=1e-8)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_query_of_weight_2_is_that_query_given_twice(loss):
    X, y, query = documents()
    heavy = query < 6
    again = np.concatenate([np.arange(len(y)), np.flatnonzero(heavy)])
    names = query[again] + 1000 * (np.arange(len(again)) >= len(y))
    one = ranker(loss).fit(X, y, query, sample_weight=1 + heavy)
    two = ranker(loss).fit(X[again], y[again], names)
    np.testing.assert_allclose(one.predict(X), two.predict(X), rtol=1e-7)


def test_weights_of_documents_and_of_no_documents():
    X, y, query = documents()
    times = np.random.default_rng(5).integers(0, 3, len(y))
    again = np.repeat(np.arange(len(y)), times)
    weighted = ranker().fit(X, y, query, times)
    # In a query of which all remaining rows weigh 2, that is the query's weight.
    least = np.array([times[(query == q) & (times > 0)].min() for q in query])
    assert (least == 1).all()
    repeated = ranker().fit(X[again], y[again], query[again])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)
    with pytest.raises(ValueError, match="whole multiple"):
        ranker().fit(X, y, query, np.random.default_rng(0).uniform(1, 2, len(y)))


@pytest.mark.parametrize("loss", LOSSES)
def test_the_number_of_threads_does_not_matter(loss):
    X, y, query = documents()
    raws = {
        ranker(loss, n_jobs=n).fit(X, y, query).predict(X).tobytes() for n in (1, 2, 3)
    }
    assert len(raws) == 1


def test_whole_queries_are_sampled():
    X, y, query = documents()
    model = ranker(subsample=0.25, n_estimators=1).fit(X, y, query)
    drawn = model.ensemble_.rounds[0].hypothesis.trees[0].weight[0]
    sampler = model._make_boosting(model.objective_).sampler
    assert isinstance(sampler, GroupsAndColumns)
    assert sampler.subsample == 0.25
    assert drawn != 200  # a quarter of the queries, not of the rows


@pytest.mark.parametrize(
    "params",
    [
        {"sampling": "goss"},
        {"sampling": "mvs", "subsample": 0.4},
        {"growth": "depth", "max_depth": 3},
        {"learner": DecisionTreeRegressor(max_depth=4), "min_samples_leaf": "auto"},
    ],
)
def test_other_ways_to_grow(params):
    X, y, query = documents()
    assert ranker(**params).fit(X, y, query).score(X, y, query) > 0.85


def test_whole_queries_are_held_out():
    X, y, query = documents()
    X[:, 5] = query
    seen = {}

    def keep(model, X, y, group):
        seen["X"], seen["group"] = X, group
        return ndcg_score(y, model.predict(X), group)

    model = ranker(early_stopping=True, scoring=keep, validation_fraction=0.2)
    model.fit(X, y, query)
    held_out = seen["X"][:, 5]
    assert 80 < len(held_out) < 240
    for q in np.unique(held_out):
        assert np.sum(held_out == q) == np.sum(query == q)
        assert len(np.unique(seen["group"][held_out == q])) == 1


def test_the_best_round_is_delivered():
    X, y, query = documents()
    val = documents(seed=1)
    model = ranker(n_estimators=200, scoring="ndcg@5", n_iter_no_change=5)
    model.fit(X, y, query, X_val=val[0], y_val=val[1], group_val=val[2])
    scores = model.validation_score_
    assert model.n_iter_ == np.argmax(scores) < len(scores) - 1
    told = ndcg_score(val[1], model.predict(val[0]), val[2], 5)
    assert scores[model.n_iter_] == pytest.approx(told, rel=1e-12)
    losses = model.history_["validation_loss"]
    assert losses[model.n_iter_] == pytest.approx(
        1 - ndcg_score(val[1], model.predict(val[0]), val[2], 30), rel=1e-12
    )


@pytest.mark.parametrize("scoring", ["map", "ndcg", "ndcg@3"])
def test_what_early_stopping_watches(scoring):
    X, y, query = documents()
    weight = 1.0 + (query % 2)
    model = ranker(early_stopping=True, validation_fraction=None, scoring=scoring)
    model.fit(X, y, query, weight)
    score = model.predict(X)
    if scoring == "map":
        told = mean_average_precision(y, score, query, sample_weight=weight)
    else:
        k = 3 if "@" in scoring else None
        told = ndcg_score(y, score, query, k, sample_weight=weight)
    assert model.validation_score_[model.n_iter_] == pytest.approx(told, rel=1e-12)


def test_one_query_stops_early_only_when_asked_and_given_rows():
    X, y, _ = documents(11_000)
    model = ranker(n_estimators=2).fit(X, y)
    assert model.n_iter_ == 2
    assert "validation_loss" not in model.history_
    with pytest.raises(ValueError, match=r"n_queries = 1 .* no rows to train on"):
        ranker(early_stopping=True).fit(X, y)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"group": [1, 2]}, r"group has shape \(2,\)"),
        ({"group": np.array([500, 300])}, "np.repeat"),
        ({"group": None, "X_val": "X", "y_val": "y", "group_val": "q"}, "or neither"),
        ({"X_val": "X", "y_val": "y"}, "or neither"),
        ({"X_val": "X", "y_val": "y", "group_val": [1]}, r"group_val has shape \(1,\)"),
        ({"group_val": "q"}, "X_val and y_val belong together"),
        ({"y": np.full(800, -1)}, "Negative values in data: y holds 800"),
        ({"y": np.full(800, 99)}, "are no grades of relevance"),
    ],
)
def test_what_cannot_be_fitted(change, match):
    X, y, query = documents()
    arguments = {"X": X, "y": y, "group": query}
    known = {"X": X, "y": y, "q": query}
    for name, value in change.items():
        is_name = isinstance(value, str)
        arguments[name] = known[value] if is_name else value
    with pytest.raises(ValueError, match=match):
        ranker().fit(**arguments)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"scoring": "ndcg@0"}, "scoring is 'ndcg@0'; give 'loss', 'ndcg'"),
        ({"scoring": "accuracy"}, "scoring is 'accuracy'"),
        ({"loss": "lambdarank"}, "loss is 'lambdarank'"),
        ({"loss": LambdaRank("mrr")}, "measure is 'mrr'"),
    ],
)
def test_parameters_out_of_range(params, match):
    X, y, query = documents()
    with pytest.raises(ValueError, match=match):
        ranker(**params).fit(X, y, query)


@pytest.mark.parametrize(
    "loss",
    [
        *LOSSES,
        LambdaRank(gain="linear"),
        PairwiseLogistic(3),
        CrossEntropyNDCG("linear"),
    ],
)
def test_models_survive_files_pickles_and_clones(loss, tmp_path):
    X, y, query = documents()
    model = ranker(loss).fit(X, y, query)
    score = model.predict(X)
    model.save(tmp_path / "model.boostlab")
    for again in (
        boostlab.load(tmp_path / "model.boostlab"),
        pickle.loads(pickle.dumps(model)),
        clone(model).fit(X, y, query),
    ):
        np.testing.assert_array_equal(again.predict(X), score)
        assert again.score(X, y, query) == model.score(X, y, query)
        assert again.get_params().keys() == model.get_params().keys()


@pytest.mark.parametrize("loss", LOSSES)
def test_warm_start_is_one_longer_fit(loss):
    X, y, query = documents()
    long = ranker(loss, subsample=0.7).fit(X, y, query)
    short = ranker(loss, subsample=0.7, warm_start=True, n_estimators=7)
    short.fit(X, y, query).set_params(n_estimators=20).fit(X, y, query)
    np.testing.assert_array_equal(short.predict(X), long.predict(X))
    stages = list(long.staged_predict(X))
    assert len(stages) == 20
    np.testing.assert_array_equal(stages[-1], long.predict(X))


@pytest.mark.parametrize("loss", ["ndcg", "xe_ndcg"])
def test_a_checkpoint_belongs_to_its_queries(loss, tmp_path):
    X, y, query = documents()
    whole = ranker(loss, subsample=0.7).fit(X, y, query)
    path = tmp_path / "checkpoint"

    def fit(n, group):
        callbacks = [Checkpoint(path, every=3)]
        params = {"n_estimators": n, "subsample": 0.7, "callbacks": callbacks}
        return ranker(loss, **params).fit(X, y, group)

    fit(8, query)
    np.testing.assert_array_equal(fit(20, query).predict(X), whole.predict(X))
    with pytest.raises(ModelFileError, match="training rows"):
        fit(30, query // 2)


def test_queries_are_routed_through_cross_validation():
    X, y, query = documents()
    with sklearn.config_context(enable_metadata_routing=True):
        model = ranker().set_fit_request(group=True, sample_weight=True)
        model.set_score_request(group=True, sample_weight=True)
        done = cross_validate(
            model,
            X,
            y,
            params={"group": query, "sample_weight": 1 + query % 2, "groups": query},
            cv=GroupKFold(3),
            return_estimator=True,
            return_indices=True,
        )
    for score, fitted, test in zip(
        done["test_score"], done["estimator"], done["indices"]["test"], strict=True
    ):
        weight = 1 + query[test] % 2
        told = fitted.score(X[test], y[test], query[test], weight)
        assert score == told > 0.8


def test_frames_with_categories():
    pandas = pytest.importorskip("pandas")
    X, y, query = documents()
    frame = pandas.DataFrame(X[:, :3], columns=["a", "b", "c"])
    frame["kind"] = np.array(["low", "high"])[(X[:, 1] > 0).astype(int)]
    frame.loc[::7, "a"] = np.nan
    model = ranker().fit(frame, y, pandas.Series([f"q{q}" for q in query]))
    assert model.score(frame, y, query) > 0.85
    assert list(model.feature_names_in_) == ["a", "b", "c", "kind"]


@pytest.mark.parametrize("name", ["mq2008", "lightgbm_lambdarank"])
def test_as_good_as_lightgbm_on_real_queries(real_table, name):
    lightgbm = pytest.importorskip("lightgbm")
    frame, y, _ = real_table(name)
    query = frame.pop("qid").to_numpy()
    X = frame.to_numpy(np.float64)
    # The rows of a query are neighbours, as LightGBM wants them.
    is_test = np.random.default_rng(0).random(query.max() + 1)[query.astype(int)] < 0.3
    train, test = ~is_test, is_test
    model = ranker(n_estimators=50, min_samples_leaf=20, early_stopping=False)
    model.fit(X[train], y[train], query[train])
    theirs = lightgbm.LGBMRanker(
        n_estimators=50, reg_lambda=1.0, n_jobs=1, verbosity=-1
    )
    starts = np.flatnonzero(np.diff(query[train], prepend=np.nan) != 0)
    theirs.fit(X[train], y[train], group=np.diff([*starts, train.sum()]))
    for k in (5, 10):
        ours = ndcg_score(y[test], model.predict(X[test]), query[test], k)
        scores = theirs.predict(X[test])
        assert ours > ndcg_score(y[test], scores, query[test], k) - 0.03
