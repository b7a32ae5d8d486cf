"""SegFormer and DeepLabV3+ by mmsegmentation: what there is, and how each network is configured.

SegFormer: Xie et al., NeurIPS 2021. DeepLabV3+: Chen et al., ECCV 2018. The configurations name
modules of mmsegmentation's registry; nothing is read from the network.
"""

from __future__ import annotations

from typing import Any

from ivif_bench.tasks.network.contract import NetworkSpec
from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import MmsegInference, MmsegTraining

# width of the first stage, layers per stage, parameters with nine classes
_SEGFORMER: dict[str, tuple[int, list[int], int]] = {
    "b0": (32, [2, 2, 2, 2], 3_717_481),
    "b1": (64, [2, 2, 2, 2], 13_680_585),
    "b2": (64, [3, 4, 6, 3], 24_725_449),
    "b3": (64, [3, 4, 18, 3], 44_601_289),
    "b4": (64, [3, 8, 27, 3], 61_371_849),
    "b5": (64, [3, 6, 40, 3], 81_972_169),
}
_DEEPLAB: dict[str, tuple[int, int]] = {
    "r18": (18, 12_467_022),
    "r50": (50, 43_582_178),
    "r101": (101, 62_574_306),
}

PACKAGES = ("onedl-mmsegmentation", "onedl-mmengine", "onedl-mmcv")
WARM = ("ivif_bench.tasks.segmentation.segmenters._mmseg:warm_up",)

_COUNTS = {
    **{
        (f"segformer-{size}", f"SegFormer-{size.upper()}"): count
        for size, (_, _, count) in _SEGFORMER.items()
    },
    **{
        (f"deeplabv3plus-{size}", f"DeepLabV3+ {size.upper()}"): count
        for size, (_, count) in _DEEPLAB.items()
    },
}

SPECS = tuple(
    NetworkSpec(
        name=name,
        entry="ivif_bench.tasks.segmentation.segmenters._mmseg:MmsegSegmenter",
        title=f"{title} ({count / 1e6:.1f} M)",
        parameters=count,
        licence="Apache-2.0 (mmsegmentation)",
        family="mmseg",
        modes=("retrain", "frozen", "released"),
        checkpoints=("last", "best"),
        inference=MmsegInference,
        training=MmsegTraining,
        version=2,
        packages=PACKAGES,
        warm=WARM,
    )
    for (name, title), count in _COUNTS.items()
)

_NORM = {"type": "BN", "requires_grad": True}
# For every fusion method alike, unless a protocol asks for those of the training images.
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


def network_config(network: str, classes: int, crop_size: tuple[int, int]) -> dict[str, Any]:
    """The configuration of a network for mmsegmentation's model registry.

    Args:
        network: registered name.
        crop_size: (height, width) that training batches are padded to.
    """
    family, _, size = network.partition("-")
    parts = _segformer(size, classes) if family == "segformer" else _deeplab(size, classes)
    return {"type": "EncoderDecoder", **around(crop_size), **parts}


def around(crop_size: tuple[int, int]) -> dict[str, Any]:
    """What protocols decide of every network: normalisation, padding, no window of mmsegmentation's."""
    return {
        "data_preprocessor": {
            "type": "SegDataPreProcessor",
            "mean": list(IMAGENET_MEAN),
            "std": list(IMAGENET_STD),
            "bgr_to_rgb": True,
            "pad_val": 0,
            "seg_pad_val": 255,
            "size": crop_size,
        },
        "train_cfg": {},
        "test_cfg": {"mode": "whole"},
    }


def _loss(weight: float = 1.0) -> dict[str, Any]:
    # avg_non_ignore: the mean is over labelled pixels, not diluted by padding
    return {"type": "CrossEntropyLoss", "loss_weight": weight, "avg_non_ignore": True}


def _segformer(size: str, classes: int) -> dict[str, Any]:
    width, layers, _ = _SEGFORMER[size]
    heads = [1, 2, 5, 8]
    return {
        "backbone": {
            "type": "MixVisionTransformer",
            "in_channels": 3,
            "embed_dims": width,
            "num_stages": 4,
            "num_layers": layers,
            "num_heads": heads,
            "patch_sizes": [7, 3, 3, 3],
            "sr_ratios": [8, 4, 2, 1],
            "out_indices": (0, 1, 2, 3),
            "mlp_ratio": 4,
            "qkv_bias": True,
            "drop_path_rate": 0.1,
        },
        "decode_head": {
            "type": "SegformerHead",
            "in_channels": [width * head for head in heads],
            "in_index": [0, 1, 2, 3],
            "channels": 256,
            "dropout_ratio": 0.1,
            "num_classes": classes,
            "norm_cfg": _NORM,
            "align_corners": False,
            "loss_decode": _loss(),
        },
    }


def _deeplab(size: str, classes: int) -> dict[str, Any]:
    depth, _ = _DEEPLAB[size]
    deep, shallow, middle, channels = (512, 64, 256, 128) if depth == 18 else (2048, 256, 1024, 512)
    head = {"num_classes": classes, "norm_cfg": _NORM, "align_corners": False, "dropout_ratio": 0.1}
    return {
        "backbone": {
            "type": "ResNetV1c",
            "depth": depth,
            "num_stages": 4,
            "out_indices": (0, 1, 2, 3),
            "dilations": (1, 1, 2, 4),
            "strides": (1, 2, 1, 1),
            "norm_cfg": _NORM,
            "norm_eval": False,
            "style": "pytorch",
            "contract_dilation": True,
        },
        "decode_head": {
            "type": "DepthwiseSeparableASPPHead",
            "in_channels": deep,
            "in_index": 3,
            "channels": channels,
            "dilations": (1, 12, 24, 36),
            "c1_in_channels": shallow,
            "c1_channels": 12 if depth == 18 else 48,
            "loss_decode": _loss(),
            **head,
        },
        "auxiliary_head": {
            "type": "FCNHead",
            "in_channels": middle,
            "in_index": 2,
            "channels": 64 if depth == 18 else 256,
            "num_convs": 1,
            "concat_input": False,
            "loss_decode": _loss(0.4),
            **head,
        },
    }
