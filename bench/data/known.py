"""Published totals of complete datasets, compared in audits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Known:
    """Totals of the full set.

    Attributes:
        images: number of pairs.
        classes: boxes per class name.
        sizes: pairs per size, written ``WIDTHxHEIGHT``.
        parts: pairs per official part.
    """

    images: int
    classes: Mapping[str, int] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, int] = field(default_factory=dict)


# Counted from published COCO conversions of all images; the sum is the authors' 34,407.
M3FD = Known(
    images=4200,
    classes={
        "People": 11477,
        "Car": 18296,
        "Bus": 700,
        "Motorcycle": 521,
        "Lamp": 2405,
        "Truck": 1008,
    },
    sizes={
        "1024x768": 3926,
        "880x520": 49,
        "740x400": 43,
        "780x420": 41,
        "800x480": 36,
        "480x360": 34,
        "440x320": 32,
        "400x280": 23,
        "440x280": 16,
    },
)
M3FD_FUSION = Known(images=300)
MSRS = Known(images=1444, sizes={"640x480": 1444}, parts={"train": 1083, "test": 361})
MSRS_DETECTION = Known(images=80)
TNO = Known(images=42)
ROADSCENE = Known(images=221)
LLVIP = Known(images=15488, sizes={"1280x1024": 15488}, parts={"train": 12025, "test": 3463})
# As their authors state them; no file of these was read here.
FMB = Known(images=1500, sizes={"800x600": 1500})
MFNET = Known(images=1569, sizes={"640x480": 1569})
PST900 = Known(images=894)
