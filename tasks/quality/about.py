"""What tables say of measurements, whether a run or ``ivif-bench score`` made them."""

from __future__ import annotations

from ivif_bench.tasks.quality.engine import Evaluator, describe
from ivif_bench.types import About

_SCORER = (
    "batches of images by torch on {}, in float64; on the CPU: metrics not implemented in torch"
)

_STRETCHED = "; every fused image stretched from its minimum to its maximum first"


def protocol_name(convention: str, mode: str, device: str = "", stretch: bool = False) -> str:
    """Name of what is asked, so that results of different modes are never one table.

    Args:
        stretch: every fused image is stretched first.
        device: kind of the device that computed, such as ``cuda``; empty for the CPU engine.
    """
    ways = [convention, *([mode] if mode != "exact" else []), *([device] if device else [])]
    ways += ["stretched"] if stretch else []
    return f"quality-{'-'.join(ways)}.v1"


def about(evaluator: Evaluator, device: str = "") -> About:
    """Convention, columns and scorer of what an evaluator measures.

    Args:
        device: as for ``protocol_name``.
    """
    convention = describe(evaluator.names, evaluator.convention, evaluator.mode)
    return About(
        convention=f"{convention}{_STRETCHED if evaluator.stretch else ''}",
        metrics=evaluator.directions,
        judges=("numba",),
        scorer=_SCORER.format(device) if device else "",
    )
