"""Fit a table from Parquet files in bounded memory, and measure the bound.

Writes a table of made-up rows chunk by chunk, then fits it in two fresh processes: from
the files, with a bound on memory, and as one frame. Reports seconds of the wall clock
and of the processors, the greatest anonymous memory (what the system cannot take back)
and the greatest resident memory (with the mapped pages of the bins) beyond what the
imports take, and a hash of the model. Anonymous memory is read from /proc, on Linux.

    python experiments/more_than_memory.py --rows 5000000 --memory 700MB
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

CHUNK = 250_000


def write(folder: Path, n_rows: int, n_features: int) -> None:
    """Write the table, a file for every `CHUNK` rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    for start in range(0, n_rows, CHUNK):
        n = min(CHUNK, n_rows - start)
        X = rng.normal(size=(n_features, n)).astype(np.float32)
        score = X[0] * X[1] + np.sin(2 * X[2]) + np.abs(X[3]) - 0.8
        columns = {f"x{j}": values for j, values in enumerate(X)}
        columns["y"] = (score + rng.normal(size=n) > 0).astype(np.int8)
        pq.write_table(pa.table(columns), folder / f"{start // CHUNK:05}.parquet")


def status(name: str) -> int:
    """Return an entry of this process's status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


class Watch(threading.Thread):
    """Remembers the greatest anonymous memory."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.greatest, self.stops = 0, threading.Event()

    def run(self) -> None:
        while not self.stops.wait(0.005):
            self.greatest = max(self.greatest, status("RssAnon"))


def fit(arguments: argparse.Namespace) -> None:
    """Fit in this process and print what it took."""
    import pyarrow.dataset as ds
    import pyarrow.parquet  # noqa: F401

    import boostlab.estimators
    from boostlab.data import Chunks

    folder = arguments.folder
    parameters = {"n_estimators": arguments.rounds, "random_state": 0}
    model = boostlab.GradientBoostingClassifier(**parameters)
    warm = np.random.default_rng(0).normal(size=(100, 2))
    boostlab.GradientBoostingClassifier(n_estimators=1).fit(warm, warm[:, 0] > 0)
    before, before_all = status("RssAnon"), status("VmRSS")
    watch, start, cpu = Watch(), time.perf_counter(), time.process_time()
    watch.start()
    if arguments.fit == "chunks":
        model.fit(Chunks(folder, target="y", memory=arguments.memory, directory=folder))
    else:
        frame = ds.dataset(folder).to_table().to_pandas()
        y = frame.pop("y").to_numpy()
        model.fit(frame, y)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    watch.stops.set()
    watch.join()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            {
                "seconds": round(seconds, 1),
                "cpu_seconds": round(cpu, 1),
                "anonymous_mb": round((watch.greatest - before) / 1e6),
                "resident_mb": round((most - before_all) / 1e6),
                "rounds": model.n_iter_,
                "model": digest(model),
            }
        )
    )


def digest(model: object) -> str:
    """Return a hash of all that predictions depend on."""
    from boostlab.persistence.ensemble import ensemble_to_parts

    data, arrays = ensemble_to_parts(model.ensemble_)
    found = hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=8)
    for name in sorted(arrays):
        found.update(np.ascontiguousarray(arrays[name]).tobytes())
    return found.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=28)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--memory", default="600MB")
    parser.add_argument("--only", choices=["chunks", "frame"])
    parser.add_argument("--fit", choices=["chunks", "frame"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.fit:
        fit(arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        write(Path(folder), arguments.rows, arguments.features)
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        values = 8 * arguments.rows * arguments.features
        print(
            f"{arguments.rows:,} x {arguments.features}: {values / 1e6:,.0f} MB as "
            f"floats, {size / 1e6:,.0f} MB in files, written in "
            f"{time.perf_counter() - start:.0f} s; memory={arguments.memory}",
            flush=True,
        )
        for kind in [arguments.only] if arguments.only else ["chunks", "frame"]:
            command = [sys.executable, *sys.argv, "--fit", kind, "--folder", folder]
            found = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            print(kind, found.stdout.decode().strip(), flush=True)


if __name__ == "__main__":
    main()
