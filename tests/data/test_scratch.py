"""Memory that is given back at once."""

import numpy as np
import pytest

from boostlab.data.scratch import scratch


@pytest.mark.parametrize("shape", [(0,), (3, 5), (2, 1 << 20)])
@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8])
def test_scratch_is_an_ordinary_array(shape, dtype):
    array = scratch(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    array[...] = 7
    assert (array == 7).all()


def test_scratch_arrays_are_apart():
    first, second = (scratch((1 << 18,)) for _ in range(2))
    first[:], second[:] = 1, 2
    assert (first == 1).all()
