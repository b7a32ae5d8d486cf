"""DenseFuse: features of a dense encoder, combined by a rule without weights, and one decoder.

Li, Wu: "DenseFuse: A Fusion Approach to Infrared and Visible Images", IEEE Transactions on Image
Processing 28(5), 2019. The authors published a TensorFlow program, which made the paper's images, and a
PyTorch one with weights of another training and another rule; each is a method of its own here.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from ivif_bench.fusion import Recipe
from ivif_bench.fusion_models.compared.declared import Paper, method_spec
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


_PAPER = Paper(
    "li2019densefuse",
    "Li, Hui and Wu, Xiao-Jun",
    "{DenseFuse}: A Fusion Approach to Infrared and Visible Images",
    "IEEE Transactions on Image Processing",
    2019,
    "28(5)",
    "2614-2623",
)
_METHOD = f"{__name__}.method"

SPECS = (
    method_spec(
        _METHOD,
        "densefuse",
        f"{_METHOD}:DenseFuse",
        "DenseFuse",
        DenseFuseOptions,
        _PAPER,
        repository="github.com/hli1221/imagefusion_densefuse",
        commit="ef23f0f",
        licence="none",
        # The file of SSIM weight 100, which the authors' test script takes.
        original="densefuse/densefuse_model_bs2_epoch4_all_weight_1e2.ckpt.index",
        sha256="4fe80abfe63aa0feb62ee3230b8aff31a116d6d54a82bec55545baed76ebdcb8",
        path="models/densefuse_gray/densefuse_model_bs2_epoch4_all_weight_1e2.ckpt.index",
        data_sha256="f98c931b21b1977e348627457037cfa73211e882c1cec66cef0010134040aae6",
        converter="convert_tf_file",
        parameters=74_193,
        seconds=4.7,
        smallest=2,
        alternative="average-stretched",
    ),
    method_spec(
        _METHOD,
        "densefuse-torch",
        f"{_METHOD}:DenseFuseTorch",
        "DenseFuse (PyTorch)",
        DenseFuseTorchOptions,
        _PAPER,
        repository="github.com/hli1221/densefuse-pytorch",
        commit="4394b63",
        licence="none",
        original="densefuse_gray.model",
        sha256="b34cf3650f04161b31ac2467decfeedf7eba39165b7618f846e0f298ecd2ac65",
        path="models/densefuse_gray.model",
        converter="convert_torch_file",
        note="the authors' later program",
        parameters=74_193,
        seconds=4.7,
        smallest=2,
        alternative="average",
    ),
)
