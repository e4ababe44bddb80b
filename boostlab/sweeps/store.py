"""The results folder: one small Parquet file a finished cell, and its predictions.

Files are written aside, flushed to the disk and renamed, so a file under its final
name is whole. A cell counts as finished when its row is there; predictions are written
first. Any number of processes may write into one folder, and any tool that reads
Parquet may query it, DuckDB by ``read_parquet('cells/*.parquet', union_by_name=true)``.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from boostlab.sweeps.cell import Outcome, Predictions
from boostlab.sweeps.environment import environment, environment_hash
from boostlab.sweeps.forecast import Forecast
from boostlab.sweeps.plan import Cell
from boostlab.sweeps.specs import Sweep

#: A write takes a moment; what is older was left by a process that died.
_STALE_SECONDS = 3600

#: Columns of a row; those named ``score_...`` come on top.
_TYPES = {
    "id": pa.string(),
    "status": pa.string(),
    "dataset": pa.string(),
    "task": pa.string(),
    "method": pa.string(),
    "estimator": pa.string(),
    "params": pa.string(),
    "version": pa.string(),
    "splits": pa.string(),
    "folds": pa.int64(),
    "repeat": pa.int64(),
    "fold": pa.int64(),
    "split_seed": pa.int64(),
    "model_seed": pa.int64(),
    "threads": pa.int64(),
    "at_once": pa.int64(),
    "max_rows": pa.int64(),
    "n_train": pa.int64(),
    "n_test": pa.int64(),
    "rounds": pa.int64(),
    "fit_seconds": pa.float64(),
    "encode_seconds": pa.float64(),
    "predict_seconds": pa.float64(),
    "forecast_seconds": pa.float64(),
    "target_sd": pa.float64(),
    "data_hash": pa.string(),
    "environment": pa.string(),
    "started": pa.string(),
    "error": pa.string(),
    "traceback": pa.string(),
    "warnings": pa.string(),
}


#: Columns of predicted distributions.
_FORECAST = tuple(field.name for field in fields(Forecast))


class Store:
    """A results folder.

    Parameters
    ----------
    folder : str or Path
        Made when the first file is written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def save(self, outcome: Outcome) -> None:
        """Keep a finished cell."""
        cell_id = outcome.row["id"]
        if outcome.predictions is not None:
            self._write(
                _prediction_table(outcome.predictions), self._predicted(cell_id)
            )
        self._write(_row_table(outcome.row), self._cell(cell_id))

    def save_declaration(self, sweep: Sweep) -> None:
        """Keep the declaration, and what it runs on, beside the results."""
        replace_text(self.folder / "sweep.toml", sweep.text)
        path = self.folder / "environments" / f"{environment_hash()}.json"
        replace_text(path, json.dumps(environment(), indent=2))

    def tidy(self) -> None:
        """Remove what writers that were killed left aside an hour ago or earlier."""
        for aside in self.folder.glob("*/.*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - aside.stat().st_mtime > _STALE_SECONDS:
                    aside.unlink()

    def has(self, cell_id: str) -> bool:
        """Whether a cell is finished, well or not."""
        return self._cell(cell_id).is_file()

    def rows(self, ids: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the rows of finished cells, one line a cell, indexed by id.

        Parameters
        ----------
        ids : iterable of str, optional
            Only these; all of the folder by default. A file that cannot be read
            counts as not there.
        """
        if ids is None:
            ids = [path.stem for path in (self.folder / "cells").glob("*.parquet")]
        tables = [self._read(self._cell(cell_id)) for cell_id in sorted(set(ids))]
        schema = pa.schema(_TYPES.items())
        found = [table for table in tables if table is not None]
        joined = pa.concat_tables(
            [schema.empty_table(), *found], promote_options="default"
        )
        return joined.to_pandas().set_index("id", drop=False)

    def predictions(self, cell_id: str) -> Predictions | None:
        """Return the predictions of a cell, or None if it has none."""
        table = self._read(self._predicted(cell_id))
        if table is None:
            return None
        classes = tuple(json.loads(table.schema.metadata[b"classes"]))
        frame = table.to_pandas()
        told = [name for name in _FORECAST if name in frame]
        values = frame.drop(columns=["row", "y", *told]).to_numpy()
        return Predictions(
            row=frame["row"].to_numpy(),
            y=frame["y"].to_numpy(),
            values=values if classes else values[:, 0],
            classes=classes,
            forecast=Forecast(*(frame[n].to_numpy() for n in told)) if told else None,
        )

    def scored(self, cells: Iterable[Cell]) -> pd.DataFrame:
        """Return the rows of `cells` with every metric that the cells name.

        A metric that was not computed when the cell ran is computed from its
        predictions now, and no method is fitted again.
        """
        cells = {cell.id: cell for cell in cells}
        rows = self.rows(cells)
        for cell_id in rows.index[rows["status"] == "finished"]:
            cell = cells[cell_id]
            known = {n for n in cell.metrics if f"score_{n}" in rows.columns}
            if any(pd.isna(rows.at[cell_id, f"score_{n}"]) for n in known) or (
                known != set(cell.metrics)
            ):
                predictions = self.predictions(cell_id)
                if predictions is None:
                    continue
                scores = predictions.scores(cell.metrics, cell.task)
                for name, value in scores.items():
                    rows.loc[cell_id, f"score_{name}"] = value
        return rows

    def environments(self, hashes: Iterable[str]) -> list[dict[str, Any]]:
        """Return the environments with these hashes that the folder knows."""
        found = []
        for name in sorted(set(hashes)):
            path = self.folder / "environments" / f"{name}.json"
            if path.is_file():
                found.append(json.loads(path.read_text("utf-8")))
        return found

    def _cell(self, cell_id: str) -> Path:
        return self.folder / "cells" / f"{cell_id}.parquet"

    def _predicted(self, cell_id: str) -> Path:
        return self.folder / "predictions" / f"{cell_id}.parquet"

    def _write(self, table: pa.Table, path: Path) -> None:
        replace_file(path, lambda p: pq.write_table(table, p, compression="zstd"))

    def _read(self, path: Path) -> pa.Table | None:
        try:
            with pq.ParquetFile(path) as file:
                return file.read()
        except (OSError, pa.ArrowInvalid):
            return None


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write aside under a name of our own, flush, and rename over `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.parent / f".{path.stem}.{os.getpid()}.{uuid.uuid4().hex}.tmp"
    try:
        write(aside)
        with open(aside, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _row_table(row: dict[str, Any]) -> pa.Table:
    types = _TYPES | {k: pa.float64() for k in row if k not in _TYPES}
    columns = {name: pa.array([row.get(name)], kind) for name, kind in types.items()}
    return pa.table(columns)


def _prediction_table(predictions: Predictions) -> pa.Table:
    columns: dict[str, Any] = {"row": predictions.row, "y": predictions.y}
    if predictions.classes:
        for code in range(len(predictions.classes)):
            columns[f"p{code}"] = predictions.values[:, code]
    else:
        columns["prediction"] = predictions.values
    if predictions.forecast is not None:
        columns |= {name: getattr(predictions.forecast, name) for name in _FORECAST}
    table = pa.table(columns)
    return table.replace_schema_metadata({"classes": json.dumps(predictions.classes)})


def replace_text(path: Path, text: str) -> None:
    """Write a text file as a whole or not at all."""
    replace_file(path, lambda aside: aside.write_text(text, encoding="utf-8"))
