import struct
from contextlib import suppress

import numpy as np
import pytest

from boostlab.persistence.interchange import ubjson


def key(text):
    return b"U" + bytes([len(text)]) + text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"Z", None),
        (b"T", True),
        (b"NNF", False),
        (b"i\xff", -1),
        (b"U\xff", 255),
        (b"I\x01\x00", 256),
        (b"l\xff\xff\xff\xfe", -2),
        (b"L" + struct.pack(">q", -(2**60)), -(2**60)),
        (b"d" + struct.pack(">f", 1.5), 1.5),
        (b"D" + struct.pack(">d", 0.1), 0.1),
        (b"CA", "A"),
        (b"SU\x03\xe2\x82\xac", "€"),
        (b"[]", []),
        (b"[#U\x00", []),
        (b"[TNZ]", [True, None]),
        (b"[#i\x02i\x01SU\x01x", [1, "x"]),
        (b"{}", {}),
        (b"{" + key(b"a") + b"[{}]" + key(b"b") + b"Z}", {"a": [{}], "b": None}),
        (b"{#U\x01" + key(b"a") + b"T", {"a": True}),
        (b"{$U#U\x02" + key(b"a") + b"\x07" + key(b"b") + b"\x08", {"a": 7, "b": 8}),
        (b"[$S#U\x02U\x01aU\x01b", ["a", "b"]),
    ],
)
def test_values(text, value):
    read = ubjson.loads(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("marker", "dtype"),
    [("i", "i1"), ("U", "u1"), ("I", "i2"), ("l", "i4"), ("L", "i8"), ("d", "f4")],
)
def test_typed_arrays_are_arrays_of_the_machine(marker, dtype):
    values = np.array([0, 1, 7, 100], dtype)
    packed = values.astype(values.dtype.newbyteorder(">")).tobytes()
    read = ubjson.loads(b"[$" + marker.encode() + b"#U\x04" + packed)
    np.testing.assert_array_equal(read, values)
    assert read.dtype == values.dtype
    assert read.dtype.isnative


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "cut short"),
        (b"[", "cut short"),
        (b"SL" + struct.pack(">q", 2**62), "beyond its size"),
        (b"Si\xff", "length of -1"),
        (b"Sd\x00\x00\x00\x00", "not an integer"),
        (b"SU\x01\xff", "UTF-8"),
        (b"[$d#U\x04\x00", "cut short"),
        (b"[$T#L" + struct.pack(">q", 2**40), "without a count"),
        (b"[$d\x00", "without a count"),
        (b"X", "unknown type"),
        (b"{" + key(b"a") + b"T" + key(b"a") + b"T}", "twice"),
        (b"ZZ", "after its end"),
        (b"[" * 100, "deeper than 64"),
        (b"[$[#U\x01" * 100, "deeper than 64"),
    ],
)
def test_damaged_texts_are_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        ubjson.loads(text)


def test_noise_never_does_worse_than_a_value_error():
    rng = np.random.default_rng(0)
    alphabet = np.frombuffer(b"[]{}$#ZTFNiUIlLdDSCH\x00\x01\x02\xff", np.uint8)
    for _ in range(5000):
        text = rng.choice(alphabet, rng.integers(1, 40)).tobytes()
        with suppress(ValueError):
            ubjson.loads(text)
