"""Where chunks come from: iterables, Parquet files, datasets of pyarrow."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

FORMS = (
    "a callable that returns a fresh iterator of chunks, an iterable of chunks, names "
    "of Parquet files, or a pyarrow.dataset"
)


class Source(Protocol):
    """What gives chunks, as often as it is asked."""

    def names(self) -> list[str] | None:
        """Return the names of the columns; None where only chunks know them."""

    def read(self, columns: Sequence[str] | None, n_rows: int) -> Iterator[Any]:
        """Yield the chunks, with these columns and rows where that can be chosen."""


def source_of(given: Any) -> Source:
    """Return the source that a user's argument stands for.

    Raises
    ------
    TypeError
        If it is none.
    FileNotFoundError
        If no Parquet file has such a name.
    """
    if isinstance(given, str | os.PathLike):
        return ParquetFiles(_files(given))
    if (
        isinstance(given, list | tuple)
        and given
        and all(isinstance(name, str | os.PathLike) for name in given)
    ):
        return ParquetFiles([file for name in given for file in _files(name)])
    if type(given).__module__ == "pyarrow._dataset":
        return ArrowDataset(given)
    if hasattr(given, "shape"):
        raise TypeError(
            f"The source of the chunks is a {type(given).__name__}, which is in memory "
            f"already; fit on it as it is, or give {FORMS}."
        )
    if callable(given) or isinstance(given, Iterable):
        return Chunked(given)
    raise TypeError(
        f"The source of the chunks is a {type(given).__name__}; give {FORMS}."
    )


class Chunked:
    """Chunks from a callable or an iterable."""

    def __init__(self, chunks: Callable[[], Iterable[Any]] | Iterable[Any]) -> None:
        self.chunks = chunks

    def names(self) -> None:
        """Return None: only the chunks know."""
        return None

    def read(self, columns: Sequence[str] | None, n_rows: int) -> Iterator[Any]:
        """Yield the chunks as they are."""
        chunks = self.chunks() if callable(self.chunks) else self.chunks
        if not isinstance(chunks, Iterable):
            raise TypeError(
                f"The source of the chunks returned a {type(chunks).__name__}; return "
                "an iterator of chunks."
            )
        return iter(chunks)


class ParquetFiles:
    """Parquet files, one after another in the order given."""

    def __init__(self, files: list[str]) -> None:
        self.files = files

    def names(self) -> list[str]:
        """Return the columns of the first file."""
        return _parquet().read_schema(self.files[0]).names

    def read(self, columns: Sequence[str] | None, n_rows: int) -> Iterator[Any]:
        """Yield tables of at most `n_rows` rows."""
        import pyarrow as pa

        for file in self.files:
            with _parquet().ParquetFile(file) as opened:
                missing = set(columns or ()) - set(opened.schema_arrow.names)
                if missing:
                    raise ValueError(
                        f"{file} has no column {min(missing)!r}; give files with the "
                        "same columns."
                    )
                for batch in opened.iter_batches(n_rows, columns=columns):
                    yield pa.Table.from_batches([batch])
        pa.default_memory_pool().release_unused()


class ArrowDataset:
    """A dataset of pyarrow."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def names(self) -> list[str]:
        """Return the columns of its schema."""
        return self.dataset.schema.names

    def read(self, columns: Sequence[str] | None, n_rows: int) -> Iterator[Any]:
        """Yield tables of at most `n_rows` rows, in the order of the dataset."""
        import pyarrow as pa

        # By default 16 batches of 4 files would be in memory at once.
        batches = self.dataset.to_batches(
            columns=columns, batch_size=n_rows, batch_readahead=1, fragment_readahead=1
        )
        for batch in batches:
            yield pa.Table.from_batches([batch])
        pa.default_memory_pool().release_unused()


def _parquet() -> Any:
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ImportError(
            "Parquet files are read by the package pyarrow, which is not installed; "
            "run `pip install pyarrow`."
        ) from error
    return parquet


def _files(name: str | os.PathLike[str]) -> list[str]:
    """Return the files of a name: itself, those of a folder, or those of a pattern."""
    name = os.fspath(name)
    if os.path.isfile(name):
        return [name]
    if os.path.isdir(name):
        pattern = os.path.join(glob.escape(name), "**", "*.parquet")
        found = sorted(glob.glob(pattern, recursive=True))
    else:
        found = sorted(file for file in glob.glob(name) if os.path.isfile(file))
    if not found:
        raise FileNotFoundError(
            f"There is no Parquet file {name!r}; give the name of a file, a folder of "
            "files *.parquet, or a pattern that some match."
        )
    return found
