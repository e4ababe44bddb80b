"""The fuzz script, for a few seconds; run it by hand for as long as you like."""

import os
import subprocess
import sys
from pathlib import Path

import boostlab

SCRIPT = Path(__file__).with_name("fuzz.py")


def run(*options):
    """Run the script in a fresh interpreter, on the package under test."""
    package = Path(boostlab.__file__).parents[1]
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        env=dict(os.environ, PYTHONPATH=str(package)),
        timeout=300, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_three_hundred_problems():
    done = run("--problems", "300", "--seed", "20")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.startswith("300 problems")
    assert " 0 mismatches" in done.stdout


def test_one_problem_again():
    done = run("--seed", "20", "--only", "123456")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.startswith("1 problems")
