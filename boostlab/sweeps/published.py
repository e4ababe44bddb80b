"""Read ``[published]``: the figures of papers that stand beside ours in the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from boostlab.sweeps.fields import Fields
from boostlab.sweeps.metrics import METRICS
from boostlab.sweeps.specs import DatasetSpec, Figure, Published


def read_published(
    fields: Fields, data: dict[str, Any], datasets: Sequence[DatasetSpec]
) -> Iterable[Published]:
    """Yield the published tables of a declaration.

    Each has a table ``[published.NAME]`` with a `source` and one table a metric, whose
    keys are datasets, in full or without their source, and whose values are numbers, or
    pairs of a number and its standard error.

    Parameters
    ----------
    fields : Fields
        Collects the mistakes.
    data : dict
        The table ``[published]``.
    datasets : sequence of DatasetSpec
        What figures may be about.
    """
    names = _names(datasets)
    for name in data:
        where = ("published", name)
        entry = fields.table(data, name, ("published",))
        fields.keys(where, entry, ("label", "source", *METRICS))
        source = fields.string(entry, "source", where)
        if not source:
            fields.wrong(
                where, f"[published.{name}] has no source; say where they appeared."
            )
        yield Published(
            name=name,
            label=fields.string(entry, "label", where) or name,
            source=source or "",
            figures={
                metric: _figures(fields, entry, metric, where, names)
                for metric in METRICS
                if metric in entry
            },
        )


def _names(datasets: Sequence[DatasetSpec]) -> dict[str, str]:
    """Return what each dataset may be called, with its full name."""
    names = {spec.ref: spec.ref for spec in datasets}
    short = [spec.ref.partition(":")[2] for spec in datasets]
    for spec, name in zip(datasets, short, strict=True):
        if short.count(name) == 1:
            names.setdefault(name, spec.ref)
    return names


def _figures(
    fields: Fields,
    entry: dict[str, Any],
    metric: str,
    where: tuple[str, ...],
    names: dict[str, str],
) -> dict[str, Figure]:
    data = fields.table(entry, metric, where)
    where = (*where, metric)
    fields.keys(where, data, names)
    figures = {}
    for key, value in data.items():
        pair = value if isinstance(value, list) else [value]
        if not 1 <= len(pair) <= 2 or not all(map(_is_number, pair)):
            fields.wrong(
                (*where, key),
                f"[{'.'.join(where)}] {key} is {value!r}; give a number, or a list of "
                "it and its standard error.",
            )
        elif key in names:
            figures[names[key]] = Figure(*map(float, pair))
    return figures


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
