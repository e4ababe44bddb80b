"""How far to go along what the learner found."""

from boostlab.steps.brown import BrownStep
from boostlab.steps.cells import CellFit
from boostlab.steps.doubling import DoublingSearch, ReferenceSearch
from boostlab.steps.dropout import DropoutStep
from boostlab.steps.line_search import LineSearch
from boostlab.steps.newton_scalar import NewtonScalar
from boostlab.steps.own_units import OwnUnits
from boostlab.steps.representation import RepresentationStep
from boostlab.steps.shrinkage import Shrinkage
from boostlab.steps.vote import (
    EqualVote,
    MedianVote,
    NuVote,
    RecordedStep,
    Vote,
    VotingStep,
)

__all__ = [
    "BrownStep",
    "CellFit",
    "DoublingSearch",
    "DropoutStep",
    "EqualVote",
    "LineSearch",
    "MedianVote",
    "NewtonScalar",
    "NuVote",
    "OwnUnits",
    "RecordedStep",
    "ReferenceSearch",
    "RepresentationStep",
    "Shrinkage",
    "Vote",
    "VotingStep",
]
