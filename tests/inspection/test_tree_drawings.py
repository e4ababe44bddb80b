import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from made_trees import make_tree as random_tree

from boostlab import GradientBoostingRegressor
from boostlab.inspection import plot_tree, style, tree_svg
from boostlab.inspection.subject import Subject
from boostlab.inspection.tidy import depths, tidy_positions
from boostlab.inspection.tree_layout import drawing, text_width
from boostlab.inspection.tree_rules import Rules

SVG = "{http://www.w3.org/2000/svg}"


def texts_of(svg):
    return [node.text for node in ET.fromstring(svg).iter(f"{SVG}text")]


def test_positions_by_hand():
    # A root with a leaf and a split of two leaves; every node takes 2.
    left = np.array([1, -1, 3, -1, -1], np.int32)
    positions = tidy_positions(left, np.full(5, 2.0))
    assert positions.tolist() == [0, -1, 1, 0, 2]
    assert depths(left).tolist() == [0, 1, 1, 2, 2]


@pytest.mark.parametrize("chain", [False, True])
@pytest.mark.parametrize("n_leaves", [2, 7, 31, 255])
def test_no_two_nodes_of_a_depth_overlap(n_leaves, chain):
    rng = np.random.default_rng(n_leaves)
    left = random_tree(rng, n_leaves, 3, chain=chain).left
    sizes = rng.uniform(5, 30, len(left))
    positions, depth = tidy_positions(left, sizes), depths(left)
    for level in range(depth.max() + 1):
        nodes = np.flatnonzero(depth == level)
        nodes = nodes[np.argsort(positions[nodes])]
        gaps = np.diff(positions[nodes])
        needed = (sizes[nodes][1:] + sizes[nodes][:-1]) / 2
        assert (gaps >= needed - 1e-9).all()
    inner = np.flatnonzero(left >= 0)
    middle = (positions[left[inner]] + positions[left[inner] + 1]) / 2
    np.testing.assert_allclose(positions[inner], middle, atol=1e-9)
    assert (positions[left[inner]] < positions[left[inner] + 1]).all()


def test_everything_is_inside_the_drawing(make_ensemble):
    rng = np.random.default_rng(3)
    model = make_ensemble([random_tree(rng, 31, 3, subsets=0.5)])
    picture = drawing(Rules.of(model))
    for box in picture.boxes:
        note = text_width(box.note, 7.5) + 4 if box.is_leaf else 0
        assert box.x >= 12
        assert box.x + box.width + note <= picture.width
        assert box.y - box.height / 2 >= 12
        assert box.y + box.height / 2 <= picture.height
        assert text_width(box.title, 9) <= box.width
    assert len(picture.links) == len(picture.boxes) - 1
    assert sum(box.is_leaf for box in picture.boxes) == 31


def test_colour_and_width_tell_value_and_weight(small, make_ensemble):
    picture = drawing(Rules.of(make_ensemble([small])))
    _, _, negative, positive, strongest = (box.fill for box in picture.boxes)
    assert strongest == style.POSITIVE
    assert positive[:1] == "#" != negative
    red, blue = int(negative[1:3], 16), int(negative[5:], 16)
    assert red > blue  # orange
    red, blue = int(positive[1:3], 16), int(positive[5:], 16)
    assert blue > red
    widths = [link.width for link in picture.links]
    np.testing.assert_allclose(widths, [4, 3, 3.5, 1.5])
    assert [link.label for link in picture.links] == [
        "yes or missing",
        "no",
        "yes",
        "no or missing",
    ]


def test_svg_holds_every_node(regressor):
    svg = tree_svg(regressor, 3)
    rules, found = Rules.of(regressor, 3), texts_of(svg)
    for i, condition in enumerate(rules.conditions):
        if condition is None:
            assert style.number(rules.value[i, 0], signed=True) in found
        else:
            assert condition.text(30) in found
    assert found[-1] == f"Round 3: {rules.n_leaves} leaves"
    root = ET.fromstring(svg)
    assert root.find(f"{SVG}title").text == found[-1]
    assert len(root.findall(f"{SVG}rect")) == len(rules.left) + 1
    assert not re.search(r"href|script|url\(", svg)


def test_svg_escapes_names():
    import pandas as pd

    names = ['a<b & "c"', "nul\0\x1b"]
    X = np.random.default_rng(0).normal(size=(200, 2))
    frame = pd.DataFrame(X, columns=names)
    model = GradientBoostingRegressor(n_estimators=1).fit(frame, X[:, 0] - X[:, 1])
    found = " ".join(texts_of(tree_svg(model)))
    assert 'a<b & "c" ≤ ' in found
    assert "nul\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} ≤ " in found


def test_svg_needs_no_matplotlib(small, make_ensemble, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    assert tree_svg(make_ensemble([small])).startswith("<svg ")
    with pytest.raises(ImportError, match=r"Plots need matplotlib .*boostlab\[plots\]"):
        plot_tree(make_ensemble([small]))


def test_plot_holds_every_node(small, make_ensemble):
    ax = plot_tree(make_ensemble([small], sizes=[0.1]))
    patches = [patch.get_gid() for patch in ax.patches]
    assert patches.count("leaf") == 3
    assert patches.count("split") == 2
    found = [text.get_text() for text in ax.texts]
    for text in ("x0 ≤ 1.5", "x2 ≤ −0.25", "−0.2", "+0.1", "+0.4", "weight 4"):
        assert text in found
    assert found[-1] == "Round 0: 3 leaves"
    assert found.count("no or missing") == 1


def test_text_fits_its_box_as_drawn(make_ensemble):
    rng = np.random.default_rng(5)
    ax = plot_tree(make_ensemble([random_tree(rng, 31, 3, subsets=0.3)]))
    renderer = ax.figure.canvas.get_renderer()
    frames = [p for p in ax.patches if p.get_gid() in ("leaf", "split")]
    titles = [t for t in ax.texts if t.get_fontweight() == "bold"][:-1]
    for frame, title in zip(frames, titles, strict=True):
        outer, inner = (each.get_window_extent(renderer) for each in (frame, title))
        assert outer.x0 <= inner.x0
        assert inner.x1 <= outer.x1


def test_plot_on_own_axes_is_scaled(small, make_ensemble):
    import matplotlib.pyplot as plt

    model = make_ensemble([small])
    _, axes = plt.subplots(1, 2, figsize=(4, 2))
    assert plot_tree(model, ax=axes[0]) is axes[0]
    whole = plot_tree(model)
    assert axes[0].texts[0].get_fontsize() < whole.texts[0].get_fontsize()


def test_a_huge_tree_still_has_a_figure(make_ensemble):
    rng = np.random.default_rng(6)
    model = make_ensemble([random_tree(rng, 120, 3, chain=True)])
    width, height = plot_tree(model).figure.get_size_inches()
    assert width == pytest.approx(150)
    assert height < 150


def test_names_are_no_formulas(small, make_ensemble, monkeypatch):
    model = make_ensemble([small])
    subject = replace(Subject.of(model), names=("$\\frac{", "b", "$c$"))
    monkeypatch.setattr(Subject, "of", lambda model: subject)
    ax = plot_tree(model)
    ax.figure.canvas.draw()
    assert "$\\frac{ ≤ 1.5" in [text.get_text() for text in ax.texts]


@pytest.fixture
def shared(make_tree, make_ensemble):
    """One tree for three outputs."""
    leaf = (-1, -1, 0.0, 0)
    nodes = [
        (1, 1, 0.5, 1, [0.0, 0.0, 0.0], 5.0, 3.0),
        (*leaf, [1.0, -2.0, 0.5], 0.0, 2.0),
        (*leaf, [-1.0, 4.0, 0.0], 0.0, 1.0),
    ]
    return make_ensemble([make_tree(nodes)], sizes=[0.5])


def test_leaves_of_several_outputs_have_bars(shared, monkeypatch):
    names = replace(Subject.of(shared), outputs=("class a", "class b", "class c"))
    monkeypatch.setattr(Subject, "of", lambda model: names)
    picture = drawing(Rules.of(shared))
    first, second = (box.bars for box in picture.boxes[1:])
    heights = np.array([bar.height for bar in first + second])
    np.testing.assert_allclose(heights / heights.max(), [0.25, 0.5, 0.125, 0.25, 1, 0])
    middle = picture.boxes[1].y
    assert first[0].y == middle - first[0].height  # up
    assert first[1].y == middle  # down
    assert [bar.text for bar in picture.key] == list(names.outputs)
    assert [bar.colour for bar in first] == [bar.colour for bar in picture.key]
    svg = tree_svg(shared)
    shown = [node.text for node in ET.fromstring(svg).iter(f"{SVG}title")]
    assert {"class a: +0.5", "class b: \N{MINUS SIGN}1", "class b: +2"} <= set(shown)
    ax = plot_tree(shared)
    assert [patch.get_gid() for patch in ax.patches].count("bar") == 9
    assert "class c" in [text.get_text() for text in ax.texts]


def test_one_output_of_a_shared_tree(shared):
    picture = drawing(Rules.of(shared, output=1))
    assert [box.title for box in picture.boxes[1:]] == ["−1", "+2"]
    assert picture.key == ()


def test_many_outputs_are_told_by_sign(make_ensemble):
    tree = random_tree(np.random.default_rng(0), 4, 3, n_outputs=40)
    picture = drawing(Rules.of(make_ensemble([tree])))
    bars = [bar for box in picture.boxes for bar in box.bars]
    assert len(bars) == 160
    assert {bar.colour for bar in bars} == {style.POSITIVE, style.NEGATIVE}
    assert picture.key == ()
    plot_tree(make_ensemble([tree]))
