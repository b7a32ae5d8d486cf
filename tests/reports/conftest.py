"""Fixtures of the report tests."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent


def _load(name: str) -> Any:
    """A helper beside this file; import mode importlib does not put the folder on the path."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, _HERE / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def new_run() -> Callable[..., Any]:
    """Makes a ``synthetic_run.RunBuilder`` for a folder."""
    builder: Callable[..., Any] = _load("synthetic_run").RunBuilder
    return builder


@pytest.fixture(scope="session")
def snapshots() -> Path:
    """Folder of recorded outputs; ``UPDATE_SNAPSHOTS=1`` writes them again."""
    return _HERE / "snapshots"
