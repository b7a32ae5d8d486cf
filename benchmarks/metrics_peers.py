"""What public libraries compute of the metrics, each as a user would call it; for metrics.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Call = Callable[[np.ndarray, np.ndarray, np.ndarray], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Peer:
    """A library's form of some metrics.

    Attributes:
        names: of our metrics.
        title: of the library.
        package: its import name.
        load: imports it and returns the call.
    """

    names: tuple[str, ...]
    title: str
    package: str
    load: Callable[[], Call]


def _summed(name: str, one: Callable[[np.ndarray, np.ndarray], float]) -> Call:
    return lambda a, b, f: {name: one(a, f) + one(b, f)}


def _skimage_entropy() -> Call:
    from skimage.measure import shannon_entropy

    return lambda a, b, f: {"EN": float(shannon_entropy(f))}


def _sklearn_information() -> Call:
    from sklearn.metrics import mutual_info_score

    def information(x: np.ndarray, f: np.ndarray) -> float:
        return float(mutual_info_score(x.ravel(), f.ravel())) / math.log(2)

    return _summed("MI", information)


def _scipy_correlations() -> Call:
    from scipy.stats import pearsonr

    def correlations(a: np.ndarray, b: np.ndarray, f: np.ndarray) -> dict[str, float]:
        x, y, z = (image.ravel().astype(np.float64) for image in (a, b, f))
        cc = (pearsonr(x, z).statistic + pearsonr(y, z).statistic) / 2
        scd = pearsonr(z - y, x).statistic + pearsonr(z - x, y).statistic
        return {"CC": float(cc), "SCD": float(scd)}

    return correlations


def _skimage_similarity() -> Call:
    from skimage.metrics import structural_similarity

    gauss = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return _summed("SSIM", lambda x, f: float(structural_similarity(x, f, data_range=255, **gauss)))


def _with_tensors(name: str, function: Callable[..., object], **settings: object) -> Call:
    """A torch library's function on float32 [1, 1, H, W], one thread."""
    import torch

    torch.set_num_threads(1)

    def one(x: np.ndarray, f: np.ndarray) -> float:
        first, second = (torch.from_numpy(image)[None, None].float() for image in (x, f))
        return float(function(second, first, **settings))  # type: ignore[arg-type]

    return _summed(name, one)


def _torchmetrics(metric: str) -> Call:
    from torchmetrics.functional import image

    if metric == "VIF":
        return _with_tensors("VIF", image.visual_information_fidelity)
    if metric == "SSIM":
        return _with_tensors("SSIM", image.structural_similarity_index_measure, data_range=255.0)
    return _with_tensors(
        "MS-SSIM", image.multiscale_structural_similarity_index_measure, data_range=255.0
    )


def _piq(metric: str) -> Call:
    import piq

    if metric == "VIF":
        return _with_tensors("VIF", piq.vif_p, data_range=255.0)
    if metric == "SSIM":
        return _with_tensors("SSIM", piq.ssim, data_range=255.0, downsample=False)
    return _with_tensors("MS-SSIM", piq.multi_scale_ssim, data_range=255.0)


def _pytorch_msssim(metric: str) -> Call:
    import pytorch_msssim

    function = pytorch_msssim.ssim if metric == "SSIM" else pytorch_msssim.ms_ssim
    return _with_tensors(metric, function, data_range=255)


PEERS = (
    Peer(("EN",), "scikit-image", "skimage", _skimage_entropy),
    Peer(("MI",), "scikit-learn", "sklearn", _sklearn_information),
    Peer(("CC", "SCD"), "SciPy", "scipy", _scipy_correlations),
    Peer(("VIF",), "torchmetrics", "torchmetrics", lambda: _torchmetrics("VIF")),
    Peer(("VIF",), "piq", "piq", lambda: _piq("VIF")),
    Peer(("SSIM",), "scikit-image", "skimage", _skimage_similarity),
    Peer(("SSIM",), "torchmetrics", "torchmetrics", lambda: _torchmetrics("SSIM")),
    Peer(("SSIM",), "piq", "piq", lambda: _piq("SSIM")),
    Peer(("SSIM",), "pytorch-msssim", "pytorch_msssim", lambda: _pytorch_msssim("SSIM")),
    Peer(("MS-SSIM",), "torchmetrics", "torchmetrics", lambda: _torchmetrics("MS-SSIM")),
    Peer(("MS-SSIM",), "piq", "piq", lambda: _piq("MS-SSIM")),
    Peer(("MS-SSIM",), "pytorch-msssim", "pytorch_msssim", lambda: _pytorch_msssim("MS-SSIM")),
)
