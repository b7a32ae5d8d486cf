"""Fusion quality: published metrics under named conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ivif_bench.task import TaskSpec

if TYPE_CHECKING:
    from ivif_bench.tasks.quality.interface import evaluate

__all__ = ["SPECS", "evaluate"]

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
    if name == "evaluate":
        from ivif_bench.tasks.quality.interface import evaluate

        globals()[name] = evaluate  # kept, so that a training loop does not come here every time
        return evaluate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
