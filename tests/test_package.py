import subprocess
import sys

import pytest

import boostlab


def python(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_import_is_cheap():
    heavy = "matplotlib pandas polars pyarrow torch xgboost sklearn scipy narwhals"
    result = python(
        "import sys, boostlab;"
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_estimators_need_no_plots_and_no_nets():
    result = python(
        "import sys; from boostlab import *;"
        "print([m for m in ('matplotlib', 'torch', 'xgboost') if m in sys.modules])"
    )
    assert result.stdout.strip() == "[]", result.stderr


def test_a_source_tree_without_its_core_says_what_to_do():
    result = python("import sys; sys.modules['boostlab._core'] = None; import boostlab")
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: The compiled core of boostlab cannot be")
    assert "pip install ." in last


@pytest.mark.parametrize("name", boostlab.__all__)
def test_public_names(name):
    assert getattr(boostlab, name).__name__ == name
    assert name in dir(boostlab)
    assert getattr(boostlab, name).__doc__


def test_unknown_names():
    with pytest.raises(AttributeError, match="no attribute 'XGBoost'"):
        boostlab.XGBoost  # noqa: B018


def test_version():
    assert boostlab.__version__ == "unknown" or boostlab.__version__[0].isdigit()
