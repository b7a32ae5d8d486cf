"""Fusion quality: metrics of the literature under named conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.task import TaskSpec

if TYPE_CHECKING:
    from tasks.quality.interface import evaluate, evaluate_folder

__all__ = ["SPECS", "evaluate", "evaluate_folder"]

SPECS = (
    TaskSpec(
        name="quality",
        entry="tasks.quality.task:QualityTask",
        title="Fusion quality",
        order=10,
        lists={
            "metrics": "tasks.quality.registry:METRICS",
            "conventions": "tasks.quality.registry:CONVENTIONS",
        },
    ),
)


def __getattr__(name: str) -> Any:
    if name in ("evaluate", "evaluate_folder"):
        from tasks.quality import interface

        # Kept, so that a training loop does not come here every time.
        globals()[name] = getattr(interface, name)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
