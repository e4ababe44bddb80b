import numpy as np
import pytest

from boostlab.distributions import Normal, Poisson, Predictive
from boostlab.inspection import coverage, pit, plot_bands, plot_coverage, plot_pit

N = 4000
RNG = np.random.default_rng(0)
RAW = np.column_stack([RNG.normal(size=N), 0.3 * RNG.normal(size=N)])
RIGHT = Predictive(Normal(), RAW)
NARROW = Predictive(Normal(), RAW - [0.0, 1.0])
Y = RIGHT.sample(random_state=1)[0]
LEVELS = np.array([0.1, 0.5, 0.9])


def test_pit_of_the_truth_is_uniform():
    for predicted, y in (
        (RIGHT, Y),
        (Predictive(Poisson(), RAW[:, :1]), RNG.poisson(np.exp(RAW[:, 0]))),
    ):
        values = np.sort(pit(predicted, y))
        uniform = (np.arange(N) + 0.5) / N
        assert np.max(np.abs(values - uniform)) < 0.03


def test_coverage():
    np.testing.assert_allclose(coverage(RIGHT, Y, LEVELS), LEVELS, atol=0.03)
    assert np.all(coverage(NARROW, Y, LEVELS) < 0.7 * LEVELS)
    assert coverage(RIGHT, Y).shape == (19,)


def test_plot_pit():
    ax = plot_pit(RIGHT, Y, n_bins=10)
    heights = [bar.get_height() for bar in ax.patches[:10]]
    assert np.mean(heights) == pytest.approx(1.0)
    np.testing.assert_allclose(heights, 1.0, atol=0.2)
    edges = [bar.get_height() for bar in plot_pit(NARROW, Y).patches[:20]]
    assert edges[0] > 2
    assert edges[-1] > 2


def test_plot_coverage():
    ax = plot_coverage({"right": RIGHT, "narrow": NARROW}, Y)
    diagonal, right, narrow = (line.get_ydata() for line in ax.lines)
    assert diagonal.tolist() == [0, 1]
    assert np.all(narrow < right)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["right", "narrow"]
    assert plot_coverage(RIGHT, Y).get_legend() is None


def test_plot_bands():
    x = RAW[:, 0]
    ax = plot_bands(RIGHT, x, Y, levels=(0.9, 0.5))
    line, dots = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), np.sort(x))
    np.testing.assert_array_equal(dots.get_ydata(), Y)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["90% interval", "50% interval", "median"]
    assert len(plot_bands(RIGHT, x).lines) == 1


def test_mistakes():
    with pytest.raises(ValueError, match="one number for each"):
        pit(RIGHT, Y[:5])
    with pytest.raises(ValueError, match="x has shape"):
        plot_bands(RIGHT, Y[:5])
    with pytest.raises(ValueError, match="at least one"):
        plot_coverage({}, Y)
    with pytest.raises(ValueError, match="n_bins"):
        plot_pit(RIGHT, Y, n_bins=1)
