"""Fusion quality: metrics of the literature under named conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ivif_bench.task import TaskSpec

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.interface import evaluate, evaluate_folder

__all__ = ["SPECS", "evaluate", "evaluate_folder"]

SPECS = (
    TaskSpec(
        name="quality",
        entry="ivif_bench.tasks.quality.task:QualityTask",
        title="Fusion quality",
        order=10,
        seconds_per_image=0.05,
        lists={
            "metrics": "ivif_bench.tasks.quality.registry:METRICS",
            "conventions": "ivif_bench.tasks.quality.registry:CONVENTIONS",
            "torch-forms": "ivif_bench.tasks.quality.batched:FORMS",
        },
    ),
)


def __getattr__(name: str) -> Any:
    if name in ("evaluate", "evaluate_folder"):
        from ivif_bench.tasks.quality import interface

        # Kept, so that a training loop does not come here every time.
        globals()[name] = getattr(interface, name)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
