"""DMNet: dense multiscale fusion network (IEEE Internet of Things Journal 12(19), 2025).

Nobody published its code or weights: this is a re-implementation from the paper's text.
``network`` documents every choice that the text leaves open, as does docs/methods/dmnet.md.
"""

from __future__ import annotations

from ivif_bench.fusion import MethodSpec, WeightsSpec
from ivif_bench.fusion_models.dmnet.options import DMNetOptions
from ivif_bench.training import TrainingSpec

_PAPER = "DMNet, IEEE Internet of Things Journal 12(19), 2025, from p. 40347; re-implemented from its text"

SPECS = (
    MethodSpec(
        name="dmnet",
        entry="ivif_bench.fusion_models.dmnet.method:DMNetFusion",
        title="DMNet",
        paper=_PAPER,
        licence="code Apache-2.0; no weights were ever published, yours are your own",
        stride=16,
        parameters=386_247_442,
        options=DMNetOptions,
        weights=(
            WeightsSpec(
                name="dmnet.safetensors",
                source="none was ever published; 'ivif-bench train dmnet' makes it",
                terms="yours: made by 'ivif-bench train dmnet', under the terms of your data",
            ),
        ),
        alternative="dmnet-lite",
    ),
    MethodSpec(
        name="dmnet-lite",
        entry="ivif_bench.fusion_models.dmnet.method:DMNetLite",
        title="DMNet-lite",
        paper=f"the topology of {_PAPER}; narrow, not the paper's model",
        licence="code Apache-2.0; weights for research only, see fusion_models/weights/dmnet-lite.md",
        stride=16,
        parameters=1_555_846,
        options=DMNetOptions,
        weights=(
            WeightsSpec(
                name="dmnet-lite.safetensors",
                sha256="a89348501adb7b48b3e6466d697364ddf2384a8a60b3ae28469ba430e1463225",
                terms="research only: trained on RoadScene (no licence) and LLVIP (non-commercial)",
                shipped=True,
            ),
        ),
    ),
)

_RECIPE = {
    "stage_one": "whether stage I is run",
    "stage_one_epochs": "15 in the paper",
    "stage_two_epochs": "30 in the paper",
    "stage_one_steps": "optimiser steps instead of epochs",
    "stage_two_steps": "optimiser steps instead of epochs",
    "held_out": "every so many-th pair is kept for validation, 0 for none",
    "crop": "side of the random crops, a multiple of 16",
    "scales": "list: a crop shows so many times its side of the image, shrunk",
    "batch": "pairs in a step, all processes together",
    "learning_rate": "Adam's, at the start",
    "decay": "constant, step (halved every 20 epochs) or cosine",
    "stage_two_noise": "reuse: L_dm from the passes of the fusion; random: a pass of its own",
    "latent_gradient": "through or detached: whether gradients enter the diffusion module's input",
    "average": "decay of a moving average of the weights, 0 for none",
    "clip": "largest norm of the gradient, 0 for no limit",
    "precision": "fp32 or bf16 (mixed)",
    "checkpointing": "recompute activations in the backward pass: less memory, more time",
}
_LOSSES = {
    "infrared_weight": "lambda 1 of Eq. 13",
    "ssim_weight": "mu of Eq. 14",
    "gradient_weight": "lambda 2 of Eq. 18",
    "gradient_operator": "of Eq. 19: sobel, canny, log or roberts",
    "denoising_error": "of Eq. 17: squared or root",
}
_ARCHITECTURE = {
    "width": "channels of the encoder and the decoder",
    "heads": "of their attention",
    "encoders": "shared or separate",
    "transformer": "whether there is a DTB",
    "transformer_layers": "5 in the paper",
    "transformer_wiring": "chain or dense",
    "invertible": "whether there is a DIB",
    "invertible_layers": "3 in the paper",
    "invertible_wiring": "chain or dense",
    "attention": "whether there is a CSAB",
    "attention_modules": "shared or separate",
    "attention_order": "channel_first or spatial_first",
    "attention_ratio": "of the channel attention's MLP",
    "attention_kernel": "of the spatial attention",
    "pooling_mix": "learned, per_channel or fixed",
    "pooling_share": "share of max in mixed pooling, at the start or fixed",
    "diffusion": "whether there is a diffusion module",
    "latent_input_kernel": "1 or 3: convolution of Eq. 9",
    "latent_input_range": "unit or symmetric: of stage I's two-channel image",
    "unet_width": "channels of the UNet's first level",
    "unet_groups": "of its group normalisation",
    "unet_attention": "middle, eighth, sixteenth or eighth_only",
    "unet_dropout": "rate while training",
    "schedule": "of the noise: linear or cosine",
    "noise_steps": "list; [5, 50, 100] in the paper",
    "steps_combined": "mean or concatenate",
    "projection": "top_down, single_1x1 or single_3x3",
    "upsampling": "nearest or bilinear",
    "decoder_blocks": "transformer blocks of the decoder",
    "decoder_slope": "of its LeakyReLU",
    "add_visible": "add the image before the last sigmoid",
    "output_range": "clamp or minmax",
}
_UNDEFINED = "refused: the paper does not define it"

TRAININGS = (
    TrainingSpec(
        name="dmnet",
        entry="ivif_bench.fusion_models.dmnet.training:train_dmnet",
        title="DMNet, both stages",
        presets={
            "paper": "386 M parameters, 15 + 30 epochs, crops of 128; for GPUs",
            "lite": "1.6 M parameters, for dmnet-lite; about 40 minutes of one CPU core",
            "ae1": "ablation: stage II only, 45 epochs",
            "ae13": "ablation: two convolutions in place of the diffusion module",
            "ae14": "ablation: without CSAB",
            "no-dtb": "ablation: without DTB; part of AE8, AE9, AE11",
            "no-dib": "ablation: without DIB; part of AE7, AE12",
            "no-dtb-dib": "ablation: without DTB and DIB; part of AE2, AE3, AE10",
            **{f"ae{number}": _UNDEFINED for number in range(2, 13)},
        },
        options={**_RECIPE, **_LOSSES, **_ARCHITECTURE},
    ),
)
