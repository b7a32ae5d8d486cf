"""Embedded demo: deterministic paired street scenes in the official M3FD and MSRS layouts.

Every scene has a *clear* and an *obscured* side (sun and deep shade by day, lit and unlit by
night, thin and dense fog). Warm things on the obscured side show only in infrared, things at
ambient temperature on the clear side show only in visible, the rest in both, so that a sound
fusion finds more than either source. Scene geometry is exact, hence so are boxes and masks.
"""

from ivif_bench.data.demo.render import Scene, render_scene
from ivif_bench.data.demo.scene import DETECTION_CLASSES, SEGMENTATION_CLASSES
from ivif_bench.data.demo.writer import (
    DEMO_VERSION,
    image_seed,
    write_detection,
    write_segmentation,
)

__all__ = [
    "DEMO_VERSION",
    "DETECTION_CLASSES",
    "SEGMENTATION_CLASSES",
    "Scene",
    "image_seed",
    "render_scene",
    "write_detection",
    "write_segmentation",
]
