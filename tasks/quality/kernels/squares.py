"""Squared differences of the fused image and each source, exact."""

from __future__ import annotations

import cv2

from ivif_bench.tasks.quality.shared import Shared


def squared_differences(shared: Shared) -> tuple[int, int]:
    """Part: Σ (A−F)² and Σ (B−F)² over all pixels."""
    # OpenCV squares the root of the sum, which comes out a hair off the whole number.
    return (
        round(cv2.norm(shared.infrared, shared.fused, cv2.NORM_L2SQR)),
        round(cv2.norm(shared.visible, shared.fused, cv2.NORM_L2SQR)),
    )
