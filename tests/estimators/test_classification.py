"""Labels and their numbers."""

import numpy as np
import pytest

from boostlab import GradientBoostingClassifier

RNG = np.random.default_rng(0)
LABELS = {
    "bool": RNG.random(50) < 0.5,
    "one side": np.ones(40, dtype=bool),
    "int8": RNG.integers(-128, 128, 1000).astype(np.int8),
    "uint8": RNG.integers(0, 256, 1000).astype(np.uint8),
    "signs": RNG.choice([-1, 1], 60),
    "gaps": RNG.choice([3, 7, 20], 60),
    "far apart": RNG.choice([-(2**62), 0, 2**62], 60),
    "greatest": RNG.choice(np.array([2**64 - 1, 2**64 - 2], np.uint64), 60),
    "other bytes": RNG.integers(-5, 5, 60).astype(">i4"),
    "strings": RNG.choice(["no", "yes"], 60),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_told_apart_as_numpy_does(name):
    y = LABELS[name]
    labels, codes = np.unique(y, return_inverse=True)
    model = GradientBoostingClassifier()
    encoded = model._encode_targets(y, "y", learn=True)
    np.testing.assert_array_equal(model.classes_, labels)
    assert model.classes_.dtype == labels.dtype
    np.testing.assert_array_equal(encoded, codes)
    np.testing.assert_array_equal(model._decode_targets(encoded), y)
