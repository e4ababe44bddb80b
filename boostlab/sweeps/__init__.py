"""Sweeps: many datasets, methods and folds, declared in one file, reported on one page.

A sweep is read (:mod:`~boostlab.sweeps.declare`), planned into cells
(:mod:`~boostlab.sweeps.plan`), run (:mod:`~boostlab.sweeps.run`), kept as one Parquet
file a cell (:mod:`~boostlab.sweeps.store`) and reported
(:mod:`~boostlab.sweeps.report`). Every step can be repeated: a finished cell is never
run twice, and a report is a function of what the folder holds.

Nothing else in the library imports this package; it needs the extra ``sweeps``.
"""
