"""Thousands of damaged files: each is refused in one sentence, or is a sound model.

Half of the mutations are made inside the two members, which are then packed with
valid checksums, so that they reach the checks of JSON, arrays and components.
"""

import copy
import io
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris

from boostlab import (
    BoostingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    ModelFileError,
    load,
)
from boostlab.learners import Linear
from boostlab.persistence import plain, read_archive, tensors

FILES = 300
"""Mutated files for each of four models and four ways to mutate: 4,800 in all."""

# A file may hold a sound model of other columns, or one with coefficients so large
# that it says so. Everything else that predict raises is a fault of the checks.
_SOUND_REFUSALS = ("feature names", "Column", "too large to compute with")


def multiclass():
    X, y = load_iris(return_X_y=True)
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    model = GradientBoostingClassifier(n_estimators=4, max_leaf_nodes=4, random_state=0)
    return model.fit(X, labels), X[::10]


def frame_with_cells():
    X, y = load_diabetes(return_X_y=True)
    X = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
    X["d"] = np.where(y > 150, "high", None)
    X["e"] = pd.Categorical(np.where(X["b"] > 0, "m", "f"))
    X.loc[::7, "a"] = np.nan
    model = GradientBoostingRegressor(
        "huber",
        n_estimators=5,
        max_leaf_nodes=4,
        early_stopping=True,
        keep_all_rounds=True,
        random_state=0,
    )
    return model.fit(X, y), X[::30]


def weighted_two_classes():
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingClassifier(
        "exponential", n_estimators=3, class_weight={True: 2, False: 1}, random_state=0
    )
    return model.fit(X, y > 140), X[::40]


def mixture():
    X, y = load_iris(return_X_y=True)
    model = BoostingClassifier(
        learner=["tree", Linear()], every=[1, 2], n_estimators=4, random_state=0
    )
    return model.fit(X, y), X[::10]


MODELS = [multiclass, frame_with_cells, weighted_two_classes, mixture]

VALUES = [None, True, False, -1, 0, 1, 2, 3, 2**31, -(2**31), 2**63, 10**39]
VALUES += [0.5, -0.5, 1e308, float("inf"), float("nan"), "", "x", [], {}, [[]]]
VALUES += [{"a": 1}, "trees", "linear_model", "shrinkage", "GradientBoostingRegressor"]

NUMBERS = np.array([np.nan, np.inf, -np.inf, 1e308, -1e308, 0, -1, 1, 0.5])
DTYPES = ["f4", "f8", "i4", "i8", "u1", "bool"]


def mutated_bytes(content, rng):
    """Return bytes with a few flips, swaps, insertions, deletions, or cut off."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at, other = (int(i) for i in rng.integers(len(content), size=2))
        operation = rng.integers(5)
        if operation == 0:
            content[at] ^= 1 << rng.integers(8)
        elif operation == 1:
            content[at] = rng.integers(256)
        elif operation == 2:
            del content[at : at + int(rng.integers(1, 9))]
        elif operation == 3:
            content[at], content[other] = content[other], content[at]
        else:
            content[at:at] = rng.bytes(int(rng.integers(1, 9)))
    if rng.random() < 0.1:
        content = content[: rng.integers(len(content))]
    return bytes(content)


def places(value, path=()):
    """Yield the path of every value inside nested lists and dicts."""
    if path:
        yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from places(item, (*path, key))


def at(value, path):
    for key in path:
        value = value[key]
    return value


def mutated_json(data, rng):
    """Return nested data with one or two values replaced, copied, added, removed."""
    data = copy.deepcopy(data)
    for _ in range(rng.integers(1, 3)):
        paths = list(places(data))
        path, other = (paths[i] for i in rng.integers(len(paths), size=2))
        parent, key = at(data, path[:-1]), path[-1]
        operation = rng.integers(6)
        if operation <= 1:
            parent[key] = VALUES[rng.integers(len(VALUES))]
        elif operation == 2:
            parent[key] = copy.deepcopy(at(data, other))
        elif operation == 3 and type(parent[key]) is int:
            parent[key] += int(rng.integers(-2, 3))
        elif operation == 4 and isinstance(parent, list):
            parent.insert(0, copy.deepcopy(parent[key]))
        elif operation == 4:
            parent["another"] = parent[key]
        else:
            del parent[key]
    return data


def mutated_array(array, rng):
    """Return an array with other numbers, another shape or another type."""
    array = array.copy()
    operation = rng.integers(8)
    if operation <= 3 and array.size:
        flat = array.reshape(-1)
        where = rng.integers(flat.size, size=2)
        if array.dtype.kind == "f":
            flat[where] = rng.choice(NUMBERS, size=2)
        elif rng.random() < 0.2:
            flat[where] = np.frombuffer(rng.bytes(2 * array.itemsize), array.dtype)
        else:
            flat[where] = rng.integers(0 if array.dtype.kind == "u" else -3, 20, size=2)
    elif operation == 4:
        array = array[: rng.integers(len(array) + 1)]
    elif operation == 5:
        array = np.concatenate([array, array])
    elif operation == 6:
        array = array.astype(rng.choice(DTYPES))
    else:
        array = array[None] if rng.random() < 0.5 else rng.permutation(array)
    return array


def mutated_arrays(arrays, rng):
    """Return arrays of which one or two are changed, swapped or missing."""
    arrays = dict(arrays)
    for _ in range(rng.integers(1, 3)):
        name, other = rng.choice(sorted(arrays), size=2)
        operation = rng.integers(8)
        if operation == 0:
            arrays[name], arrays[other] = arrays[other], arrays[name]
        elif operation == 1:
            del arrays[name]
        else:
            arrays[name] = mutated_array(arrays[name], rng)
    return arrays


def repacked(head, arrays):
    """Return the bytes of a sound archive with these contents."""
    head = head if isinstance(head, bytes) else plain.dumps(head)
    arrays = arrays if isinstance(arrays, bytes) else tensors.pack(arrays)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.json", head)
        archive.writestr("arrays.safetensors", arrays)
    return buffer.getvalue()


def damaged_archive(whole, head, arrays, rng):
    return mutated_bytes(whole, rng)


def damaged_member(whole, head, arrays, rng):
    if rng.random() < 0.5:
        return repacked(mutated_bytes(plain.dumps(head), rng), arrays)
    return repacked(head, mutated_bytes(tensors.pack(arrays), rng))


def other_json(whole, head, arrays, rng):
    return repacked(mutated_json(head, rng), arrays)


def other_arrays(whole, head, arrays, rng):
    return repacked(head, mutated_arrays(arrays, rng))


def outcome(path, X, shape):
    """Load and predict; return "refused" or "sound", and fail on anything else."""
    try:
        model, message = load(path), None
    except ModelFileError as error:
        model, message = None, str(error)
    if message is not None:
        assert str(path) in message
        assert message.endswith(".")
        assert "\n" not in message
        return "refused"
    try:
        predicted = [model.predict(X), *model.staged_predict(X)]
    except ValueError as error:
        if any(words in str(error) for words in _SOUND_REFUSALS):
            return "refused"
        raise
    assert all(part.shape == shape for part in predicted)
    return "sound"


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize(
    "mutate", [damaged_archive, damaged_member, other_json, other_arrays]
)
def test_no_mutation_gets_past_the_checks_and_crashes(make, mutate, tmp_path):
    model, X = make()
    path = tmp_path / "model.boostlab"
    model.save(path)
    whole = path.read_bytes()
    content, arrays = read_archive(path)
    head = {
        "format": "boostlab",
        "format_version": 1,
        "boostlab_version": "0",
        "created_by": "a test",
        "content": content,
    }
    path.write_bytes(repacked(head, arrays))
    shape = model.predict(X).shape
    assert outcome(path, X, shape) == "sound"
    counts = {"refused": 0, "sound": 0}
    rng = np.random.default_rng([MODELS.index(make), len(mutate.__name__)])
    for _ in range(FILES):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # Sums of huge mutated values overflow, and frames lose their names.
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("ignore", UserWarning)
            path.write_bytes(mutate(whole, head, arrays, rng))
            counts[outcome(path, X, shape)] += 1
    assert counts["refused"] > FILES // 2
    if mutate in (other_json, other_arrays):
        assert counts["sound"] > FILES // 50
