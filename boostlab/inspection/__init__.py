"""Looking into fitted models: importances and plots.

matplotlib is imported by the functions that need it, and in no other part of the
library. Every plot returns its axes and leaves all global settings alone.
"""

from boostlab.inspection.curves import plot_learning_curve
from boostlab.inspection.dependence import plot_dependence
from boostlab.inspection.importance import (
    Importances,
    feature_importances,
    importances,
)
from boostlab.inspection.importance_plot import plot_importances

__all__ = [
    "Importances",
    "feature_importances",
    "importances",
    "plot_dependence",
    "plot_importances",
    "plot_learning_curve",
]
