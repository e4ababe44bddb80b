"""Looking into fitted models: importances, plots, single trees, SHAP.

matplotlib is imported when something is drawn, and shap by :func:`explanation`. Every
plot returns its axes and leaves all global settings alone.
"""

from boostlab.inspection.calibration import (
    coverage,
    pit,
    plot_bands,
    plot_coverage,
    plot_pit,
)
from boostlab.inspection.curves import plot_learning_curve
from boostlab.inspection.dependence import plot_dependence
from boostlab.inspection.importance import (
    Importances,
    feature_importances,
    importances,
)
from boostlab.inspection.importance_plot import plot_importances
from boostlab.inspection.margins import plot_margins
from boostlab.inspection.model_summary import summary
from boostlab.inspection.shap_values import explanation
from boostlab.inspection.svg import tree_svg
from boostlab.inspection.tree_plot import plot_tree
from boostlab.inspection.tree_rules import tree_text

__all__ = [
    "Importances",
    "coverage",
    "explanation",
    "feature_importances",
    "importances",
    "pit",
    "plot_bands",
    "plot_coverage",
    "plot_dependence",
    "plot_importances",
    "plot_learning_curve",
    "plot_margins",
    "plot_pit",
    "plot_tree",
    "summary",
    "tree_svg",
    "tree_text",
]
