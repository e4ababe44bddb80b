"""The container: atomic, deterministic, bounded, and closed to everything foreign."""

import io
import os
import stat
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest

from boostlab.persistence import Limits, ModelFileError, archive, plain, tensors

DATA = {"name": "content", "numbers": [1, 2.5, None]}
ARRAYS = {"a": np.arange(5.0), "b/c": np.array([[1, 2]], np.int32)}
HEAD = {
    "format": "boostlab",
    "format_version": 1,
    "boostlab_version": "0.1.0",
    "created_by": "a test",
    "content": DATA,
}


def member_bytes(head=HEAD, arrays=ARRAYS):
    return {"model.json": plain.dumps(head), "arrays.safetensors": tensors.pack(arrays)}


def zipped(members, method=zipfile.ZIP_DEFLATED):
    """Return zip bytes; `members` is a dict or, for duplicates, a list of pairs."""
    buffer = io.BytesIO()
    pairs = members.items() if isinstance(members, dict) else members
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, content in pairs:
            if name in file.namelist():
                with pytest.warns(UserWarning, match="Duplicate"):
                    file.writestr(name, content)
            else:
                file.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.boostlab"


def read(path, content, limits=None):
    path.write_bytes(content)
    return archive.read_archive(path, limits)


def refused(path, content, words, limits=None):
    with pytest.raises(ModelFileError, match=words) as caught:
        read(path, content, limits)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message


def test_round_trip(path):
    archive.write_archive(path, DATA, ARRAYS)
    data, arrays = archive.read_archive(str(path))
    assert data == DATA
    assert sorted(arrays) == ["a", "b/c"]
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


def test_no_arrays_at_all(path):
    archive.write_archive(path, None, {})
    assert archive.read_archive(path) == (None, {})


def test_a_zip_by_another_program_is_read(path):
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        assert read(path, zipped(member_bytes(), method))[0] == DATA


def test_equal_contents_make_equal_bytes(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    archive.write_archive(first, DATA, ARRAYS)
    turned = dict(reversed(DATA.items())), dict(reversed(ARRAYS.items()))
    archive.write_archive(second, *turned)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_permissions_and_links_are_those_of_a_plain_write(tmp_path):
    plain_file, model, link = (tmp_path / name for name in ("plain", "model", "link"))
    plain_file.write_bytes(b"")
    link.symlink_to(model)
    archive.write_archive(link, DATA, ARRAYS)
    assert link.is_symlink()
    assert stat.S_IMODE(model.stat().st_mode) == stat.S_IMODE(plain_file.stat().st_mode)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_save_leaves_the_old_file_and_nothing_else(path, monkeypatch, failing):
    archive.write_archive(path, DATA, ARRAYS)
    before = path.read_bytes()

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="disk full"):
        archive.write_archive(path, {"other": 1}, {})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_contents_that_cannot_be_stored_leave_the_old_file(path):
    archive.write_archive(path, DATA, ARRAYS)
    before = path.read_bytes()
    with pytest.raises(TypeError, match="cannot hold"):
        archive.write_archive(path, {"f": print}, {})
    with pytest.raises(TypeError, match="object"):
        archive.write_archive(path, {}, {"a": np.array([None])})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_an_interrupted_save_leaves_the_old_file(path, monkeypatch):
    archive.write_archive(path, DATA, ARRAYS)
    before = path.read_bytes()

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "writestr", interrupt)
    with pytest.raises(KeyboardInterrupt):
        archive.write_archive(path, {"other": 1}, {})
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_missing_files_and_folders(path):
    with pytest.raises(FileNotFoundError):
        archive.read_archive(path)
    with pytest.raises(FileNotFoundError):
        archive.write_archive(path.parent / "nowhere" / "x", DATA, ARRAYS)
    with pytest.raises(ModelFileError, match="is not a file"):
        archive.read_archive(path.parent)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of POSIX")
def test_a_pipe_is_refused_without_waiting_for_it(path):
    os.mkfifo(path)
    with pytest.raises(ModelFileError, match="is not a file"):
        archive.read_archive(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"PK", b"\x80\x04\x95pickle" * 10, b"{}" * 50, b"PK\x05\x06" + b"\0" * 18],
)
def test_files_of_other_kinds(path, content):
    refused(path, content, "not a zip archive")


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"model.json": b"{}"},
        {**member_bytes(), "more": b""},
        {"../model.json": b"{}", "arrays.safetensors": b""},
        {"/model.json": b"{}", "arrays.safetensors": b""},
        {"model.json": b"{}", "arrays.npz": b""},
        [*member_bytes().items(), ("model.json", b"{}")],
        [("model.json", b"{}"), ("model.json", b"{}")],
    ],
)
def test_other_members_than_the_two(path, members):
    words = "zip archive|zip directory does not list|its members are"
    refused(path, zipped(members), words)


def test_truncation_at_every_length_and_appended_bytes(path):
    archive.write_archive(path, DATA, ARRAYS)
    whole = path.read_bytes()
    for length in range(len(whole)):
        refused(path, whole[:length], "not a zip|was cut off")
    refused(path, whole + b"\0", "something was added")


def test_a_flipped_byte_of_the_contents_fails_its_checksum(path):
    content = zipped(member_bytes(), zipfile.ZIP_STORED)
    at = content.index(b'"numbers"')
    refused(path, content[:at] + b"X" + content[at + 1 :], "damaged")


def test_unusual_compression_and_encryption(path):
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        refused(path, zipped(member_bytes(), method), "encrypted or packed unusually")
    content = bytearray(zipped(member_bytes()))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    refused(path, bytes(content), "encrypted or packed unusually")


def test_a_huge_zip_directory_is_refused_before_it_is_read(path):
    many = zipped({f"member-{i}": b"" for i in range(2000)})
    refused(path, many, "does not list exactly two")
    # The same directory, behind an end record that claims two short entries.
    lying = bytearray(many)
    struct.pack_into("<2HL", lying, len(lying) - 14, 2, 2, 100)
    refused(path, bytes(lying), "damaged|members")


def bomb(declared=None):
    """Return an archive whose arrays unpack from 64 kB to 64 MiB."""
    content = zipped({"model.json": b"{}", "arrays.safetensors": b"\0" * (1 << 26)})
    if declared is None:
        return content
    lying = bytearray(content)
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = lying.rindex(signature)
        struct.pack_into("<L", lying, at + offset, declared)
    return bytes(lying)


def test_zip_bombs_are_refused_without_unpacking_them(path):
    honest, lying = bomb(), bomb(declared=5000)
    tracemalloc.start()
    refused(path, honest, "more than 100 times")
    refused(path, honest, "where 1000 are allowed", Limits(array_bytes=1000))
    # Headers that understate the size: reading stops at what was declared.
    refused(path, lying, "damaged|size it declares")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 22


def test_an_overstated_size_is_refused(path):
    content = bytearray(zipped(member_bytes()))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = content.rindex(signature)
        (size,) = struct.unpack_from("<L", content, at + offset)
        struct.pack_into("<L", content, at + offset, size + 1)
    refused(path, bytes(content), "damaged|size it declares")


def test_limits_are_parameters(path):
    archive.write_archive(path, DATA, ARRAYS)
    content = path.read_bytes()
    refused(path, content, "model.json unpacks to", Limits(json_bytes=10))
    refused(path, content, "arrays.safetensors unpacks", Limits(array_bytes=10))
    refused(path, content, "header of its arrays", Limits(header_bytes=10))


def test_what_we_write_we_read_however_well_it_compresses(path):
    zeros = np.zeros(1 << 22)
    archive.write_archive(path, DATA, {"zeros": zeros})
    assert archive.read_archive(path)[1]["zeros"].shape == zeros.shape
    assert path.stat().st_size > zeros.nbytes


def with_head(**changes):
    return zipped(member_bytes({**HEAD, **changes}))


def test_a_newer_format_asks_for_an_upgrade(path):
    content = with_head(format_version=3, boostlab_version="9.9", future="key")
    words = "written by boostlab 9.9 with format 3; this version reads up to 1: upgrade"
    refused(path, content, words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "other"}, "not a boostlab model file"),
        ({"format_version": 0}, "not a positive integer"),
        ({"format_version": "1"}, "not a positive integer"),
        ({"format_version": True}, "not a positive integer"),
        ({"format_version": 1.0}, "not a positive integer"),
        ({"stray": 1}, "missing or unknown keys"),
    ],
)
def test_foreign_heads(path, changes, words):
    refused(path, with_head(**changes), words)


def test_heads_that_are_no_object(path):
    for text in (b"[]", b"null", b'"boostlab"', b"3"):
        members = {**member_bytes(), "model.json": text}
        refused(path, zipped(members), "not a boostlab model file")


def test_bad_json_and_bad_arrays_inside_a_sound_zip(path):
    refused(path, zipped({**member_bytes(), "model.json": b"{"}), "JSON")
    deep = b"[" * 100_000
    refused(path, zipped({**member_bytes(), "model.json": deep}), "levels deep")
    nothing = {**member_bytes(), "arrays.safetensors": b""}
    refused(path, zipped(nothing), "cut off")


def test_both_directory_entries_on_one_member(path):
    content = bytearray(zipped(member_bytes()))
    second = content.rindex(b"PK\x01\x02")
    struct.pack_into("<L", content, second + 42, 0)
    refused(path, bytes(content), "damaged")


def test_a_deflate_stream_that_ends_early(path):
    packed = zlib.compress(bytes(range(256)))[2:-50]
    content = bytearray(zipped({**member_bytes(), "model.json": packed}, 0))
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", content, content.index(signature) + offset, 8)
    refused(path, bytes(content), "damaged|size it declares")
