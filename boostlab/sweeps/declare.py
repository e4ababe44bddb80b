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

from boostlab.sweeps.datasets import (
    BUNDLED,
    SOURCES,
    TASKS,
    DatasetUnavailableError,
)
from boostlab.sweeps.fields import Fields
from boostlab.sweeps.given import SplitsError, given_splits
from boostlab.sweeps.method_mistakes import mistakes_of
from boostlab.sweeps.metrics import METRICS
from boostlab.sweeps.mistakes import Lines, did_you_mean
from boostlab.sweeps.prepare import ENCODINGS
from boostlab.sweeps.published import read_published
from boostlab.sweeps.specs import (
    DEFAULT_METRICS,
    FAMILIES,
    DatasetSpec,
    MethodSpec,
    Protocol,
    Rounds,
    Sweep,
)

_SWEEP_KEYS = ("name", "title", "description")
_DATASET_KEYS = ("target", "task", "drop", "max_rows", "splits")
_METHOD_KEYS = (
    "method",
    "label",
    "regressor",
    "classifier",
    "encoding",
    "params",
    "grid",
    "rounds",
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
    "splits",
    "max_splits",
)

#: What says nothing where the splits are given, and where they are not.
_OF_KFOLD = ("folds", "repeats", "max_rows")
_OF_GIVEN = ("max_splits",)


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
    reader = _Reader(Lines(text), path.parent)
    sweep = reader.sweep(data, path.stem, text)
    if reader.mistakes:
        raise DeclarationError(path, reader.in_order())
    return sweep


class _Reader(Fields):
    """Turns TOML data into a :class:`Sweep`."""

    def __init__(self, lines: Lines, folder: Path) -> None:
        super().__init__(lines)
        self.folder = folder

    def sweep(self, data: dict[str, Any], stem: str, source: str) -> Sweep:
        """Read the whole file."""
        tables = ("sweep", "datasets", "methods", "protocol", "published")
        self.keys((), data, tables)
        head = self.table(data, "sweep", ())
        self.keys(("sweep",), head, _SWEEP_KEYS)
        name = self.string(head, "name", ("sweep",)) or stem
        if not re.fullmatch(r"[\w][\w.-]*", name):
            text = f"[sweep] name is {name!r}; give letters, digits, '-', '_' and '.'."
            self.wrong(("sweep", "name"), text)
        protocol = self.protocol(self.table(data, "protocol", ()))
        datasets = tuple(self.datasets(self.table(data, "datasets", ()), protocol))
        published = self.table(data, "published", ())
        return Sweep(
            name=name,
            title=self.string(head, "title", ("sweep",)) or name,
            description=self.string(head, "description", ("sweep",)) or "",
            datasets=datasets,
            methods=tuple(self.methods(self.table(data, "methods", ()))),
            protocol=protocol,
            text=source,
            published=tuple(read_published(self, published, datasets)),
        )

    def datasets(
        self, data: dict[str, Any], protocol: Protocol
    ) -> Iterable[DatasetSpec]:
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
            spec = DatasetSpec(
                ref=ref,
                target=self.string(options, "target", where),
                task=self.choice(options, "task", where, TASKS),
                drop=tuple(self.strings(options, "drop", where)),
                max_rows=self.integer(options, "max_rows", where, 50, None),
                splits=self.splits_file(options, ref, where),
            )
            self.check_splits(spec, where, options, protocol)
            yield spec

    def splits_file(
        self, options: dict[str, Any], ref: str, where: tuple[str, ...]
    ) -> str | None:
        """Return the file of splits: of a local table, as given, in its folder."""
        file = self.string(options, "splits", where)
        if file is None or ref.startswith("local:"):
            return file
        return str((self.folder / file).resolve())

    def check_splits(
        self,
        spec: DatasetSpec,
        where: tuple[str, ...],
        options: dict[str, Any],
        protocol: Protocol,
    ) -> None:
        """Note what is wrong with the splits of a table."""
        place = f"[datasets.{spec.ref!r}]"
        if not protocol.is_given:
            if "splits" in options:
                self.wrong(
                    (*where, "splits"),
                    f"{place} names splits, but the protocol draws its own; set "
                    "[protocol] splits = 'given'.",
                )
            return
        if "max_rows" in options:
            self.wrong(
                (*where, "max_rows"),
                f"{place} max_rows would cut the given splits; leave it out.",
            )
        source, _, name = spec.ref.partition(":")
        if source not in SOURCES or not name:
            return
        try:
            given_splits(spec)
        except SplitsError as error:
            at = (*where, "splits") if options else ("datasets", "use")
            self.wrong(at, str(error), None if options else spec.ref)
        except DatasetUnavailableError:
            # The table itself is not at hand, which is no mistake: it is skipped.
            return

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
            rounds=self.rounds(entry, where),
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

    def rounds(self, entry: dict[str, Any], where: tuple[str, ...]) -> Rounds | None:
        """Read ``rounds``: how their number is chosen."""
        if "rounds" not in entry:
            return None
        where = (*where, "rounds")
        data = self.table(entry, "rounds", where[:-1])
        self.keys(where, data, ("validation", "patience"))
        return Rounds(
            validation=self.number(data, "validation", where, 0, 1, 0.2),
            patience=self.integer(data, "patience", where, 1, 100),
        )

    def protocol(self, data: dict[str, Any]) -> Protocol:
        """Read ``[protocol]``."""
        here = ("protocol",)
        self.keys(here, data, _PROTOCOL_KEYS)
        splits = self.choice(data, "splits", here, ("kfold", "given")) or "kfold"
        idle = _OF_KFOLD if splits == "given" else _OF_GIVEN
        for key in (key for key in idle if key in data):
            self.wrong(
                (*here, key),
                f"[protocol] {key} says nothing where splits is {splits!r}; leave it "
                "out.",
            )
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
            splits=splits,
            max_splits=self.integer(data, "max_splits", here, 1, None),
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
            elif names[0] in allowed and not METRICS[names[0]].ranks:
                text = (
                    f"{names[0]!r} cannot rank, since it says little by itself; put "
                    "another metric first."
                )
                self.wrong((*here, family), text, names[0])
            chosen[family] = tuple(names)
        return chosen
