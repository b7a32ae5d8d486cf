"""Fixtures of the report tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_run import RunBuilder


@pytest.fixture(scope="session")
def new_run() -> type[RunBuilder]:
    """Makes a ``RunBuilder`` for a folder."""
    return RunBuilder


@pytest.fixture(scope="session")
def snapshots() -> Path:
    """Folder of recorded outputs; ``UPDATE_SNAPSHOTS=1`` writes them again."""
    return Path(__file__).parent / "snapshots"
