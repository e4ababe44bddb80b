"""Save a fit now and then, and go on from the file after it was killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from boostlab.callbacks.fingerprint import differences, fingerprint
from boostlab.callbacks.generator import generator_from, generator_state
from boostlab.callbacks.monitor import BaseMonitor, is_stateful
from boostlab.checks import check_number
from boostlab.persistence.archive import about, read_archive, write_archive
from boostlab.persistence.ensemble import (
    check_ensemble,
    ensemble_from_parts,
    ensemble_to_parts,
)
from boostlab.persistence.errors import ModelFileError
from boostlab.persistence.parts import by_prefix, fields, join, part, take
from boostlab.protocols import Monitor
from boostlab.state import Ensemble, Run, State, constant

_KIND = "checkpoint"
_FIELDS = {
    "kind",
    "fingerprint",
    "ensemble",
    "best",
    "generator",
    "monitors",
    "carried",
}


class Checkpoint(BaseMonitor):
    """Save the fit every few rounds; a fit that finds its own file resumes from it.

    A resumed fit ends with the same model, bit for bit, as one that was never cut
    off. The file is written aside and renamed, so that a kill at any moment leaves
    the last complete one. It belongs to one fit: rows, targets, weights, pieces and
    random state must be the same, only the number of rounds may differ. It is a model
    file (JSON and safetensors, never pickle), so everything in the ensemble must be
    of a registered class. Resuming needs a fixed ``random_state``.

    Parameters
    ----------
    path : str or path-like
        The file. It stays when the fit is finished; the same fit then returns at
        once, and one with more rounds goes on from there.
    every : int, default=10
        Write after every this many rounds, at least 1, and at the end.

    Attributes
    ----------
    resumed_from_ : int or None
        Number of rounds that the file held; None if there was no file.
    """

    def __init__(self, path: str | os.PathLike[str], every: int = 10):
        self.path = path
        self.every = every

    _monitors: Sequence[Monitor] = ()
    _last: Any = None

    def validate(self) -> None:
        """Raise TypeError or ValueError unless the parameters can be used."""
        check_number("every", self.every, at_least=1, integer=True)
        if not isinstance(self.path, str | os.PathLike):
            raise TypeError(
                f"path is {self.path!r}; give the name of the checkpoint's file."
            )

    def watch(self, monitors: Sequence[Monitor]) -> None:
        """Learn whose state is to be saved: the monitors that come before this one."""
        self._monitors = [monitor for monitor in monitors if is_stateful(monitor)]

    def begin(self, run: Run) -> None:
        """Resume from the file if there is one.

        Raises
        ------
        ValueError
            If the file is of another fit, damaged, or no checkpoint.
        """
        self.validate()
        self._outer_error, self._last = sys.exception(), None
        self._fingerprint = fingerprint(run)
        self._written = -1
        self.resumed_from_ = None
        if os.path.exists(self.path):
            self._resume(run)
            self.resumed_from_ = self._written = run.ensemble.n_rounds
        self._remember(run)

    def after_round(self, run: Run) -> bool:
        """Write the file if its turn has come; never stops."""
        self._remember(run)
        if run.ensemble.n_rounds % self.every == 0:
            self._write(run, self._raw_predictions(run))
        return False

    def end(self, run: Run) -> None:
        """Write the last complete round, also after an interrupt.

        An interrupted round may have changed half of the raw prediction, so it is
        then replayed. What pieces carry cannot be replayed, and the file stays as the
        last regular write left it.
        """
        if self._last is None or self._last[0].n_rounds == self._written:
            return
        if sys.exception() is self._outer_error:
            self._write(run, self._raw_predictions(run))
        elif not any(part.carried for part in run.state.parts()):
            parts = run.state.parts()
            self._write(run, [_replayed(self._last[0], part) for part in parts])

    def _remember(self, run: Run) -> None:
        """Keep what an interrupt during the next round must not spoil."""
        states = [[type(m).__name__, m.get_state()] for m in self._monitors]
        best = run.best
        self._last = (
            run.ensemble.snapshot(),
            best,
            generator_state(run.state.rng),
            states,
        )

    @staticmethod
    def _raw_predictions(run: Run) -> list[np.ndarray]:
        return [part.raw_prediction for part in run.state.parts()]

    def _write(self, run: Run, raw_predictions: list[np.ndarray]) -> None:
        ensemble, best, generator, states = self._last
        data, arrays = ensemble_to_parts(ensemble)
        groups = {"ensemble": arrays}
        best_data, groups["best"] = _best_to_parts(best, ensemble)
        groups["raw_prediction"] = {
            str(i): np.asfortranarray(raw).T for i, raw in enumerate(raw_predictions)
        }
        carried, groups["carried"] = _carried_to_parts(run)
        content = {
            "kind": _KIND,
            "fingerprint": self._fingerprint,
            "ensemble": data,
            "best": best_data,
            "generator": generator,
            "monitors": states,
            "carried": carried,
        }
        write_archive(self.path, content, join(groups))
        self._written = ensemble.n_rounds

    def _resume(self, run: Run) -> None:
        data, arrays = read_archive(self.path)
        with about(self.path):
            if not isinstance(data, dict) or data.get("kind") != _KIND:
                raise ValueError(
                    "it is a model and not a checkpoint; give another path"
                )
            fields(data, _FIELDS, "checkpoint")
            saved = _monitor_states(data["monitors"])
        self._check_match(data["fingerprint"], [name for name, _ in saved])
        with about(self.path):
            names = {"ensemble", "best", "raw_prediction", "carried"}
            groups = by_prefix(arrays, names, "checkpoint")
            ensemble = ensemble_from_parts(data["ensemble"], part(groups, "ensemble"))
            raw = part(groups, "raw_prediction")
            for i, state in enumerate(run.state.parts()):
                shape = state.raw_prediction.T.shape
                state.raw_prediction[:] = take(raw, str(i), np.float64, shape).T
            _carried_from_parts(run, data["carried"], part(groups, "carried"))
            rng = generator_from(data["generator"])
            best = _best_from_parts(data["best"], part(groups, "best"), ensemble)
            for each in (ensemble, best):
                _check_fits(each, run.state)
            if ensemble.n_rounds > run.n_rounds:
                raise ValueError(
                    f"it holds {ensemble.n_rounds} rounds, more than the "
                    f"{run.n_rounds} asked for; ask for more, or give another path"
                )
        for state in run.state.parts():
            state.rng, state.baseline = rng, ensemble.baseline
        run.ensemble, run.best = ensemble, best
        for monitor, (name, own) in zip(self._monitors, saved, strict=True):
            try:
                monitor.set_state(own)
            except (KeyError, TypeError, ValueError) as error:
                raise ModelFileError(
                    f"The checkpoint {os.fspath(self.path)} holds no usable state of "
                    f"{name} ({error!r})."
                ) from error
        if any(getattr(monitor, "stopped_", False) for monitor in self._monitors):
            run.n_rounds = ensemble.n_rounds

    def _check_match(self, saved: Any, monitors: list[str]) -> None:
        unlike = differences(saved, self._fingerprint)
        if monitors != [type(monitor).__name__ for monitor in self._monitors]:
            unlike.append("the callbacks that keep a state")
        if unlike:
            raise ModelFileError(
                f"The checkpoint {os.fspath(self.path)} is of another fit, which "
                f"differs in {' and '.join(unlike)}: give another path, or remove the "
                "file to start anew."
            )


def _monitor_states(saved: Any) -> list[tuple[str, Any]]:
    """Return the name and the state of each monitor in the file."""
    pairs = saved if isinstance(saved, list) else [None]
    if not all(isinstance(p, list) and len(p) == 2 for p in pairs):
        raise ValueError("its list of callbacks is malformed")
    return [(str(name), state) for name, state in pairs]


def _check_fits(ensemble: Ensemble | None, state: State) -> None:
    """Refuse rounds for other features or outputs than the fit has."""
    if ensemble is None:
        return
    if len(ensemble.baseline) != len(state.baseline):
        raise ValueError("its rounds have another number of outputs")
    check_ensemble(ensemble, state.table.n_features)


def _replayed(ensemble: Ensemble, state: State) -> np.ndarray:
    """Return the raw prediction of complete rounds on the rows of `state`."""
    raw = constant(state.table.n_samples, ensemble.baseline)
    fresh = State(state.table, state.y, state.weight, ensemble.baseline, raw)
    for _ in ensemble.replay(fresh):
        pass
    return fresh.raw_prediction


def _best_to_parts(
    best: Ensemble | None, ensemble: Ensemble
) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the best round as a number where it is a beginning of the ensemble."""
    if best is None:
        return None, {}
    pairs = zip(best.rounds, ensemble.rounds, strict=False)
    if best.n_rounds <= ensemble.n_rounds and all(old is new for old, new in pairs):
        return best.n_rounds, {}
    return ensemble_to_parts(best)


def _best_from_parts(
    data: Any, arrays: dict[str, np.ndarray], ensemble: Ensemble
) -> Ensemble | None:
    if data is None:
        return None
    if type(data) is int:
        if not 0 <= data <= ensemble.n_rounds:
            raise ValueError(f"its best round {data} is not among its rounds")
        return ensemble[:data]
    return ensemble_from_parts(data, arrays)


def _carried_to_parts(run: Run) -> tuple[list[Any], dict[str, np.ndarray]]:
    """Return what the pieces carry, arrays and plain data apart."""
    plain: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for i, state in enumerate(run.state.parts()):
        plain.append({})
        for name, value in state.carried.items():
            if isinstance(value, np.ndarray):
                arrays[f"{i}/{name}"] = value
            elif value is None or isinstance(value, bool | int | float | str):
                plain[-1][name] = value
            else:
                raise TypeError(
                    f"state.carried[{name!r}] is a {type(value).__name__}, which a "
                    "checkpoint cannot hold; carry arrays, numbers or strings, or fit "
                    "without Checkpoint."
                )
    return plain, arrays


def _carried_from_parts(run: Run, plain: Any, arrays: dict[str, np.ndarray]) -> None:
    parts = list(run.state.parts())
    are_dicts = isinstance(plain, list) and all(isinstance(p, dict) for p in plain)
    if not are_dicts or len(plain) != len(parts):
        raise ValueError("what it carries does not match the rows")
    names = {str(i) for i in range(len(parts))}
    groups = by_prefix(arrays, names, "carried")
    for i, state in enumerate(parts):
        own = part(groups, str(i))
        state.carried.update(plain[i])
        state.carried.update({name: array.copy() for name, array in own.items()})
