"""Tables in, and the views of one table: numeric, binned."""

from boostlab.data.binning import BinnedTable, Bins
from boostlab.data.borders import Borders
from boostlab.data.chunks import Chunks
from boostlab.data.frames import TableEncoder
from boostlab.data.table import Table

__all__ = ["BinnedTable", "Bins", "Borders", "Chunks", "Table", "TableEncoder"]
