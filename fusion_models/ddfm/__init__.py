"""DDFM: denoising diffusion model for multi-modality image fusion (Zhao et al., ICCV 2023)."""

from __future__ import annotations

from ivif_bench.ablation import AblationSpec
from ivif_bench.fusion import MethodSpec, Publication, WeightsSpec
from ivif_bench.fusion_models.ddfm.options import DDFMLiteOptions, DDFMOptions
from ivif_bench.fusion_models.ddfm.recipes import PRESETS, PriorSettings
from ivif_bench.training import TrainingSpec

_PAPER = (
    "Zhao et al., DDFM: Denoising Diffusion Model for Multi-Modality Image Fusion, ICCV 2023, "
    "pp. 8082-8093, arXiv:2303.06840"
)
_WARM = ("diffusers.models.unets.unet_2d",)

_BIBTEX = """\
@inproceedings{zhao2023ddfm,
  author = {Zhao, Z. and Bai, H. and Zhu, Y. and Zhang, J. and Xu, S. and Zhang, Y. and Zhang, K.
            and Meng, D. and Timofte, R. and {Van Gool}, L.},
  title = {{DDFM}: Denoising Diffusion Model for Multi-Modality Image Fusion},
  booktitle = {IEEE/CVF International Conference on Computer Vision (ICCV)},
  pages = {8082--8093},
  year = {2023}
}
"""
_PUBLISHED = Publication(
    "ICCV, pp. 8082-8093", 2023, "github.com/Zhaozixiang1228/MMIF-DDFM", "589f5cb", _BIBTEX
)

SPECS = (
    MethodSpec(
        name="ddfm",
        entry="ivif_bench.fusion_models.ddfm.method:DDFM",
        title="DDFM",
        paper=_PAPER,
        licence="code Apache-2.0; the prior's weights are OpenAI's, for research only",
        published=_PUBLISHED,
        stride=32,
        parameters=552_814_086,
        counted="ivif_bench.fusion_models.ddfm.cost:count_operations",
        options=DDFMOptions,
        warm=_WARM,
        weights=(
            WeightsSpec(
                name="ddfm-adm256.safetensors",
                original="256x256_diffusion_uncond.pt",
                url="https://openaipublic.blob.core.windows.net/diffusion/jul-2021/"
                "256x256_diffusion_uncond.pt",
                size=2_210_000_000,
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
        published=_PUBLISHED,
        version=2,
        stride=64,
        parameters=5_009_827,
        seconds=76.0,  # 100 steps
        options=DDFMLiteOptions,
        warm=_WARM,
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
        presets=PRESETS,
        options=PriorSettings,
    ),
)

ABLATIONS = (
    AblationSpec(
        name="ddfm-2",
        entry="ivif_bench.fusion_models.ddfm.ablations:TABLE_2",
        title="Ablation of DDFM, rows of its Table 2",
        method="ddfm",
        lite="ddfm-lite",
        published="ddfm-ablation",
    ),
)
