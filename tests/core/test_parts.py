"""Trees of rows that are spread over parts equal those of all rows, bit for bit."""

import threading

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
import tree_problems
from core_calls import assert_same_tree
from thread_parts import ThreadParts

from boostlab import _core


def cuts(problem, n_parts, rng):
    """Borders between parts, so that each has a sampled row."""
    sample = problem.sample
    inner = np.sort(rng.choice(sample[1:], n_parts - 1, replace=False))
    return [0, *inner.tolist(), problem.columns.shape[1]]


def part_of(problem, first, end):
    """The rows [first, end) of a problem."""

    def cut(values):
        return None if values is None else values[first:end].copy()

    def cut_rows(rows):
        if rows is None:
            return None
        return (rows[(rows >= first) & (rows < end)] - first).astype(np.int32)

    return oracle.replace(
        problem,
        columns=problem.columns[:, first:end].copy(),
        gradient=cut(problem.gradient),
        hessian=cut(problem.hessian),
        weight=cut(problem.weight),
        rows=cut_rows(problem.rows),
        held=problem.held and tuple(cut_rows(half) for half in problem.held),
    )


def grow_parts(problem, n_parts, rng):
    """Grow in parts; returns the tree of every part, ids of all rows, and the calls."""
    parts, edges = ThreadParts(n_parts), cuts(problem, n_parts, rng)
    capacity = len(core_calls.grow_arguments(problem)["left"])
    arguments = [
        core_calls.grow_arguments(
            part_of(problem, edges[i], edges[i + 1]), 1 + i % 2, capacity
        )
        for i in range(n_parts)
    ]

    def grow(i):
        call = core_calls.grouped(arguments[i])
        return _core.grow(*call, parts.hook(i), edges[i])

    counts = parts.run(grow)
    ids = np.concatenate([a["ids"] for a in arguments])
    trees = [
        oracle.replace(core_calls.cut_tree(a, n), ids=ids)
        for a, n in zip(arguments, counts, strict=True)
    ]
    return trees, parts.calls


def check(problem, n_parts, seed=0):
    """Hold the tree of every part against the oracle's tree of all rows."""
    expected = oracle.grow(problem)
    assert_same_tree(core_calls.grow(problem), expected, "whole")
    trees, _ = grow_parts(problem, n_parts, np.random.default_rng(seed))
    for i, tree in enumerate(trees):
        assert_same_tree(tree, expected, f"part {i} of {n_parts}")


@pytest.mark.parametrize("n_parts", [2, 3, 7])
def test_random_problems(n_parts):
    """All formats but narrow words: rules, categories, samples, weights, outputs."""
    done = 0
    for index in range(120):
        rng = np.random.default_rng([n_parts, index])
        n_outputs = int(rng.integers(2, 17)) if index % 4 == 3 else 1
        problem = tree_problems.random_case(rng, n_outputs=n_outputs).problem
        if len(problem.sample) > n_parts:
            check(problem, n_parts, index)
            done += 1
    assert done > 50


def large(n, f=4, seed=0):
    """Enough rows for narrow words where there is a hessian."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 60, (f, n)).astype(np.uint8)
    columns[1][rng.random(n) < 0.1] = 255
    problem = oracle.Problem(
        columns=columns,
        n_bins=np.full(f, 60, np.int32),
        gradient=rng.standard_normal(n) + (columns[0] > 20),
        borders=np.tile(np.arange(59.0), f),
        offsets=np.arange(f + 1) * 59,
        params=oracle.Params(max_leaves=12, min_leaf_weight=5.0, seed=3),
    )
    return problem, rng


@pytest.mark.parametrize("n_parts", [2, 3, 7])
@pytest.mark.parametrize(
    ("n", "greatest", "kind"),
    [(20_000, 0.0, "narrow"), (20_000, 1e3, "fine"), (300_000, 1e6, "wide")],
)
def test_formats_are_those_of_all_rows(n_parts, n, greatest, kind):
    """All rows choose the format, though one part alone has the greatest gradient."""
    problem, rng = large(n)
    g = problem.gradient.copy()
    g[n // 2] += greatest
    problem = oracle.replace(problem, gradient=g, hessian=rng.uniform(0.1, 1, n))
    assert oracle.choose_format(problem).kind == kind
    check(problem, n_parts)


@pytest.mark.parametrize("n_parts", [2, 7])
def test_without_hessian(n_parts):
    check(large(20_000)[0], n_parts)


def test_rows_in_order_of_a_feature():
    """Whole nodes lie in one part, and have no row in the others."""
    problem, _ = large(3_000)
    columns = problem.columns.copy()
    columns[0].sort()
    g = problem.gradient + 5.0 * (columns[0] > 20)
    check(oracle.replace(problem, columns=columns, gradient=g), 7)


def test_only_cells_in_use_are_exchanged():
    problem, rng = large(500)
    _, calls = grow_parts(problem, 2, rng)
    assert max(n for _, n in calls) == 4 * 61 * 2
    assert calls[0] == ("sum", 1)
    assert calls[1] == ("max", 6)


def test_no_row_of_a_part_is_in_the_sample():
    problem, rng = large(400)
    rows = np.sort(rng.choice(300, 150, replace=False)).astype(np.int32)
    problem = oracle.replace(problem, rows=rows)
    expected, parts, edges = oracle.grow(problem), ThreadParts(2), [0, 300, 400]
    capacity = len(core_calls.grow_arguments(problem)["left"])
    arguments = [
        core_calls.grow_arguments(part_of(problem, *edges[i : i + 2]), 1, capacity)
        for i in range(2)
    ]
    assert len(arguments[1]["rows"]) == 0

    def grow(i):
        call = core_calls.grouped(arguments[i])
        return _core.grow(*call, parts.hook(i), edges[i])

    counts = parts.run(grow)
    ids = np.concatenate([a["ids"] for a in arguments])
    for a, n in zip(arguments, counts, strict=True):
        tree = oracle.replace(core_calls.cut_tree(a, n), ids=ids)
        assert_same_tree(tree, expected, "no row")


# Failures


@pytest.mark.parametrize("oblivious", [False, True])
def test_every_call_may_fail(oblivious):
    """The exception comes out as it is, whichever call raises it."""
    problem = large(200)[0].with_params(oblivious=oblivious)
    n_calls = 0

    class BrokenError(Exception):
        pass

    def grow(failing):
        calls = 0

        def reduce(buffer, op):
            nonlocal calls
            calls += 1
            if calls == failing:
                raise BrokenError
            return np.asarray(buffer).sum()

        arguments = core_calls.grow_arguments(problem, workspace=workspace)
        _core.grow(*core_calls.grouped(arguments), reduce, 0)
        return calls

    workspace = _core.workspace()
    n_calls = grow(-1)
    assert n_calls > 5
    for failing in range(1, n_calls + 1):
        with pytest.raises(BrokenError):
            grow(failing)
    assert grow(-1) == n_calls


def test_one_part_has_a_bad_gradient():
    """All parts refuse it together."""
    problem, rng = large(500)
    problem.gradient[499] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        grow_parts(problem, 3, rng)


def test_too_many_rows_together():
    problem = large(200)[0]

    def reduce(buffer, op):
        buffer[0] = 2**27

    call = core_calls.grouped(core_calls.grow_arguments(problem))
    with pytest.raises(ValueError, match="rows together"):
        _core.grow(*call, reduce, 0)


def test_arguments():
    call = core_calls.grouped(core_calls.grow_arguments(large(200)[0]))
    with pytest.raises(TypeError, match="callable"):
        _core.grow(*call, 3, 0)
    with pytest.raises(ValueError, match="first_row"):
        _core.grow(*call, lambda buffer, op: None, -1)
    assert _core.grow(*call, None, 0) > 1


def test_hook_runs_on_the_calling_thread():
    seen = set()
    call = core_calls.grouped(core_calls.grow_arguments(large(200)[0], 2))
    _core.grow(*call, lambda buffer, op: seen.add(threading.get_ident()), 0)
    assert seen == {threading.get_ident()}
