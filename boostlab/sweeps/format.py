"""How reports write numbers, times and counts."""

from __future__ import annotations

import math

#: Written for what is not there.
NOTHING = "–"


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with about `digits` significant digits and a true minus."""
    if value is None or math.isnan(value):
        return NOTHING
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size >= 6 or size < -4:
        text = f"{value:.{digits - 2}e}"
    elif size >= digits - 1:
        text = f"{value:,.0f}"
    else:
        text = f"{value:.{digits}g}"
        text = f"{value:.{max(0, digits - 1 - size)}f}" if "e" in text else text
    return text.replace("-", "−")


def decimals_for(values: list[float], spread: float | None) -> int:
    """Return the decimals for numbers that stand together and are to be compared.

    Three significant digits of the largest, and two of the spread where it is known.
    """
    sizes = [abs(v) for v in values if not math.isnan(v) and v != 0]
    if not sizes:
        return 0
    decimals = 2 - math.floor(math.log10(max(sizes)))
    if spread is not None and not math.isnan(spread) and spread > 0:
        decimals = max(decimals, 1 - math.floor(math.log10(spread)))
    return min(max(decimals, 0), 5)


def fixed(value: float | None, decimals: int) -> str:
    """Return a number with so many decimals."""
    if value is None or math.isnan(value):
        return NOTHING
    # Adding 0 turns a negative zero into a plain one.
    return f"{round(value, decimals) + 0:,.{decimals}f}".replace("-", "−")


def seconds(value: float | None) -> str:
    """Return a duration in the unit that suits it."""
    if value is None or math.isnan(value):
        return NOTHING
    if value < 9.5e-4:
        return f"{value * 1e6:.0f} µs"
    if value < 0.0095:
        return f"{value * 1e3:.1f} ms"
    if value < 0.0995:
        return f"{value * 1e3:.0f} ms"
    if value < 99.5:
        return f"{value:.{2 if value < 0.995 else 1 if value < 9.95 else 0}f} s"
    return duration(value)


def duration(value: float) -> str:
    """Return a longer time as minutes and seconds, or hours and minutes."""
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def times(value: float | None) -> str:
    """Return a ratio, as in 1.4×."""
    if value is None or math.isnan(value):
        return NOTHING
    if value < 9.95:
        return f"{value:.2g}×" if value != round(value) else f"{value:.0f}×"
    return f"{value:,.0f}×"


def count(value: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun, as in 1 table, 2 tables."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def share(value: float) -> str:
    """Return a share as percent; what is there is never written as 0."""
    if value == 0:
        return "0 %"
    return "< 0.1 %" if value < 0.001 else f"{100 * value:.1f} %"
