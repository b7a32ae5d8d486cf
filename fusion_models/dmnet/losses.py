"""The losses of both stages, Eqs. 13-19, on images in [0, 1]."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from ivif_bench.fusion_models.dmnet.gradients import OPERATORS
from ivif_bench.fusion_models.dmnet.recipes import LossWeights, Operator
from ivif_bench.fusion_models.training.measures import ssim


def autoencoder_loss(
    infrared: Tensor, visible: Tensor, rebuilt_ir: Tensor, rebuilt_vis: Tensor, weights: LossWeights
) -> Tensor:
    """Eq. 13: L_au = L_vi + lambda1 L_ir."""
    return reconstruction_loss(visible, rebuilt_vis, weights) + weights.infrared_weight * (
        reconstruction_loss(infrared, rebuilt_ir, weights)
    )


def reconstruction_loss(image: Tensor, rebuilt: Tensor, weights: LossWeights) -> Tensor:
    """Eq. 14: squared error (Eq. 15, as a mean over pixels) + mu (1 - SSIM) (Eq. 16).

    SSIM is taken over windows that lie inside the image.
    """
    squared = functional.mse_loss(rebuilt, image)  # Eq. 15
    structure = 1 - ssim(image, rebuilt)  # Eq. 16
    return squared + weights.ssim_weight * structure


def denoising_loss(noise: Tensor, predicted: Tensor, weights: LossWeights) -> Tensor:
    """Eq. 17: L_dm, the error of the predicted noise."""
    squared = functional.mse_loss(predicted, noise)
    return squared.sqrt() if weights.denoising_error == "root" else squared


def intensity_loss(fused: Tensor, infrared: Tensor, visible: Tensor) -> Tensor:
    """L_int of Eq. 18: mean |F - max(I_ir, I_vis)|."""
    return functional.l1_loss(fused, infrared.maximum(visible))


def gradient_loss(fused: Tensor, infrared: Tensor, visible: Tensor, operator: Operator) -> Tensor:
    """Eq. 19: L_gd = mean | |grad F| - max(|grad I_ir|, |grad I_vis|) |."""
    strength = OPERATORS[operator]
    return functional.l1_loss(strength(fused), strength(infrared).maximum(strength(visible)))


def fusion_loss(
    fused: Tensor,
    infrared: Tensor,
    visible: Tensor,
    noise: Tensor,
    predicted: Tensor | None,
    weights: LossWeights,
) -> dict[str, Tensor]:
    """Eq. 18: L_total = L_int + L_dm + lambda2 L_gd, with its terms by name.

    Args:
        predicted: the noise that the diffusion module saw, or None if there is no such module.
    """
    intensity = intensity_loss(fused, infrared, visible)
    gradient = gradient_loss(fused, infrared, visible, weights.gradient_operator)
    terms = {"intensity": intensity, "gradient": gradient}
    total = intensity + weights.gradient_weight * gradient
    if predicted is not None:
        terms["denoising"] = denoising_loss(noise, predicted, weights)
        total = total + terms["denoising"]
    return {"total": total, **terms}
