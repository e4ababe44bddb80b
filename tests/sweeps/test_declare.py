from pathlib import Path

import pytest

from boostlab.sweeps.declare import DeclarationError, read
from boostlab.sweeps.mistakes import Lines
from boostlab.sweeps.specs import DatasetSpec

ROOT = Path(__file__).parents[2]

SMALL = """
[datasets]
use = ["sklearn:iris"]
[methods.dummy]
"""

WRONG = """\
[sweeep]
[sweep]
name = "a/b"
title = 3
[datasets]
use = [
  "sklearn:irris",
  "sklearn:wine",
  "skleran:wine",
  "sklearn:wine",
]
[datasets."sklearn:wine"]
drob = ["x"]
task = "clasification"
[methods.bostlab]
[methods.hist_gradient_boosting]
params = { learnin_rate = 0.1, n_jobs = 4 }
[methods.forest]
regressor = "sklearn.ensemble.RandomForest"
[methods.dummy]
classification = { strateegy = "prior" }
[methods.hist]
method = "hist_gradient_boosting"
grid = { max_itr = [10, 20], learning_rate = 0.1 }
[methods.scaler]
method = "sklearn.preprocessing.StandardScaler"
[methods.two]
method = "dummy"
regressor = "sklearn.linear_model.Ridge"
[protocol]
fold = 3
repeats = 0
model_seeds = [1, 1]
max_rows = 3.5
[protocol.metrics]
regression = ["rmsee", "log_loss"]
clasification = []
"""

# What each mistake must say, and the line it must point at.
EXPECTED = [
    (1, "The file has no key 'sweeep'; did you mean 'sweep'?"),
    (3, "name is 'a/b'"),
    (4, "title is 3; give a string"),
    (7, "'sklearn:irris' is no dataset; did you mean 'iris'?"),
    (8, "'sklearn:wine' is listed twice"),
    (9, "'skleran:wine' is no dataset; did you mean 'sklearn'?"),
    (13, "no key 'drob'; did you mean 'drop'?"),
    (14, "task is 'clasification'"),
    (15, "there is no method 'bostlab'; did you mean 'boostlab'?"),
    (17, "no parameter 'learnin_rate'; did you mean 'learning_rate'?"),
    (17, "n_jobs is the protocol's; set [protocol] threads."),
    (19, "no class 'RandomForest'; did you mean 'RandomForest"),
    (21, "DummyClassifier has no parameter 'strateegy'; did you mean 'strategy'?"),
    (24, "no parameter 'max_itr'; did you mean 'max_iter'?"),
    (24, "learning_rate is 0.1; give a list of values to try."),
    (26, "is no scikit-learn regressor or classifier"),
    (28, "gives 'method' and also 'regressor'"),
    (31, "[protocol] has no key 'fold'; did you mean 'folds'?"),
    (32, "repeats is 0; give an integer of at least 1."),
    (33, "model_seeds is [1, 1]"),
    (34, "max_rows is 3.5"),
    (36, "'rmsee' is no metric for regression; did you mean 'rmse'?"),
    (36, "'log_loss' is no metric for regression"),
    (37, "no key 'clasification'; did you mean 'classification'?"),
]


def test_all_mistakes_come_at_once_with_lines_and_suggestions(write):
    with pytest.raises(DeclarationError) as caught:
        read(write(WRONG))
    mistakes = caught.value.mistakes
    for line, text in EXPECTED:
        assert any(m.startswith(f"line {line}: ") and text in m for m in mistakes), (
            line,
            text,
            mistakes,
        )
    assert len(mistakes) == len(EXPECTED)
    lines = [int(m.split()[1].rstrip(":")) for m in mistakes]
    assert lines == sorted(lines)


def test_what_is_left_out_has_defaults(write):
    sweep = read(write(SMALL, "small.toml"))
    assert (sweep.name, sweep.title, sweep.description) == ("small", "small", "")
    assert sweep.datasets == (DatasetSpec("sklearn:iris"),)
    (method,) = sweep.methods
    assert (method.name, method.label, method.method) == ("dummy", "dummy", "dummy")
    assert (sweep.protocol.folds, sweep.protocol.threads) == (5, 1)
    assert sweep.protocol.metrics["classification"][0] == "log_loss"


def test_everything_can_be_declared(write):
    sweep = read(
        write("""
        [sweep]
        name = "all"
        title = "All of it"
        description = "Every key."
        [datasets]
        use = ["local:wine_white"]
        [datasets."local:wine_white"]
        task = "regression"
        target = "grade"
        drop = ["colour"]
        max_rows = 500
        [methods.ridge]
        label = "Ridge"
        method = "sklearn.linear_model.Ridge"
        encoding = "onehot"
        params = { alpha = 2.0 }
        [methods.forest]
        regressor = "sklearn.ensemble.RandomForestRegressor"
        classifier = "sklearn.ensemble.RandomForestClassifier"
        classification = { criterion = "entropy" }
        [protocol]
        folds = 3
        repeats = 2
        seed = 7
        model_seeds = [0, 1]
        threads = 2
        max_rows = 1000
        metrics.regression = ["mae"]
        """)
    )
    spec = DatasetSpec("local:wine_white", "grade", "regression", ("colour",), 500)
    assert sweep.datasets == (spec,)
    ridge, forest = sweep.methods
    assert (ridge.label, ridge.encoding, ridge.params) == (
        "Ridge",
        "onehot",
        {"alpha": 2.0},
    )
    assert forest.method is None
    assert forest.by_family == {"classification": {"criterion": "entropy"}}
    protocol = sweep.protocol
    assert (protocol.folds, protocol.repeats, protocol.seed) == (3, 2, 7)
    assert (protocol.model_seeds, protocol.threads) == ((0, 1), 2)
    assert protocol.metrics["regression"] == ("mae",)
    assert protocol.metrics["classification"] == ("log_loss", "accuracy", "roc_auc")


def test_a_grid_is_a_method_for_each_combination(write):
    sweep = read(
        write("""
        [datasets]
        use = ["sklearn:iris"]
        [methods.hist]
        method = "hist_gradient_boosting"
        label = "hist"
        params = { max_iter = 5 }
        grid = { max_leaf_nodes = [7, 31], learning_rate = [0.1, 0.3] }
        """)
    )
    assert [m.label for m in sweep.methods] == [
        "hist [max_leaf_nodes=7, learning_rate=0.1]",
        "hist [max_leaf_nodes=7, learning_rate=0.3]",
        "hist [max_leaf_nodes=31, learning_rate=0.1]",
        "hist [max_leaf_nodes=31, learning_rate=0.3]",
    ]
    assert sweep.methods[2].params == {
        "max_iter": 5,
        "max_leaf_nodes": 31,
        "learning_rate": 0.1,
    }


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("", "names no tables"),
        ("[datasets]\nuse = 'sklearn:iris'", "use is 'sklearn:iris'; give a list"),
        ("[datasets]\nuse = ['iris']\n[methods.dummy]", "write 'source:name'"),
        ("[datasets]\nuse = ['sklearn:iris']", "[methods] is empty"),
        (SMALL + "[methods.dummy]", "The file is not TOML"),
        ("[datasets\n", "The file is not TOML"),
        ("methods = 3", "methods is 3; give a table"),
        (SMALL + "[methods.x]\nmethod = '.'", "no dotted path"),
        (SMALL + "[methods.x]\nmethod = 'sklearn.linear_model.Rigde'", "'Ridge'?"),
        (SMALL + "[datasets.'sklearn:wine']", "no key 'sklearn:wine'"),
        (
            SMALL + "[protocol.metrics]\nregression = ['coverage_90', 'nll']",
            "line 6: 'coverage_90' cannot rank, since it says little by itself",
        ),
    ],
)
def test_single_mistakes(write, text, mistake):
    with pytest.raises(DeclarationError) as caught:
        read(write(text))
    assert any(mistake in told for told in caught.value.mistakes), caught.value.mistakes


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DeclarationError, match="cannot be read"):
        read(tmp_path / "nothing.toml")


def test_a_method_that_is_not_installed_is_no_mistake(write):
    sweep = read(write(SMALL + "[methods.x]\nmethod = 'not_installed.Method'"))
    assert len(sweep.methods) == 2


@pytest.mark.parametrize("name", ["quickstart", "tables"])
def test_the_experiments_are_declared_well(name):
    sweep = read(ROOT / "experiments" / f"{name}.toml")
    assert {m.name for m in sweep.methods} == {
        "boostlab",
        "xgboost",
        "lightgbm",
        "hist_gradient_boosting",
        "dummy",
    }
    assert len(sweep.datasets) >= (20 if name == "tables" else 5)
    assert sweep.methods[0].params["n_estimators"] == 100


def test_the_paper_of_ngboost_is_declared_well(monkeypatch):
    monkeypatch.delenv("BOOSTLAB_DATA", raising=False)
    sweep = read(ROOT / "experiments" / "papers" / "ngboost_uci.toml")
    assert len(sweep.datasets) == 9
    assert sweep.protocol.is_given
    assert sweep.protocol.metrics["regression"][0] == "nll"
    paper = sweep.published[0]
    assert set(paper.figures["nll"]) == {spec.ref for spec in sweep.datasets}


def test_lines_finds_keys_and_items():
    lines = Lines(
        'a = 1\n[b]\nc.d = 2 # x\n"e f" = [\n  "one",\n  "two"]\n[[g]]\nh = 0\n'
    )
    assert lines.of(("a",)) == 1
    assert lines.of(("b", "c", "d")) == 3
    assert lines.of(("b", "e f"), "two") == 6
    assert lines.of(("b", "missing")) == 2
    assert lines.of(("g", "h")) == 8
    assert lines.of(("nowhere",)) is None
