"""What the evaluator of Zhaozixiang1228/MMIF-CDDFuse prints, which many papers quote.

It has no MS-SSIM: that of pytorch-msssim, summed over the sources, makes it ten. Its SSIM is
scikit-image 0.19's call without a data range, which assumes values from −1 to 1.
"""

from __future__ import annotations

from tasks.quality.registry import Convention, ConventionSpec, Variant

SPECS = (
    ConventionSpec(
        name="cddfuse",
        entry="tasks.quality.conventions.cddfuse:CONVENTION",
        title="evaluator of CDDFuse, MI in nats, AG over MN; MS-SSIM of pytorch-msssim",
        source="Zhaozixiang1228/MMIF-CDDFuse, utils/Evaluator.py",
    ),
)

CONVENTION = Convention(
    variants={
        "AG": Variant({"divisor": "pixels"}),
        "MI": Variant({"unit": "nats"}, unit="nats"),
        "VIF": Variant({"flat_source": 1.0}),
        "MS-SSIM": Variant({"window": "float32"}, label="ms_ssim[pytorch-msssim]"),
        "SSIM": Variant(
            {"window": "uniform", "data_range": 2.0, "sample": True},
            label="ssim[scikit-image 0.19, range 2]",
        ),
    }
)
