"""Many rows: narrow words, several blocks, private histograms, shared work."""

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
from core_calls import assert_same_tree


def check(problem, kind, *, splits=True):
    """Hold every tier and number of threads against the oracle."""
    assert oracle.choose_format(problem).kind == kind
    expected = oracle.grow(problem)
    assert (expected.n_leaves > 1) == splits
    for name in core_calls.present_tiers():
        with core_calls.tier(name):
            for n_threads in (1, 2, 3):
                tree = core_calls.grow(problem, n_threads)
                assert_same_tree(tree, expected, f"{name}, {n_threads} threads")
                ids = core_calls.apply_bins(tree, problem.columns, n_threads)
                assert np.array_equal(ids, expected.ids)


def large(n, f, seed=0, *, bins=255, missing=0.05, **params):
    """Binned columns of uniform and skewed bins; some rows missing in odd features."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, bins, (f, n)).astype(np.uint8)
    columns[::3] = np.minimum(rng.geometric(0.3, columns[::3].shape) - 1, bins - 1)
    columns[1::2][rng.random(columns[1::2].shape) < missing] = 255
    params = {"max_leaves": 15, "min_leaf_weight": 20.0, "seed": seed, **params}
    g = rng.standard_normal(n) + 0.5 * (columns[0] > 2) - (columns[-1] < bins // 4)
    problem = oracle.Problem(
        columns=columns,
        n_bins=np.full(f, bins, np.int32),
        gradient=g,
        borders=np.tile(np.arange(bins - 1.0), f),
        offsets=np.arange(f + 1) * (bins - 1),
        params=oracle.Params(**params),
    )
    return problem, rng


def changed(problem, **fields):
    """The problem with other derivatives."""
    return oracle.replace(problem, **fields)


def test_constant_hessian():
    problem, _ = large(200_000, 5, max_leaves=31)
    check(problem, "constant")


@pytest.mark.parametrize("n", [65_535, 65_536, 65_537])
def test_constant_hessian_around_a_block(n):
    problem, _ = large(n, 3, max_leaves=6)
    check(problem, "constant")


def test_constant_hessian_weighted():
    problem, rng = large(70_001, 4)
    check(changed(problem, weight=rng.uniform(0.1, 2, 70_001)), "constant")


def test_narrow_hessian():
    problem, rng = large(100_003, 6, max_leaves=20)
    h = rng.uniform(0, 0.25, 100_003)
    check(changed(problem, hessian=h), "narrow")


@pytest.mark.parametrize("n", [16_384, 16_385])
def test_hessian_around_a_block(n):
    problem, rng = large(n, 3, l2=1.0)
    kind = "wide" if n == 16_384 else "narrow"
    check(changed(problem, hessian=rng.random(n)), kind)


def test_finer_words_for_heavy_tails():
    problem, rng = large(50_000, 4)
    g = problem.gradient.copy()
    g[rng.integers(0, 50_000, 3)] = 1e4
    check(changed(problem, gradient=g, hessian=rng.random(50_000)), "fine")


def test_wide_words_for_the_heaviest_tails():
    """One row alone has a square of up to n times the mean: 300,000 > 512^2."""
    problem, rng = large(300_000, 2)
    g = problem.gradient.copy()
    g[7] = 1e7
    check(changed(problem, gradient=g, hessian=rng.random(300_000)), "wide")


@pytest.mark.parametrize(("greatest", "kind"), [(71.7, "narrow"), (71.8, "fine")])
def test_where_tails_begin(greatest, kind):
    """v^2 is over 4096 (19999 + v^2) / 20000 from v = 71.77 on."""
    problem, rng = large(20_000, 3)
    g = rng.choice([-1.0, 1.0], 20_000)
    g[77] = greatest
    check(changed(problem, gradient=g, hessian=rng.random(20_000)), kind)


@pytest.mark.parametrize("greatest", [31.0, 63.0, 127.0, 255.0])
def test_where_the_dither_of_gradients_begins(greatest):
    """Whole weights of 5 to 8 bits leave the gradient 25 to 22 of 30."""
    problem, rng = large(40_000, 3)
    w = rng.integers(1, greatest, 40_000, endpoint=True).astype(float)
    w[0] = greatest
    problem = changed(problem, weight=w)
    assert oracle.choose_format(problem).dither_g == (greatest > 63)
    check(problem, "constant")


@pytest.mark.parametrize(("n", "dithered"), [(8_000, False), (16_000, True)])
def test_where_the_dither_of_hessians_begins(n, dithered):
    """Two thirds of 36 bits, then of 34."""
    problem, rng = large(n, 3)
    w = rng.uniform(0.5, 2, n)
    problem = changed(problem, weight=w, hessian=rng.random(n))
    assert oracle.choose_format(problem).dither_h == dithered
    check(problem, "wide")


def test_wide_hessian_weighted():
    problem, rng = large(50_000, 4)
    w = rng.integers(1, 6, 50_000).astype(float)
    h = rng.random(50_000) * w
    check(changed(problem, hessian=h, weight=w), "wide")


@pytest.mark.parametrize("hessian", [False, True])
def test_sampled_rows(hessian):
    problem, rng = large(120_000, 4)
    rows = np.flatnonzero(rng.random(120_000) < 0.5).astype(np.int32)
    h = rng.random(120_000) if hessian else None
    kind = "narrow" if hessian else "constant"
    check(changed(problem, rows=rows, hessian=h), kind)


def test_few_sampled_rows_of_many():
    problem, rng = large(120_000, 4)
    rows = np.sort(rng.choice(120_000, 500, replace=False)).astype(np.int32)
    check(changed(problem, rows=rows, hessian=rng.random(120_000)), "wide")


@pytest.mark.parametrize("n_features", [16, 17, 40])
def test_several_tiles(n_features):
    problem, rng = large(40_000, n_features, max_leaves=8, n_node_features=9)
    check(changed(problem, hessian=rng.random(40_000)), "narrow")


def test_low_cardinality():
    problem, rng = large(100_000, 8, bins=3, max_leaves=40)
    check(problem, "constant")
    check(changed(problem, hessian=rng.random(100_000)), "narrow")


@pytest.mark.parametrize("size", [1e-307, 1e-130, 1e130, 1e303])
def test_hessians_of_any_size(size):
    """Narrow words of numbers that can be squared, and of some that cannot."""
    problem, rng = large(20_000, 3)
    g, h = problem.gradient * size, rng.uniform(0, 1, 20_000) * size
    check(
        changed(problem, gradient=g, hessian=h), "narrow", splits=1e-150 < size < 1e150
    )


def test_histograms_beyond_the_memory_kept():
    """16 histograms of 8,000 features fill the 512 MB; later nodes build both."""
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 3, (8000, 200)).astype(np.uint8)
    problem = oracle.Problem(
        columns=columns,
        n_bins=np.full(8000, 3, np.int32),
        gradient=rng.standard_normal(200),
        borders=np.tile([0.0, 1.0], 8000),
        offsets=np.arange(8001) * 2,
        params=oracle.Params(max_leaves=40),
    )
    expected = oracle.grow(problem)
    assert expected.n_leaves == 40
    assert_same_tree(core_calls.grow(problem, 2), expected, "wide table")


def test_level_by_level():
    problem, _ = large(60_000, 5, depth_wise=True, max_leaves=60, max_depth=5)
    check(problem, "constant")


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("hessian", [False, True])
def test_lanes_filled_to_the_brim(sign, hessian):
    """All rows of a block in one cell, each with the greatest integers there are."""
    n = 140_000
    columns = np.zeros((3, n), np.uint8)
    columns[1, n // 2 :] = 1
    columns[2, -1] = 1
    top = 2047 if hessian else 2**30 - 1
    g = np.full(n, sign * top)
    g[n // 2 :] *= 0.5
    problem = oracle.Problem(
        columns=columns,
        n_bins=np.full(3, 2, np.int32),
        gradient=g,
        hessian=np.full(n, 511.0) if hessian else None,
        borders=np.zeros(3),
        offsets=np.arange(4),
    )
    assert oracle.choose_format(problem).g_scale == 1.0
    check(problem, "narrow" if hessian else "constant")


@pytest.mark.parametrize("hessian", [False, True])
def test_weighted_lanes_filled_to_the_brim(hessian):
    n = 65_536
    columns = np.zeros((2, n), np.uint8)
    columns[1, n // 2 :] = 1
    w = np.full(n, 1023.0 if hessian else 32767.0)  # a third and half of 30 bits
    problem = oracle.Problem(
        columns=columns,
        n_bins=np.full(2, 2, np.int32),
        gradient=np.where(np.arange(n) < n // 2, 1.0, -0.999) * 2.0**40,
        hessian=np.full(n, 2.0**20 - 1) if hessian else None,
        weight=w,
        borders=np.zeros(2),
        offsets=np.arange(3),
    )
    assert oracle.choose_format(problem).w_scale == 1.0
    check(problem, "wide" if hessian else "constant")


@pytest.mark.parametrize(
    ("n_outputs", "kind"),
    [(2, "constant"), (3, "narrow"), (8, "narrow"), (11, "constant"), (5, "fine")],
)
def test_several_outputs(n_outputs, kind):
    problem, rng = large(40_000, 3, max_leaves=8)
    g = problem.gradient[:, None] * rng.uniform(-1, 1, n_outputs)
    g += rng.standard_normal(g.shape)
    h = None if kind == "constant" else rng.random(g.shape)
    if kind == "fine":
        g[7] *= 100
    check(changed(problem, gradient=g, hessian=h), kind)
