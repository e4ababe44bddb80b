"""Models of other libraries: read as ensembles, written in their formats.

Reading needs none of the libraries: XGBoost's JSON and UBJSON and LightGBM's text are
parsed here, with every size and every link checked before a tree is made of them.
"""

from boostlab.persistence.interchange.lightgbm import import_lightgbm
from boostlab.persistence.interchange.onnx import to_onnx
from boostlab.persistence.interchange.xgboost import import_xgboost
from boostlab.persistence.interchange.xgboost_export import to_xgboost_json

__all__ = ["import_lightgbm", "import_xgboost", "to_onnx", "to_xgboost_json"]
