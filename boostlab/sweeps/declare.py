"""Read a sweep from a TOML file; report all its mistakes at once.

A declaration has the tables ``[sweep]``, ``[datasets]``, ``[methods]`` and
``[protocol]``; ``experiments/quickstart.toml`` is a commented example. Everything is
checked before anything runs.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from boostlab.sweeps.datasets import BUNDLED, SOURCES, TASKS
from boostlab.sweeps.methods import mistakes_of
from boostlab.sweeps.metrics import METRICS
from boostlab.sweeps.mistakes import Lines, did_you_mean
from boostlab.sweeps.prepare import ENCODINGS
from boostlab.sweeps.specs import (
    DEFAULT_METRICS,
    FAMILIES,
    DatasetSpec,
    MethodSpec,
    Protocol,
    Sweep,
)

_SWEEP_KEYS = ("name", "title", "description")
_DATASET_KEYS = ("target", "task", "drop", "max_rows")
_METHOD_KEYS = (
    "method",
    "label",
    "regressor",
    "classifier",
    "encoding",
    "params",
    "grid",
    *FAMILIES,
)
_PROTOCOL_KEYS = (
    "folds",
    "repeats",
    "seed",
    "model_seeds",
    "threads",
    "max_rows",
    "metrics",
)


class DeclarationError(ValueError):
    """A declaration with mistakes.

    Parameters
    ----------
    path : Path
        The file.
    mistakes : sequence of str
        All of them, one sentence each, in the order of the file.
    """

    def __init__(self, path: Path, mistakes: Iterable[str]) -> None:
        self.path = path
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join((f"{path}:", *self.mistakes)))


def read(path: str | Path) -> Sweep:
    """Read and check a declaration.

    Parameters
    ----------
    path : str or Path
        A TOML file.

    Returns
    -------
    Sweep

    Raises
    ------
    DeclarationError
        With every mistake found, each with its line and, where one is near, what was
        probably meant.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise DeclarationError(
            path, [f"The file cannot be read ({reason}); give the path of a TOML file."]
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(path, [f"The file is not TOML: {error}."]) from error
    reader = _Reader(Lines(text))
    sweep = reader.sweep(data, path.stem, text)
    if reader.mistakes:
        raise DeclarationError(path, reader.in_order())
    return sweep


class _Reader:
    """Turns TOML data into a :class:`Sweep` and collects mistakes on the way."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self.mistakes: list[tuple[int, str]] = []

    def in_order(self) -> list[str]:
        """Return the mistakes as sentences, by line."""
        return [
            f"line {line}: {text}" if line else text
            for line, text in sorted(self.mistakes, key=lambda m: m[0])
        ]

    def wrong(self, path: tuple[str, ...], text: str, value: Any = None) -> None:
        """Note a mistake at `path`."""
        self.mistakes.append((self.lines.of(path, value) or 0, text))

    def sweep(self, data: dict[str, Any], stem: str, source: str) -> Sweep:
        """Read the whole file."""
        tables = ("sweep", "datasets", "methods", "protocol")
        self.keys((), data, tables)
        head = self.table(data, "sweep", ())
        self.keys(("sweep",), head, _SWEEP_KEYS)
        name = self.string(head, "name", ("sweep",)) or stem
        if not re.fullmatch(r"[\w][\w.-]*", name):
            text = f"[sweep] name is {name!r}; give letters, digits, '-', '_' and '.'."
            self.wrong(("sweep", "name"), text)
        return Sweep(
            name=name,
            title=self.string(head, "title", ("sweep",)) or name,
            description=self.string(head, "description", ("sweep",)) or "",
            datasets=tuple(self.datasets(self.table(data, "datasets", ()))),
            methods=tuple(self.methods(self.table(data, "methods", ()))),
            protocol=self.protocol(self.table(data, "protocol", ())),
            text=source,
        )

    def datasets(self, data: dict[str, Any]) -> Iterable[DatasetSpec]:
        """Read ``[datasets]``: the list ``use`` and a table for each special case."""
        here = ("datasets",)
        used = self.strings(data, "use", here)
        if not used:
            self.wrong(
                here,
                "[datasets] names no tables; give some, as in use = ['sklearn:iris'].",
            )
        for ref in used:
            source, _, name = ref.partition(":")
            if source not in SOURCES or not name:
                near = did_you_mean(source, SOURCES) if name else "write 'source:name'."
                self.wrong((*here, "use"), f"{ref!r} is no dataset; {near}", ref)
            elif source == "sklearn" and name not in BUNDLED:
                near = did_you_mean(name, BUNDLED)
                self.wrong((*here, "use"), f"{ref!r} is no dataset; {near}", ref)
        for ref in sorted({r for r in used if used.count(r) > 1}):
            self.wrong((*here, "use"), f"{ref!r} is listed twice; list it once.", ref)
        self.keys(here, data, ("use", *used))
        for ref in dict.fromkeys(used):
            where = (*here, ref)
            options = self.table(data, ref, here)
            self.keys(where, options, _DATASET_KEYS)
            yield DatasetSpec(
                ref=ref,
                target=self.string(options, "target", where),
                task=self.choice(options, "task", where, TASKS),
                drop=tuple(self.strings(options, "drop", where)),
                max_rows=self.integer(options, "max_rows", where, 50, None),
            )

    def methods(self, data: dict[str, Any]) -> Iterable[MethodSpec]:
        """Read ``[methods.NAME]``, one specification a configuration."""
        if not data:
            self.wrong(
                ("methods",),
                "[methods] is empty; add a table for each, as in [methods.boostlab].",
            )
        for name in data:
            where = ("methods", name)
            entry = self.table(data, name, ("methods",))
            self.keys(where, entry, _METHOD_KEYS)
            yield from self.method(name, entry, where)

    def method(
        self, name: str, entry: dict[str, Any], where: tuple[str, ...]
    ) -> Iterable[MethodSpec]:
        """Read one method and lay out its grid."""
        classes = {
            kind: self.string(entry, kind, where)
            for kind in ("regressor", "classifier")
        }
        method = self.string(entry, "method", where)
        if any(classes.values()) and method:
            self.wrong(
                (*where, "method"),
                f"[methods.{name}] gives 'method' and also 'regressor' or "
                "'classifier'; give one or the other.",
            )
        plain = MethodSpec(
            name=name,
            label=self.string(entry, "label", where) or name,
            method=method if any(classes.values()) else method or name,
            encoding=self.choice(entry, "encoding", where, ENCODINGS),
            params=self.params(entry, "params", where),
            by_family={
                family: self.params(entry, family, where)
                for family in FAMILIES
                if family in entry
            },
            **classes,
        )
        grid = self.grid(entry, where)
        first = {key: values[0] for key, values in grid.items()}
        for key, text in mistakes_of(replace(plain, params=plain.params | first)):
            key = ("grid", key[-1]) if key[-1] in grid else key
            self.wrong((*where, *key), f"[methods.{name}]: {text}")
        if not grid:
            yield plain
            return
        for values in itertools.product(*grid.values()):
            chosen = dict(zip(grid, values, strict=True))
            suffix = ", ".join(f"{key}={value}" for key, value in chosen.items())
            yield replace(
                plain,
                name=f"{name} [{suffix}]",
                label=f"{plain.label} [{suffix}]",
                params=plain.params | chosen,
            )

    def grid(
        self, entry: dict[str, Any], where: tuple[str, ...]
    ) -> dict[str, list[Any]]:
        """Read ``grid``: a list of values for each parameter."""
        grid = self.params(entry, "grid", where)
        for key, values in grid.items():
            if not isinstance(values, list) or not values:
                self.wrong(
                    (*where, "grid", key),
                    f"[{'.'.join(where)}.grid] {key} is {values!r}; give a list of "
                    "values to try.",
                )
        return {k: v for k, v in grid.items() if isinstance(v, list) and v}

    def protocol(self, data: dict[str, Any]) -> Protocol:
        """Read ``[protocol]``."""
        here = ("protocol",)
        self.keys(here, data, _PROTOCOL_KEYS)
        seeds = data.get("model_seeds", [0])
        if not (
            isinstance(seeds, list)
            and seeds
            and all(isinstance(s, int) and not isinstance(s, bool) for s in seeds)
            and all(0 <= s < 2**32 for s in seeds)
            and len(set(seeds)) == len(seeds)
        ):
            self.wrong(
                (*here, "model_seeds"),
                f"[protocol] model_seeds is {seeds!r}; give a list of different "
                "integers from 0, as in [0, 1, 2].",
            )
            seeds = [0]
        return Protocol(
            folds=self.integer(data, "folds", here, 2, 5),
            repeats=self.integer(data, "repeats", here, 1, 1),
            seed=self.integer(data, "seed", here, 0, 0),
            model_seeds=tuple(seeds),
            threads=self.integer(data, "threads", here, 1, 1),
            max_rows=self.integer(data, "max_rows", here, 50, None),
            metrics=self.metrics(self.table(data, "metrics", here)),
        )

    def metrics(self, data: dict[str, Any]) -> dict[str, tuple[str, ...]]:
        """Read ``[protocol.metrics]``: names for each family of tasks."""
        here = ("protocol", "metrics")
        self.keys(here, data, FAMILIES)
        chosen = dict(DEFAULT_METRICS)
        for family in FAMILIES:
            if family not in data:
                continue
            names = self.strings(data, family, here)
            allowed = [
                m.name
                for m in METRICS.values()
                if (family == "regression") == ("regression" in m.tasks)
            ]
            for name in (n for n in names if n not in allowed):
                near = did_you_mean(name, allowed)
                text = f"{name!r} is no metric for {family}; {near}"
                self.wrong((*here, family), text, name)
            if not names:
                self.wrong((*here, family), f"{family} has no metrics; give one.")
            chosen[family] = tuple(names)
        return chosen

    def keys(
        self, where: tuple[str, ...], data: dict[str, Any], allowed: Iterable[str]
    ) -> None:
        """Note every key that is not allowed."""
        for key in (k for k in data if k not in tuple(allowed)):
            place = f"[{'.'.join(where)}]" if where else "The file"
            near = did_you_mean(key, allowed)
            self.wrong((*where, key), f"{place} has no key {key!r}; {near}")

    def table(
        self, data: dict[str, Any], key: str, where: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return a sub-table, empty if absent."""
        return self.typed(data, key, where, dict, "a table") or {}

    params = table

    def string(
        self, data: dict[str, Any], key: str, where: tuple[str, ...]
    ) -> str | None:
        """Return a string or None."""
        return self.typed(data, key, where, str, "a string")

    def strings(
        self, data: dict[str, Any], key: str, where: tuple[str, ...]
    ) -> list[str]:
        """Return a list of strings, empty if absent."""
        values = self.typed(data, key, where, list, "a list of strings") or []
        for value in (v for v in values if not isinstance(v, str)):
            text = f"{key} holds {value!r}, which is not a string; quote it."
            self.wrong((*where, key), text)
        return [value for value in values if isinstance(value, str)]

    def choice(
        self,
        data: dict[str, Any],
        key: str,
        where: tuple[str, ...],
        allowed: Iterable[str],
    ) -> str | None:
        """Return one of the allowed strings, or None."""
        value = self.string(data, key, where)
        if value is not None and value not in allowed:
            near = did_you_mean(value, allowed)
            self.wrong((*where, key), f"{key} is {value!r}; {near}")
            return None
        return value

    def integer(
        self,
        data: dict[str, Any],
        key: str,
        where: tuple[str, ...],
        least: int,
        default: Any,
    ) -> Any:
        """Return an integer of at least `least`, or the default."""
        value = data.get(key, default)
        if key in data and (
            not isinstance(value, int) or isinstance(value, bool) or value < least
        ):
            place = f"[{'.'.join(where)}] {key}"
            text = f"{place} is {value!r}; give an integer of at least {least}."
            self.wrong((*where, key), text)
            return default
        return value

    def typed(
        self,
        data: dict[str, Any],
        key: str,
        where: tuple[str, ...],
        kind: type,
        phrase: str,
    ) -> Any:
        """Return a value of the kind wanted, or None."""
        value = data.get(key)
        if value is not None and not isinstance(value, kind):
            place = f"[{'.'.join(where)}] {key}" if where else key
            self.wrong((*where, key), f"{place} is {value!r}; give {phrase}.")
            return None
        return value
