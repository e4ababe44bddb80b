import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from boostlab.sweeps.format import (
    count,
    decimals_for,
    duration,
    fixed,
    number,
    seconds,
    share,
    times,
)
from boostlab.sweeps.plots import Palette, forest, quality_against_time, strip
from boostlab.sweeps.report import write_report
from boostlab.sweeps.statistics import Interval

TRIAL = """
[sweep]
title = "Trial <&> \\"run\\""
description = "Of <b>everything</b>."
[datasets]
use = [
  "sklearn:iris", "sklearn:wine", "sklearn:breast_cancer", "sklearn:diabetes",
  "local:absent",
]
[methods.tree]
label = "tree <i>"
regressor = "sklearn.tree.DecisionTreeRegressor"
classifier = "sklearn.tree.DecisionTreeClassifier"
classification = { max_depth = 2 }
[methods.stump]
regressor = "sklearn.tree.DecisionTreeRegressor"
classifier = "sklearn.tree.DecisionTreeClassifier"
params = { max_depth = 1 }
[methods.told]
method = "sweep_methods.Told"
params = { fails_with = "%s" }
[methods.gone]
method = "not_installed.Method"
[methods.dummy]
[protocol]
folds = 3
"""


class Page(HTMLParser):
    """Collects elements and text, and refuses elements that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.texts, self.ids = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        attributes = dict(attributes)
        self.elements.append((name, attributes))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if name not in {"meta", "br"}:
            self.open.append(name)

    def handle_startendtag(self, name, attributes):
        self.handle_starttag(name, attributes)
        self.open.pop()

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if "style" not in self.open and "script" not in self.open:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


@pytest.fixture
def report(plan_of, finish, methods_folder, tmp_path, local_data):
    (tmp_path / "trouble").touch()
    plan = plan_of(TRIAL % (tmp_path / "trouble"))
    store = finish(plan)
    summary, path = write_report(plan, store, "boostlab sweep trial.toml")
    return summary, path.read_text(encoding="utf-8"), store


def test_the_report_says_what_it_must(report):
    _, html, _ = report
    page = Page(html)
    for needed in (
        'Trial <&> "run"',
        "Of <b>everything</b>.",
        "Regression 1 table, ranked by RMSE",
        "Classification 3 tables, ranked by log loss",
        "Ranks are within the pool of 3 methods (tree <i>, stump, dummy)",
        "95 % bootstrap interval over tables",
        "average rank",
        "Scores on each table",
        "Split by split",
        "Times on each table",
        "Quality against time",
        "What was run",
        "3-fold cross-validation",
        "UCI Wine",
        "max_depth=1",
        "Failed and skipped",
        "no file 'absent.parquet'",
        "The module 'not_installed' is not installed.",
        "ValueError: asked to <fail>",
        "3 of 3 failed",
        "Environment",
        "scikit-learn",
        "boostlab sweep trial.toml",
    ):
        assert needed in page.text, needed


def test_the_report_needs_nothing_but_itself(report):
    _, html, _ = report
    page = Page(html)
    for name, attributes in page.elements:
        assert name not in {"link", "iframe", "object", "embed", "img", "image"}
        for key in ("src", "href", "xlink:href", "action", "srcset", "data"):
            assert attributes.get(key, "#").startswith("#"), (name, attributes)
    style = "".join(re.findall(r"<style.*?</style>", html, re.DOTALL))
    assert "@import" not in style
    assert not re.search(r"url\((?!#)", html)
    assert not re.search(r"https?://", html)


def test_names_on_the_page_are_unique_and_links_lead_somewhere(report):
    page = Page(report[1])
    assert len(page.ids) == len(set(page.ids))
    for _, attributes in page.elements:
        for key in ("href", "xlink:href"):
            if key in attributes:
                assert attributes[key][1:] in page.ids
    used = re.findall(r"url\(#([^)]*)\)", report[1])
    assert set(used) <= set(page.ids)


def test_the_page_is_light_and_dark_and_printable(report):
    html = report[1]
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    # Plots have no colours of their own: all are variables of the page.
    plots = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(plots) > 6
    for plot in plots:
        assert not re.search(r"#[0-9a-fA-F]{6}\b", plot)
    used = set(re.findall(r"var\((--[\w-]+)\)", html))
    assert used <= set(re.findall(r"(--[\w-]+):", html))


def test_the_best_of_each_table_is_marked(report):
    summary, html, _ = report
    board = summary.boards[1]
    for info in board.datasets:
        marked = re.search(rf'data-key="{info.name}".*?</tr>', html, re.DOTALL)[0]
        assert marked.count('class="best"') == len(board.best(info.name, board.metric))


def test_the_same_results_make_the_same_page(report, plan_of, tmp_path):
    summary, html, store = report
    _, path = write_report(summary.plan, store, "boostlab sweep trial.toml")
    assert path.read_text(encoding="utf-8") == html


def test_scores_are_also_a_csv(report):
    _, _, store = report
    frame = pd.read_csv(store.folder / "scores.csv")
    assert {"dataset", "method", "metric", "mean", "sd"} <= set(frame)
    failed = frame[frame["method"] == "told"]
    assert failed["mean"].isna().all()
    assert (failed["failed"] == 3).all()


def test_nothing_to_report_is_a_page_too(plan_of, finish, monkeypatch):
    monkeypatch.delenv("BOOSTLAB_DATA", raising=False)
    plan = plan_of("[datasets]\nuse = ['local:adult']\n[methods.dummy]")
    _, path = write_report(plan, finish(plan), "boostlab sweep trial.toml")
    page = Page(path.read_text(encoding="utf-8"))
    assert "BOOSTLAB_DATA is not set" in page.text


def test_plots_name_every_method():
    labels = [f"method {i}" for i in range(9)]
    palette = Palette(labels, frozenset(["method 8"]))
    intervals = [Interval(float(i), i - 0.5, i + 0.5) for i in range(9)]
    svg = forest(labels, intervals, palette, "average rank", is_rank=True)
    for label in labels:
        assert f">{label}<" in svg
    assert "var(--reference)" in svg
    assert {f"var(--method-{i})" in svg for i in range(8)} == {True}
    points = [(label, 1.0 + i, 0.1 * i) for i, label in enumerate(labels)]
    svg = quality_against_time(points, palette, "loss", greater_is_better=False)
    for label in labels:
        assert f">{label}<" in svg


@pytest.mark.parametrize("greater_is_better", [True, False])
def test_the_better_end_of_a_strip_is_left(greater_is_better):
    palette = Palette(["a"], frozenset())
    values = [("a", np.array([0.0, 1.0]))]
    svg = strip(values, palette, "score", greater_is_better=greater_is_better)
    ticks = re.findall(r'x="([\d.]+)"[^>]*>([\d.]+)</text>', svg)
    assert len(ticks) > 2
    ordered = [float(text) for _, text in sorted(ticks, key=lambda t: float(t[0]))]
    assert ordered == sorted(ordered, reverse=greater_is_better)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (number(0.123456), "0.1235"),
        (number(-1234.5), "−1,234"),
        (number(float("nan")), "–"),
        (number(12345678.0), "1.23e+07"),
        (number(0.0), "0"),
        (fixed(-0.00001, 3), "0.000"),
        (fixed(-1.5, 1), "−1.5"),
        (fixed(None, 1), "–"),
        (decimals_for([0.51, 0.52], 0.0124), 3),
        (decimals_for([25_000.0], 1200.0), 0),
        (decimals_for([float("nan")], None), 0),
        (seconds(0.0000005), "0 µs"),
        (seconds(0.00123), "1.2 ms"),
        (seconds(0.0456), "46 ms"),
        (seconds(0.456), "0.46 s"),
        (seconds(4.56), "4.6 s"),
        (seconds(45.6), "46 s"),
        (seconds(456.0), "7 min 36 s"),
        (duration(4567), "1 h 16 min"),
        (duration(59.6), "1 min 00 s"),
        (times(1.0), "1×"),
        (times(1.44), "1.4×"),
        (times(1234.0), "1,234×"),
        (count(1, "table"), "1 table"),
        (count(1200, "table"), "1,200 tables"),
        (share(0.0), "0 %"),
        (share(0.0001), "< 0.1 %"),
        (share(0.209), "20.9 %"),
    ],
)
def test_numbers_are_written_for_people(given, expected):
    assert given == expected
