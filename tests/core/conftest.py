"""Fixtures of the core's tests: every CPU tier that this machine runs."""

from __future__ import annotations

from collections.abc import Iterator

import core_calls
import pytest


@pytest.fixture(params=core_calls.TIERS)
def tier(request: pytest.FixtureRequest) -> Iterator[str]:
    """Force each tier in turn; skip those that this CPU lacks."""
    if request.param not in core_calls.present_tiers():
        pytest.skip(f"this CPU does not run {request.param}")
    with core_calls.tier(request.param):
        yield request.param
