import re

import pytest

from boostlab.sweeps.declare import DeclarationError, read
from boostlab.sweeps.report import write_report
from boostlab.sweeps.specs import Figure

TRIAL = """
[datasets]
use = ["sklearn:diabetes", "local:prices"]
[methods.normal]
method = "sweep_methods.Normally"
label = "normal <i>"
[methods.dummy]
[protocol]
folds = 3
metrics.regression = ["nll", "rmse", "coverage_90"]
[published.old]
label = "Old <b>"
source = "Somebody (1999), table 2"
[published.old.nll]
diabetes = [1.25, 0.5]
"local:prices" = 99
[published.old.rmse]
diabetes = 1e6
"""


@pytest.fixture
def report(plan_of, finish, methods_folder, local_data):
    plan = plan_of(TRIAL)
    store = finish(plan)
    summary, path = write_report(plan, store, "boostlab sweep trial.toml")
    return summary, path.read_text(encoding="utf-8")


def test_figures_are_read_with_their_errors(write, methods_folder):
    (old,) = read(write(TRIAL)).published
    assert (old.name, old.label) == ("old", "Old <b>")
    assert old.figures == {
        "nll": {"sklearn:diabetes": Figure(1.25, 0.5), "local:prices": Figure(99.0)},
        "rmse": {"sklearn:diabetes": Figure(1e6)},
    }


WRONG = """\
[datasets]
use = ["sklearn:diabetes"]
[methods.dummy]
[published.old]
sorce = "x"
[published.old.nll]
diabets = 1
diabetes = [1, 2, 3]
[published.old.rmsee]
diabetes = "low"
"""


def test_mistakes_come_at_once_with_lines(write):
    with pytest.raises(DeclarationError) as caught:
        read(write(WRONG))
    expected = [
        (4, "[published.old] has no source"),
        (5, "no key 'sorce'; did you mean 'source'?"),
        (7, "no key 'diabets'; did you mean 'diabetes'?"),
        (8, "diabetes is [1, 2, 3]; give a number, or a list of it and its standard"),
        (9, "no key 'rmsee'; did you mean 'rmse'?"),
    ]
    mistakes = caught.value.mistakes
    assert len(mistakes) == len(expected), mistakes
    for (line, text), told in zip(expected, mistakes, strict=True):
        assert told.startswith(f"line {line}: "), told
        assert text in told


def section(html):
    """Return the rows of the first table beside published figures, cell by cell."""
    part = html[html.index('<h3 id="published-regression">') :]
    body = part[part.index("<tbody>") : part.index("</tbody>")]
    return [re.findall(r"<t[hd][^>]*>.*?</t[hd]>", row) for row in body.split("<tr")][
        1:
    ]


def test_the_report_shows_them_beside_ours(report):
    _, html = report
    assert "Old &lt;b&gt;" in html
    assert "Old <b>" not in html
    assert "Somebody (1999), table 2" in html
    diabetes, prices, mean = section(html)
    # The method without distributions has no column of NLLs.
    assert len(diabetes) == 3
    assert "1.25" in diabetes[1]
    assert "± 0.50" in diabetes[1]
    assert 'class="best"' in diabetes[1]
    assert 'class="best"' in prices[2]
    assert "mean of 2" in mean[0]
    assert "50.1" in mean[1]


def test_our_standard_errors_are_those_over_splits(report):
    summary, _ = report
    (board,) = summary.boards
    entry = board.entries["diabetes", "normal <i>"]
    expected = entry.scores["nll"].std(ddof=1) / 3**0.5
    assert entry.standard_error("nll") == pytest.approx(expected)


def test_published_figures_take_no_part_in_ranks(report):
    summary, html = report
    (board,) = summary.boards
    # Nor do methods without distributions, though they finished.
    assert board.pool == ("normal <i>",)
    assert [s.label for s in board.standings] == ["normal <i>"]
    assert "Without dummy, which finished no table or predicted no" in html


def test_what_cannot_rank_is_not_marked(report):
    summary, _ = report
    (board,) = summary.boards
    coverage = next(m for m in board.metrics if m.name == "coverage_90")
    assert board.best("diabetes", coverage) == set()


def test_nothing_is_shown_where_nothing_was_published(
    plan_of, finish, methods_folder, local_data
):
    plan = plan_of(TRIAL[: TRIAL.index("[published")])
    _, path = write_report(plan, finish(plan), "x")
    assert "published" not in path.read_text(encoding="utf-8")
