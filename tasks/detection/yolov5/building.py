"""New networks of the original YOLOv5, v6.0 to v7.0, in five sizes.

Source: the fact sheet of YOLOv5 training, part 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.yolov5.network import C3, SPPF, Concat, Conv, Detect, Model
from ivif_bench.tasks.detection.yolov5.rules import RULES, Rules

STRIDES = (8.0, 16.0, 32.0)
# Pixels; three anchors for each stride.
ANCHORS = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)
# Factors of depth (repeated blocks) and width (channels).
SIZES = {
    "n": (0.33, 0.25),
    "s": (0.33, 0.50),
    "m": (0.67, 0.75),
    "l": (1.0, 1.0),
    "x": (1.33, 1.25),
}
LAST = 24  # number of the head's layer
_OBJECTS_PER_IMAGE = 8  # of an image of 640 pixels, for the initial bias of objectness


def build(
    depth: float,
    width: float,
    classes: int,
    rules: Rules = RULES["v7.0"],
    anchors: Tensor | None = None,
) -> Model:
    """A network with random weights from torch's generator, float32, in training mode.

    Args:
        depth, width: factors, as in ``SIZES``.
        classes: number of classes.
        anchors: float [3, A, 2], pixels; None for those of the published files.
    """
    given = torch.tensor(ANCHORS, dtype=torch.float32) if anchors is None else anchors

    def channels(wanted: int) -> int:
        return 8 * math.ceil(wanted * width / 8)

    def repeats(wanted: int) -> int:
        return max(round(wanted * depth), 1)  # halves go to the even number

    c64, c128, c256, c512, c1024 = (channels(number) for number in (64, 128, 256, 512, 1024))
    # (source, layer); a source is the layer before (-1) or numbers of layers
    layers: list[tuple[int | list[int], nn.Module]] = [
        (-1, Conv(3, c64, 6, 2, 2)),
        (-1, Conv(c64, c128, 3, 2)),
        (-1, C3(c128, c128, repeats(3), True)),
        (-1, Conv(c128, c256, 3, 2)),
        (-1, C3(c256, c256, repeats(6), True)),
        (-1, Conv(c256, c512, 3, 2)),
        (-1, C3(c512, c512, repeats(9), True)),
        (-1, Conv(c512, c1024, 3, 2)),
        (-1, C3(c1024, c1024, repeats(3), True)),
        (-1, SPPF(c1024, c1024, 5)),
        (-1, Conv(c1024, c512)),
        (-1, nn.Upsample(scale_factor=2, mode="nearest")),
        ([-1, 6], Concat()),
        (-1, C3(2 * c512, c512, repeats(3), False)),
        (-1, Conv(c512, c256)),
        (-1, nn.Upsample(scale_factor=2, mode="nearest")),
        ([-1, 4], Concat()),
        (-1, C3(2 * c256, c256, repeats(3), False)),
        (-1, Conv(c256, c256, 3, 2)),
        ([-1, 14], Concat()),
        (-1, C3(2 * c256, c512, repeats(3), False)),
        (-1, Conv(c512, c512, 3, 2)),
        ([-1, 10], Concat()),
        (-1, C3(2 * c512, c1024, repeats(3), False)),
        ([17, 20, 23], Detect((c256, c512, c1024), classes, given, STRIDES)),
    ]
    for number, (source, layer) in enumerate(layers):
        layer.__dict__.update(i=number, f=source)
    network = Model([layer for _, layer in layers])
    _initialise(network, classes, rules)
    return network


def network_for(size: str, state: Mapping[str, Tensor], classes: int, path: Path) -> Model:
    """A network of the shape that weights are for; ``fill`` puts them in.

    Args:
        size: letter of the size.
        classes: number of class names that come with the weights.

    Raises:
        UserError: the weights have no head of YOLOv5, or one for another number of classes.
    """
    anchors = check_head(state, LAST, classes, path)
    return build(*SIZES[size], classes, anchors=anchors.float())


def check_head(state: Mapping[str, Tensor], layer: int, classes: int, path: Path) -> Tensor:
    """Refuse weights whose head is not that of a YOLOv5 for so many classes; returns its anchors.

    Args:
        layer: number of the head.

    Raises:
        UserError: it is not; nothing of the claimed size has been made yet.
    """
    anchors, bias = state.get(f"model.{layer}.anchors"), state.get(f"model.{layer}.m.0.bias")
    if (
        anchors is None
        or bias is None
        or bias.ndim != 1
        or anchors.ndim != 3
        or 0 in anchors.shape
        or (layer == LAST and len(anchors) != len(STRIDES))
        or anchors.shape[2] != 2
    ):
        raise UserError(f"weights {path}: not those of an original YOLOv5")
    if len(bias) != anchors.shape[1] * (5 + classes):
        raise UserError(
            f"weights {path}: {len(bias)} outputs for {anchors.shape[1]} anchors are not those of "
            f"the {classes} classes that it names"
        )
    return anchors


def initial_biases(stride: float, classes: int, rules: Rules) -> tuple[float, float]:
    """Added to the biases of a level's objectness and class scores in a new network."""
    objectness = math.log(_OBJECTS_PER_IMAGE / (640 / stride) ** 2)
    return objectness, math.log(0.6 / (classes - rules.class_prior))


def _initialise(network: Model, classes: int, rules: Rules) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps, module.momentum = 1e-3, 0.03
            # The reference finds strides by a pass of a black image at torch's own momentum, 0.1.
            module.running_var.mul_(0.9)  # type: ignore[union-attr]
            module.num_batches_tracked.fill_(1)  # type: ignore[union-attr]
    head = network.detect
    with torch.no_grad():
        for convolution, stride in zip(head.m, STRIDES, strict=True):
            bias = convolution.bias.view(head.na, head.no)  # type: ignore[union-attr,operator]
            objectness, label = initial_biases(stride, classes, rules)
            bias[:, 4] += objectness
            bias[:, 5:] += label
