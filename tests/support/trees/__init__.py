"""Small generated trees, one for each dataset layout; a new one is a module of this package.

A module declares ``TREES``: the name of a layout, and a function that writes its files into a folder
and returns the options with which the layout is opened.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def all_trees() -> dict[str, Callable[[Path], dict[str, Any]]]:
    """The functions of all modules, by layout."""
    found: dict[str, Callable[[Path], dict[str, Any]]] = {}
    for info in pkgutil.iter_modules(__path__):
        found |= getattr(importlib.import_module(f"{__name__}.{info.name}"), "TREES", {})
    return found
