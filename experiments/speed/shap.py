"""Time of exact SHAP values, beside XGBoost and LightGBM.

    python experiments/speed/shap.py                        # the whole comparison
    python experiments/speed/shap.py --threads 2 --repeats 1 --dtypes float64

The models are those of predict.py, 100 trees of 31 leaves; each explains the first
10,000 test rows by path-dependent TreeSHAP. The methods take turns in processes of
their own. "against s" is boostlab's time for 1,000 rows against 100 background rows.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import predict

METHODS = ("boostlab", "lightgbm", "xgboost")
N_ROWS, N_AGAINST, N_BACKGROUND = 10_000, 1000, 100


def measure(method: str, threads: int, dtype: str, folder: Path) -> dict[str, float]:
    """Explain rows with a stored model in this process."""
    model = predict.stored(method, threads, folder)
    X = np.load(folder / "data.npz")["X_test"][:N_ROWS].astype(dtype)
    if method == "xgboost":
        import xgboost

        booster = model.get_booster()
        booster.set_param({"nthread": threads})
        rows = xgboost.DMatrix(X, nthread=threads)
        return {
            "s": predict.seconds(lambda: booster.predict(rows, pred_contribs=True), 1)
        }
    if method == "lightgbm":
        return {"s": predict.seconds(lambda: model.predict(X, pred_contrib=True), 1)}
    few, background = X[:N_AGAINST], X[-N_BACKGROUND:]
    return {
        "s": predict.seconds(lambda: model.predict_contributions(X), 3),
        "against s": predict.seconds(
            lambda: model.predict_contributions(few, background=background), 1
        ),
    }


def main() -> None:
    options = predict.parse(METHODS)
    if not options.worker:
        predict.compare(__file__, options, "s")
        return
    _, method, threads, dtype, folder = options.worker
    print(json.dumps(measure(method, int(threads), dtype, Path(folder))))


if __name__ == "__main__":
    main()
