"""What machines that grow one tree together must exchange.

The rows of a table may be spread over several parts. Every part calls the core's `grow`
at once, with its own rows; what they must know of each other goes through one hook, as
integers, so that the tree is the one that all rows would give on one machine, bit for
bit. ``boostlab/_core/boostlab_core.h`` (``bl_parts``) has the contract.

Covered is growing a tree on bins that are there. Not covered yet are the borders of the
bins, the baseline, the loss, the order of categories and what
:class:`boostlab.learners.tree.Tree` derives from the weights: `Tree` does not take the
hook, and a fit runs on one machine.
"""

from __future__ import annotations

from typing import Literal, Protocol


class Reduce(Protocol):
    """Sums, or greatest numbers, over all parts.

    Parts call it equally often, in the same order, with buffers of the same length and
    the same operation. An exception leaves `grow` as it is; the other parts still wait
    then, and it is the hook's business to make them fail.
    """

    def __call__(self, buffer: memoryview, op: Literal["sum", "max"], /) -> object:
        """Replace the numbers by those of all parts; what it returns is ignored.

        Parameters
        ----------
        buffer : memoryview of int64
            This part's numbers, to be overwritten. It is a copy that may be kept.
        op : {"sum", "max"}
            "sum" wraps around modulo 2**64, as int64 in NumPy does.
        """
        ...
