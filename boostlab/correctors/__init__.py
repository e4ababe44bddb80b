"""What is put right after a round's update."""

from __future__ import annotations

from boostlab.correctors.corrective import TotallyCorrective
from boostlab.correctors.dropout import RescaleDropped
from boostlab.correctors.top_model import RefitTop
from boostlab.pieces import Piece
from boostlab.protocols import Objective
from boostlab.registry import register
from boostlab.state import Ensemble, State

__all__ = ["NoCorrection", "RefitTop", "RescaleDropped", "TotallyCorrective"]


@register("no_correction")
class NoCorrection(Piece):
    """Leave every round as it is."""

    takes_parts = True

    def __call__(self, objective: Objective, state: State, ensemble: Ensemble) -> None:
        """Do nothing."""
