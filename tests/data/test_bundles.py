"""Features that share a byte, and what their codes stand for."""

import numpy as np
import pytest

from boostlab import GradientBoostingClassifier, GradientBoostingRegressor, _core
from boostlab.data import bundles
from boostlab.data.binning import Bins
from boostlab.data.bundles import make_tiles
from boostlab.data.table import Table


def decoded(tiles, n_bins):
    """The bins of every feature (f, n), read back from tiles; 0 where constant."""
    n_bundles = len(n_bins) if tiles.bundles is None else len(tiles.bundles.n_codes)
    width = -(-n_bundles // len(tiles.codes))
    rows = np.concatenate([tile[:, :width].T for tile in tiles.codes])[:n_bundles]
    if tiles.bundles is None:
        return rows
    found = np.zeros((len(n_bins), rows.shape[1]), np.uint8)
    for f, b in enumerate(tiles.bundles.bundle):
        if b >= 0:
            joint = tiles.bundles.joint[b]
            found[f] = tiles.bundles.bin_of[f][rows[b]] if joint else rows[b]
    return found


def mixed_table(n=12_000, seed=0):
    """Flags, a one-hot encoding, small counts, constants and a continuous column."""
    rng = np.random.default_rng(seed)
    flags = rng.random((n, 4)) < [0.5, 0.1, 0.01, 0.9]
    one_hot = np.eye(30)[rng.integers(0, 30, n)]
    counts = rng.integers(0, 6, (n, 3)).astype(float)
    counts[rng.random((n, 3)) < 0.1] = np.nan
    constant = np.full((n, 2), [3.0, np.nan])
    return np.column_stack([flags, one_hot, counts, constant, rng.normal(size=n)])


def test_bundles_hold_every_bin():
    x = mixed_table()
    binned = Table(x).view(Bins())
    tiles = binned.tiles()
    n_features = x.shape[1]
    assert len(tiles.bundles.n_codes) <= 8
    assert (tiles.bundles.bundle[-3:-1] == -1).all()
    found = decoded(tiles, binned.n_bins)
    varied = tiles.bundles.bundle >= 0
    np.testing.assert_array_equal(found[varied], binned.columns[varied])
    assert varied.sum() == n_features - 2
    plain = binned.tiles(bundled=False)
    assert plain.bundles is None
    np.testing.assert_array_equal(decoded(plain, binned.n_bins), binned.columns)


def test_codes_are_no_more_than_occur():
    columns = np.array([[0, 1, 0, 1, 0, 255], [0, 0, 1, 1, 0, 1]], np.uint8)
    columns = np.tile(columns, 2000)
    tiles = make_tiles(columns, np.array([2, 2], np.int32), True)
    assert tiles.bundles.n_codes.tolist() == [5]
    np.testing.assert_array_equal(decoded(tiles, [2, 2]), columns)


def test_a_bundle_that_only_the_sample_fits_is_refused():
    """Rows between the sampled ones hold more pairs than there are codes."""
    n = 8 * bundles._SAMPLE
    rng = np.random.default_rng(1)
    columns = rng.integers(0, 100, (2, n)).astype(np.uint8)
    columns[:, ::8] = 0
    tiles = make_tiles(columns, np.array([100, 100], np.int32), True)
    assert tiles.bundles is None
    np.testing.assert_array_equal(decoded(tiles, [100, 100]), columns)


def test_join_by_hand():
    codes = np.array([1, 1, 0, 1, 0], np.uint8)
    column = np.array([7, 255, 7, 7, 7], np.uint8)
    joined, first, second = np.zeros(5, np.uint8), *np.zeros((2, 255), np.uint8)
    assert _core.join(codes, column, joined, first, second) == 3
    assert joined.tolist() == [0, 1, 2, 0, 2]
    assert first[:3].tolist() == [1, 1, 0]
    assert second[:3].tolist() == [7, 255, 7]


def test_join_counts_to_255():
    column = np.arange(256, dtype=np.uint8)
    joined, first, second = np.zeros(256, np.uint8), *np.zeros((2, 255), np.uint8)
    assert _core.join(np.zeros(256, np.uint8), column, joined, first, second) == -1
    same = column[:255]
    assert _core.join(same, same, joined[:255], first, second) == 255
    np.testing.assert_array_equal(joined[:255], same)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"growth": "oblivious"},
        {"max_features": 0.5, "subsample": 0.7},
        {"path_smoothing": 3.0, "n_jobs": 2},
    ],
)
def test_models_do_not_depend_on_bundles(monkeypatch, settings):
    x = mixed_table(seed=2)
    y = x[:, 0] + 2 * x[:, 5] - x[:, 8] + x[:, -1] + np.nan_to_num(x[:, 34])
    settings = {"n_estimators": 6, "random_state": 0, **settings}

    def fitted():
        number = GradientBoostingRegressor(**settings).fit(x, y).predict(x)
        labels = np.digitize(y, np.quantile(y, [0.3, 0.6]))
        shared = GradientBoostingClassifier(multi_strategy="shared", **settings)
        return number, shared.fit(x, labels).predict_proba(x)

    together = fitted()
    monkeypatch.setattr(bundles, "FEWEST_ROWS", 10**9)
    for a, b in zip(together, fitted(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_small_tables_are_not_bundled():
    binned = Table(mixed_table(500)).view(Bins())
    assert binned.tiles().bundles is None
