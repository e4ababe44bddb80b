import numpy as np
import pytest

from boostlab.data.hashing import hash_rows, mix, uniform
from boostlab.parallel import threads


def test_first_outputs_of_splitmix64():
    """The reference implementation's, from the states 0 and 1234567."""
    words = mix(np.array([0, 1234567], np.uint64))
    assert words.tolist() == [0xE220A8397B1DCDAF, 6457827717110365317]


def test_equal_rows_have_equal_hashes_wherever_they_are():
    X = np.array([[0.0, np.nan], [1, 2], [-0.0, -np.nan], [2, 1]])
    code = hash_rows(X.T, 4, seed=5)
    assert code[0] == code[2]
    assert len(set(code.tolist())) == 3
    order = [3, 1, 0, 2]
    np.testing.assert_array_equal(hash_rows(X[order].T, 4, 5), code[order])
    assert (hash_rows(X.T, 4, seed=6) != code).all()
    np.testing.assert_array_equal(hash_rows(X.astype(np.float32).T, 4, 5), code)


def test_uniform_numbers():
    words = hash_rows([np.arange(20_000.0)], 20_000, 0)
    first, second = uniform(words, 1), uniform(words, 2)
    for numbers in (first, second):
        assert numbers.min() >= 0
        assert numbers.max() < 1
        shares = np.bincount((10 * numbers).astype(int)) / 20_000
        np.testing.assert_allclose(shares, 0.1, atol=0.01)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0, abs=0.03)


def test_the_core_gives_what_numpy_gives():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 3))
    X[rng.random(X.shape) < 0.2] = np.nan
    X[rng.random(X.shape) < 0.2] = -0.0
    code = np.full(len(X), 9, dtype=np.uint64)
    for column in X.T:
        bits = np.where(np.isnan(column), np.nan, column + 0.0).view(np.uint64)
        code = mix(code ^ bits)
    for n in (1, 2):
        with threads(n):
            np.testing.assert_array_equal(hash_rows(X.T, len(X), 9), code)
    assert hash_rows(X[:0].T, 0, 9).shape == (0,)
    whole = rng.integers(0, 9, 50)
    np.testing.assert_array_equal(
        hash_rows([whole], 50, 1), hash_rows([whole.astype(float)], 50, 1)
    )
