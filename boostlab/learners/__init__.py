"""Who fits the direction: the weak learners."""

from boostlab.learners.external import External
from boostlab.learners.linear import Linear
from boostlab.learners.linear_tree import LinearTree
from boostlab.learners.mixture import Mixture
from boostlab.learners.neurons import Neurons
from boostlab.learners.random_features import RandomFeatures
from boostlab.learners.representation import RepresentationFeatures
from boostlab.learners.tree import Tree
from boostlab.learners.tree_votes import TreeVotes

__all__ = [
    "External",
    "Linear",
    "LinearTree",
    "Mixture",
    "Neurons",
    "RandomFeatures",
    "RepresentationFeatures",
    "Tree",
    "TreeVotes",
]
