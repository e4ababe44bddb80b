"""Random small problems through bins, growth, application and prediction.

Every problem is binned, grown on every CPU tier, applied to its bins and predicted from
its raw values, and each step is held against the oracle bit for bit::

    python tests/core/fuzz.py --problems 200000 --seed 0 --processes 2

The exit code is 1 if any problem differed; each such problem is named by the numbers
that make it again (``--seed S --only I``).
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

import core_calls
import grower_oracle as oracle
import numpy as np
import tree_problems

from boostlab import _core

BATCH = 250
TIERS = core_calls.present_tiers()


def differences(case: tree_problems.Case, rng: np.random.Generator, workspace) -> str:
    """What the core gets wrong about one problem, or an empty string."""
    problem, x = case.problem, case.x
    expected = oracle.grow(problem)
    n_threads = int(rng.integers(1, 4))
    for tier in TIERS:
        _core.set_cpu(tier)
        columns = core_calls.bin_raw(x, problem.borders, problem.offsets, n_threads)
        if not np.array_equal(columns, problem.columns):
            return f"{tier}: bins"
        tiles = core_calls.fill_tiles(columns, n_threads)
        if not np.array_equal(tiles, tree_problems.tiles(columns)):
            return f"{tier}: tiles"
        shared = workspace if rng.random() < 0.5 else None
        bundling = rng if rng.random() < 0.5 else None
        arguments = core_calls.grow_arguments(
            problem, n_threads, workspace=shared, bundling=bundling
        )
        arguments["columns"] = columns if rng.random() < 0.5 else None
        tree = core_calls.grow_with(arguments)
        if found := core_calls.difference(tree, expected):
            return f"{tier}: {found}"
        ids = core_calls.apply_tiles(tree, arguments, n_threads)
        if not np.array_equal(ids, tree.ids):
            return f"{tier}: leaves from tiles"
        if problem.n_outputs == 1 and (found := wrong_use(tree, case, n_threads)):
            return f"{tier}: {found}"
    return ""


def wrong_use(tree: oracle.Tree, case: tree_problems.Case, n_threads: int) -> str:
    """Whether a grown tree is applied and predicted wrongly."""
    ids = core_calls.apply_bins(tree, case.problem.columns, n_threads)
    if not np.array_equal(ids, tree.ids):
        return "leaves from bins"
    packed = core_calls.forest([tree, tree], case.x.shape[1])
    ids = core_calls.apply_raw(packed, case.x, 2, n_threads)
    if not (np.array_equal(ids[0], tree.ids) and np.array_equal(ids[1], tree.ids)):
        return "leaves from raw values"
    raw = core_calls.predict_raw(packed, case.x, 1, n_threads)[:, 0]
    value = tree.value[tree.ids]
    if not np.array_equal(raw, (0.0 + value) + value, equal_nan=True):
        return "prediction from raw values"
    return ""


def run_batch(job: tuple[int, int, int]) -> tuple[int, Counter, list[str]]:
    """Run the problems of one batch; returns their number, statistics and failures."""
    seed, first, last = job
    workspace = _core.workspace()
    seen, failures = Counter(), []
    for index in range(first, last):
        rng = np.random.default_rng([seed, index])
        n_outputs = int(rng.integers(2, 17)) if index % 4 == 3 else 1
        case = tree_problems.random_case(rng, n_outputs=n_outputs)
        if found := differences(case, rng, workspace):
            failures.append(f"problem {index} of seed {seed}: {found}")
        seen[oracle.choose_format(case.problem).kind] += 1
        seen["rows"] += len(case.x)
        seen["splits"] += len(core_calls.grow(case.problem).feature) // 2
    return last - first, seen, failures


def main() -> int:
    """Run the problems and print one summary line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--problems", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this one problem")
    options = parser.parse_args()
    jobs = [
        (options.seed, first, min(first + BATCH, options.problems))
        for first in range(0, options.problems, BATCH)
    ]
    if options.only is not None:
        jobs = [(options.seed, options.only, options.only + 1)]
    start = time.perf_counter()
    done, seconds, seen, failures = 0, 0.0, Counter(), []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=spawn) as pool:
        running = {pool.submit(run_batch, job): job for job in jobs}
        waiting = set(running)
        for batch in as_completed(running):
            try:
                n, counts, found = batch.result()
            except BrokenProcessPool:
                left = [job[1] for future, job in running.items() if future in waiting]
                suspects = ", ".join(
                    f"{first}..{first + BATCH - 1}"
                    for first in left[: 2 * options.processes + 1]
                )
                print(f"\nCRASH in one of the problems {suspects} of {options.seed}")
                return 1
            waiting.remove(batch)
            done += n
            seen += counts
            failures += found
            for failure in found:
                print(f"\nMISMATCH {failure}", flush=True)
            seconds = time.perf_counter() - start
            if sys.stderr.isatty() or done % 10_000 < BATCH:
                print(f"\r{done} problems, {seconds:.0f} s", end="", file=sys.stderr)
    print(file=sys.stderr)
    print(
        f"{done} problems on {', '.join(TIERS)} in {seconds:.0f} s: "
        f"{len(failures)} mismatches; {seen['rows']} rows, {seen['splits']} splits, "
        f"{seen['constant']} without a hessian, {seen['wide']} with one."
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
