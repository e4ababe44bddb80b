import pytest

from boostlab.distributions import Normal, distribution_names, get_distribution


def test_names():
    assert "normal" in distribution_names()
    assert isinstance(get_distribution("normal"), Normal)


def test_mistakes_get_a_hint():
    with pytest.raises(ValueError, match="did you mean 'normal'"):
        get_distribution("Normals")
    with pytest.raises(TypeError, match="such as Normal"):
        get_distribution(Normal)
