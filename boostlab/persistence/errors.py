"""The one error that reading a model file raises."""

from __future__ import annotations


class ModelFileError(ValueError):
    """A model file is damaged, hostile, foreign, or newer than this version.

    Whatever is wrong with the contents of a file, :func:`boostlab.load` raises this
    class with one sentence that names the file and the fault. A missing file or
    missing permission stays the :class:`OSError` that it is.
    """
