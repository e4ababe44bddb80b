"""The container: a zip file with one JSON member and one safetensors member.

Nothing in here knows what a model is. A container is written aside, flushed to the
disk and renamed, so a reader sees the old file or the new one, never a part. It is
read with every size bounded before memory is taken for it.

``model.json`` is an object with ``format`` ("boostlab"), ``format_version`` (an
integer), ``boostlab_version``, ``created_by`` and ``content``, whatever the caller
gave. ``arrays.safetensors`` holds all arrays under flat names, ``/`` between parts.
"""

from __future__ import annotations

import os
import secrets
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

import boostlab
from boostlab.persistence import plain, tensors
from boostlab.persistence.errors import ModelFileError

FORMAT = "boostlab"
FORMAT_VERSION = 1
"""Version written; all versions from 1 up to it are read."""

_JSON = "model.json"
_ARRAYS = "arrays.safetensors"
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_REGULAR_FILE = 0o100644 << 16
_ENCRYPTED = 0x1
_CHUNK = 1 << 20
_RATIO_FLOOR = 1 << 24
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_MAX_DIRECTORY = 1 << 12

# What zipfile and zlib raise on damaged input, besides their own errors.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may unpack to before it is refused.

    Parameters
    ----------
    json_bytes : int, default=2**26
        Uncompressed size of ``model.json``.
    array_bytes : int, default=2**32
        Uncompressed size of ``arrays.safetensors``.
    header_bytes : int, default=2**25
        Size of the header that names the arrays.
    ratio : float, default=100
        Uncompressed over compressed size of a member larger than 16 MiB. Members
        that compress better are stored uncompressed when a model is saved.
    """

    json_bytes: int = 1 << 26
    array_bytes: int = 1 << 32
    header_bytes: int = 1 << 25
    ratio: float = 100.0


def write_archive(
    path: str | os.PathLike[str], data: Any, arrays: dict[str, np.ndarray]
) -> None:
    """Write `data` and `arrays` to `path`, all or nothing.

    Parameters
    ----------
    path : str or path-like
        The file; one that is there is replaced, and stays as it is if anything fails.
    data : JSON-able
        Returned by :func:`read_archive`; tuples come back as lists.
    arrays : dict of str to ndarray
        Arrays of numbers or truth values.

    Raises
    ------
    TypeError, ValueError
        If `data` or `arrays` hold something that a model file cannot.
    OSError
        If the file cannot be written.
    """
    head = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "boostlab_version": boostlab.__version__,
        "created_by": "boostlab.persistence",
        "content": data,
    }
    members = {_JSON: plain.dumps(head), _ARRAYS: tensors.pack(arrays)}
    with _replacing(Path(os.path.realpath(path))) as file:
        _write_zip(file, members, Limits())


def read_archive(
    path: str | os.PathLike[str], limits: Limits | None = None
) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the data and arrays that :func:`write_archive` wrote to `path`.

    Parameters
    ----------
    path : str or path-like
        The file.
    limits : Limits, optional
        Sizes beyond which the file is refused; by default those of :class:`Limits`.

    Raises
    ------
    ModelFileError
        If the file is damaged, too large, no model file, or of a newer format.
    OSError
        If it cannot be opened, for example because it is missing.
    """
    limits = limits or Limits()
    path = os.fspath(path)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ModelFileError(f"{path} is not a file; give the path of a model file.")
    with open(path, "rb") as file, about(path):
        members = _read_zip(file, limits)
        head = plain.loads(members[_JSON])
        _check_head(head)
        return head["content"], tensors.unpack(members[_ARRAYS], limits.header_bytes)


@contextmanager
def about(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn a ValueError of the block into a ModelFileError that names `path`."""
    try:
        yield
    except ModelFileError:
        raise
    except ValueError as error:
        reason = str(error).rstrip(".")
        raise ModelFileError(
            f"The model file {os.fspath(path)} cannot be loaded: {reason}."
        ) from error


def _check_head(head: Any) -> None:
    """Refuse what is not ours or is newer than we are."""
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise ValueError("it is not a boostlab model file")
    number = head.get("format_version")
    if type(number) is not int or number < 1:
        raise ValueError(f"its format version {number!r:.40} is not a positive integer")
    if number > FORMAT_VERSION:
        writer = head.get("boostlab_version")
        raise ValueError(
            f"it was written by boostlab {writer!s:.40} with format {number}; this "
            f"version reads up to {FORMAT_VERSION}: upgrade boostlab"
        )
    keys = {"format", "format_version", "boostlab_version", "created_by", "content"}
    if set(head) != keys:
        raise ValueError("the outer level of its JSON has missing or unknown keys")


@contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """Open a new file beside `target` that takes its place if the block succeeds."""
    aside = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0)
    # os.open, unlike tempfile, leaves the permissions to the user's umask.
    descriptor = os.open(aside, flags, 0o666)
    try:
        with open(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, target)
    finally:
        # After the rename there is nothing left to remove.
        with suppress(FileNotFoundError):
            os.unlink(aside)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems refuse to sync a folder; the rename stands.
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_zip(file: BinaryIO, members: dict[str, bytes], limits: Limits) -> None:
    """Write `members` with the same bytes for the same contents."""
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.external_attr = _REGULAR_FILE
            info.compress_type = _method(content, limits)
            archive.writestr(info, content)


def _method(content: bytes, limits: Limits) -> int:
    """Deflate, unless that would look like a zip bomb when the file is read."""
    if len(content) <= _RATIO_FLOOR:
        return zipfile.ZIP_DEFLATED
    deflater, packed = zlib.compressobj(), 0
    for start in range(0, len(content), _CHUNK):
        packed += len(deflater.compress(content[start : start + _CHUNK]))
    packed += len(deflater.flush())
    # Half the limit: another zlib may pack a little tighter.
    fits = len(content) <= packed * limits.ratio / 2
    return zipfile.ZIP_DEFLATED if fits else zipfile.ZIP_STORED


def _read_zip(file: BinaryIO, limits: Limits) -> dict[str, bytes]:
    """Return the two members, or raise ValueError."""
    _check_directory(file)
    with _damage():
        archive = zipfile.ZipFile(file)
    with archive:
        infos = archive.infolist()
        names = sorted(info.filename for info in infos)
        if names != sorted([_JSON, _ARRAYS]):
            raise ValueError(
                f"its members are {names!r:.200}, where exactly {_JSON!r} and "
                f"{_ARRAYS!r} are expected"
            )
        sizes = {_JSON: limits.json_bytes, _ARRAYS: limits.array_bytes}
        return {
            info.filename: _member(archive, info, sizes[info.filename], limits)
            for info in infos
        }


@contextmanager
def _damage() -> Iterator[None]:
    """Turn what zipfile raises on a damaged file into a ValueError."""
    try:
        yield
    except _ZIP_ERRORS as error:
        raise ValueError(f"it is damaged ({error})") from error


def _check_directory(file: BinaryIO) -> None:
    """Bound the zip directory before zipfile reads it into memory."""
    size = os.fstat(file.fileno()).st_size
    start = file.read(4)
    if start != b"PK\x03\x04" or size < _END.size:
        raise ValueError("it is not a zip archive, so not a boostlab model file")
    tail_size = min(size, _END.size + _LOCATOR_64.size + _END_64.size)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    end = _END.unpack(tail[-_END.size :])
    if end[0] != b"PK\x05\x06" or end[-1] != 0:
        raise ValueError("its end is missing: it was cut off, or something was added")
    bounds = [(end[4], end[5])]
    locator = tail[-_END.size - _LOCATOR_64.size : -_END.size]
    if locator[:4] == b"PK\x06\x07":
        record = tail[: _END_64.size]
        if len(tail) < _END.size + _LOCATOR_64.size + _END_64.size:
            raise ValueError("its zip directory is damaged")
        values = _END_64.unpack(record)
        bounds.append((values[7], values[8]))
    if any(count != 2 or length > _MAX_DIRECTORY for count, length in bounds):
        raise ValueError("its zip directory does not list exactly two members")
    file.seek(0)


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int, limits: Limits
) -> bytes:
    """Return one member's content; never takes more memory than it declares."""
    name, size = info.filename, info.file_size
    if info.compress_type not in _METHODS or info.flag_bits & _ENCRYPTED:
        raise ValueError(f"its member {name} is encrypted or packed unusually")
    advice = "; if you trust the file, raise the limit with limits=Limits(...)"
    if size > limit:
        raise ValueError(
            f"its member {name} unpacks to {size} bytes, where {limit} are allowed"
            + advice
        )
    if size > _RATIO_FLOOR and size > info.compress_size * limits.ratio:
        raise ValueError(
            f"its member {name} unpacks to more than {limits.ratio:g} times its size"
            + advice
        )
    content = bytearray()
    with _damage(), archive.open(info) as stream:
        while len(content) <= size and (chunk := stream.read(_CHUNK)):
            content += chunk
    if len(content) != size:
        raise ValueError(f"its member {name} does not have the size it declares")
    return bytes(content)
