"""Which way is down, and so what each round's learner must fit."""

from boostlab.directions.dropout import Dart, Dropout
from boostlab.directions.gradient import Gradient
from boostlab.directions.natural import NaturalGradient
from boostlab.directions.newton import Newton
from boostlab.directions.representation import RepresentationGradient
from boostlab.directions.reweighting import ReweightedTargets, Reweighting
from boostlab.directions.sampled import GOSS, MVS, Sampled
from boostlab.directions.working import WorkingResponse

__all__ = [
    "GOSS",
    "MVS",
    "Dart",
    "Dropout",
    "Gradient",
    "NaturalGradient",
    "Newton",
    "RepresentationGradient",
    "ReweightedTargets",
    "Reweighting",
    "Sampled",
    "WorkingResponse",
]
