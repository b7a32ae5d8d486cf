"""The Python port of Tang's metrics, which many repositories copied.

Published bugs, reproduced here:

* EN has 1e-7 inside the logarithm.
* PSNR has the peak 255 over an error on [0, 1]: 48.13 dB too high.
* SSIM and MS-SSIM multiply images of 0..255 by 255 once more, with a data range of 255: C1 and C2
  hardly act, MS-SSIM is 10 to 36 % too low. The port then loses digits in single precision (up to
  2e-3 and 4e-3); that loss is not reproduced.
"""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import Convention, ConventionSpec, Variant

SPECS = (
    ConventionSpec(
        name="tang-python",
        entry="CONVENTION",
        title="Python port of Tang's metrics: EN with 1e-7, SSIM and MS-SSIM of images times 255",
        source="puduliu/Fusion_metric_python, Metric_Python/Metric.py",
    ),
)

CONVENTION = Convention(
    variants={
        "EN": Variant({"log_epsilon": 1e-7}, range=(-1.5e-7, 8.0)),
        "SF": Variant(),
        "AG": Variant(),
        "SD": Variant(),
        "CC": Variant(),
        "SCD": Variant(),
        "MI": Variant(),
        "VIF": Variant(),
        "Qabf": Variant(),
        "MS-SSIM": Variant(
            {"window": "float32", "data_range": 1.0}, label="ms_ssim[images times 255]"
        ),
        "SSIM": Variant({"window": "float32", "data_range": 1.0}, label="ssim[images times 255]"),
        "MSE": Variant({"white": 1.0}, label="mse[on 0..1]", unit="", range=(0.0, 1.0)),
        "PSNR": Variant({"white": 1.0}, label="psnr[peak 255, error on 0..1]"),
        "Nabf": Variant({"weak_weight": 0.0}, label="nabf[weak gradients ignored]"),
        "LABF": Variant({"weak_weight": 0.0, "lost": "both"}, label="labf[lost from both sources]"),
    },
    lacks=dict.fromkeys(
        ("FMI-pixel", "FMI-edge", "FMI-gradient", "FMI-dct", "FMI-wavelet"),
        "the port's function returns nothing",
    ),
    others="the Python port of Tang's metrics does not compute it",
    reading="pillow",
)
