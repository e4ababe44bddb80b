"""Trees that grow at once are those that grow one after another."""

import threading

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
import tree_problems

from boostlab import _core


def problems(n, f, count, seed=0, **params):
    """Problems on one table with derivatives of their own."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 30, (n, f)).astype(float)
    borders = tree_problems.midpoints(x)
    return [
        tree_problems.make_problem(
            x,
            borders,
            rng.standard_normal(n) + (x[:, i % f] > 9),
            rng.random(n) + 0.1,
            params=oracle.Params(seed=i, max_leaves=7 + i, **params),
        )
        for i in range(count)
    ]


def grown(given, n_threads, workspace=None):
    """Grow them all by one call."""
    arguments = [
        core_calls.grow_arguments(p, n_threads, workspace=workspace) for p in given
    ]
    sizes = _core.grow_many([core_calls.grouped(a) for a in arguments])
    return [core_calls.cut_tree(a, n) for a, n in zip(arguments, sizes, strict=True)]


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("n", [300, 9000])
def test_trees_are_those_of_grow(n, count, n_threads):
    given = problems(n, 5, count)
    workspace = _core.workspace()
    for _ in range(2):
        for tree, problem in zip(
            grown(given, n_threads, workspace), given, strict=True
        ):
            expected = core_calls.grow(problem)
            core_calls.assert_same_tree(tree, expected, f"{count}, {n_threads}")


def test_a_workspace_in_use_is_left_alone():
    """Calls at once from several threads, with one workspace."""
    given, workspace = problems(9000, 4, 4), _core.workspace()
    expected = [core_calls.grow(problem) for problem in given]
    found = []

    def run():
        found.extend(grown(given, 2, workspace) for _ in range(5))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    for trees in found:
        for tree, other in zip(trees, expected, strict=True):
            core_calls.assert_same_tree(tree, other, "at once")


def test_one_bad_tree_spoils_the_call():
    given = problems(9000, 3, 3)
    calls = [core_calls.grow_arguments(p, 2) for p in given]
    calls[1]["gradient"][5] = np.nan
    with pytest.raises(ValueError, match="finite"):
        _core.grow_many([core_calls.grouped(a) for a in calls])
    calls[1] = core_calls.grow_arguments(given[1], 2)
    calls[2]["tiles"] = calls[2]["tiles"][:, 1:]
    with pytest.raises(ValueError, match="tiles"):
        _core.grow_many([core_calls.grouped(a) for a in calls])


@pytest.mark.parametrize("given", [[], (), None, [1], [()]])
def test_what_is_no_list_of_trees_is_refused(given):
    with pytest.raises((ValueError, TypeError)):
        _core.grow_many(given)


def test_parts_are_grown_one_by_one():
    call = core_calls.grouped(core_calls.grow_arguments(problems(300, 2, 1)[0]))
    with pytest.raises(ValueError, match="one by one"):
        _core.grow_many([(*call, lambda buffer, op: None, 0)])
