"""Where a foreign model comes from: a file, its contents, or the library's object."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from boostlab.persistence.archive import about

MAX_BYTES = 1 << 31
"""Size beyond which a file is refused."""


@contextmanager
def source_errors(source: Any) -> Iterator[None]:
    """Turn a ValueError of the block into a ModelFileError that names the source."""
    known = isinstance(source, str | os.PathLike) and len(os.fspath(source)) < 4096
    name = source if known else "(given by its contents)"
    # What damaged numbers become is found by checks, not by warnings.
    with about(name), np.errstate(all="ignore"):
        yield


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the contents of a file.

    Raises
    ------
    ValueError
        If it is larger than any model that fits into memory.
    OSError
        If it cannot be read.
    """
    size = Path(path).stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"it has {size} bytes, and {MAX_BYTES} are the most read")
    return Path(path).read_bytes()
