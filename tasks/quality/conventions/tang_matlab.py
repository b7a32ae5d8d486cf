"""The MATLAB metrics of Linfeng-Tang/Evaluation-for-Image-Fusion.

Published bugs, reproduced here:

* MI counts levels in uint8 with ``+1``, which saturates: 254 and 255 share a bin of the joint
  histogram, and only there. MI is too high, and not 0 for a constant fused image.
* PSNR has the peak 255 over an error on [0, 1]: 48.13 dB too high.
* FMI_pixel is computed on edges, the default feature of the function that it calls.
* Nabf passes its images in the wrong order: the artefacts are those of the infrared image.

What it calls MS_SSIM is MEF-MS-SSIM, another quantity (0..1, both sources at once).
"""

from __future__ import annotations

from ivif_bench.tasks.quality.registry import Convention, ConventionSpec, Variant

SPECS = (
    ConventionSpec(
        name="tang-matlab",
        entry="CONVENTION",
        title="MATLAB metrics of Tang: MI with 254 = 255, MS-SSIM is MEF-MS-SSIM",
        source="Linfeng-Tang/Evaluation-for-Image-Fusion, Evaluation/*.m",
    ),
)

CONVENTION = Convention(
    variants={
        "EN": Variant(),
        "SF": Variant(),
        "AG": Variant(),
        "SD": Variant(),
        "CC": Variant(),
        "SCD": Variant(),
        "MI": Variant({"joint_top_merged": True}, label="mi[254 = 255 in joint histograms]"),
        "VIF": Variant(),
        "Qabf": Variant(),
        "MS-SSIM": Variant(
            entry="ivif_bench.tasks.quality.metrics.mef_ssim:mef_structural_similarity",
            label="mef_ms_ssim",
            title="Multiscale structural similarity for exposure fusion",
            range=(0.0, 1.0),
        ),
        "MSE": Variant({"white": 1.0}, label="mse[on 0..1]", unit="", range=(0.0, 1.0)),
        "PSNR": Variant({"white": 1.0}, label="psnr[peak 255, error on 0..1]"),
        "FMI-pixel": Variant(
            entry="ivif_bench.tasks.quality.metrics.feature_information:feature_mutual_information_edge",
            label="fmi[edge]",
        ),
        "FMI-edge": Variant(),
        "FMI-gradient": Variant(),
        "FMI-dct": Variant(),
        "FMI-wavelet": Variant(),
        "Nabf": Variant({"judged": "infrared"}, label="nabf[of the infrared image]"),
    },
    lacks={
        "SSIM": "it is the mean of MATLAB's built-in ssim, with which it could not be compared",
    },
    others="Tang's MATLAB metrics do not compute it",
)
