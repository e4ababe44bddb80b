"""The ranking kernels against their definitions, and their promises about bits."""

import core_calls
import numpy as np
import pytest
import ranking_oracle as oracle
from scipy.special import softmax

from boostlab import _core
from boostlab.groups import Groups

RANKINGS = ("ndcg", "map", "pairs")
FAR = 1 << 40


def draw(rng, sizes, n_scores=3, n_grades=3):
    """Return the groups (rows shuffled), gains and scores of queries."""
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    n = len(labels)
    gain = rng.integers(0, n_grades, n).astype(float)
    raw = rng.normal(size=max(1, n_scores))[rng.integers(0, max(1, n_scores), n)]
    return Groups.of(labels), gain, raw if n_scores else rng.normal(size=n)


def lambdas(
    groups, ranking, gain, raw, top=FAR, sigmoid=1.0, normalize=False, **options
):
    scale = options.get("scale", np.ones(len(groups)))
    weight = options.get("weight", np.ones(len(groups)))
    gradient, hessian = np.full(len(gain), 77.0), np.full(len(gain), 77.0)
    _core.lambdas(
        RANKINGS.index(ranking),
        groups.starts,
        groups.rows,
        options.get("copies"),
        gain,
        raw,
        scale,
        weight,
        top,
        sigmoid,
        normalize,
        gradient,
        hessian,
        options.get("n_threads", 1),
    )
    return gradient, hessian


def measure(groups, ranking, gain, raw, top=FAR, copies=None, n_threads=1):
    out = np.full(len(groups), 77.0)
    rank = RANKINGS.index(ranking)
    inputs = (rank, groups.starts, groups.rows, copies, gain, raw, top, 1.0)
    _core.rank_measure(*inputs, out, n_threads)
    return out


def entropy(groups, target, raw, weight, copies=None, n_threads=1):
    gradient, hessian = np.full(len(target), 77.0), np.full(len(target), 77.0)
    losses = np.full(len(groups), 77.0)
    inputs = (groups.starts, groups.rows, copies, target, raw, weight)
    _core.rank_entropy(*inputs, gradient, hessian, losses, n_threads)
    return gradient, hessian, losses


def queries(groups):
    for q in range(len(groups)):
        yield q, groups.rows[groups.starts[q] : groups.starts[q + 1]]


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("top", [1, 3, FAR])
@pytest.mark.parametrize("ranking", RANKINGS)
@pytest.mark.parametrize("n_scores", [0, 1, 2, 4])
def test_lambdas_are_those_of_the_definition(tier, ranking, top, normalize, n_scores):
    rng = np.random.default_rng([top % 97, n_scores])
    groups, gain, raw = draw(rng, [1, 2, 3, 4, 5, 6, 5, 2, 1], n_scores)
    scale = rng.uniform(0.2, 2, len(groups))
    weight = rng.uniform(0.2, 2, len(groups))
    g, h = lambdas(
        groups, ranking, gain, raw, top, 1.3, normalize, scale=scale, weight=weight
    )
    for q, rows in queries(groups):
        wanted = oracle.lambdas(
            ranking, gain[rows], raw[rows], top, 1.3, normalize, scale[q]
        )
        for got, want in zip((g, h), wanted, strict=True):
            np.testing.assert_allclose(
                got[rows], weight[q] * want, rtol=1e-11, atol=1e-13
            )


@pytest.mark.parametrize("ranking", RANKINGS)
@pytest.mark.parametrize("n_scores", [0, 1, 3])
def test_measures_are_those_of_the_definition(tier, ranking, n_scores):
    rng = np.random.default_rng(n_scores)
    groups, gain, raw = draw(rng, [1, 2, 5, 6, 5, 3], n_scores)
    for top in (1, 3, FAR):
        values = measure(groups, ranking, gain, raw, top)
        for q, rows in queries(groups):
            want = oracle.measure(ranking, gain[rows], raw[rows], top)
            assert values[q] == pytest.approx(want, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("n_copies", [1, 3])
def test_entropy_is_that_of_the_definition(n_copies):
    rng = np.random.default_rng(0)
    groups, target, raw = draw(rng, [1, 2, 5, 9, 4], 0)
    target = target * (groups.codes != 2)  # a query without targets
    copies = rng.integers(1, n_copies + 1, len(raw)).astype(np.int32)
    weight = rng.uniform(0.2, 2, len(groups))
    g, h, losses = entropy(groups, target, raw, weight, copies)
    for q, rows in queries(groups):
        each = np.repeat(rows, copies[rows])
        rho, total = softmax(raw[each]), target[each].sum()
        if total == 0:
            assert losses[q] == 0
            assert not g[rows].any()
            assert not h[rows].any()
            continue
        share = target[each] / total
        assert losses[q] == pytest.approx(-np.sum(share * np.log(rho)))
        for got, want in ((g, rho - share), (h, rho * (1 - rho))):
            sums = np.bincount(each, want, len(raw))[rows]
            np.testing.assert_allclose(got[rows], weight[q] * sums, atol=1e-14)


@pytest.mark.parametrize("ranking", RANKINGS)
@pytest.mark.parametrize("top", [2, FAR])
@pytest.mark.parametrize("normalize", [False, True])
def test_copies_are_documents_given_again(ranking, top, normalize):
    rng = np.random.default_rng(3)
    groups, gain, raw = draw(rng, [1, 4, 9, 30], 6)
    copies = rng.integers(1, 4, len(raw)).astype(np.int32)
    each = np.repeat(np.arange(len(raw)), copies)
    again = Groups.of(groups.codes[each])
    short = lambdas(groups, ranking, gain, raw, top, normalize=normalize, copies=copies)
    long = lambdas(again, ranking, gain[each], raw[each], top, normalize=normalize)
    for few, many in zip(short, long, strict=True):
        np.testing.assert_allclose(few, np.bincount(each, many), rtol=1e-12)
    np.testing.assert_array_equal(
        measure(groups, ranking, gain, raw, top, copies),
        measure(again, ranking, gain[each], raw[each], top),
    )


@pytest.mark.parametrize("ranking", RANKINGS)
def test_every_order_tier_and_number_of_threads_has_the_same_bits(ranking):
    rng = np.random.default_rng(1)
    sizes = [1, 700, *rng.integers(1, 60, 40)]
    for n_scores in (0, 5, 200):
        groups, gain, raw = draw(rng, sizes, n_scores, n_grades=5)
        raw[:3] = [-0.0, 1e300, -1e300]
        scale = rng.uniform(0.2, 2, len(groups))
        order = rng.permutation(len(raw))
        moved = Groups.of(groups.codes[order])
        back = np.argsort(order)
        results = set()
        for name in core_calls.present_tiers():
            with core_calls.tier(name):
                for n_threads in (1, 2, 3):
                    also = {"scale": scale, "n_threads": n_threads}
                    ours = lambdas(groups, ranking, gain, raw, 30, 0.7, True, **also)
                    theirs = lambdas(
                        moved, ranking, gain[order], raw[order], 30, 0.7, True, **also
                    )
                    results.add(tuple(x.tobytes() for x in ours))
                    results.add(tuple(x[back].tobytes() for x in theirs))
                    for part in ours:
                        assert np.isfinite(part).all()
        assert len(results) == 1
        values = set()
        for name in core_calls.present_tiers():
            with core_calls.tier(name):
                for k in (1, 2, 3):
                    value = measure(groups, ranking, gain, raw, 10, n_threads=k)
                    values.add(value.tobytes())
        values.add(measure(moved, ranking, gain[order], raw[order], 10).tobytes())
        assert len(values) == 1


@pytest.mark.parametrize("ranking", RANKINGS)
def test_gradients_sum_to_zero_and_hessians_are_not_negative(ranking):
    rng = np.random.default_rng(2)
    groups, gain, raw = draw(rng, [1, 2, 300, 50, 20], 0)
    g, h = lambdas(groups, ranking, gain, raw * 30, 10, normalize=True)
    sums = groups.reduce(np.add, g)
    assert (np.abs(sums) <= 1e-13 * groups.reduce(np.add, np.abs(g))).all()
    assert (h >= 0).all()


@pytest.mark.parametrize("ranking", RANKINGS)
def test_a_query_without_pairs_has_no_derivatives(ranking):
    groups = Groups.of(np.array([0, 0, 0, 1, 2, 2]))
    gain = np.array([1.0, 1, 1, 3, 0, 0])
    for normalize in (False, True):
        g, h = lambdas(groups, ranking, gain, np.arange(6.0), normalize=normalize)
        assert not g.any()
        assert not h.any()


@pytest.mark.parametrize("n_scores", [1, 31, 0])
def test_a_large_query(n_scores):
    rng = np.random.default_rng(4)
    groups, gain, raw = draw(rng, [100_000], n_scores, n_grades=5)
    g, h = lambdas(groups, "ndcg", gain, raw, 30, normalize=True, n_threads=2)
    assert np.isfinite(g).all()
    assert h.max() > 0
    assert abs(g.sum()) < 1e-12 * np.abs(g).sum()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"starts": np.array([0, 2])}, "end with the number of rows"),
        ({"starts": np.array([1, 3])}, "begin with 0"),
        ({"starts": np.zeros(0, np.int64)}, "begin with 0"),
        ({"starts": np.array([0, 3, 3])}, "must ascend"),
        ({"rows": np.array([0, 1, 3], np.int32)}, r"not in 0 .. n - 1"),
        ({"rows": np.array([0, -1, 2], np.int32)}, r"not in 0 .. n - 1"),
        ({"copies": np.array([1, 0, 1], np.int32)}, "at least 1"),
        ({"copies": np.array([1, 1 << 25, 1], np.int32)}, r"at most 2\^24"),
        ({"top": 0}, "top must be at least 1"),
        ({"ranking": 3}, "unknown ranking"),
        ({"sigmoid": 0.0}, "sigmoid must be greater"),
        ({"sigmoid": np.nan}, "sigmoid must be greater"),
        ({"gain": np.ones(2)}, "gain has 2 entries"),
        ({"raw": np.ones(4)}, "raw has 4 entries"),
        ({"scale": np.ones(2)}, "scale has 2 entries"),
        ({"weight": np.ones(0)}, "weight has 0 entries"),
        ({"gradient": np.ones(2)}, "gradient has 2 entries"),
        ({"hessian": np.ones(2)}, "hessian has 2 entries"),
        ({"n_threads": 0}, "n_threads is 0"),
    ],
)
def test_arguments_are_checked(change, match):
    arguments = {
        "ranking": 0,
        "starts": np.array([0, 3]),
        "rows": np.arange(3, dtype=np.int32),
        "copies": None,
        "gain": np.ones(3),
        "raw": np.ones(3),
        "scale": np.ones(1),
        "weight": np.ones(1),
        "top": 30,
        "sigmoid": 1.0,
        "normalize": True,
        "gradient": np.ones(3),
        "hessian": np.ones(3),
        "n_threads": 1,
    }
    _core.lambdas(*arguments.values())
    with pytest.raises(ValueError, match=match):
        _core.lambdas(*(arguments | change).values())


def test_derivatives_of_the_entropy_belong_together():
    with pytest.raises(ValueError, match="must be given together"):
        _core.rank_entropy(
            np.array([0, 3]),
            np.arange(3, dtype=np.int32),
            None,
            *(np.ones(3), np.ones(3), np.ones(1), np.ones(3), None, None, 1),
        )
