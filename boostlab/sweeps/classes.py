"""The classes behind methods: a dotted path imported, its version, its parameters."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import inspect
from functools import lru_cache
from pathlib import Path

from sklearn.base import ClassifierMixin, RegressorMixin

from boostlab.sweeps.specs import FAMILIES


class MethodUnavailableError(Exception):
    """A declared method that cannot run here; the message is the reason."""


def import_class(path: str) -> type:
    """Return the class at a dotted path.

    Raises
    ------
    MethodUnavailableError
        If its package is not installed or cannot be loaded.
    AttributeError
        If the module has no such class.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise MethodUnavailableError(
            f"The module {error.name!r} is not installed."
        ) from error
    except (ImportError, OSError) as error:
        # OSError: a compiled library that misses a system library.
        first = str(error).strip().splitlines()[0]
        raise MethodUnavailableError(f"{module} cannot be imported: {first}") from error


@lru_cache(maxsize=64)
def version_of(path: str, package: str | None = None) -> str:
    """Return the version of the code behind a class.

    The version of its distribution; for this library, and for modules that belong to
    no distribution, a digest of the code too, so that a change of the code makes
    new cells. A class that wraps `package` has that package's version, and a digest of
    the wrapper.
    """
    if package is not None:
        wrapper = Path(
            inspect.getfile(importlib.import_module(path.rpartition(".")[0]))
        )
        return f"{version_of(package)}, wrapper {code_digest(wrapper)}"
    top = path.split(".")[0]
    module = importlib.import_module(top)
    names = importlib.metadata.packages_distributions().get(top, [])
    versions = sorted(f"{n} {importlib.metadata.version(n)}" for n in set(names))
    if top != "boostlab" and versions:
        return ", ".join(versions)
    folder = Path(inspect.getfile(module))
    return " ".join([*versions, f"code {code_digest(folder)}"])


def code_digest(file: Path) -> str:
    """Return a digest of a module, or of a package without its sweeps."""
    files = [file]
    if file.name == "__init__.py":
        root = file.parent
        files = [
            found
            for kind in ("*.py", "*.so", "*.pyd")
            for found in root.rglob(kind)
            if root / "sweeps" not in found.parents
        ]
        # An editable install keeps the compiled core somewhere else.
        core = importlib.util.find_spec(f"{root.name}._core")
        if core is not None and core.origin and Path(core.origin) not in files:
            files.append(Path(core.origin))
    digest = hashlib.sha256()
    for found in sorted(files, key=lambda f: (f.name, str(f))):
        digest.update(f"{found.parent.name}/{found.name}\0".encode())
        digest.update(found.read_bytes())
    return digest.hexdigest()[:12]


def families_of(cls: type) -> list[str]:
    """Return the families of tasks that a class is for."""
    mixins = {"regression": RegressorMixin, "classification": ClassifierMixin}
    return [family for family in FAMILIES if issubclass(cls, mixins[family])]


def parameters_of(cls: type) -> tuple[set[str], bool]:
    """Return the parameters of a class, and whether it takes any others."""
    known: set[str] = set()
    for base in cls.__mro__:
        if base is object or "__init__" not in vars(base):
            continue
        own = inspect.signature(base.__init__).parameters.values()
        known |= {p.name for p in own if p.kind is not p.VAR_KEYWORD}
        # Keywords that a class does not name go on to its base.
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            return known - {"self"}, False
    return known - {"self"}, True
