"""Trees grown on features that share bytes of the tiles."""

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
import tree_problems

from boostlab import _core


@pytest.mark.parametrize("seed", range(150))
def test_trees_are_those_without_bundles(tier, seed):
    rng = np.random.default_rng([seed, 77])
    problem = tree_problems.random_case(rng, n_outputs=1 + seed % 4).problem
    arguments = core_calls.grow_arguments(problem, 1 + seed % 3, bundling=rng)
    tree = core_calls.grow_with(arguments)
    core_calls.assert_same_tree(tree, oracle.grow(problem), f"seed {seed}")


def bundled_call(**changes):
    """A call of ``grow`` on three features, the first two of which share a byte."""
    n = 40
    columns = np.array([np.arange(n) % 2, np.arange(n) % 3, np.arange(n) % 5], np.uint8)
    x = columns.T.astype(float)
    borders = tree_problems.midpoints(x)
    problem = tree_problems.make_problem(x, borders, np.sin(np.arange(n)))
    arguments = core_calls.grow_arguments(problem)
    codes = np.stack([columns[0] + 2 * columns[1], columns[2]])
    bin_of = np.zeros((3, 256), np.uint8)
    bin_of[:2, :6] = np.arange(6) % 2, np.arange(6) // 2
    made = {
        "bundle": np.array([0, 0, 1], np.int32),
        "n_codes": np.array([6, 5], np.int32),
        "joint": np.array([1, 0], np.uint8),
        "bin_of": bin_of,
        **changes,
    }
    arguments["tiles"] = tree_problems.tiles(codes)
    arguments["bundles"] = tuple(made.values())
    return arguments, problem


def test_bundles_by_hand():
    arguments, problem = bundled_call()
    tree = core_calls.grow_with(arguments)
    core_calls.assert_same_tree(tree, oracle.grow(problem), "by hand")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bundle": np.array([0, 0, 2], np.int32)}, "numbers of bundles"),
        ({"bundle": np.array([0, -2, 1], np.int32)}, "numbers of bundles"),
        ({"n_codes": np.array([6, 4], np.int32)}, "alone"),
        ({"n_codes": np.array([256, 5], np.int32)}, "between 0 and 255"),
        ({"n_codes": np.array([7, 5, 1, 1], np.int32)}, "no more than features"),
        ({"n_codes": np.zeros(0, np.int32)}, "at least one"),
        ({"joint": np.ones(3, np.uint8)}, "joint"),
        ({"bin_of": np.full((3, 256), 3, np.uint8)}, "bins of the feature"),
        ({"bin_of": np.zeros((3, 255), np.uint8)}, "bin_of"),
    ],
)
def test_what_codes_cannot_stand_for_is_refused(changes, message):
    arguments, _ = bundled_call(**changes)
    with pytest.raises(ValueError, match=message):
        core_calls.grow_with(arguments)


def test_bundles_are_a_tuple():
    arguments, _ = bundled_call()
    arguments["bundles"] = list(arguments["bundles"])
    with pytest.raises(ValueError, match="tuple or None"):
        core_calls.grow_with(arguments)


def test_parts_have_no_bundles():
    arguments, _ = bundled_call()
    call = core_calls.grouped(arguments)
    with pytest.raises(ValueError, match="no bundles"):
        _core.grow(*call, lambda buffer, op: None, 0)


def test_sources_out_of_range_are_refused():
    columns, joined = np.zeros((2, 5), np.uint8), np.zeros((1, 5), np.uint8)
    tiles = np.zeros((1, 5, 16), np.uint8)
    for sources in ([2], [-2], [0, 1, -1]):
        with pytest.raises(ValueError, match=r"sources|no more bundles"):
            _core.fill_tiles(columns, joined, np.array(sources, np.int32), tiles, 1)
