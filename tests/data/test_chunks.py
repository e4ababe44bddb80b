"""Chunks: what users may give, and the blocks of rows that come of it."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from boostlab.data import Chunks

FRAME = pd.DataFrame(
    {
        "a": np.arange(10) / 2,
        "b": list("xyzxyzxyzx"),
        "y": np.arange(10),
        "w": np.ones(10),
        "q": np.arange(10) // 3,
    }
)
ROLES = {"target": "y", "weight": "w", "group": "q"}
ARRAYS = (FRAME[["a"]].to_numpy(), FRAME["y"].to_numpy(), FRAME["w"].to_numpy())
LIBRARIES = {"pandas": lambda f: f, "polars": pl.from_pandas, "arrow": pa.table}


def frames(sizes, convert=lambda frame: frame):
    starts = np.cumsum([0, *sizes])
    return [convert(FRAME.iloc[a:b]) for a, b in itertools.pairwise(starts)]


def whole(chunks, **kwargs):
    """All blocks put together as one frame, and the other parts."""
    blocks = list(chunks.blocks(**kwargs))
    assert all(block.n_rows > 0 for block in blocks)
    X = pd.concat([pl.from_arrow(_arrow(b.native)).to_pandas() for b in blocks])
    parts = [[getattr(b, name) for b in blocks] for name in ("y", "weight", "group")]
    return X.reset_index(drop=True), *(
        None if own[0] is None else np.concatenate(own) for own in parts
    )


def _arrow(X):
    if isinstance(X, np.ndarray):
        return pa.table({str(j): values for j, values in enumerate(X.T)})
    return (
        X
        if isinstance(X, pa.Table)
        else pa.table(X.to_dict(as_series=False))
        if (isinstance(X, pl.DataFrame))
        else pa.Table.from_pandas(X, preserve_index=False)
    )


def check_parts(found):
    X, y, weight, group = found
    pd.testing.assert_frame_equal(X, FRAME[["a", "b"]], check_dtype=False)
    np.testing.assert_array_equal(y, FRAME["y"])
    np.testing.assert_array_equal(weight, FRAME["w"])
    np.testing.assert_array_equal(group, FRAME["q"])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("sizes", [[10], [0, 3, 0, 7, 0], [1] * 10])
def test_frames_are_cut_into_their_parts(library, sizes):
    parts = frames(sizes, LIBRARIES[library])
    check_parts(whole(Chunks(parts, **ROLES)))
    check_parts(whole(Chunks(lambda: iter(parts), **ROLES)))
    check_parts(whole(Chunks(tuple(parts), **ROLES)))


def test_columns_are_told_by_name():
    turned = [FRAME[:4], FRAME[4:][list("qwbya")]]
    check_parts(whole(Chunks(turned, **ROLES)))
    X = whole(Chunks(turned, features=["b", "a"], target="y"))[0]
    assert list(X) == ["b", "a"]
    X = whole(Chunks(turned, features=["b"], target=["y", "w"]))
    assert list(X[0]) == ["b"]
    assert X[1].shape == (10, 2)


def test_categories_of_targets_are_read_by_value():
    for convert in LIBRARIES.values():
        labels = FRAME.assign(y=FRAME["b"].astype("category"))
        y = whole(Chunks([convert(labels)], **ROLES))[1]
        assert y.tolist() == FRAME["b"].tolist()


@pytest.fixture
def files(tmp_path):
    """The frame in two files, the second in the later of two folders."""
    (tmp_path / "later").mkdir()
    arrow = pa.table(FRAME)
    pq.write_table(arrow[:6], tmp_path / "one.parquet", row_group_size=4)
    pq.write_table(arrow[6:], tmp_path / "later" / "two.parquet")
    return [tmp_path / "one.parquet", tmp_path / "later" / "two.parquet"]


def test_parquet_files_are_read_by_name(files, tmp_path):
    check_parts(whole(Chunks(files, **ROLES)))
    check_parts(whole(Chunks([str(file) for file in files], **ROLES)))
    dataset = ds.dataset([str(file) for file in files])
    check_parts(whole(Chunks(dataset, **ROLES)))
    y = whole(Chunks(tmp_path, **ROLES))[1]
    assert sorted(y) == list(range(10))
    assert whole(Chunks(str(tmp_path / "o*.parquet"), **ROLES))[1].tolist() == [
        *range(6)
    ]
    assert whole(Chunks(files[0], target="y"))[0].columns.tolist() == [*"abwq"]


@pytest.mark.parametrize("make", [lambda f: f, lambda f: ds.dataset(list(map(str, f)))])
def test_only_columns_that_are_needed_are_read(files, make, monkeypatch):
    chunks = Chunks(make(files), features=["b"], target="y")
    asked = []
    read = type(chunks.source).read

    def spy(self, columns, n_rows):
        asked.append(columns)
        for table in read(self, columns, n_rows):
            asked.append(table.column_names)
            yield table

    monkeypatch.setattr(type(chunks.source), "read", spy)
    list(chunks.blocks())
    assert asked[0] == asked[1] == ["b", "y"]
    asked.clear()
    list(chunks.blocks(with_target=False))
    assert asked[0] == asked[1] == ["b"]


def test_tuples_and_matrices():
    X, y, w = ARRAYS
    groups = FRAME["q"].to_numpy()
    for parts in ((X, y), (X, y, w), (X, y, None, groups), (X, y.tolist(), w, groups)):
        chunks = Chunks(
            [
                tuple(
                    p and p[:4] if isinstance(p, list) else None if p is None else p[:4]
                    for p in parts
                ),
                tuple(None if p is None else p[4:] for p in parts),
            ]
        )
        found = whole(chunks)
        np.testing.assert_array_equal(found[0].to_numpy(), X)
        np.testing.assert_array_equal(found[1], y)
        for own, given in zip(found[2:], (*parts, None, None)[2:], strict=False):
            assert (own is None) == (given is None)
    np.testing.assert_array_equal(
        whole(Chunks([X[:3], X[3:]]), with_target=False)[0].to_numpy(), X
    )
    frame = FRAME[["a", "b"]]
    found = whole(Chunks([(frame[:3], y[:3]), (frame[3:], y[3:])]))
    pd.testing.assert_frame_equal(found[0], frame)


def test_large_chunks_are_read_in_blocks_that_memory_allows():
    X = np.zeros((100_000, 30))
    chunks = Chunks([(X, X[:, 0])], memory="50MB")
    sizes = [block.n_rows for block in chunks.blocks()]
    assert max(sizes) == chunks.block_rows(30) == 50_000_000 // (32 * 8 * 30)
    assert sum(sizes) == 100_000
    assert Chunks([], memory=1 << 24).block_rows(10**6) == 64


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (20_000_000, 20_000_000),
        ("20000000", 20_000_000),
        ("20MB", 20_000_000),
        ("1.5 GB", 1_500_000_000),
        ("2GiB", 2 << 30),
        ("64MiB", 64 << 20),
        ("1TB", 10**12),
    ],
)
def test_memory_is_bytes_or_has_a_unit(text, size):
    assert Chunks([], memory=text).memory == size


@pytest.mark.parametrize("memory", ["much", "2 G", "", "-1GB", "1e9", True, None, 1.5])
def test_other_memory_is_refused(memory):
    with pytest.raises(ValueError, match="memory is"):
        Chunks([], memory=memory)


def test_too_little_memory_is_refused():
    with pytest.raises(ValueError, match="at least 16777216 bytes"):
        Chunks([], memory="1KB")


@pytest.mark.parametrize(
    ("source", "match"),
    [
        (FRAME, "in memory already"),
        (ARRAYS[0], "in memory already"),
        (sparse.csr_array(ARRAYS[0]), "in memory already"),
        (pa.table(FRAME), "in memory already"),
        (3, "a callable that returns"),
        (None, "a callable that returns"),
    ],
)
def test_what_is_no_source_is_refused(source, match):
    with pytest.raises(TypeError, match=match):
        Chunks(source)


def test_absent_files_are_refused(tmp_path, files):
    for name in ("none.parquet", "n*.parquet"):
        with pytest.raises(FileNotFoundError, match="no Parquet file"):
            Chunks(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no Parquet file"):
        Chunks(tmp_path / "empty")
    pq.write_table(pa.table(FRAME[["y"]]), tmp_path / "other.parquet")
    chunks = Chunks([*files, tmp_path / "other.parquet"], features=["a"], target="y")
    with pytest.raises(ValueError, match=r"other.parquet has no column 'a'"):
        list(chunks.blocks())


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"target": "y", "weight": "y"}, ValueError, "'y' is named twice"),
        ({"target": "y", "features": ["a", "y"]}, ValueError, "'y' is named twice"),
        ({"features": ["a", "a"]}, ValueError, "'a' is named twice"),
        ({"features": "a"}, TypeError, "features is 'a'; give a list"),
        ({"features": []}, TypeError, "features is"),
        ({"target": 3}, TypeError, "target is 3; give the name of a column or a list"),
        ({"weight": ["w"]}, TypeError, "weight is .*; give the name of a column"),
    ],
)
def test_names_are_checked(arguments, error, match):
    with pytest.raises(error, match=match):
        Chunks([], **arguments)


X, Y, W = ARRAYS


@pytest.mark.parametrize(
    ("chunks", "arguments", "error", "match"),
    [
        ([FRAME], {}, ValueError, "which column is the target"),
        ([X], {}, ValueError, "matrix without targets"),
        ([FRAME], {"target": "z"}, ValueError, "Chunk 0 has no column 'z'"),
        ([FRAME], {"target": "y", "features": ["z"]}, ValueError, "no column 'z'"),
        (
            [FRAME, FRAME[["a", "y"]]],
            {"target": "y"},
            ValueError,
            "Chunk 1 has no .*'b'",
        ),
        (
            [FRAME[["a", "y"]], FRAME],
            {"target": "y"},
            ValueError,
            "Chunk 1 has the column 'b'",
        ),
        ([(X,)], {}, ValueError, "tuple of 1 parts"),
        ([(X, Y, W, Y, Y)], {}, ValueError, "tuple of 5 parts"),
        ([(X, Y)], {"target": "y"}, ValueError, "is a tuple, but Chunks names"),
        ([(X, Y)], {"features": ["a"]}, ValueError, "matrix, but Chunks names"),
        ([(X, None)], {}, ValueError, "no targets"),
        ([(X, Y[:3])], {}, ValueError, r"features of shape \(10, 1\) and targets"),
        ([(X, Y, W[:3])], {}, ValueError, "and weights of shape"),
        ([(X, Y), (X[:, [0, 0]], Y)], {}, ValueError, "matrix of 2 features"),
        ([(X, Y), (FRAME[["a"]], Y)], {}, ValueError, "Chunk 1 is a frame, but"),
        ([(FRAME[["a"]], Y), (X, Y)], {}, ValueError, "Chunk 1 is a matrix"),
        ([(X[:, 0], Y)], {}, ValueError, r"features of shape \(10,\)"),
        ([(sparse.csr_array(X), Y)], {}, TypeError, "sparse matrix"),
        ([[1, 2]], {}, TypeError, "Chunk 0 is a list"),
        (["text"], {"features": ["a"]}, FileNotFoundError, "no Parquet"),
        (lambda: 3, {}, TypeError, "returned a int"),
    ],
)
def test_chunks_that_are_no_table_are_refused(chunks, arguments, error, match):
    with pytest.raises(error, match=match) as caught:
        list(Chunks(chunks, **arguments).blocks())
    assert "\n" not in str(caught.value)


def test_frames_to_be_predicted_need_no_target():
    found = whole(Chunks([FRAME[["a", "b"]]], **ROLES), with_target=False)
    assert list(found[0]) == ["a", "b"]
    found = whole(Chunks([FRAME]), with_target=False, features=["b", "a"])
    assert list(found[0]) == ["b", "a"]
    assert found[1:] == (None, None, None)
