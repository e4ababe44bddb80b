import numpy as np
import pytest

from boostlab.checks import check_number


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.5), np.int64(1)])
def test_numbers_within_bounds_pass(value):
    check_number("share", value, above=0, at_most=1)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (1.5, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (True, TypeError),
        ("0.5", TypeError),
        (None, TypeError),
    ],
)
def test_what_is_no_share_is_refused_in_one_sentence(value, error):
    with pytest.raises(error) as caught:
        check_number("share", value, above=0, at_most=1)
    said = f"share is {value!r}; give a number greater than 0 and at most 1."
    assert str(caught.value) == said


def test_integers_are_asked_for_by_name():
    check_number("every", np.int32(3), at_least=1, integer=True)
    with pytest.raises(TypeError, match=r"every is 1\.0; give an integer at least 1\."):
        check_number("every", 1.0, at_least=1, integer=True)
    with pytest.raises(ValueError, match="every is 0"):
        check_number("every", 0, at_least=1, integer=True)
    with pytest.raises(ValueError, match=r"x is inf; give a number\."):
        check_number("x", float("inf"))
