"""Arrays as safetensors: exact, deterministic, and checked when they come back."""

import json

import numpy as np
import pytest

from boostlab.persistence import tensors

LIMIT = 1 << 20


def raw(header, body=b""):
    """Return the bytes of a safetensors file with a header of one's own."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


@pytest.mark.parametrize("dtype", sorted(tensors.DTYPES))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (2, 3), (2, 1, 3)])
def test_round_trip_of_every_type_and_shape(dtype, shape):
    rng = np.random.default_rng(0)
    array = np.asarray(rng.integers(0, 2, size=shape)).astype(dtype)
    back = tensors.unpack(tensors.pack({"a": array}), LIMIT)["a"]
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_layout_byte_order_and_order_of_names_do_not_matter():
    array = np.arange(12.0).reshape(3, 4)
    plain = tensors.pack({"a": array, "b": array[:, :2].copy()})
    twisted = {
        "b": array[:, ::2][:, :1].repeat(2, 1) * 0 + array[:, :2],
        "a": np.asfortranarray(array.astype(">f8")),
    }
    assert tensors.pack(twisted) == plain
    strided = np.repeat(array, 2, axis=1)[:, ::2]
    assert tensors.pack({"a": strided, "b": array[:, :2]}) == plain


def test_special_floats_keep_their_bits():
    array = np.array([np.nan, -np.nan, np.inf, -0.0, 5e-324])
    back = tensors.unpack(tensors.pack({"a": array}), LIMIT)["a"]
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.array(["x"])}, "is <U1"),
        ({"a": np.array([None])}, "is object"),
        ({"a": np.array([1j])}, "complex128"),
        ({"a": np.array(["2020-01-01"], "M8[D]")}, "datetime64"),
        ({"a": [1, 2]}, "is list"),
        ({"": np.zeros(1)}, "cannot name"),
        ({"__metadata__": np.zeros(1)}, "cannot name"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(arrays, words):
    with pytest.raises(TypeError, match=words):
        tensors.pack(arrays)


ENTRY = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut off"),
        (b"\x00" * 7, "cut off"),
        (b"\xff" * 8, "cut off"),
        ((1 << 40).to_bytes(8, "little") + b"{}", "cut off"),
        (raw(b" " * LIMIT + b" {}"), "header of its arrays takes"),
        (raw(b"not json"), "cannot be read"),
        (raw(b"[" * 100_000), "cannot be read"),
        (raw({"a": ENTRY}), "cannot be read"),
        (raw({"a": ENTRY}, b"\x00" * 9), "cannot be read"),
        (raw({"a": {**ENTRY, "shape": [2]}}, b"\x00" * 8), "cannot be read"),
        (raw({"a": {**ENTRY, "shape": [-1]}}, b"\x00" * 8), "cannot be read"),
        (raw({"a": {**ENTRY, "shape": [2**61, 8]}}, b"\x00" * 8), "cannot be read"),
        (raw({"a": {**ENTRY, "dtype": "X9"}}, b"\x00" * 8), "cannot be read"),
        (raw({"a": {**ENTRY, "data_offsets": [8, 0]}}, b"\x00" * 8), "cannot be read"),
        (raw({"a": ENTRY, "b": ENTRY}, b"\x00" * 8), "cannot be read"),
        (raw({"a": {**ENTRY, "dtype": "BF16", "shape": [4]}}, b"\0" * 8), "BF16"),
        (raw({"a": {**ENTRY, "dtype": "C64"}}, b"\0" * 8), "complex64"),
        (raw({"a": {**ENTRY, "dtype": "BOOL", "shape": [8]}}, b"\2" * 8), "truth"),
    ],
)
def test_damaged_arrays_are_one_sentence(data, words):
    with pytest.raises(ValueError, match=words):
        tensors.unpack(data, LIMIT)
