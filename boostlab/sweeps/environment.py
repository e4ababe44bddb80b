"""What a sweep ran on: versions and machine, told without names of people or hosts."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
import sys
from functools import lru_cache
from typing import Any

import joblib

from boostlab import _core
from boostlab.sweeps.specs import canonical

PACKAGES = (
    "boostlab",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "pyarrow",
    "joblib",
    "xgboost",
    "xgboost-cpu",
    "lightgbm",
    "catboost",
    "torch",
)


@lru_cache(maxsize=1)
def environment() -> dict[str, Any]:
    """Return versions of what is installed, and the class of the machine."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cpus": joblib.cpu_count(),
        "memory_gib": _memory(),
        "packages": {name: v for name in PACKAGES if (v := _version(name))},
        "boostlab_core": str(_core.cpu_name()),
    }


@lru_cache(maxsize=1)
def environment_hash() -> str:
    """Return a short digest of :func:`environment`."""
    return hashlib.sha256(canonical(environment()).encode()).hexdigest()[:12]


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    if sys.platform == "linux":
        try:
            with open("/proc/cpuinfo", encoding="utf-8") as lines:
                for line in lines:
                    if line.startswith("model name"):
                        return line.partition(":")[2].strip()
        except OSError:
            return platform.processor()
    return platform.processor() or platform.machine()


def _memory() -> float | None:
    """Return the machine's memory in GiB, where the system tells it."""
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
    return round(size / 2**30, 1)
