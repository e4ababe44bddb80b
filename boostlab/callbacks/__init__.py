"""What watches the boosting loop: stopping, progress, time, checkpoints.

A monitor has ``begin(run)``, ``after_round(run)``, which returns True to stop, and
``end(run)``; see :class:`boostlab.protocols.Monitor`. All monitors are called after
every round, also after the one at which one of them stops. Estimators take them as
``callbacks=[...]``; on scikit-learn 1.9 and later ``set_callbacks`` accepts those of
:mod:`sklearn.callback` as well.
"""

from boostlab.callbacks.checkpoint import Checkpoint
from boostlab.callbacks.early_stopping import EarlyStopping
from boostlab.callbacks.history import History
from boostlab.callbacks.monitor import BaseMonitor
from boostlab.callbacks.progress import Progress
from boostlab.callbacks.split_stopping import SplitStopping
from boostlab.callbacks.time_budget import TimeBudget
from boostlab.callbacks.vote_stopping import VoteStopping

__all__ = [
    "BaseMonitor",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "Progress",
    "SplitStopping",
    "TimeBudget",
    "VoteStopping",
]
