"""The evaluator of Zhaozixiang1228/MMIF-CDDFuse, whose numbers many papers quote.

It has no MS-SSIM; here that of pytorch-msssim, summed over the sources, is the tenth metric.

Published bug, reproduced here: its SSIM is scikit-image's call without a data range. Version 0.19
took 2 for float images, as if values went from −1 to 1, so C1 and C2 hardly act on 0..255 (and the
default 7x7 window is used); later versions raise on the same call.
"""

from __future__ import annotations

import math

from ivif_bench.tasks.quality.registry import Convention, ConventionSpec, Variant

SPECS = (
    ConventionSpec(
        name="cddfuse",
        entry="CONVENTION",
        title="evaluator of CDDFuse: MI in nats, AG over MN; MS-SSIM of pytorch-msssim",
        source="Zhaozixiang1228/MMIF-CDDFuse, utils/Evaluator.py",
        version=2,
    ),
)

CONVENTION = Convention(
    variants={
        "EN": Variant(),
        "SF": Variant(),
        "AG": Variant({"divisor": "pixels"}),
        "SD": Variant(),
        "CC": Variant(),
        "SCD": Variant(),
        "MI": Variant({"unit": "nats"}, unit="nats"),
        "VIF": Variant({"flat_source": 1.0}),
        "Qabf": Variant(),
        "MS-SSIM": Variant({"window": "float32"}, label="ms_ssim[pytorch-msssim]"),
        "SSIM": Variant(
            {"window": "uniform", "data_range": 2.0, "sample": True},
            label="ssim[scikit-image 0.19, range 2]",
        ),
        "MSE": Variant(),
        "PSNR": Variant(
            {"peak": "fused"},
            label="psnr[peak is the largest fused level]",
            range=(-20 * math.log10(255), math.inf),
        ),
    },
    others="CDDFuse's evaluator does not compute it",
    reading="opencv_float",
)
