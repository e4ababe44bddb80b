"""The boosting loop: all of it.

A boosting method is a choice of six pieces. Each round asks them in turn::

    objective -> direction -> weak learner -> step -> update -> corrector

This module knows their protocols (:mod:`boostlab.protocols`) and no concrete piece;
a method that seems to need an ``if`` here needs a new piece instead.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from boostlab.protocols import (
    Corrector,
    Direction,
    Monitors,
    Objective,
    Sampler,
    Step,
    Update,
    WeakLearner,
)
from boostlab.reduce import check_takes_parts
from boostlab.state import Ensemble, Problem, Round, Run


@dataclass(frozen=True, slots=True)
class Boosting:
    """A boosting method: six pieces, and the sampler around them.

    Parameters
    ----------
    objective : Objective
        What is minimised.
    direction : Direction
        Which way is down.
    learner : WeakLearner
        Who fits it.
    step : Step
        How far to go.
    update : Update
        What the step changes.
    corrector : Corrector
        What is put right afterwards.
    sampler : Sampler
        Which rows and columns a round sees.
    """

    objective: Objective
    direction: Direction
    learner: WeakLearner
    step: Step
    update: Update
    corrector: Corrector
    sampler: Sampler

    def fit(
        self,
        problem: Problem,
        n_rounds: int,
        rng: np.random.Generator,
        monitors: Monitors = (),
        ensemble: Ensemble | None = None,
    ) -> Run:
        """Run the loop until `n_rounds` rounds are there or a monitor stops it.

        Parameters
        ----------
        problem : Problem
            The data.
        n_rounds : int
            Rounds of the finished ensemble, those of `ensemble` included.
        rng : numpy.random.Generator
            The fit's only source of randomness.
        monitors : sequence of Monitor, default=()
            Called in order after every round; all of them, also when one says stop.
        ensemble : Ensemble, optional
            Rounds to go on from (warm start); it is not changed.

        Returns
        -------
        Run
            ``run.best`` if a monitor chose one, else ``run.ensemble``, is the result.

        Raises
        ------
        TypeError
            If the learner cannot fit what the direction produces.
        """
        self._check_match()
        state = self.objective.start(problem, rng)
        run = Run(self, state, Ensemble(state.baseline, self.update), n_rounds)
        if ensemble is not None:
            _resume(run, ensemble)
        begun = []
        try:
            for monitor in monitors:
                begun.append(monitor)
                monitor.begin(run)
            stop = False
            while not stop and run.ensemble.n_rounds < run.n_rounds:
                self.advance(run)
                stop = any([monitor.after_round(run) for monitor in monitors])
        finally:
            for monitor in begun:
                monitor.end(run)
        return run

    def advance(self, run: Run) -> None:
        """Make one round."""
        state, ensemble = run.state, run.ensemble
        state.round, state.ensemble = ensemble.n_rounds, ensemble
        state.rows, state.features = self.sampler(state)
        self.objective.redraw(state)
        target = self.direction(self.objective, state)
        hypothesis, contribution = self.learner.fit(target, state)
        size = self.step(self.objective, state, contribution)
        self.update(state, contribution, size)
        for held_out in list(state.parts())[1:]:
            self.update(held_out, hypothesis.contribution(held_out), size)
        ensemble.rounds.append(Round(hypothesis, size))
        self.corrector(self.objective, state, ensemble)

    def _check_match(self) -> None:
        check_takes_parts(*(getattr(self, piece.name) for piece in fields(self)))
        produced, accepted = self.direction.produces, self.learner.accepts
        if produced not in accepted:
            raise TypeError(
                f"{type(self.direction).__name__} produces {produced!r} targets, but "
                f"{type(self.learner).__name__} accepts only {sorted(accepted)}; "
                "choose another direction or another learner."
            )


def _resume(run: Run, ensemble: Ensemble) -> None:
    """Bring the run to where `ensemble` ended, on training and held-out rows."""
    run.ensemble = ensemble.snapshot()
    for part in run.state.parts():
        part.baseline = ensemble.baseline
        part.raw_prediction[:] = ensemble.baseline
        for _ in ensemble.replay(part):
            pass
