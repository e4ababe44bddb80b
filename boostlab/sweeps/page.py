"""A report as one page of HTML that needs nothing but itself."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pandas as pd

from boostlab.sweeps.boards import board_section
from boostlab.sweeps.elements import (
    Td,
    details,
    escape,
    method,
    note,
    pairs,
    table,
    tag,
)
from boostlab.sweeps.format import NOTHING, count, duration, share
from boostlab.sweeps.methods import ResolvedMethod
from boostlab.sweeps.plan import DatasetInfo, Plan
from boostlab.sweeps.plots import Palette
from boostlab.sweeps.specs import FAMILIES, family_of
from boostlab.sweeps.store import Store
from boostlab.sweeps.style import CSS, SCRIPT
from boostlab.sweeps.summary import Summary


def page(summary: Summary, store: Store, command: str) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    summary : Summary
        The results.
    store : Store
        Where they came from; environments are read from it.
    command : str
        What makes the report again, printed at its end.
    """
    sweep = summary.plan.sweep
    palette = Palette(summary.labels, summary.references)
    body = "".join(
        (
            _opening(summary),
            *(
                board_section(board, palette, sweep.published)
                for board in summary.boards
            ),
            _what_was_run(summary, palette),
            _problems(summary),
            _environment(summary, store),
            f"<footer>Made again by <code>{escape(command)}</code>; finished cells are "
            "not run twice.</footer>",
        )
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(sweep.title)}</title>\n<style>{CSS}</style>\n</head>\n"
        f"<body>\n<main>{body}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _opening(summary: Summary) -> str:
    sweep = summary.plan.sweep
    lead = tag("p", escape(sweep.description), {"class": "lead"})
    return "".join(
        (
            '<p class="eyebrow">boostlab sweep</p>',
            f"<h1>{escape(sweep.title)}</h1>",
            lead if sweep.description else "",
            _facts(summary),
            _contents(summary),
            _alert(summary),
        )
    )


def _facts(summary: Summary) -> str:
    sweep, rows = summary.plan.sweep, summary.rows
    protocol = sweep.protocol
    work = rows["fit_seconds"].sum() + rows["predict_seconds"].sum()
    finished = int((rows["status"] == "finished").sum())
    facts = [
        ("tables", str(len(summary.plan.datasets)), ""),
        ("methods", str(len(summary.labels)), ""),
        _splits_fact(summary.plan),
        ("fits", f"{finished:,}", f"of {len({c.id for c in summary.plan.cells}):,}"),
        ("fitting and predicting", duration(float(work)), ""),
        ("threads a fit", str(protocol.threads), ""),
        ("last cell", _last_day(rows), ""),
    ]
    inner = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}"
        + (f" <small>{escape(small)}</small>" if small else "")
        + "</dd></div>"
        for name, value, small in facts
    )
    return tag("dl", inner, {"class": "facts"})


def _splits_fact(plan: Plan) -> tuple[str, str, str]:
    protocol = plan.sweep.protocol
    if protocol.is_given:
        return "splits", _given_counts(plan), "given"
    repeats = f" × {protocol.repeats}" if protocol.repeats > 1 else ""
    return "folds", f"{protocol.folds}{repeats}", ""


def _given_counts(plan: Plan) -> str:
    """Return how many given splits the tables have, as in 5 to 20."""
    counts = sorted({len(info.given) for info in plan.datasets})
    return " to ".join(map(str, dict.fromkeys((*counts[:1], *counts[-1:])))) or "0"


def _last_day(rows: pd.DataFrame) -> str:
    if rows.empty:
        return NOTHING
    return (
        datetime.fromisoformat(rows["started"].max()).strftime("%d %B %Y").lstrip("0")
    )


def _contents(summary: Summary) -> str:
    links = [(board.title, board.title.capitalize()) for board in summary.boards]
    links.append(("run", "What was run"))
    if summary.plan.skipped or len(summary.failures):
        links.append(("problems", "Failed and skipped"))
    links.append(("environment", "Environment"))
    return tag("nav", "".join(f'<a href="#{to}">{name}</a>' for to, name in links))


def _alert(summary: Summary) -> str:
    parts = []
    if len(summary.failures):
        parts.append(f"{count(len(summary.failures), 'cell')} failed")
    if summary.pending:
        parts.append(f"{count(summary.pending, 'cell')} not run yet")
    if summary.plan.skipped:
        parts.append(f"{len(summary.plan.skipped)} declared but skipped")
    if not parts:
        return ""
    told = ", ".join(parts)
    text = f'{escape(told)}: see <a href="#problems">Failed and skipped</a>.'
    is_bad = len(summary.failures) > 0 or summary.pending > 0
    return tag("p", text, {"class": "alert bad" if is_bad else "alert"})


def _what_was_run(summary: Summary, palette: Palette) -> str:
    plan = summary.plan
    if not plan.cells:
        return '<h2 id="run">What was run</h2>' + note("Nothing: no cell was left.")
    return "".join(
        (
            '<h2 id="run">What was run</h2>',
            "<h3>Protocol</h3>",
            _protocol(plan, summary.rows),
            "<h3>Tables</h3>",
            table(
                [
                    "table",
                    Td("task", kind="text"),
                    "rows",
                    "columns",
                    "not numeric",
                    "missing",
                    Td("source", kind="text"),
                ],
                (("", _dataset(info)) for info in plan.datasets),
            ),
            "<h3>Methods</h3>",
            table(
                [
                    "method",
                    Td("class", kind="text"),
                    Td("parameters", kind="text wrap"),
                ],
                (("", cells) for cells in _methods(plan, palette)),
                sortable=False,
            ),
            details("The declaration", f"<pre>{escape(plan.sweep.text)}</pre>"),
        )
    )


def _at_once(rows: pd.DataFrame) -> str:
    known = sorted({int(n) for n in rows["at_once"].dropna()})
    told = " or ".join(map(str, known))
    return (
        f"{told}, so that times share the machine"
        if max(known, default=1) > 1
        else told
    )


def _protocol(plan: Plan, rows: pd.DataFrame) -> str:
    protocol = plan.sweep.protocol
    kind = "stratified for classification"
    if any(info.is_grouped for info in plan.datasets):
        kind += ", whole groups together where a table has them"
    repeats = (
        f", drawn {protocol.repeats} times" if protocol.repeats > 1 else ", drawn once"
    )
    limit = f"{protocol.max_rows:,}, drawn by the seed" if protocol.max_rows else ""
    return pairs(
        (
            (
                "Splits",
                f"{_given_counts(plan)} a table, as they come with it"
                if protocol.is_given
                else f"{protocol.folds}-fold cross-validation{repeats}, {kind}",
            ),
            ("Seed of splits", "" if protocol.is_given else str(protocol.seed)),
            ("Seeds of models", ", ".join(map(str, protocol.model_seeds))),
            ("Threads of a fit", str(protocol.threads)),
            ("Fits at once", _at_once(rows)),
            ("Most rows", limit),
            *(
                (f"Metrics, {family}", ", ".join(protocol.metrics[family]))
                for family in FAMILIES
            ),
            (
                "Columns",
                "strings and categories go to each method as it takes them, learned "
                "on the training fold; unseen values are missing",
            ),
        )
    )


def _dataset(info: DatasetInfo) -> list[Td]:
    sampled = f"of {info.n_rows:,}" if info.rows_used < info.n_rows else ""
    classes = f"{info.n_classes} classes" if info.n_classes > 2 else ""
    dropped = f"without {', '.join(info.spec.drop)}" if info.spec.drop else ""
    source = "; ".join(part for part in (info.source, dropped) if part)
    return [
        Td(info.name, key=info.name, hint=f"{info.spec.ref}, {info.data_hash[:12]}"),
        Td(info.task, small=classes, key=info.task, kind="text"),
        Td(f"{info.rows_used:,}", small=sampled, key=info.rows_used),
        Td(f"{info.n_features:,}", key=info.n_features),
        Td(f"{info.n_categorical:,}", key=info.n_categorical),
        Td(share(info.missing), key=info.missing),
        Td(source, kind="text wrap", hint=info.licence, key=source),
    ]


def _methods(plan: Plan, palette: Palette) -> list[list[Td]]:
    """Return a line for each method, with its classes and their parameters."""
    found: dict[str, dict[str, ResolvedMethod]] = {}
    for cell in plan.cells:
        by_family = found.setdefault(cell.method.label, {})
        by_family.setdefault(family_of(cell.task), cell.method)
    lines = []
    for label, by_family in found.items():
        classes = [m.path.rpartition(".")[2] for m in by_family.values()]
        versions = dict.fromkeys(m.version for m in by_family.values())
        lines.append(
            [
                Td(label, markup=method(label, palette)),
                Td(
                    markup="<br>".join(map(escape, classes)),
                    small=", ".join(versions),
                    kind="text",
                ),
                Td(markup=_parameters(by_family), kind="text wrap"),
            ]
        )
    return lines


def _parameters(by_family: dict[str, ResolvedMethod]) -> str:
    """Return what all classes of a method share, then what is one family's own."""
    params = {family: m.params for family, m in by_family.items()}
    first = next(iter(params.values()))
    shared = {
        name: value
        for name, value in first.items()
        if all(name in p and p[name] == value for p in params.values())
    }
    lines = [_code(shared)] if shared else []
    for family, own in params.items():
        rest = {name: value for name, value in own.items() if name not in shared}
        if rest:
            lines.append(f'<small class="lead-in">{family}</small> {_code(rest)}')
    rounds = next(iter(by_family.values())).rounds
    if rounds is not None:
        lines.append(
            f"<small>rounds chosen on {share(rounds.validation)} of the training rows, "
            f"patience {rounds.patience}, then all rows fitted</small>"
        )
    return "<br>".join(lines) or "defaults"


def _code(params: dict[str, Any]) -> str:
    text = ", ".join(f"{name}={json.dumps(v)}" for name, v in params.items())
    return tag("code", escape(text))


def _problems(summary: Summary) -> str:
    parts = []
    if summary.pending:
        parts.append(note(f"{count(summary.pending, 'cell')} not run yet."))
    if summary.plan.skipped:
        rows = (
            ("", [Td(item.what), Td(item.reason, kind="text wrap")])
            for item in summary.plan.skipped
        )
        heads = ["skipped", Td("why", kind="text")]
        parts.append(table(heads, rows, sortable=False))
    if len(summary.failures):
        parts.append(_failures(summary.failures))
    warned = summary.rows[summary.rows["warnings"].fillna("") != ""]
    if len(warned):
        parts.append(_warnings(warned))
    if not parts:
        return ""
    return '<h2 id="problems">Failed and skipped</h2>' + "".join(parts)


def _failures(failures: pd.DataFrame) -> str:
    """Return one line for each error, with the cells it struck."""
    rows = []
    for error, group in failures.groupby("error", sort=False):
        first = group.iloc[0]
        where = f"{first['method']} on {first['dataset']}"
        more = len(group) - 1
        trace = details(
            error.splitlines()[0], f"<pre>{escape(first['traceback'])}</pre>"
        )
        rows.append(
            (
                "",
                [
                    Td(where, small=f"and {count(more, 'more cell')}" if more else ""),
                    Td(markup=trace, kind="text wrap"),
                ],
            )
        )
    heads = ["failed", Td("error, and where it came from", kind="text")]
    told = note("Failed cells are run again with --retry-failed only.")
    return told + table(heads, rows, sortable=False)


def _warnings(warned: pd.DataFrame) -> str:
    counted = warned.groupby(["method", "warnings"], sort=False).size()
    rows = (
        ("", [Td(name), Td(f"{n:,}"), Td(text, kind="text wrap")])
        for (name, text), n in counted.items()
    )
    heads = ["method", "cells", Td("warning", kind="text")]
    return details("Warnings", table(heads, rows, sortable=False))


def _environment(summary: Summary, store: Store) -> str:
    found = store.environments(summary.rows["environment"].dropna())
    parts = ['<h2 id="environment">Environment</h2>']
    if len(found) > 1:
        parts.append(note("Cells of this report ran in different environments."))
    for told in found:
        memory = told.get("memory_gib")
        packages = told.get("packages", {})
        parts.append(
            pairs(
                (
                    ("Python", told.get("python", "")),
                    ("System", told.get("system", "")),
                    ("Processor", f"{told.get('processor')}, {told.get('cpus')} CPUs"),
                    ("Memory", f"{memory} GiB" if memory else ""),
                    ("Core of boostlab", told.get("boostlab_core", "")),
                    ("Packages", ", ".join(f"{k} {v}" for k, v in packages.items())),
                )
            )
        )
    return "".join(parts)
