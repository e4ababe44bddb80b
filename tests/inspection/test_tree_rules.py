import doctest
from dataclasses import replace

import numpy as np
import pytest

import boostlab.inspection.svg
import boostlab.inspection.tree_rules
from boostlab import BoostingRegressor, GradientBoostingClassifier
from boostlab.contributions import CellValues
from boostlab.inspection import style, tree_text
from boostlab.inspection.subject import Subject
from boostlab.inspection.tree_rules import Condition, Rules, _condition
from boostlab.state import Ensemble
from boostlab.updates import AddToPrediction

LEAF = (-1, -1, 0.0, 0)


@pytest.mark.parametrize("name", ["tree_rules", "svg", "style", "importance"])
def test_examples(name):
    assert doctest.testmod(getattr(boostlab.inspection, name)).failed == 0


def test_text_by_hand(small, make_ensemble):
    assert tree_text(make_ensemble([small], sizes=[0.1])).splitlines() == [
        "Round 0: 3 leaves",
        "x0 ≤ 1.5  (gain 9, weight 10)",
        "├─ yes or missing: x2 ≤ -0.25  (gain 3, weight 6)",
        "│  ├─ yes: +0.1  (weight 5)",
        "│  └─ no or missing: +0.4  (weight 1)",
        "└─ no: -0.2  (weight 4)",
    ]


def test_a_single_leaf(make_tree, make_ensemble):
    stump = make_tree([(*LEAF, -0.0, 0.0, 7.0)])
    assert tree_text(make_ensemble([stump])) == "Round 0: 1 leaf\n+0  (weight 7)"


def test_rounds_and_outputs_are_chosen(small, make_ensemble):
    other = replace(small, value=2 * small.value)
    model = make_ensemble([small, other], [other, small], sizes=[1.0, [0.5, 0.25]])
    assert Rules.of(model, 0, 0).value[:, 0].tolist() == small.value[:, 0].tolist()
    assert Rules.of(model, 0, 1).value[:, 0].tolist() == other.value[:, 0].tolist()
    assert Rules.of(model, 1, 0).value[:, 0].tolist() == small.value[:, 0].tolist()
    last = Rules.of(model, -1, -1)
    assert last.value[:, 0].tolist() == (small.value[:, 0] / 4).tolist()
    assert last.heading == "Round 1, output 1"


def test_cells_that_the_step_valued(small, make_ensemble):
    sizes = [CellValues((np.array([[0.0], [0], [7], [8], [9]]),))]
    rules = Rules.of(make_ensemble([small], sizes=sizes))
    assert rules.value[:, 0].tolist() == [0, 0, 7, 8, 9]


def test_one_tree_for_all_outputs(make_tree, make_ensemble):
    shared = make_tree(
        [
            (1, 1, 0.5, 1, [0.0, 0.0, 0.0], 5.0, 3.0),
            (*LEAF, [1.0, 2.0, 3.0], 0.0, 2.0),
            (*LEAF, [-1.0, -2.0, -3.0], 0.0, 1.0),
        ]
    )
    for size in (0.5, [0.5, 0.5, 0.5]):
        rules = Rules.of(make_ensemble([shared], sizes=[size]), 0, 2)
        assert rules.value[:, 0].tolist() == [0, 1.5, -1.5]
        assert rules.heading == "Round 0, output 2, one tree for 3 outputs"
    assert tree_text(make_ensemble([shared], sizes=[0.5])).splitlines() == [
        "Round 0, one tree for 3 outputs: 2 leaves",
        "x1 ≤ 0.5  (gain 5, weight 3)",
        "├─ yes or missing: [+0.5, +1, +1.5]  (weight 2)",
        "└─ no: [-0.5, -1, -1.5]  (weight 1)",
    ]


def test_sets_of_categories(make_tree):
    names = (*((f"c{code}",) for code in range(70)), ("rare", "rarer"))
    subject = Subject(
        Ensemble(np.zeros(1), AddToPrediction()), ("f", "g"), (names, None), ("",)
    )

    def condition(feature, codes, missing_left=0):
        nodes = [(feature, 1, 0.0, missing_left, 0.0, 1.0, 2.0)] + [
            (*LEAF, 1.0, 0.0, 1.0)
        ] * 2
        return _condition(subject, make_tree(nodes, [(0, codes)]), 0)

    assert condition(0, [0, 64, 69]) == Condition("f", "in", ("c0", "c64", "c69"))
    assert condition(0, [3, 70]).text() == "f in {c3, rare, rarer}"
    assert condition(0, set(range(71)) - {65}).text() == "f ≠ c65"
    assert condition(0, [65]).text() == "f = c65"
    most = condition(0, set(range(71)) - {1, 70})
    assert most.text() == "f not in {c1, rare, rarer}"
    assert condition(0, range(71)) == Condition("f", "is known")
    assert condition(0, [], 1) == Condition("f", "is missing")
    assert condition(1, [2, 255]).text() == "g in {2, 255}"  # no names, so codes


def test_thresholds_between_categories(make_tree):
    names = (("low",), ("mid", "mean"), ("high",), ("top",))
    subject = Subject(Ensemble(np.zeros(1), AddToPrediction()), ("f",), (names,), ("",))

    def condition(threshold):
        nodes = [(0, 1, threshold, 0, 0.0, 1.0, 2.0)] + [(*LEAF, 1.0, 0.0, 1.0)] * 2
        return _condition(subject, make_tree(nodes), 0)

    assert condition(0.5).text() == "f = low"
    assert condition(1.5).text() == "f not in {high, top}"
    assert condition(np.inf).text() == "f is known"


def test_known_or_missing_numbers(make_tree, make_ensemble):
    nodes = [(0, 1, np.inf, 0, 0.0, 1.0, 2.0)] + [(*LEAF, 1.0, 0.0, 1.0)] * 2
    rules = Rules.of(make_ensemble([make_tree(nodes)]))
    assert rules.conditions[0].text() == "x0 is known"
    assert rules.answers[0] == ("yes", "no")


def test_long_conditions_are_cut_only_when_asked():
    names = tuple(f"category number {i}" for i in range(9))
    condition = Condition("a rather long name of a feature", "in", names)
    assert all(name in condition.text() for name in names)
    short = condition.text(24)
    assert short == "a rather long name of a… in {category number 0, 8 more}"
    assert Condition("f", "≤", ("1.5",)).text(3) == "f ≤ 1.5"


def test_names_of_a_frame(frame, regressor, classifier):
    text = tree_text(regressor)
    assert text.startswith("Round 0: ")
    assert "size ≤ " in text
    assert "colour in {" in text
    assert "shape = flat" in text or "shape = round" in text
    high, low, middle = (tree_text(classifier, 2, k) for k in range(3))
    assert high.startswith("Round 2, class high: ")
    assert low.startswith("Round 2, class low: ")
    assert middle.startswith("Round 2, class middle: ")


def test_leaves_of_a_path_add_up_to_the_prediction(regressor, frame):
    """Each row follows the conditions of the text to the leaf that predict adds."""
    X, _ = frame
    table = regressor._table(X[:40])
    raw = np.zeros(40)
    for round in range(regressor.n_iter_):
        done = regressor.ensemble_.rounds[round]
        leaf = done.hypothesis.cells(table)[0]
        raw += Rules.of(regressor, round).value[leaf, 0]
    raw += regressor.baseline_prediction_[0]
    np.testing.assert_allclose(raw, regressor.predict(X[:40]), rtol=1e-12)


def test_conditions_decide_as_the_trees_do(regressor, frame):
    X, _ = frame
    rows = X[:60]
    cells = regressor.ensemble_.rounds[0].hypothesis.cells(regressor._table(rows))[0]
    rules = Rules.of(regressor, 0)
    for (_, row), leaf in zip(rows.iterrows(), cells, strict=True):
        node = 0
        while rules.conditions[node] is not None:
            sides = rules.answers[node]
            value = row[rules.conditions[node].feature]
            if value is None or value != value:
                relation = rules.conditions[node].relation
                left = "missing" in sides[0] or relation == "is missing"
            else:
                left = fulfils(value, rules.conditions[node])
            node = int(rules.left[node]) + (not left)
        assert node == leaf


def fulfils(value, condition):
    """Whether a row's value fulfils a condition, read from its words."""
    if condition.relation == "≤":
        shown = condition.values[0].replace("\N{MINUS SIGN}", "-").replace(",", "")
        return value <= float(shown)
    if condition.relation in ("in", "not in"):
        return (value in condition.values) == (condition.relation == "in")
    return condition.relation == "is known"


def test_early_stopped_models_have_the_rounds_that_count(frame):
    X, y = frame
    model = GradientBoostingClassifier(
        n_estimators=100, early_stopping=True, random_state=0
    ).fit(X, y > 3)
    assert tree_text(model, -1).startswith(f"Round {model.n_iter_ - 1}, class True: ")
    with pytest.raises(ValueError, match=f"the model has {model.n_iter_} rounds; give"):
        tree_text(model, model.n_iter_)


def test_what_is_wrong_is_said(small, make_ensemble, frame):
    model = make_ensemble([small])
    with pytest.raises(ValueError, match="round is 1, but the model has 1 round; give"):
        tree_text(model, 1)
    with pytest.raises(ValueError, match="output is 3, but the model has 1 output"):
        tree_text(model, 0, 3)
    with pytest.raises(TypeError):
        tree_text(model, 0.5)
    X = np.arange(20.0)[:, None]
    linear = BoostingRegressor(learner="linear", n_estimators=2).fit(X, X[:, 0])
    with pytest.raises(TypeError, match="fitted by a LinearModel, which has no"):
        tree_text(linear, 1)
    constant = GradientBoostingClassifier().fit(X, np.zeros(20))
    with pytest.raises(ValueError, match="The model has no rounds, so there is no"):
        tree_text(constant)


def test_numbers_are_short_and_true():
    shown = {
        0.0: "0",
        1.0: "1",
        12.5: "12.5",
        -1234.56: "−1,235",
        0.000123456: "0.0001235",
        1e12: "1e+12",
        np.inf: "inf",
        999_999_999.4: "999,999,999",
    }
    for value, text in shown.items():
        assert style.number(value) == text
    assert style.number(2013.5, 6) == "2,013.5"
