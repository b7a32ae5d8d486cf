"""Benchmark suite for infrared-visible image fusion; docs/python-api.md shows what is here.

Nothing is loaded before it is used: ``import ivif_bench`` costs milliseconds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ivif_bench.errors import UserError

if TYPE_CHECKING:
    from ivif_bench.api.judging import judge
    from ivif_bench.api.runs import Run, load_run, run
    from ivif_bench.api.scoring import evaluate_folder
    from ivif_bench.tasks.quality import evaluate

    __version__: str

__all__ = [
    "Run",
    "UserError",
    "__version__",
    "evaluate",
    "evaluate_folder",
    "judge",
    "load_run",
    "run",
]

_MODULES = {
    "Run": "ivif_bench.api.runs",
    "evaluate": "ivif_bench.tasks.quality",
    "evaluate_folder": "ivif_bench.api.scoring",
    "judge": "ivif_bench.api.judging",
    "load_run": "ivif_bench.api.runs",
    "run": "ivif_bench.api.runs",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from ivif_bench.origins import own_version

        found: Any = own_version()
    elif name in _MODULES:
        found = getattr(importlib.import_module(_MODULES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found  # kept, so that a training loop does not come here every time
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
