"""Threads of Python around threads of C: callers at once, forks, the GIL."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import core_calls
import grower_oracle as oracle
import numpy as np
import pytest

import boostlab
from boostlab import _core

FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def problem(n=60_000, f=6, seed=0, **params):
    """Enough rows that the work is shared between threads."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(0, 255, (f, n)).astype(np.uint8)
    return oracle.Problem(
        columns=columns,
        n_bins=np.full(f, 255, np.int32),
        gradient=rng.standard_normal(n) + (columns[0] > 99),
        borders=np.tile(np.arange(254.0), f),
        offsets=np.arange(f + 1) * 254,
        params=oracle.Params(**{"max_leaves": 15, "seed": seed, **params}),
    )


def test_callers_at_once():
    problems = [problem(20_000 * k, k, seed=k) for k in range(1, 7)]
    expected = [core_calls.grow(p) for p in problems]
    workspace = _core.workspace()  # of whoever comes first; others take their own

    def repeatedly(i):
        for _ in range(5):
            tree = core_calls.grow(problems[i], 1 + i % 3, workspace)
            core_calls.assert_same_tree(tree, expected[i], f"caller {i}")
            ids = core_calls.apply_bins(tree, problems[i].columns, 2)
            assert np.array_equal(ids, expected[i].ids)

    with ThreadPoolExecutor(6) as callers:
        list(callers.map(repeatedly, range(6)))


def test_callers_that_come_and_go():
    """The pool outlives the thread that started it."""
    p = problem()
    expected = core_calls.grow(p)
    for n_threads in (2, 3, 1, 8, 2):
        with ThreadPoolExecutor(1) as caller:
            tree = caller.submit(core_calls.grow, p, n_threads).result()
        core_calls.assert_same_tree(tree, expected, f"{n_threads} threads")


def test_more_threads_than_cores_or_tasks():
    p = problem(n=3000, f=1)
    expected = core_calls.grow(p)
    for n_threads in (17, 64, 256):
        tree = core_calls.grow(p, n_threads)
        core_calls.assert_same_tree(tree, expected, f"{n_threads} threads")


@pytest.mark.parametrize("n_threads", [1, 2])
def test_python_runs_meanwhile(n_threads):
    """While one thread grows, another counts; under a held GIL it would not."""
    p = problem(n=400_000, f=16, max_leaves=200)
    span = []

    arguments = core_calls.grow_arguments(p, n_threads)

    def grow_only():
        start = time.perf_counter()
        core_calls.grow_with(arguments)
        span.extend((start, time.perf_counter()))

    worker = threading.Thread(target=grow_only)
    ticks = []
    worker.start()
    while worker.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0.001)
    worker.join()
    assert sum(span[0] < t < span[1] for t in ticks) >= 3


def run_script(body, timeout=60):
    """Run a script that knows the helpers; it must end by itself, and well."""
    helpers = Path(core_calls.__file__).parent
    package = Path(boostlab.__file__).parent.parent
    environment = dict(os.environ, PYTHONPATH=f"{helpers}{os.pathsep}{package}")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(body)],
        env=environment, timeout=timeout, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


SETUP = """
import os, signal, sys, threading
import numpy as np
import core_calls, grower_oracle as oracle

def problem(n=60_000, f=6):
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 255, (f, n)).astype(np.uint8)
    return oracle.Problem(
        columns, np.full(f, 255, np.int32), rng.standard_normal(n) + (columns[0] > 99),
        borders=np.tile(np.arange(254.0), f), offsets=np.arange(f + 1) * 254,
    )

p = problem()
expected = core_calls.grow(p, 2)

def same(n_threads=2):
    return core_calls.difference(core_calls.grow(p, n_threads), expected) is None

def child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        os._exit(0 if work() else 3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


@FORK
def test_fork_after_the_pool_has_run():
    run_script(
        SETUP
        + """
for _ in range(10):
    assert child(same) == 0
    assert same()
assert child(lambda: same() and child(same) == 0) == 0    # and a grandchild
assert child(lambda: same(3) and same(1)) == 0

def has_workers():
    return same(3) and len(os.listdir("/proc/self/task")) == 3

if os.path.isdir("/proc/self/task"):
    assert child(has_workers) == 0
"""
    )


@FORK
def test_fork_while_another_thread_grows():
    run_script(
        SETUP
        + """
stop = threading.Event()
failures = []
def busy():
    while not stop.is_set():
        if not same():
            failures.append(1)
workers = [threading.Thread(target=busy) for _ in range(2)]
for w in workers:
    w.start()
codes = [child(same) for _ in range(15)]
stop.set()
for w in workers:
    w.join()
assert not failures
assert codes == [0] * 15, codes
"""
    )


@FORK
def test_processes_of_multiprocessing():
    run_script(
        SETUP
        + """
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert all(pool.map_async(same, [1, 2, 2, 3] * 3).get(timeout=40))
assert same()
"""
    )


def test_exit_while_the_pool_sleeps():
    """The interpreter ends at once, whatever the workers do."""
    start = time.perf_counter()
    run_script(SETUP + "assert same(3)")
    assert time.perf_counter() - start < 30


@pytest.mark.parametrize("name", core_calls.TIERS)
def test_tier_of_the_environment(name):
    if name not in core_calls.present_tiers():
        pytest.skip(f"this CPU does not run {name}")
    script = f"import os; os.environ['BOOSTLAB_CPU'] = {name!r}\n" + SETUP
    out = run_script(script + "print(core_calls._core.cpu_name(), expected.gain.sum())")
    found, gain = out.split()
    assert found == name
    assert float(gain) == core_calls.grow(problem_of_the_scripts()).gain.sum()


def problem_of_the_scripts():
    """The problem of SETUP, here."""
    rng = np.random.default_rng(0)
    columns = rng.integers(0, 255, (6, 60_000)).astype(np.uint8)
    return oracle.Problem(
        columns,
        np.full(6, 255, np.int32),
        rng.standard_normal(60_000) + (columns[0] > 99),
        borders=np.tile(np.arange(254.0), 6),
        offsets=np.arange(7) * 254,
    )
