"""The bins of a table by rows, and features that share a byte there.

A histogram costs one addition for every row and byte. Features of few bins, such as
flags or the columns of a one-hot encoding, take few of the combinations that their bins
could form; so several of them fit one byte, a *bundle*, whose code stands for one
combination that occurs. The histogram of each feature is a sum of its bundle's, and as
all sums are of integers, trees are the same with and without bundles, bit for bit.
(LightGBM bundles features that are almost never set together; Ke et al., 2017.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from boostlab import _core
from boostlab.data.mapped import Allocate, in_memory
from boostlab.parallel import n_threads

FEWEST_ROWS = 10_000
"""Rows from which on bundles are worth their search."""

_SAMPLE = 4096
"""Rows that candidates are tried on before all are read."""

_OPEN = 16
"""Most bundles that a feature is tried with."""


@dataclass(frozen=True, slots=True, eq=False)
class Bundles:
    """Which features share a byte, and what its codes stand for.

    Parameters
    ----------
    bundle : ndarray of int32, shape (n_features,)
        Bundle of each feature; -1 where it is constant.
    n_codes : ndarray of int32, shape (n_bundles,)
        Codes of each bundle; the number of bins where a feature is alone.
    joint : ndarray of uint8, shape (n_bundles,)
        Whether the bundle has several features.
    bin_of : ndarray of uint8, shape (n_features, 256)
        Bin of each feature at each code of its joint bundle; of a constant one, first.
    """

    bundle: NDArray[np.int32]
    n_codes: NDArray[np.int32]
    joint: NDArray[np.uint8]
    bin_of: NDArray[np.uint8]

    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        """Return the arrays as the core takes them."""
        return self.bundle, self.n_codes, self.joint, self.bin_of


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """The bins of a table by rows.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_tiles, n_samples, 16)
        Bins or codes of up to 16 bundles a tile; bytes left over are 0.
    bundles : Bundles or None
        What they are of; None where every feature is a bundle of its own.
    """

    codes: NDArray[np.uint8]
    bundles: Bundles | None

    def columns(self, n_features: int) -> NDArray[np.uint8]:
        """Return the bins of all features again, shape (n_features, n_samples)."""
        n_bundles = n_features if self.bundles is None else len(self.bundles.n_codes)
        width = -(-n_bundles // len(self.codes))
        out = np.empty((n_features, self.codes.shape[1]), dtype=np.uint8)
        for feature, column in enumerate(out):
            b = feature if self.bundles is None else int(self.bundles.bundle[feature])
            if b < 0:
                column[:] = self.bundles.bin_of[feature, 0]
                continue
            column[:] = self.codes[b // width, :, b % width]
            if self.bundles is not None and self.bundles.joint[b]:
                column[:] = self.bundles.bin_of[feature][column]
        return out


class Columns(Protocol):
    """Bins by features: an array of shape (n_features, n_samples), or like one."""

    shape: tuple[int, int]

    def __getitem__(self, feature: int) -> NDArray[np.uint8]:
        """Return the bins of one feature."""


def make_tiles(
    columns: NDArray[np.uint8],
    n_bins: NDArray[np.int32],
    bundled: bool,
    allocate: Allocate = in_memory,
) -> Tiles:
    """Return the bins `columns`, of shape (n_features, n_samples), by rows."""
    bundles, joined, sources = find_bundles(columns, n_bins, bundled, allocate)
    n_tiles = -(-len(sources) // _core.TILE)
    codes = allocate((n_tiles, columns.shape[1], _core.TILE))
    _core.fill_tiles(columns, joined, sources, codes, n_threads())
    codes.setflags(write=False)
    return Tiles(codes, bundles)


def find_bundles(
    columns: Columns,
    n_bins: NDArray[np.int32],
    bundled: bool,
    allocate: Allocate = in_memory,
) -> tuple[Bundles | None, NDArray[np.uint8], NDArray[np.int32]]:
    """Return the bundles, and what the bytes of the tiles are.

    Parameters
    ----------
    columns : Columns
        Bins, of which one feature is read at a time.
    n_bins : ndarray of int32, shape (n_features,)
        Value bins of each feature.
    bundled : bool
        Whether features may share a byte.
    allocate : callable
        Makes the arrays of bytes.

    Returns
    -------
    bundles : Bundles or None
        None where every feature is a bundle of its own.
    joined : ndarray of uint8, shape (n_joint, n_samples)
        Codes of the bundles of several features.
    sources : ndarray of int32, shape (n_bundles,)
        Of each bundle its feature, or ``~i`` where it is row i of `joined`.
    """
    n_features, n_samples = columns.shape
    found = None
    if bundled and n_samples >= FEWEST_ROWS and n_features > 1:
        found = _found(columns, n_bins, allocate)
    if found is None:
        joined = np.empty((0, n_samples), dtype=np.uint8)
        found = None, joined, np.arange(n_features)
    bundles, joined, sources = found
    return bundles, joined, sources.astype(np.int32)


class _Bundle:
    """A bundle that is being filled: its features, codes and what they stand for."""

    def __init__(self, feature: int, column: NDArray[np.uint8], step: int) -> None:
        self.step = step
        self.features = [feature]
        self.codes = column
        self.sample = np.ascontiguousarray(column[::step])
        self.n_codes = 0
        self.n_sampled = len(np.unique(self.sample))
        self.bins = np.arange(256, dtype=np.uint8)[None]

    def growth(self, sample: NDArray[np.uint8]) -> int | None:
        """Return how many codes a column would add on the sample; None for too many."""
        count = _joined(self.sample, sample)[0]
        return None if count < 0 else count - self.n_sampled

    def add(
        self,
        feature: int,
        column: NDArray[np.uint8],
        sample: NDArray[np.uint8],
        allocate: Allocate,
    ) -> bool:
        """Take a feature in, if the codes suffice for all rows."""
        count, codes, own, bins = _joined(self.codes, column, allocate)
        if count < 0:
            return False
        self.features.append(feature)
        self.codes, self.n_codes = codes, count
        self.n_sampled, self.sample = _joined(self.sample, sample)[:2]
        self.bins = np.concatenate([self.bins[:, own], bins[None]])
        return True

    def close(self) -> None:
        """Drop what only a bundle needs that others may still join."""
        self.sample = None
        if len(self.features) == 1:
            self.codes = None


def _joined(
    codes: NDArray[np.uint8],
    column: NDArray[np.uint8],
    allocate: Allocate = in_memory,
) -> tuple[int, NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the count of pairs, each row's, and the two sides of each pair."""
    joined = allocate(column.shape)
    first = np.zeros(_core.MISSING, dtype=np.uint8)
    second = np.zeros(_core.MISSING, dtype=np.uint8)
    count = _core.join(codes, column, joined, first, second)
    return count, joined, first, second


def _found(
    columns: Columns, n_bins: NDArray[np.int32], allocate: Allocate
) -> tuple[Bundles, NDArray[np.uint8], NDArray[np.intp]] | None:
    """Return bundles, codes of the joint ones and sources; None if none is worth it.

    Features are taken by ascending number of bins, and each joins the bundle that
    gains the fewest codes by it, as far as a sample of the rows can tell.
    """
    step = max(1, columns.shape[1] // _SAMPLE)
    made: list[_Bundle] = []
    constant = _constant(columns, n_bins)
    few = np.flatnonzero(n_bins <= _core.MISSING // 2)
    few = few[~np.isin(few, list(constant))]
    for feature in few[np.argsort(n_bins[few], kind="stable")]:
        column = columns[feature]
        sample = np.ascontiguousarray(column[::step])
        trials = [(b.growth(sample), b) for b in made[-_OPEN:]]
        fitting = sorted(
            ((g, i) for i, (g, _) in enumerate(trials) if g is not None),
        )
        if not any(
            trials[i][1].add(feature, column, sample, allocate) for _, i in fitting[:2]
        ):
            made.append(_Bundle(int(feature), column, step))
            for closed in made[-_OPEN - 1 : -_OPEN]:
                closed.close()
    joint = [bundle for bundle in made if len(bundle.features) > 1]
    if not joint and (not constant or len(constant) == len(n_bins)):
        return None
    return _laid_out(columns.shape[1], n_bins, constant, joint, allocate)


def _constant(columns: Columns, n_bins: NDArray[np.int32]) -> dict[int, int]:
    """Return the features of one code, and which it is."""
    found = {}
    for f in np.flatnonzero(n_bins <= 1).tolist():
        column = columns[f]
        if (column == column[0]).all():
            found[f] = int(column[0])
    return found


def _laid_out(
    n_samples: int,
    n_bins: NDArray[np.int32],
    constant: dict[int, int],
    joint: list[_Bundle],
    allocate: Allocate,
) -> tuple[Bundles, NDArray[np.uint8], NDArray[np.intp]]:
    n_features = len(n_bins)
    together = {f for bundle in joint for f in bundle.features}
    alone = [f for f in range(n_features) if f not in together.union(constant)]
    n_joint = len(joint)
    bundle = np.full(n_features, -1, dtype=np.int32)
    bin_of = np.zeros((n_features, 256), dtype=np.uint8)
    bin_of[list(constant), 0] = list(constant.values())
    for number, own in enumerate(joint):
        bundle[own.features] = number
        bin_of[own.features, : own.n_codes] = own.bins[:, : own.n_codes]
    bundle[alone] = n_joint + np.arange(len(alone))
    n_codes = [own.n_codes for own in joint] + [int(n_bins[f]) for f in alone]
    is_joint = np.zeros(len(n_codes), dtype=np.uint8)
    is_joint[:n_joint] = 1
    joined = allocate((n_joint, n_samples))
    for own, filled in zip(joined, joint, strict=True):
        own[:] = filled.codes
        filled.codes = None
    sources = np.concatenate([~np.arange(n_joint), alone]).astype(np.intp)
    made = Bundles(bundle, np.array(n_codes, dtype=np.int32), is_joint, bin_of)
    return made, joined, sources
