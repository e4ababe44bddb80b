import numpy as np
import pytest
from sklearn.base import clone

from boostlab.data.table import Table
from boostlab.groups import Groups
from boostlab.metrics import mean_average_precision, ndcg_score
from boostlab.objectives import (
    CrossEntropyNDCG,
    LambdaRank,
    PairwiseLogistic,
    get_objective,
    objective_names,
)
from boostlab.state import Problem

OBJECTIVES = {
    "ndcg": LambdaRank(),
    "ndcg, linear, all places": LambdaRank(gain="linear", truncation_level=None),
    "ndcg, plain": LambdaRank(normalize=False, sigmoid=2.0, truncation_level=3),
    "map": LambdaRank("map"),
    "pairwise": PairwiseLogistic(),
    "pairwise, truncated": PairwiseLogistic(truncation_level=2, sigmoid=0.5),
    "xe_ndcg": CrossEntropyNDCG(),
    "xe_ndcg, quiet": CrossEntropyNDCG(gain="linear", noise=False),
}
each_objective = pytest.mark.parametrize(
    "objective", OBJECTIVES.values(), ids=OBJECTIVES
)


def problem(y, query=None, weight=None, X=None, validation=None):
    y = np.asarray(y, dtype=float)
    if X is None:
        X = np.random.default_rng(9).normal(size=(len(y), 2))
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, float)
    group = None if query is None else Groups.of(np.asarray(query))
    return Problem(Table(X), y, weight, validation, group)


def start(objective, given, raw=None):
    state = clone(objective).start(given, np.random.default_rng(0))
    if raw is not None:
        state.raw_prediction[:, 0] = raw
    objective.redraw(state)
    return state


def draw(seed=0, n=60, n_queries=8, n_scores=7):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=n_scores)
    raw = scores[rng.integers(0, n_scores, n)]
    return rng.integers(0, 4, n).astype(float), rng.integers(0, n_queries, n), raw


def test_lambdas_of_three_documents_by_hand():
    """Places 1, 2, 3 with scores 3, 2, 1 and labels 0, 2, 1: gains 0, 3, 1."""
    second, third = 1 / np.log2(3), 0.5
    best = 3 * 1 + 1 * second
    sigmoid = {d: 1 / (1 + np.exp(d)) for d in (-2, -1, 1)}
    pairs = {
        (1, 0): (3 * (1 - second) / best, sigmoid[-1]),
        (2, 0): (1 * (1 - third) / best, sigmoid[-2]),
        (1, 2): (2 * (second - third) / best, sigmoid[1]),
    }
    gradient, hessian = np.zeros(3), np.zeros(3)
    for (high, low), (weight, p) in pairs.items():
        gradient[high] -= weight * p
        gradient[low] += weight * p
        hessian[[high, low]] += weight * p * (1 - p)
    objective = LambdaRank(normalize=False)
    state = start(objective, problem([0, 2, 1]), [3, 2, 1])
    g, h = objective.derivatives(state)
    np.testing.assert_allclose(g[:, 0], gradient, rtol=1e-14)
    np.testing.assert_allclose(h[:, 0], hessian, rtol=1e-14)
    assert gradient[0] == pytest.approx(0.3442189, abs=1e-7)  # the first should fall
    assert objective.loss(state) == pytest.approx(1 - (3 * second + third) / best)


def test_normalized_lambdas_by_hand():
    objective = LambdaRank()
    state = start(objective, problem([0, 1]), [1, 0])
    change = 1 - 1 / np.log2(3)
    slope = change / 1.01 / (1 + np.exp(-1))
    factor = np.log2(1 + 2 * slope) / (2 * slope)
    g, h = objective.derivatives(state)
    np.testing.assert_allclose(g[:, 0], [slope * factor, -slope * factor], rtol=1e-14)
    curve = slope * factor / (1 + np.exp(1))
    np.testing.assert_allclose(h[:, 0], [curve, curve], rtol=1e-14)


def test_an_exchange_in_average_precision_by_hand():
    """Labels 0, 1, 1: the second gains 1/2 - 1/3 less by exchanging with the first."""
    objective = LambdaRank("map", normalize=False)
    state = start(objective, problem([0, 1, 2]), [3, 2, 1])
    now = (1 / 2 + 2 / 3) / 2
    changes = {1: (1 + 2 / 3) / 2 - now, 2: (1 + 2 / 2) / 2 - now}
    p = {1: 1 / (1 + np.exp(-1)), 2: 1 / (1 + np.exp(-2))}
    up = np.array([changes[i] * p[i] for i in (1, 2)])
    g = objective.gradient(state)[:, 0]
    np.testing.assert_allclose(g, [up.sum(), *-up], rtol=1e-14)
    assert objective.loss(state) == pytest.approx(1 - now)


@pytest.mark.parametrize(
    "objective",
    [
        PairwiseLogistic(),
        PairwiseLogistic(sigmoid=0.4),
        CrossEntropyNDCG(noise=False),
        CrossEntropyNDCG("linear", noise=False),
    ],
)
def test_gradients_are_derivatives_of_the_loss(objective):
    y, query, raw = draw()
    weight = 0.5 + query % 3
    state = start(objective, problem(y, query, weight), raw)
    queries = objective.queries(state)
    told = ~np.isnan(objective.query_losses(state))
    total = queries.weight[told].sum()

    def summed(move):
        state.raw_prediction[:, 0] = raw + move
        return objective.loss(state) * total

    analytic = objective.gradient(state)[:, 0]
    curvature = objective.hessian(state)[:, 0]
    for i in range(0, len(y), 7):
        unit = np.zeros(len(y))
        unit[i] = 1e-3
        slope = (summed(unit) - summed(-unit)) / 2e-3
        assert slope == pytest.approx(analytic[i], rel=1e-5, abs=1e-8)
        bend = (summed(unit) - 2 * summed(0 * unit) + summed(-unit)) / 1e-6
        assert bend == pytest.approx(curvature[i], rel=1e-4, abs=1e-7)


@each_objective
def test_gradients_sum_to_zero_within_a_query(objective):
    y, query, raw = draw()
    state = start(objective, problem(y, query), raw)
    g, h = objective.derivatives(state)
    assert g.shape == h.shape == (len(y), 1)
    np.testing.assert_allclose(np.bincount(query, g[:, 0]), 0, atol=1e-14)
    assert (h >= 0).all()


@each_objective
def test_the_order_of_rows_does_not_matter(objective):
    y, query, raw = draw()
    X = np.random.default_rng(1).normal(size=(len(y), 3))
    order = np.random.default_rng(2).permutation(len(y))
    one = start(objective, problem(y, query, X=X), raw)
    names = np.array([f"q{q}" for q in query])[order]
    other = start(objective, problem(y[order], names, X=X[order]), raw[order])
    # Sums over a whole softmax depend on the order by rounding.
    exact = not isinstance(objective, CrossEntropyNDCG)
    for ours, theirs in zip(
        objective.derivatives(one), objective.derivatives(other), strict=True
    ):
        if exact:
            np.testing.assert_array_equal(ours[order], theirs)
        np.testing.assert_allclose(ours[order], theirs, rtol=1e-12, atol=1e-15)
    assert objective.loss(one) == pytest.approx(objective.loss(other), rel=1e-13)


@each_objective
def test_a_query_of_weight_2_is_that_query_given_twice(objective):
    y, query, raw = draw()
    X = np.random.default_rng(1).normal(size=(len(y), 3))
    heavy = query < 3
    again = np.concatenate([np.arange(len(y)), np.flatnonzero(heavy)])
    other_name = query[again] + 100 * (np.arange(len(again)) >= len(y))
    one = start(objective, problem(y, query, 1.0 + heavy, X), raw)
    two = start(objective, problem(y[again], other_name, None, X[again]), raw[again])
    for ours, theirs in zip(
        objective.derivatives(one), objective.derivatives(two), strict=True
    ):
        summed = np.bincount(again, theirs[:, 0])
        np.testing.assert_allclose(ours[:, 0], summed, rtol=1e-12, atol=1e-15)
    assert objective.loss(one) == pytest.approx(objective.loss(two), rel=1e-12)


@each_objective
def test_a_document_of_weight_3_is_that_document_given_three_times(objective):
    y, query, raw = draw()
    X = np.random.default_rng(1).normal(size=(len(y), 3))
    times = np.random.default_rng(5).integers(1, 4, len(y))
    times[[np.flatnonzero(query == q)[0] for q in range(8)]] = 1
    again = np.repeat(np.arange(len(y)), times)
    one = start(objective, problem(y, query, 0.7 * times, X), raw)
    two = start(
        objective,
        problem(y[again], query[again], [0.7] * len(again), X[again]),
        raw[again],
    )
    for ours, theirs in zip(
        objective.derivatives(one), objective.derivatives(two), strict=True
    ):
        summed = np.bincount(again, theirs[:, 0])
        np.testing.assert_allclose(ours[:, 0], summed, rtol=1e-12, atol=1e-15)
    assert objective.loss(one) == pytest.approx(objective.loss(two), rel=1e-12)


@each_objective
def test_weights_within_a_query_must_be_whole_multiples(objective):
    with pytest.raises(
        ValueError, match=r"1 rows, such as number 2, .* whole multiple"
    ):
        start(objective, problem([0, 1, 2], [0, 0, 0], [1, 2, 1.5]))


@each_objective
@pytest.mark.parametrize(
    ("y", "query"),
    [
        ([0, 0, 0, 0], [0, 0, 1, 1]),
        ([3, 3, 3], [0, 0, 0]),
        ([1], [0]),
        ([0, 1, 2], [0, 1, 2]),
    ],
)
def test_queries_that_say_nothing(objective, y, query):
    """Equal labels or single documents: finite losses, and nobody is preferred."""
    state = start(objective, problem(y, query), np.zeros(len(y)))
    g, h = objective.derivatives(state)
    assert np.isfinite([objective.loss(state), *g[:, 0], *h[:, 0]]).all()
    if not (isinstance(objective, CrossEntropyNDCG) and objective.noise):
        np.testing.assert_allclose(g, 0, atol=1e-16)


@each_objective
def test_without_groups_all_rows_are_one_query(objective):
    y, _, raw = draw()
    one = start(objective, problem(y), raw)
    two = start(objective, problem(y, np.zeros(len(y), int)), raw)
    np.testing.assert_array_equal(objective.gradient(one), objective.gradient(two))


def test_losses_are_those_of_the_measures():
    y, query, raw = draw()
    held_out = problem(y[::-1], query[::-1])
    for objective, measure in (
        (LambdaRank(truncation_level=4), ndcg_score(y, raw, query, 4)),
        (
            LambdaRank(gain="linear", truncation_level=None),
            ndcg_score(y, raw, query, gain="linear"),
        ),
        (LambdaRank("map"), mean_average_precision(y, raw, query)),
    ):
        state = start(objective, problem(y, query, validation=held_out), raw)
        assert objective.loss(state) == pytest.approx(1 - measure, rel=1e-12)
        state.validation.raw_prediction[:, 0] = raw[::-1]
        assert objective.loss(state.validation) == pytest.approx(objective.loss(state))


def test_noise_comes_from_the_generator_and_the_contents():
    y, query, _ = draw()
    given = problem(y, query)
    objective = CrossEntropyNDCG()
    one, two = (start(objective, given) for _ in range(2))
    np.testing.assert_array_equal(one.carried["target"], two.carried["target"])
    first = one.carried["target"]
    objective.redraw(one)
    assert (one.carried["target"] != first).all()
    noise = 2**y - first
    assert noise.min() >= 0
    assert noise.max() < 1


def test_names():
    assert objective_names("ranking") == ("ndcg", "map", "pairwise", "xe_ndcg")
    assert get_objective("map", "ranking").measure == "map"
    for name in objective_names("ranking"):
        assert get_objective(name, "ranking") is not get_objective(name, "ranking")
    with pytest.raises(ValueError, match=r"unknown \(did you mean 'ndcg'\?\)"):
        get_objective("lambdarank", "ranking")
    with pytest.raises(ValueError, match="is for ranking, not for regression"):
        get_objective("ndcg", "regression")
    with pytest.raises(ValueError, match="LambdaRank is a loss for ranking"):
        get_objective(LambdaRank(), "regression")


@pytest.mark.parametrize(
    ("objective", "match"),
    [
        (LambdaRank("mrr"), "measure is 'mrr'; give 'ndcg' or 'map'"),
        (LambdaRank(gain="square"), "gain is 'square'"),
        (LambdaRank(truncation_level=0), "truncation_level"),
        (LambdaRank(sigmoid=0), "sigmoid"),
        (PairwiseLogistic(sigmoid=-1), "sigmoid"),
        (PairwiseLogistic(truncation_level=1.5), "truncation_level"),
        (CrossEntropyNDCG("log"), "gain is 'log'"),
    ],
)
def test_parameters_out_of_range(objective, match):
    with pytest.raises((TypeError, ValueError), match=match):
        start(objective, problem([0, 1]))


def test_labels_of_which_only_the_order_counts_may_be_large():
    for objective in (LambdaRank("map"), PairwiseLogistic(), LambdaRank(gain="linear")):
        large = start(objective, problem([0, 1e5, 300]), [3, 2, 1])
        assert np.isfinite(objective.gradient(large)).all()
    for objective in (LambdaRank(), CrossEntropyNDCG()):
        with pytest.raises(ValueError, match="such as 100000, that are no grades"):
            start(objective, problem([0, 1e5, 300]))


@each_objective
def test_labels_must_be_grades(objective):
    with pytest.raises(ValueError, match="such as -1, that are no grades"):
        start(objective, problem([0, -1]))


@pytest.mark.parametrize("truncation_level", [2, 30])
@pytest.mark.parametrize("normalize", [False, True])
def test_derivatives_without_ties_are_those_of_lightgbm(truncation_level, normalize):
    """Sums over random halves of the rows, from the leaves of LightGBM's stumps."""
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    sizes = [6, 10, 8]
    query, y = np.repeat([0, 1, 2], sizes), rng.integers(0, 4, 24)
    raw = rng.normal(size=24)
    objective = LambdaRank(
        truncation_level=truncation_level, sigmoid=1.5, normalize=normalize
    )
    state = start(objective, problem(y, query), raw)
    g, h = (part[:, 0] for part in objective.derivatives(state))
    for _ in range(5):
        is_left = rng.random(24) < 0.5
        stump = lightgbm.LGBMRanker(
            n_estimators=1,
            learning_rate=1.0,
            num_leaves=2,
            min_child_samples=1,
            min_child_weight=1e-9,
            min_data_in_bin=1,
            reg_lambda=0.3,
            lambdarank_truncation_level=truncation_level,
            lambdarank_norm=normalize,
            sigmoid=1.5,
            n_jobs=1,
            verbosity=-1,
        )
        X = is_left[:, None].astype(float)
        stump.fit(X, y, group=sizes, init_score=raw)
        theirs = stump.predict(X, raw_score=True)
        assert len(np.unique(theirs)) == 2
        for side in (is_left, ~is_left):
            ours = -g[side].sum() / (h[side].sum() + 0.3)
            # LightGBM reads the sigmoid from a table, and sums in single precision.
            assert theirs[side][0] == pytest.approx(ours, rel=2e-3, abs=1e-4)
