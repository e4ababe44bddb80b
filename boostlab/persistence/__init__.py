"""Model files: versioned JSON and safetensors in a zip, never pickle.

``model.save(path)`` and ``boostlab.load(path)`` are what users call. Loading a file
runs no code from it: a file can only name classes that are registered with
:func:`boostlab.registry.register`, and whatever is wrong with its contents is one
:class:`ModelFileError`.
"""

from boostlab.persistence.archive import Limits, read_archive, write_archive
from boostlab.persistence.ensemble import ensemble_from_parts, ensemble_to_parts
from boostlab.persistence.errors import ModelFileError
from boostlab.persistence.interchange import (
    import_lightgbm,
    import_xgboost,
    to_onnx,
    to_xgboost_json,
)
from boostlab.persistence.model import load, model_hash, save
from boostlab.persistence.parts import from_parts, to_parts

__all__ = [
    "Limits",
    "ModelFileError",
    "ensemble_from_parts",
    "ensemble_to_parts",
    "from_parts",
    "import_lightgbm",
    "import_xgboost",
    "load",
    "model_hash",
    "read_archive",
    "save",
    "to_onnx",
    "to_parts",
    "to_xgboost_json",
    "write_archive",
]
