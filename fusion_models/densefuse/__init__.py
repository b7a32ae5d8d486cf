"""DenseFuse: features of a dense encoder, combined by a rule without weights, and one decoder.

Li, Wu: "DenseFuse: A Fusion Approach to Infrared and Visible Images", IEEE Transactions on Image
Processing 28(5), 2019. The authors published a TensorFlow program, which made the paper's images, and a
PyTorch one with weights of another training and another rule; each is a method of its own here.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ivif_bench.fusion import FileBeside, MethodSpec, Publication, Recipe, WeightsSpec
from ivif_bench.fusion_models.compared.method import ComparedOptions


class _RuleOptions(ComparedOptions):
    def recipe(self) -> Recipe:
        usual = super().recipe()
        return Recipe(f"rule {self.rule}, {usual.text}", usual.stretched)  # type: ignore[attr-defined]


class DenseFuseOptions(_RuleOptions):
    """Options of DenseFuse by the TensorFlow program."""

    saving: ClassVar[str] = "stretched from minimum to maximum"
    stretched: ClassVar[bool] = True

    rule: Literal["addition", "l1"] = Field(
        "addition",
        description="sum of the features, or their mean weighted by the l1 norm over channels of each "
        "(the program does not average the norms over 3x3 pixels as the paper does)",
    )


class DenseFuseTorchOptions(_RuleOptions):
    """Options of DenseFuse by the PyTorch program."""

    saving: ClassVar[str] = "clipped and truncated"

    rule: Literal["mean", "l1"] = Field(
        "mean",
        description="mean of the features, the program's only working rule, or the TensorFlow program's "
        "l1 rule, which the authors never published for these weights",
    )


_PAPER = (
    "Li, Wu, DenseFuse: A Fusion Approach to Infrared and Visible Images, IEEE Transactions on Image "
    "Processing 28(5), 2019, pp. 2614-2623"
)
_VENUE = "IEEE Transactions on Image Processing 28(5), 2614-2623"
_LICENCE = "code Apache-2.0; the authors' weights carry no licence"
_TERMS = "no licence is stated: all rights reserved; get it from the authors"
_TF = "github.com/hli1221/imagefusion_densefuse"
_TORCH = "github.com/hli1221/densefuse-pytorch"
_TF_FILE = "densefuse_model_bs2_epoch4_all_weight_1e2.ckpt"
_TF_URL = f"https://{_TF}/raw/ef23f0f/models/densefuse_gray/{_TF_FILE}"

SPECS = (
    MethodSpec(
        name="densefuse",
        entry="ivif_bench.fusion_models.densefuse.method:DenseFuse",
        title="DenseFuse",
        paper=_PAPER,
        licence=_LICENCE,
        published=Publication(_VENUE, 2019, _TF, "ef23f0f"),
        smallest=2,
        parameters=74_193,
        seconds=4.7,
        options=DenseFuseOptions,
        weights=(
            WeightsSpec(
                name="densefuse.safetensors",
                original=f"densefuse/{_TF_FILE}.index",
                url=f"{_TF_URL}.index",
                original_sha256="4fe80abfe63aa0feb62ee3230b8aff31a116d6d54a82bec55545baed76ebdcb8",
                beside=(
                    FileBeside(
                        f"densefuse/{_TF_FILE}.data-00000-of-00001",
                        f"{_TF_URL}.data-00000-of-00001",
                        "f98c931b21b1977e348627457037cfa73211e882c1cec66cef0010134040aae6",
                    ),
                ),
                converter="ivif_bench.fusion_models.densefuse.method:convert_tf_file",
                source=f"models/densefuse_gray/{_TF_FILE} (SSIM weight 100) in {_TF} at ef23f0f",
                terms=_TERMS,
            ),
        ),
        alternative="average-stretched",
    ),
    MethodSpec(
        name="densefuse-torch",
        entry="ivif_bench.fusion_models.densefuse.method:DenseFuseTorch",
        title="DenseFuse (PyTorch)",
        paper=f"{_PAPER}; the authors' later program",
        licence=_LICENCE,
        published=Publication(_VENUE, 2019, _TORCH, "4394b63"),
        smallest=2,
        parameters=74_193,
        seconds=4.7,
        options=DenseFuseTorchOptions,
        weights=(
            WeightsSpec(
                name="densefuse-torch.safetensors",
                original="densefuse_gray.model",
                url=f"https://{_TORCH}/raw/4394b63/models/densefuse_gray.model",
                original_sha256="b34cf3650f04161b31ac2467decfeedf7eba39165b7618f846e0f298ecd2ac65",
                converter="ivif_bench.fusion_models.densefuse.method:convert_torch_file",
                source=f"models/densefuse_gray.model in {_TORCH} at 4394b63",
                terms=_TERMS,
            ),
        ),
        alternative="average",
    ),
)
