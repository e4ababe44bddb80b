"""Make the report of a sweep: a page, a table of scores, and lines for the terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from boostlab.sweeps.page import page
from boostlab.sweeps.plan import Plan
from boostlab.sweeps.store import Store, replace_text
from boostlab.sweeps.summary import Summary, summarise


def write_report(plan: Plan, store: Store, command: str) -> tuple[Summary, Path]:
    """Write ``report.html`` and ``scores.csv`` into the results folder.

    Parameters
    ----------
    plan : Plan
        The sweep; cells of other sweeps in the folder are left alone.
    store : Store
        The results folder.
    command : str
        What makes the report again.

    Returns
    -------
    summary : Summary
        What the report says.
    path : Path
        Of the page.
    """
    summary = summarise(plan, store)
    path = store.folder / "report.html"
    replace_text(path, page(summary, store, command))
    scores = scores_frame(summary).to_csv(index=False)
    replace_text(store.folder / "scores.csv", scores)
    return summary, path


def scores_frame(summary: Summary) -> pd.DataFrame:
    """Return a line for each table, method and metric.

    Returns
    -------
    pandas.DataFrame
        Columns task, dataset, method, metric, mean, sd, standard_error, splits,
        finished, planned, failed, fit_seconds, predict_seconds.
    """
    lines = []
    for board in summary.boards:
        tasks = {info.name: info.task for info in board.datasets}
        for (dataset, method), entry in board.entries.items():
            for metric in board.metrics:
                if tasks[dataset] not in metric.tasks:
                    continue
                lines.append(
                    {
                        "task": tasks[dataset],
                        "dataset": dataset,
                        "method": method,
                        "metric": metric.name,
                        "mean": entry.mean(metric.name),
                        "sd": entry.sd(metric.name),
                        "standard_error": entry.standard_error(metric.name),
                        "splits": len(entry.scores.get(metric.name, ())),
                        "finished": entry.finished,
                        "planned": entry.planned,
                        "failed": entry.failed,
                        "fit_seconds": entry.fit_seconds,
                        "predict_seconds": entry.predict_seconds,
                    }
                )
    return pd.DataFrame(lines)
