"""Trees as values: applied to tables, packed for files, refused when damaged."""

import pickle

import made_trees
import numpy as np
import pytest

from boostlab.contributions import CellValues
from boostlab.data.table import Table
from boostlab.learners.tree_arrays import NODE, TreeArrays
from boostlab.learners.trees import Trees
from boostlab.state import Ensemble, Round
from boostlab.updates import AddToPrediction

RNG = np.random.default_rng(0)


def shared(subsets=0.3, n_outputs=3):
    """One tree for three outputs."""
    return Trees((made_trees.make_tree(RNG, 9, 4, n_outputs, subsets),), 4)


def separate(subsets=0.3, n_outputs=3):
    """Three trees, one an output."""
    trees = [made_trees.make_tree(RNG, 9, 4, 1, subsets) for _ in range(n_outputs)]
    return Trees(tuple(trees), 4)


KINDS = {
    "numeric": [separate(0.0), separate(0.0)],
    "sets": [separate(), separate(0.0), separate()],
    "shared": [shared(0.0), shared(0.0)],
    "shared sets": [shared(), shared(0.0)],
    "both": [separate(), shared(), separate(0.0), shared(0.0)],
}


def same(one, other):
    """Whether two hypotheses have the same trees."""
    names = TreeArrays.__slots__
    return len(one.trees) == len(other.trees) and all(
        getattr(a, name).dtype == getattr(b, name).dtype
        and np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(one.trees, other.trees, strict=True)
        for name in names
    )


@pytest.mark.parametrize("kind", KINDS)
def test_packing_and_back(kind):
    data, arrays = Trees.pack(KINDS[kind])
    back = Trees.unpack(data, arrays)
    assert len(back) == len(KINDS[kind])
    assert all(same(a, b) for a, b in zip(back, KINDS[kind], strict=True))
    assert ("subsets" in arrays) == ("numeric" != kind != "shared")
    assert ("widths" in arrays) == (kind == "both")


@pytest.mark.parametrize("kind", KINDS)
def test_one_by_one_and_pickled(kind):
    for trees in KINDS[kind]:
        assert same(Trees.from_parts(*trees.to_parts()), trees)
        assert same(pickle.loads(pickle.dumps(trees)), trees)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_of_an_ensemble_equal_a_walk(kind):
    x = made_trees.make_rows(RNG, 80, 4)
    sizes = [0.5, np.array([0.5, -1.0, 2.0]), 0.25, 1.0]
    rounds = [Round(h, size) for h, size in zip(KINDS[kind], sizes, strict=False)]
    ensemble = Ensemble(np.array([1.0, 2.0, 3.0]), AddToPrediction(), rounds)
    expected = np.tile(ensemble.baseline, (len(x), 1))
    for done in rounds:
        columns = [t.value[made_trees.leaves(t, x)] for t in done.hypothesis.trees]
        assert np.array_equal(done.hypothesis.predict(Table(x)), np.hstack(columns))
        expected += done.size * np.hstack(columns)
    assert np.array_equal(ensemble.predict(Table(x)), expected)
    *_, last = ensemble.staged_predict(Table(x))
    assert np.array_equal(last, expected)


def test_values_a_cell_of_a_shared_tree():
    trees = shared()
    x = made_trees.make_rows(RNG, 50, 4)
    values = RNG.standard_normal(trees.trees[0].value.shape)
    ensemble = Ensemble(
        np.zeros(3), AddToPrediction(), [Round(trees, CellValues((values,)))]
    )
    ids = made_trees.leaves(trees.trees[0], x)
    assert np.array_equal(ensemble.predict(Table(x)), values[ids])


def test_the_head_of_a_tree_keeps_the_sets_it_uses():
    whole = made_trees.make_tree(RNG, 5, 2, 2, 1.0)
    longer = TreeArrays(
        **{
            name: np.concatenate([getattr(whole, name)] * 2)
            for name in NODE
            if name != "subset"
        },
        subset=np.concatenate([whole.subset, np.full(len(whole.subset), -77, "i4")]),
        subsets=np.concatenate([whole.subsets, whole.subsets]),
    )
    assert same(Trees((longer.head(whole.n_nodes),), 2), Trees((whole,), 2))


def test_importances_count_every_kind_of_split():
    trees = KINDS["both"][1]
    tree = trees.trees[0]
    for kind, amount in (("gain", tree.gain), ("split", tree.feature >= 0)):
        expected = [amount[tree.feature == j].sum() for j in range(4)]
        np.testing.assert_allclose(trees.importances(kind), expected)


def changed(name, index, value):
    def change(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][index] = value

    return change


def replaced(name, make):
    def change(arrays):
        arrays[name] = make(arrays[name])

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed("subset", 0, 99), "splits by the set 99 of categories"),
        (changed("subset", 0, -2), "splits by the set -2"),
        (changed("subset", 0, 2**31 - 1), "splits by the set 2147483647"),
        (changed("subset", 16, 0), "leaf of a tree has a set"),
        (replaced("subset", lambda a: a.astype(np.int64)), "'subset' is int64"),
        (replaced("subsets", lambda a: a[:-1]), "do not add up"),
        (replaced("subsets", lambda a: a[:, :3]), "four 64-bit words"),
        (replaced("subsets", lambda a: a.ravel()), "four 64-bit words"),
        (replaced("subsets", lambda a: a.astype(np.int64)), "four 64-bit words"),
        (changed("n_subsets", 0, -1), "at least 0"),
        (changed("n_subsets", 0, 2**62), "do not add up"),
        (replaced("n_subsets", lambda a: a[::-1].copy()), "splits by the set"),
        (replaced("n_subsets", lambda a: a[:1]), "numbers of sets"),
        (replaced("n_subsets", lambda a: a.astype(np.int32)), "numbers of sets"),
        (lambda arrays: arrays.pop("n_subsets"), "Trees need the arrays"),
        (lambda arrays: arrays.pop("subset"), "Trees need the arrays"),
        (lambda arrays: arrays.pop("subsets"), "Trees need the arrays"),
        (lambda arrays: arrays.update(more=np.zeros(3)), "Trees need the arrays"),
        (changed("widths", 0, 0), "1 to 3 values"),
        (changed("widths", 0, 4), "1 to 3 values"),
        (changed("widths", 0, 2), "not the only one of its round"),
        (replaced("widths", lambda a: a[1:]), "at least one value"),
        (replaced("widths", lambda a: a.astype(np.int32)), "at least one value"),
        (replaced("value", lambda a: a[:, :0]), "at least one value"),
        (replaced("value", lambda a: a[:, 0]), "at least one value"),
        (replaced("value", lambda a: a[:, :2]), "1 to 2 values"),
        (changed("value", (0, 2), np.nan), "'value' holds NaN"),
    ],
)
def test_damaged_arrays_are_refused(change, words):
    data, arrays = Trees.pack(KINDS["both"])
    change(arrays)
    with pytest.raises(ValueError, match=words):
        Trees.unpack(data, arrays)
