"""DMFuse: diffusion features of both images, criss-cross attention between them, one decoder.

Qi, Zhang, Wang: "DMFuse: Diffusion Model Guided Cross-Attention Learning for Infrared and Visible
Image Fusion", Chinese Journal of Information Fusion 1(3), 2024. Described in docs/methods/dmfuse.md.
"""

from __future__ import annotations

from ivif_bench.fusion import MethodSpec, Publication, WeightsSpec
from ivif_bench.fusion_models.dmfuse.options import DMFuseLiteOptions, DMFuseOptions
from ivif_bench.fusion_models.dmfuse.recipes import (
    HEAD_PRESETS,
    PRIOR_PRESETS,
    HeadSettings,
    PriorSettings,
)
from ivif_bench.training import TrainingSpec

_PAPER = (
    "Qi, Zhang, Wang, DMFuse: Diffusion Model Guided Cross-Attention Learning for Infrared and "
    "Visible Image Fusion, Chinese Journal of Information Fusion 1(3), 2024, pp. 226-242, "
    "doi 10.62762/CJIF.2024.655617"
)
_TERMS = "the authors state no licence: all rights reserved; get it from them, never shipped here"

_BIBTEX = """\
@article{qi2024dmfuse,
  author = {Qi and Zhang and Wang},
  title = {{DMFuse}: Diffusion Model Guided Cross-Attention Learning for Infrared and Visible Image Fusion},
  journal = {Chinese Journal of Information Fusion},
  volume = {1},
  number = {3},
  pages = {226--242},
  year = {2024},
  doi = {10.62762/CJIF.2024.655617}
}
"""
_PUBLISHED = Publication(
    "Chinese Journal of Information Fusion 1(3), pp. 226-242",
    2024,
    "github.com/Zhishe-Wang/DMFuse",
    "6b763d6",
    _BIBTEX,
)

SPECS = (
    MethodSpec(
        name="dmfuse",
        entry="ivif_bench.fusion_models.dmfuse.method:DMFuse",
        title="DMFuse",
        paper=_PAPER,
        licence="code Apache-2.0; the authors' weights carry no licence",
        published=_PUBLISHED,
        stride=32,
        parameters=25_124_321,
        options=DMFuseOptions,
        weights=(
            WeightsSpec(
                name="dmfuse/ddpm_gen.pth",
                source="Baidu Netdisk, linked in the readme of github.com/Zhishe-Wang/DMFuse, "
                "extraction code IMAG",
                terms=_TERMS,
                option="diffusion",
            ),
            WeightsSpec(
                name="dmfuse/model.model",
                sha256="68aa21e4dcdfffb6f1bdf2cf081e2348fa3e1fd45ebd9f3b713797625b6257d7",
                url="https://github.com/Zhishe-Wang/DMFuse/raw/6b763d6/models/model.model",
                size=2_626_849,
                source="models/model.model in github.com/Zhishe-Wang/DMFuse",
                terms=_TERMS,
                option="head",
            ),
        ),
        alternative="dmfuse-lite",
    ),
    MethodSpec(
        name="dmfuse-lite",
        entry="ivif_bench.fusion_models.dmfuse.method:DMFuseLite",
        title="DMFuse-lite",
        paper=f"the method of {_PAPER}, narrower and trained by this project",
        licence="code Apache-2.0; weights for research only, see fusion_models/weights/dmfuse-lite.md",
        published=_PUBLISHED,
        stride=32,
        parameters=1_618_965,
        seconds=14.0,
        options=DMFuseLiteOptions,
        weights=(
            WeightsSpec(
                name="dmfuse-lite.safetensors",
                sha256="fcbef66880a95963dc9dc97fdda3ffc2cbe131dedde2f8d6bb91004cb00138df",
                terms="research only: some training images are non-commercial or unlicensed",
                shipped=True,
            ),
        ),
    ),
)

TRAININGS = (
    TrainingSpec(
        name="dmfuse-prior",
        entry="ivif_bench.fusion_models.dmfuse.training_prior:train_prior",
        title="diffusion network whose features DMFuse fuses",
        presets=PRIOR_PRESETS,
        options=PriorSettings,
    ),
    TrainingSpec(
        name="dmfuse",
        entry="ivif_bench.fusion_models.dmfuse.training_head:train_head",
        title="fusion head of DMFuse on a frozen diffusion network",
        presets=HEAD_PRESETS,
        options=HeadSettings,
    ),
)
