"""DDFM: denoising diffusion model for multi-modality image fusion (Zhao et al., ICCV 2023)."""

from __future__ import annotations

from ivif_bench.fusion import MethodSpec, WeightsSpec
from ivif_bench.training import TrainingSpec

_PAPER = (
    "Zhao et al., DDFM: Denoising Diffusion Model for Multi-Modality Image Fusion, ICCV 2023, "
    "pp. 8082-8093, arXiv:2303.06840"
)
_OPTIONS = {
    "weights": "file of the prior (safetensors); by default where 'weights fetch' puts it",
    "variant": "released (default), paper or older: whose equations; see docs/methods/ddfm.md",
    "steps": "length of the chain, 1 to 1000; 100 by default, as released",
    "roles": "which image is a: the visible one (released) or the infrared one (paper); by variant",
    "gradient": "open or circular differences in the EM step; by variant",
    "range": "scale in which the estimate's luma is read: studio or full; by variant",
    "psi": "weight of the smoothness term, 0.5 by default",
    "penalty": "eta (rho) of the EM step; 0.001, or 0.1 for the paper's variant",
    "eta": "share of fresh noise in a step, 0 (DDIM) to 1 (DDPM); by variant",
    "clamp": "apply D <= 2C in the EM step; true by default",
    "ablation": "no_ddpm, no_tv, phi_0.1 or phi_1: a row of the paper's Table 2",
    "rgb": "give the visible image's colour back; false by default",
    "seed": "one seed for every image, 3407 as released; by default each image has its own",
    "precision": "of the network: fp32 (default), bf16 or fp16",
    "compile": "torch.compile the network; false by default",
    "device": "cpu, cuda or auto (default)",
}

SPECS = (
    MethodSpec(
        name="ddfm",
        entry="ivif_bench.fusion_models.ddfm.method:DDFM",
        title="DDFM",
        paper=_PAPER,
        licence="code Apache-2.0; the prior's weights are OpenAI's, for research only",
        stride=32,
        parameters=552_814_086,
        options=_OPTIONS,
        weights=(
            WeightsSpec(
                name="ddfm-adm256.safetensors",
                original="256x256_diffusion_uncond.pt",
                url="https://openaipublic.blob.core.windows.net/diffusion/jul-2021/"
                "256x256_diffusion_uncond.pt",
                converter="ivif_bench.fusion_models.ddfm.convert:convert_file",
                terms="OpenAI's model card: research only, not for deployment; never shipped here",
            ),
        ),
        alternative="ddfm-lite",
    ),
    MethodSpec(
        name="ddfm-lite",
        entry="ivif_bench.fusion_models.ddfm.method:DDFMLite",
        title="DDFM-lite",
        paper=f"the method of {_PAPER}, with a small prior of this project's",
        licence="code Apache-2.0; weights for research only, see fusion_models/weights/ddfm-lite.md",
        stride=16,
        parameters=5_009_827,
        options=_OPTIONS,
        weights=(
            WeightsSpec(
                name="ddfm-lite.safetensors",
                sha256="6c057c528b04196182ec169617daf0fb8fca74b9e7187ad1d6aaa2ac32ef77c9",
                terms="research only: some training images are non-commercial or unlicensed",
                shipped=True,
            ),
        ),
    ),
)

TRAININGS = (
    TrainingSpec(
        name="ddfm",
        entry="ivif_bench.fusion_models.ddfm.training:train_prior",
        title="unconditional diffusion prior of DDFM",
        presets={
            "lite": "5 M parameters, for ddfm-lite; hours on one CPU core",
            "tiny": "20 thousand parameters, seconds; shows that everything works",
        },
        options={
            "batch": "images of 64x64 in a step",
            "learning_rate": "peak of the learning rate",
            "precision": "fp32 or bf16 (mixed)",
            "average": "decay of the moving average of the weights",
        },
    ),
)
