"""Every argument of the core, given wrongly, is an exception and never a crash."""

from collections.abc import Callable

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest
import tree_problems

from boostlab import _core

REFUSED = (ValueError, TypeError, BufferError, OverflowError)
NAN, INF = float("nan"), float("inf")
NO_ROWS = np.zeros(0, np.int32)


def _problem():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 20, (60, 3)).astype(float)
    x[::7, 1] = np.nan
    borders = tree_problems.midpoints(x)
    g, h, w = rng.standard_normal(60), rng.random(60), rng.random(60) + 0.1
    rows = np.arange(0, 60, 2, dtype=np.int32)
    mask = np.ones(3, np.uint8)
    params = oracle.Params(max_leaves=6)
    return tree_problems.make_problem(x, borders, g, h, w, rows, mask, params)


def _grow():
    return core_calls.grow_arguments(_problem(), n_threads=2)


def _tree():
    return core_calls.grow(_problem())


def _subsets(tree):
    """The first split by a set, as a tree may have it."""
    subset = np.full(len(tree.feature), -1, np.int32)
    subset[0] = 1
    return {"subset": subset, "subsets": np.full((2, 4), 77, np.uint64)}


def _apply_bins():
    tree = _tree()
    columns = _problem().columns
    return {
        "columns": columns, "feature": tree.feature, "left": tree.left,
        "bin": tree.bin, "missing_left": tree.missing_left,
        **_subsets(tree),
        "ids": np.zeros(columns.shape[1], np.int32), "n_threads": 2,
    }  # fmt: skip


def _bin():
    problem = _problem()
    return {
        "X": np.zeros((60, 3)), "borders": problem.borders, "offsets": problem.offsets,
        "columns": np.zeros((3, 60), np.uint8), "n_threads": 2,
    }  # fmt: skip


def _forest():
    tree = _tree()
    return {
        "starts": np.array([0, len(tree.feature)]), "feature": tree.feature,
        "left": tree.left, "threshold": tree.threshold,
        "missing_left": tree.missing_left, **_subsets(tree), "value": tree.value,
        "outputs": np.zeros(1, np.int32), "widths": np.ones(1, np.int32),
        "n_features": 3, "n_outputs": 1,
    }  # fmt: skip


def _predict():
    forest = _core.forest(*_forest().values())
    raw = np.zeros((60, 1), order="F")
    return {"forest": forest, "X": np.zeros((60, 3)), "raw": raw, "n_threads": 2}


def _apply():
    forest = _core.forest(*_forest().values())
    ids = np.zeros((1, 60), np.int32)
    return {"forest": forest, "X": np.zeros((60, 3)), "ids": ids, "n_threads": 2}


def _distinct():
    counts = np.zeros(3, np.int32)
    return {"X": np.zeros((60, 3)), "values": np.zeros((3, 9)), "counts": counts}


def _gather():
    return {"X": np.zeros((60, 3)), "rows": np.arange(51, 60), "out": np.zeros((3, 9))}


def _hash_rows():
    codes = np.zeros(60, np.uint64)
    return {"X": np.zeros((60, 3)), "codes": codes, "n_threads": 2}


def _summarize():
    return {
        "column": np.zeros(60), "mass": np.ones(60, np.int64),
        "values": np.zeros(60), "sums": np.zeros(60, np.int64),
    }  # fmt: skip


def _add_cells():
    ids = np.arange(60, dtype=np.int32) % 4
    return {"raw": np.zeros(60), "ids": ids, "values": np.zeros(4), "n_threads": 2}


def _derivatives():
    return {
        "loss": 0, "y": np.zeros(60), "raw": np.zeros((60, 1), order="F"),
        "weight": np.ones(60), "param": 0.5,
        "gradient": np.zeros((60, 1), order="F"),
        "hessian": np.zeros((60, 1), order="F"), "n_threads": 2,
    }  # fmt: skip


def _loss_terms():
    arguments = _derivatives()
    kept = {name: arguments[name] for name in ("loss", "y", "raw", "weight", "param")}
    return kept | {"terms": np.zeros(60), "n_threads": 2}


def _greatest():
    return {"values": np.ones(60), "n_threads": 2}


def _exact_sums():
    return {
        "values": np.ones(60), "groups": np.arange(60) % 7, "scale": 4.0,
        "sums": np.zeros((7, 2), np.int64), "n_threads": 2,
    }  # fmt: skip


def _linear_leaves():
    wide = np.zeros((2, 4))
    return {
        "X": np.zeros((60, 3)), "ids": np.arange(60, dtype=np.int32) % 5,
        "model_of": np.array([-1, 0, -1, 1, -1], np.int32),
        "features": np.full((2, 4), 2, np.int32), "center": wide, "low": wide,
        "high": wide, "coef": np.zeros((2, 4, 3)), "intercept": np.zeros((2, 3)),
        "outputs": np.zeros((60, 3), order="F"), "n_threads": 2,
    }  # fmt: skip


BUILDERS = {
    "linear_leaves": _linear_leaves,
    "grow": _grow, "apply_bins": _apply_bins, "bin": _bin, "forest": _forest,
    "predict": _predict, "apply": _apply, "distinct": _distinct,
    "gather": _gather, "summarize": _summarize,
    "hash_rows": _hash_rows,
    "add_cells": _add_cells, "derivatives": _derivatives,
    "loss_terms": _loss_terms, "greatest": _greatest, "exact_sums": _exact_sums,
}  # fmt: skip
OPTIONAL = {
    ("grow", "hessian"), ("grow", "weight"), ("grow", "rows"), ("grow", "features"),
    ("grow", "columns"),
    ("derivatives", "weight"), ("derivatives", "hessian"), ("loss_terms", "weight"),
    ("summarize", "mass"), ("exact_sums", "groups"),
}  # fmt: skip
OUTPUTS = {
    "grow": "feature left threshold value gain weight_out bin missing_left ids",
    "apply_bins": "ids", "bin": "columns", "forest": "", "predict": "raw",
    "apply": "ids", "distinct": "values counts", "add_cells": "raw",
    "gather": "out", "summarize": "values sums", "linear_leaves": "outputs",
    "hash_rows": "codes",
    "derivatives": "gradient hessian", "loss_terms": "terms",
    "greatest": "", "exact_sums": "sums",
}  # fmt: skip
STRIDED = {
    ("bin", "X"), ("predict", "X"), ("apply", "X"), ("distinct", "X"), ("gather", "X"),
    ("summarize", "column"), ("hash_rows", "X"), ("linear_leaves", "X"),
}  # fmt: skip
REAL = STRIDED  # float32 or float64
_ONE_LENGTH = {("summarize", "column"), ("hash_rows", "X"), ("linear_leaves", "X")}
ANY_LENGTH = STRIDED - _ONE_LENGTH | {
    ("linear_leaves", "model_of"),
    ("distinct", "X"), ("add_cells", "values"), ("grow", "rows"),
    ("greatest", "values"), ("exact_sums", "sums"),
    ("apply_bins", "columns"), ("apply_bins", "subsets"), ("forest", "subsets"),
}  # fmt: skip


def positional(function, arguments):
    """The arguments in the order and groups of the function."""
    if function == "grow":
        return core_calls.grouped(arguments)
    return tuple(arguments.values())


def call(function, arguments):
    return getattr(_core, function)(*positional(function, arguments))


def _longer(a):
    return np.concatenate([a, a[-1:]])


def _swapped(a):
    return a.astype(a.dtype.newbyteorder())


def _gapped(a):
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


def _frozen(a):
    a = a.copy(order="K")
    a.flags.writeable = False
    return a


def _other_type(a):
    swap = {"f": np.int64, "i": np.float64, "u": np.int32}
    return a.astype(swap[a.dtype.kind])


def _other_width(a):
    swap = {"f8": "f4", "f4": "f8", "i4": "i8", "i8": "i4", "u1": "i1", "u8": "i8"}
    return a.astype(swap[a.dtype.str[1:]])


MUTATIONS: dict[str, Callable] = {
    "none": lambda a: None,
    "text": lambda a: "text",
    "list": lambda a: a.tolist(),
    "number": lambda a: 3.0,
    "scalar array": lambda a: np.array(1, a.dtype),
    "other type": _other_type,
    "other width": _other_width,
    "byte-swapped": lambda a: _swapped(a) if a.itemsize > 1 else _other_type(a),
    "complex": lambda a: a.astype(complex),
    "objects": lambda a: a.astype(object),
    "strings": lambda a: a.astype("U9"),
    "bool": lambda a: a.astype(bool),
    "one axis more": lambda a: a[..., None],
    "one axis less": lambda a: a.ravel() if a.ndim > 1 else np.array(1, a.dtype),
    "longer": _longer,
    "shorter": lambda a: a[:-1].copy(order="K"),
    "empty": lambda a: a[:0],
    "gaps": _gapped,
    "read-only": _frozen,
}


def _applies(function, argument, mutation):
    key = (function, argument)
    if mutation == "none":
        return key not in OPTIONAL
    if mutation == "gaps":
        of_length_one = {("forest", "outputs"), ("forest", "widths")}
        return key not in STRIDED | of_length_one
    if mutation == "other width":
        return key not in REAL
    if mutation == "read-only":
        return argument in OUTPUTS[function].split()
    if mutation in ("longer", "shorter", "empty"):
        needed = {("add_cells", "values"), ("gather", "X")}
        needed |= {("linear_leaves", "model_of")}
        needed |= {k for k in ANY_LENGTH if "subsets" in k}
        return key not in ANY_LENGTH or (key in needed and mutation != "longer")
    return True


def _cases():
    """Every array argument with every mutation that is an error for it."""
    shapes = {
        "grow": "columns tiles n_bins gradient hessian weight rows features borders "
        "offsets " + OUTPUTS["grow"],
        "apply_bins": "columns feature left bin missing_left subset subsets ids",
        "bin": "X borders offsets columns",
        "forest": "starts feature left threshold missing_left subset subsets value "
        "outputs widths",
        "predict": "X raw",
        "apply": "X ids",
        "distinct": "X values counts",
        "gather": "X rows out",
        "summarize": "column mass values sums",
        "hash_rows": "X codes",
        "add_cells": "raw ids values",
        "derivatives": "y raw weight gradient hessian",
        "loss_terms": "y raw weight terms",
        "greatest": "values",
        "exact_sums": "values groups sums",
        "linear_leaves": "X ids model_of features center low high coef intercept "
        "outputs",
    }
    for function, arguments in shapes.items():
        for argument in arguments.split():
            for mutation in MUTATIONS:
                if _applies(function, argument, mutation):
                    yield function, argument, mutation


@pytest.mark.parametrize("function", list(BUILDERS))
def test_arguments_as_built_are_accepted(function):
    call(function, BUILDERS[function]())


@pytest.mark.parametrize(("function", "argument", "mutation"), list(_cases()))
def test_wrong_arrays(function, argument, mutation):
    arguments = BUILDERS[function]()
    arguments[argument] = MUTATIONS[mutation](arguments[argument])
    with pytest.raises(REFUSED):
        call(function, arguments)


@pytest.mark.parametrize("function", list(BUILDERS))
def test_wrong_number_of_arguments(function):
    values = list(positional(function, BUILDERS[function]()))
    for wrong in ([], values[:-1], [*values, 1]):
        with pytest.raises(TypeError):
            getattr(_core, function)(*wrong)


SCALARS = {
    "max_leaves": [0, -1, 2**31, 1.5, "3", None],
    "max_depth": [-2, 2**31, 2.5, "3", None],
    "min_leaf_weight": [-1.0, NAN, "3", None],
    "min_leaf_hessian": [-1.0, NAN, "3", None],
    "l2": [-1.0, NAN, INF, "3", None],
    "depth_wise": ["yes", None],
    "n_node_features": [0, -1, 2**31, 1.5, None],
    "seed": [-1, 2**64, 0.5, "3", None],
    "workspace": [3, "text", np.zeros(3)],
    "n_threads": [0, -1, 2**31, 257, 1.5, "3", None],
    "test": [
        *[(NO_ROWS, NO_ROWS, step) for step in (-0.1, NAN, INF, "3", None)],
        (NO_ROWS, NO_ROWS),
        (NO_ROWS, NO_ROWS, 0.1, 1),
        [NO_ROWS, NO_ROWS, 0.1],
        (NO_ROWS, None, 0.1),
        (NO_ROWS.astype(np.int64), NO_ROWS, 0.1),
        *[
            (NO_ROWS, np.array(rows, np.int32), 0.1)
            for rows in ([1, 60], [-1, 3], [3, 1], [3, 3])
        ],
        (np.array([1, 2], np.int32), NO_ROWS, 0.1),  # the tree is grown on row 2
    ],
    "min_gain": [-1.0, NAN, "3", None],
    "l1": [-1.0, NAN, INF, "3", None],
    "max_delta_step": [0.0, -1.0, NAN, "3", None],
    "path_smoothing": [-1.0, NAN, INF, "3", None],
    "random_splits": ["yes", None],
    "oblivious": ["yes", None],
    "monotone": [np.zeros(2, np.int8), np.zeros(3), 1],
    "interactions": [np.zeros((2, 1), np.uint64), np.zeros((3, 1)), 1],
    "n_tree_features": [0, -1, 2**31, 1.5, None],
    "n_level_features": [0, -1, 2**31, 1.5, None],
}


@pytest.mark.parametrize(
    ("argument", "value"), [(k, v) for k, values in SCALARS.items() for v in values]
)
def test_wrong_parameters_of_a_tree(argument, value):
    arguments = _grow()
    arguments[argument] = value
    with pytest.raises(REFUSED):
        call("grow", arguments)


@pytest.mark.parametrize(
    "function", [k for k, v in BUILDERS.items() if "n_threads" in v()]
)
@pytest.mark.parametrize("n_threads", [0, -1, 10**6, 2**40, 1.5, None])
def test_wrong_number_of_threads(function, n_threads):
    arguments = BUILDERS[function]()
    arguments["n_threads"] = n_threads
    with pytest.raises(REFUSED):
        call(function, arguments)


def test_a_forest_is_no_workspace():
    arguments = _grow()
    arguments["workspace"] = _core.forest(*_forest().values())
    with pytest.raises(ValueError, match="apsule"):
        call("grow", arguments)


def _set(name, where, value):
    def change(arguments):
        arguments[name] = arguments[name].copy(order="K")
        arguments[name][where] = value

    change.__name__ = f"{name}[{where}] = {value}"
    return change


def _replace(name, value):
    def change(arguments):
        arguments[name] = value

    change.__name__ = f"{name} = {value!r:.40}"
    return change


def _i32(*values):
    return np.array(values, np.int32)


def refused(function, change):
    """Call with one changed argument, which must be refused."""
    arguments = BUILDERS[function]()
    change(arguments)
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        call(function, arguments)


@pytest.mark.parametrize(
    "change",
    [
        # row 4 is sampled
        _set("gradient", 4, NAN), _set("gradient", 4, INF), _set("gradient", 4, -INF),
        _set("hessian", 4, NAN), _set("hessian", 4, INF), _set("hessian", 4, -1e-9),
        _set("weight", 4, NAN), _set("weight", 4, INF), _set("weight", 4, -1.0),
        _set("weight", 4, 0.0),
        _replace("rows", _i32(1, 0)), _replace("rows", _i32(1, 1)),
        _replace("rows", _i32(-1, 3)), _replace("rows", _i32(3, 60)),
        _replace("rows", _i32()), _replace("rows", np.arange(61, dtype=np.int32)),
        _set("n_bins", 0, -1), _set("n_bins", 0, 256), _set("n_bins", 0, 5),
        _set("offsets", 0, 1), _set("offsets", 0, -1), _set("offsets", 1, 10**15),
        _set("offsets", 1, -3), _set("offsets", 3, 10**15), _set("offsets", 3, 1),
        _set("borders", 3, NAN), _set("borders", 0, NAN), _set("borders", 3, 1e9),
    ],
    ids=lambda c: c.__name__,
)  # fmt: skip
def test_wrong_values_for_grow(change):
    refused("grow", change)


@pytest.mark.parametrize(
    "change",
    [
        _set("offsets", 0, 1), _set("offsets", 1, 10**15), _set("offsets", 1, -3),
        _set("offsets", 3, 10**15), _set("offsets", 2, 0), _set("borders", 3, NAN),
        _set("borders", 0, NAN), _set("borders", 3, 1e9), _set("borders", 3, -1e9),
        _replace("borders", np.zeros(0)),
    ],
    ids=lambda c: c.__name__,
)  # fmt: skip
def test_wrong_values_for_bin(change):
    refused("bin", change)


def test_more_borders_than_bins():
    arguments = _bin()
    arguments["X"] = np.zeros((60, 1))
    arguments["columns"] = np.zeros((1, 60), np.uint8)
    arguments["borders"] = np.arange(255.0)
    arguments["offsets"] = np.array([0, 255])
    with pytest.raises(ValueError, match="254"):
        _core.bin(*arguments.values())


LINKS = [
    _set("left", 0, 0),  # onto itself
    _set("left", 0, 10**6),
    _set("left", 0, 2**31 - 1),
    _set("left", 1, 10),  # the right child is one beyond the last node
    _set("feature", 0, 3),
    _set("feature", 0, -1),
    _set("feature", 0, 2**31 - 1),
]


@pytest.mark.parametrize("function", ["apply_bins", "forest"])
@pytest.mark.parametrize("change", LINKS, ids=lambda c: c.__name__)
def test_broken_trees(function, change):
    refused(function, change)


@pytest.mark.parametrize("function", ["apply_bins", "forest"])
@pytest.mark.parametrize("value", [2, -2, 2**31 - 1, -(2**31)])
def test_sets_that_are_not_there(function, value):
    refused(function, _set("subset", 0, value))


@pytest.mark.parametrize("function", ["apply_bins", "forest"])
def test_a_leaf_with_a_set(function):
    refused(function, _set("subset", -1, 0))


def test_leaves_of_two_values():
    arguments = _forest()
    arguments["widths"][0], arguments["n_outputs"] = 2, 3
    arguments["value"] = np.zeros(2 * len(arguments["feature"]))
    arguments["outputs"][0] = 1
    _core.forest(*arguments.values())
    arguments["outputs"][0] = 2
    with pytest.raises(ValueError, match="output"):
        _core.forest(*arguments.values())


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ([-1, -1, -1], "two nodes that nothing links to"),
        ([1, 3, 3, -1, -1], "two parents of one pair"),
        ([1, 3, 7, 5, -1, 9, -1, 9, -1, -1, -1], "a pair at two depths"),
        ([1, 2, -1, -1], "a node that is left and right child"),
    ],
)
def test_graphs_that_are_no_tree(left, why):
    n = len(left)
    arguments = {
        "starts": np.array([0, n]), "feature": np.zeros(n, np.int32),
        "left": np.array(left, np.int32), "threshold": np.zeros(n),
        "missing_left": np.zeros(n, np.uint8), "subset": np.full(n, -1, np.int32),
        "subsets": np.zeros((0, 4), np.uint64), "value": np.zeros(n),
        "outputs": np.zeros(1, np.int32), "widths": np.ones(1, np.int32),
        "n_features": 1, "n_outputs": 1,
    }  # fmt: skip
    with pytest.raises(ValueError, match="tree"):
        _core.forest(*arguments.values())


@pytest.mark.parametrize(
    "change",
    [
        _set("starts", 0, 1), _set("starts", 1, 1), _set("starts", 1, 10**12),
        _set("starts", 1, -1), _set("outputs", 0, 1), _set("outputs", 0, -1),
        _replace("n_features", 0), _replace("n_features", 1), _replace("n_outputs", 0),
        _replace("n_outputs", -5), _replace("n_features", -5), _set("widths", 0, 0),
        _set("widths", 0, 2), _set("widths", 0, -1), _set("widths", 0, 2**31 - 1),
    ],
    ids=lambda c: c.__name__,
)  # fmt: skip
def test_wrong_values_for_a_forest(change):
    refused("forest", change)


def test_starts_that_descend():
    arguments = _forest()
    n = len(arguments["feature"])
    arguments["outputs"] = np.zeros(2, np.int32)
    arguments["widths"] = np.ones(2, np.int32)
    for middle in (-1, 0, n, n + 1):
        arguments["starts"] = np.array([0, middle, n])
        with pytest.raises(ValueError, match="tree"):
            _core.forest(*arguments.values())


@pytest.mark.parametrize("function", ["predict", "apply"])
def test_what_is_no_forest(function):
    for wrong in (None, 3, "forest", object(), np.zeros(3)):
        arguments = BUILDERS[function]()
        arguments["forest"] = wrong
        with pytest.raises(REFUSED):
            call(function, arguments)


@pytest.mark.parametrize("function", ["predict", "apply"])
def test_wrong_number_of_features(function):
    for n_features in (0, 2, 4):
        arguments = BUILDERS[function]()
        arguments["X"] = np.zeros((60, n_features))
        with pytest.raises(ValueError, match="features"):
            call(function, arguments)


@pytest.mark.parametrize("value", [-1, 4, 2**31 - 1, -(2**31)])
def test_cells_that_do_not_exist(value):
    refused("add_cells", _set("ids", 59, value))


@pytest.mark.parametrize("function", ["derivatives", "loss_terms"])
def test_wrong_losses(function):
    for loss in (-1, 10, 2**31, 0.5, None, "squared"):
        arguments = BUILDERS[function]()
        arguments["loss"] = loss
        with pytest.raises(REFUSED):
            call(function, arguments)


@pytest.mark.parametrize("label", [-1.0, 3.0, NAN, INF, 1e300])
@pytest.mark.parametrize("function", ["derivatives", "loss_terms"])
def test_wrong_labels(function, label):
    arguments = BUILDERS[function]()
    arguments["loss"] = 8
    for name in ("raw", "gradient", "hessian"):
        if name in arguments:
            arguments[name] = np.zeros((60, 3), order="F")
    call(function, arguments)
    arguments["y"][7] = label
    with pytest.raises(ValueError, match="label"):
        call(function, arguments)


def test_one_output_where_the_loss_has_one():
    arguments = _derivatives()
    for name in ("raw", "gradient", "hessian"):
        arguments[name] = np.zeros((60, 2), order="F")
    with pytest.raises(ValueError, match="output"):
        _core.derivatives(*arguments.values())


@pytest.mark.parametrize("size", [0, 256, 1000])
def test_limits_of_distinct(size):
    with pytest.raises(ValueError, match="255"):
        _core.distinct(np.zeros((5, 1)), np.zeros((1, size)), np.zeros(1, np.int32))


def test_distinct_of_too_many_features():
    counts = np.zeros(9, np.int32)
    with pytest.raises(ValueError, match="more features"):
        _core.distinct(np.zeros((5, 9)), np.zeros((9, 4)), counts)


@pytest.mark.parametrize("row", [-1, 60, 2**62, -(2**63)])
def test_gathered_rows_are_rows(row):
    arguments = _gather()
    arguments["rows"][4] = row
    with pytest.raises(ValueError, match="rows"):
        _core.gather(*arguments.values())


@pytest.mark.parametrize("capacity", [1, 2, 3, 4, 10])
def test_a_tree_that_does_not_fit(capacity):
    arguments = core_calls.grow_arguments(_problem(), capacity=capacity)
    with pytest.raises(ValueError, match="fit"):
        call("grow", arguments)


def test_more_leaves_than_memory():
    """A limit that no tree reaches costs nothing."""
    problem = _problem()
    expected = oracle.grow(problem.with_params(max_leaves=1000))
    arguments = core_calls.grow_arguments(problem, capacity=100)
    arguments["max_leaves"] = 2**31 - 1
    tree = core_calls.grow_with(arguments)
    core_calls.assert_same_tree(tree, expected, "no limit")


def test_infinite_least_weights_leave_the_root():
    for name in ("min_leaf_weight", "min_leaf_hessian"):
        arguments = _grow()
        arguments[name] = INF
        assert len(core_calls.grow_with(arguments).feature) == 1


def test_unsampled_rows_may_hold_anything():
    problem = _problem()
    expected = core_calls.grow(problem)
    for name in ("gradient", "hessian", "weight"):
        spoilt = getattr(problem, name).copy()
        spoilt[1::2] = NAN
        other = oracle.replace(problem, **{name: spoilt})
        core_calls.assert_same_tree(core_calls.grow(other), expected, name)


def test_bins_out_of_range_do_not_crash(tier):
    """Rubbish in the bins gives a rubbish tree, inside the arrays."""
    rng = np.random.default_rng(0)
    for seed in range(200):
        arguments = _grow()
        for name in ("columns", "tiles"):
            arguments[name] = rng.integers(0, 256, arguments[name].shape, np.uint8)
        arguments["seed"] = seed
        tree = core_calls.grow_with(arguments)
        assert (tree.ids >= 0).all()
        assert (tree.ids < len(tree.feature)).all()


def test_empty_matrices():
    """No rows is a table like any other, except to grow on."""
    nothing = np.zeros((0, 3))
    forest = _core.forest(*_forest().values())
    _core.predict(forest, nothing, np.zeros((0, 1), order="F"), 2)
    _core.apply(forest, nothing, np.zeros((1, 0), np.int32), 2)
    counts = np.ones(3, np.int32)
    _core.distinct(nothing, np.zeros((3, 3)), counts)
    assert not counts.any()
    _core.gather(np.zeros((4, 3)), np.zeros(0, np.int64), np.zeros((3, 0)))
    sums = np.zeros(0, np.int64)
    assert _core.summarize(nothing[:, 0], None, np.zeros(0), sums) == 0
    arguments = _grow()
    arguments["columns"] = np.zeros((3, 0), np.uint8)
    with pytest.raises(ValueError, match="row"):
        call("grow", arguments)


def test_a_failed_call_releases_its_buffers():
    """An array still exported could not be resized."""
    arguments = _grow()
    arguments["ids"] = np.zeros(3, np.int32)
    gradient = arguments["gradient"] = np.zeros((60, 1))
    with pytest.raises(ValueError, match="ids"):
        call("grow", arguments)
    del arguments
    gradient.resize(100, refcheck=True)


@pytest.mark.parametrize("group", [-1, 7, 2**62])
def test_groups_that_do_not_exist(group):
    refused("exact_sums", _set("groups", 59, group))


def test_sums_without_groups_or_scale():
    arguments = _exact_sums()
    arguments["groups"] = None
    with pytest.raises(ValueError, match="one sum"):
        _core.exact_sums(*arguments.values())
    for scale in (0.0, -1.0, NAN, INF):
        with pytest.raises(ValueError, match="scale"):
            _core.exact_sums(*(_exact_sums() | {"scale": scale}).values())
