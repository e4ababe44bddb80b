"""The memory that a fit on chunks takes, measured in processes of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# A table of 500,000 x 40, 160 MB as floats, made chunk by chunk. What is measured is
# the anonymous memory, which the system cannot take back, beyond a warm process's.
SCRIPT = """
import threading
import numpy as np
from boostlab import GradientBoostingClassifier
from boostlab.data import Chunks

def anonymous():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if "RssAnon" in line)

def chunks():
    rng = np.random.default_rng(0)
    for _ in range(50):
        X = rng.normal(size=(10_000, 40))
        X[:, :4] = rng.integers(0, 3, size=(10_000, 4))
        yield X, X[:, 0] + X[:, 9] > 1

model = GradientBoostingClassifier(n_estimators=2, random_state=0)
model.fit(*next(chunks()))
before, most, done = anonymous(), [0], threading.Event()

def watch():
    while not done.wait(0.002):
        most[0] = max(most[0], anonymous())

thread = threading.Thread(target=watch)
thread.start()
if {chunked}:
    model.fit(Chunks(chunks, memory="{memory}"))
else:
    parts = list(chunks())
    X = np.concatenate([X for X, _ in parts])
    model.fit(X, np.concatenate([y for _, y in parts]))
done.set()
thread.join()
print(most[0] - before, model.ensemble_.rounds[-1].hypothesis.trees[0].gain.sum())
"""


def measured(chunked, memory="80MB"):
    """The most bytes that a fit takes, and a trace of its model."""
    script = SCRIPT.format(chunked=chunked, memory=memory)
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True
    )
    size, trace = done.stdout.split()
    return int(size), trace


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is read from /proc"
)
def test_a_fit_stays_within_its_memory():
    most, trace = measured(True)
    assert most < 80_000_000
    control, same = measured(False)
    assert control > 2.5 * 80_000_000
    assert trace == same
