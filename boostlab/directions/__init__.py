"""Which way is down, and so what each round's learner must fit."""

from boostlab.directions.gradient import Gradient
from boostlab.directions.newton import Newton

__all__ = ["Gradient", "Newton"]
