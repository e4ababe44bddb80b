"""The ``boostlab`` command.

Only this module and :mod:`~boostlab.sweeps.terminal` write to the terminal.
"""

from __future__ import annotations

import argparse
import importlib.util
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

#: What sweeps need beyond the library, by import name.
_NEEDED = ("pandas", "pyarrow", "matplotlib", "rich")

OK, MISTAKE, INTERRUPTED = 0, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        0 when the sweep is complete, failed cells included; 2 for mistakes in what was
        given; 130 when interrupted.
    """
    options = _parser().parse_args(argv)
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"boostlab sweep needs {', '.join(missing)}: "
            'pip install "boostlab[sweeps]"\n'
        )
        return MISTAKE
    return _sweep(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="boostlab", description="Boosting in one loop, and sweeps to compare it."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sweep = commands.add_parser(
        "sweep",
        help="run a benchmark sweep and write its report",
        description=(
            "Run the sweep that FILE declares, or go on with it where it stopped: "
            "finished cells are kept and never run twice. At the end the scores are "
            "shown, and results/NAME/report.html holds the report."
        ),
    )
    sweep.add_argument("file", type=Path, metavar="FILE.toml", help="the declaration")
    sweep.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="results folder (default: results/NAME, by the declaration's name)",
    )
    sweep.add_argument(
        "--n-jobs",
        type=_positive,
        metavar="N",
        help="cells run at once (default: processors / threads of a cell)",
    )
    sweep.add_argument(
        "--backend",
        choices=("processes", "threads"),
        default="processes",
        help="kind of the workers (default: processes)",
    )
    sweep.add_argument(
        "--retry-failed", action="store_true", help="run failed cells again"
    )
    return parser


def _positive(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cells from 1.")
    return value


def _sweep(options: argparse.Namespace) -> int:
    from boostlab.sweeps.declare import DeclarationError, read
    from boostlab.sweeps.terminal import plain_console

    console = plain_console()
    try:
        sweep = read(options.file)
    except DeclarationError as error:
        errors = plain_console(stderr=True)
        told = "mistake" if len(error.mistakes) == 1 else "mistakes"
        errors.print(f"{error.path}: {len(error.mistakes)} {told}", style="bold red")
        for mistake in error.mistakes:
            errors.print(f"  {mistake}", soft_wrap=True)
        return MISTAKE
    folder = options.out or Path("results") / sweep.name
    try:
        return _run(sweep, folder, options, console)
    except KeyboardInterrupt:
        console.print(
            f"Stopped. Finished cells are kept in {folder}; the same command goes on "
            "from there."
        )
        return INTERRUPTED


def _run(sweep, folder: Path, options: argparse.Namespace, console) -> int:
    from boostlab.sweeps.plan import make_plan
    from boostlab.sweeps.report import write_report
    from boostlab.sweeps.run import default_workers, pending_cells, run
    from boostlab.sweeps.store import Store
    from boostlab.sweeps.terminal import progress_bar, show_plan, show_summary

    store = Store(folder)
    plan = make_plan(sweep)
    cells = pending_cells(plan.cells, store, options.retry_failed)
    n_jobs = options.n_jobs or default_workers(sweep.protocol.threads)
    n_jobs = max(1, min(n_jobs, len(cells)))
    show_plan(console, plan, len(cells), n_jobs)
    store.save_declaration(sweep)
    store.tidy()
    if cells:
        with progress_bar(console, cells, n_jobs) as bar:
            run(cells, store, n_jobs, bar, options.backend)
    command = shlex.join(
        ["boostlab", "sweep", str(options.file)]
        + (["--out", str(options.out)] if options.out else [])
    )
    summary, path = write_report(plan, store, command)
    show_summary(console, summary)
    console.print(f"\nReport: {path}", soft_wrap=True)
    return OK


if __name__ == "__main__":
    sys.exit(main())
