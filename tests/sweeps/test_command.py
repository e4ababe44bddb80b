import importlib.util
from pathlib import Path

import pytest

from boostlab.sweeps.command import main

TRIAL = """
[datasets]
use = ["sklearn:iris", "sklearn:wine", "local:adult"]
[methods.tree]
method = "sklearn.tree.DecisionTreeClassifier"
[methods.dummy]
[protocol]
folds = 2
"""


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BOOSTLAB_DATA", raising=False)


def test_a_sweep_from_declaration_to_report(write, capsys):
    write(TRIAL)
    assert main(["sweep", "trial.toml", "--n-jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert "2 tables, 8 cells" in told
    assert "skipped local:adult: BOOSTLAB_DATA is not set" in told
    assert "Classification: log loss, lower is better" in told
    assert "average rank" in told
    assert "results/trial/report.html" in told
    assert (Path("results") / "trial" / "report.html").is_file()

    assert main(["sweep", "trial.toml"]) == 0
    assert "8 finished before" in capsys.readouterr().out


def test_out_names_the_folder(write, tmp_path):
    write(TRIAL)
    assert main(["sweep", "trial.toml", "--out", "there", "--n-jobs", "1"]) == 0
    html = (tmp_path / "there" / "report.html").read_text(encoding="utf-8")
    assert "boostlab sweep trial.toml --out there" in html
    assert not Path("results").exists()


def test_failures_end_the_sweep_well_and_are_told(write, capsys):
    write(TRIAL + "[methods.svm]\nmethod = 'sklearn.linear_model.RidgeClassifier'")
    assert main(["sweep", "trial.toml", "--n-jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert "failed" in told
    assert "4 cells failed" in told
    assert "--retry-failed" in told


def test_names_with_brackets_and_colons_are_printed_as_they_are(write, capsys):
    write("""
    [sweep]
    title = "a [bold]b[/] :smile:"
    [datasets]
    use = ["sklearn:iris"]
    [methods.t]
    method = "sklearn.tree.DecisionTreeClassifier"
    grid = { max_depth = [1] }
    [protocol]
    folds = 2
    """)
    assert main(["sweep", "trial.toml", "--n-jobs", "1"]) == 0
    told = capsys.readouterr().out
    assert "a [bold]b[/] :smile:" in told
    assert "t [max_depth=1]" in told


def test_nothing_to_run_is_told(write, capsys):
    write("[datasets]\nuse = ['local:adult']\n[methods.dummy]")
    assert main(["sweep", "trial.toml"]) == 0
    assert "0 tables" in capsys.readouterr().out


def test_mistakes_are_all_told_before_anything_runs(write, capsys):
    write(TRIAL.replace("folds = 2", "fold = 2\nsede = 3"))
    assert main(["sweep", "trial.toml"]) == 2
    told = capsys.readouterr().err
    assert "2 mistakes" in told
    assert "did you mean 'folds'?" in told
    assert "did you mean 'seed'?" in told
    assert not Path("results").exists()


def test_a_missing_file_is_a_sentence(capsys):
    assert main(["sweep", "nothing.toml"]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_missing_extra_is_a_sentence(write, capsys, monkeypatch):
    write(TRIAL)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name in {"rich", "pyarrow"} else find(name),
    )
    assert main(["sweep", "trial.toml"]) == 2
    told = capsys.readouterr().err
    assert told == (
        'boostlab sweep needs pyarrow, rich: pip install "boostlab[sweeps]"\n'
    )


@pytest.mark.parametrize("arguments", [["--help"], ["sweep", "--help"]])
def test_help_is_shown(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "sweep" in capsys.readouterr().out


@pytest.mark.parametrize("n_jobs", ["0", "-1", "two"])
def test_a_wrong_number_of_jobs_is_refused(write, n_jobs, capsys):
    write(TRIAL)
    with pytest.raises(SystemExit):
        main(["sweep", "trial.toml", "--n-jobs", n_jobs])
    assert "is not a number of cells" in capsys.readouterr().err
