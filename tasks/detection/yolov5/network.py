"""The layers of the original YOLOv5, which its checkpoints are unpickled onto as well.

A checkpoint of ultralytics/yolov5 is a pickled tree of modules. Unpickled onto these classes, it
needs no clone of that repository and runs none of its code. Sources: the fact sheets of detection,
part 5, and of YOLOv5 training, part 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

# Augmentation at test time: scale, and whether it is mirrored.
_VIEWS = ((1, False), (0.83, True), (0.67, False))
_PADDING = 0.447


class Conv(nn.Module):
    """Convolution, batch norm (absent once fused) and activation."""

    conv: nn.Module
    act: nn.Module

    def __init__(
        self, given: int, made: int, kernel: int = 1, stride: int = 1, padding: int | None = None
    ) -> None:
        super().__init__()
        padding = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(given, made, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(made)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        norm = self._modules.get("bn")
        return torch.as_tensor(self.act(x if norm is None else norm(x)))


class Bottleneck(nn.Module):
    """Two convolutions, with a shortcut where the shapes allow one."""

    cv1: nn.Module
    cv2: nn.Module
    add: bool

    def __init__(self, width: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1 = Conv(width, width)
        self.cv2 = Conv(width, width, 3)
        self.add = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C3(nn.Module):
    """Two branches, one through bottlenecks, joined by a convolution."""

    cv1: nn.Module
    cv2: nn.Module
    cv3: nn.Module
    m: nn.Module

    def __init__(self, given: int, made: int, repeats: int, shortcut: bool) -> None:
        super().__init__()
        half = made // 2
        self.cv1 = Conv(given, half)
        self.cv2 = Conv(given, half)
        self.cv3 = Conv(2 * half, made)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(repeats)))

    def forward(self, x: Tensor) -> Tensor:
        joined: Tensor = self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), dim=1))
        return joined


class SPPF(nn.Module):
    """Three max pools in a row."""

    cv1: nn.Module
    cv2: nn.Module
    m: nn.Module

    def __init__(self, given: int, made: int, kernel: int) -> None:
        super().__init__()
        half = given // 2
        self.cv1 = Conv(given, half)
        self.cv2 = Conv(4 * half, made)
        self.m = nn.MaxPool2d(kernel, 1, kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cv1(x)
        once = self.m(x)
        twice = self.m(once)
        joined: Tensor = self.cv2(torch.cat((x, once, twice, self.m(twice)), dim=1))
        return joined


class SPP(nn.Module):
    """Max pools of several sizes side by side (files older than v6)."""

    cv1: nn.Module
    cv2: nn.Module
    m: nn.ModuleList

    def forward(self, x: Tensor) -> Tensor:
        x = self.cv1(x)
        joined: Tensor = self.cv2(torch.cat([x, *(pool(x) for pool in self.m)], dim=1))
        return joined


class Focus(nn.Module):
    """Every second pixel into channels (files older than v6)."""

    conv: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        parts = (x[..., r::2, c::2] for c in (0, 1) for r in (0, 1))
        return torch.as_tensor(self.conv(torch.cat(tuple(parts), dim=1)))


class Concat(nn.Module):
    """Joins the outputs of several layers."""

    d: int

    def __init__(self) -> None:
        super().__init__()
        self.d = 1

    def forward(self, xs: list[Tensor]) -> Tensor:
        return torch.cat(xs, dim=self.d)


class Detect(nn.Module):
    """The anchor head: per level a 1x1 convolution; ``anchors`` are in cells of their level."""

    m: nn.ModuleList
    na: int
    no: int
    anchors: Tensor
    stride: Tensor

    def __init__(
        self, widths: Sequence[int], classes: int, anchors: Tensor, strides: Sequence[float]
    ) -> None:
        super().__init__()
        self.na = anchors.shape[1]
        self.no = classes + 5
        self.stride = torch.tensor(strides, dtype=torch.float32)
        self.register_buffer("anchors", anchors / self.stride.view(-1, 1, 1))
        self.m = nn.ModuleList(nn.Conv2d(width, self.na * self.no, 1) for width in widths)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Raw predictions of each level, [B, anchors, H, W, 5 + classes]."""
        found = []
        for level, convolution in zip(levels, self.m, strict=True):
            raw = convolution(level)
            batch, _, height, width = raw.shape
            split = raw.view(batch, self.na, self.no, height, width)
            found.append(split.permute(0, 1, 3, 4, 2))
        return found

    def decode(self, levels: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Candidates of raw predictions.

        Returns:
            Boxes [B, N, 4], centre and size in input pixels, and scores [B, N, 1 + classes]:
            objectness, and the probability of each class given an object.
        """
        boxes, scores = [], []
        for index, raw in enumerate(levels):
            height, width = raw.shape[2:4]
            out = raw.sigmoid()
            stride = float(self.stride[index])
            rows, columns = torch.meshgrid(
                torch.arange(height, device=raw.device),
                torch.arange(width, device=raw.device),
                indexing="ij",
            )
            cell = torch.stack((columns, rows), dim=-1).to(out.dtype)
            anchor = self.anchors[index].view(1, self.na, 1, 1, 2) * stride
            xy = (out[..., 0:2] * 2 - 0.5 + cell) * stride
            wh = (out[..., 2:4] * 2) ** 2 * anchor
            boxes.append(torch.cat((xy, wh), dim=-1).flatten(1, 3))
            scores.append(out[..., 4:].flatten(1, 3))
        return torch.cat(boxes, dim=1), torch.cat(scores, dim=1)


class Model(nn.Module):
    """Layers with their sources: ``f`` is -1 (the layer before) or layer numbers."""

    model: nn.Sequential
    save: list[int]

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)
        sources: list[Any] = [layer.f for layer in layers]
        wanted = [source if isinstance(source, list) else [source] for source in sources]
        self.save = sorted({int(number) for each in wanted for number in each if number != -1})

    @property
    def detect(self) -> Detect:
        """The head, which is the last layer."""
        head = self.model[-1]
        assert isinstance(head, Detect)
        return head

    def forward(self, x: Tensor) -> list[Tensor]:
        """Raw predictions of each level, [B, anchors, H, W, 5 + classes]; ``x`` is [B, 3, H, W]."""
        kept: dict[int, Any] = {}
        value: Any = x
        for layer in self.model:
            source: Any = layer.f
            if isinstance(source, int):
                given = value if source == -1 else kept[source]
            else:
                given = [value if number == -1 else kept[number] for number in source]
            value = layer(given)
            if layer.i in self.save:
                kept[int(layer.i)] = value
        levels: list[Tensor] = value
        return levels

    def candidates(self, x: Tensor, augment: bool = False) -> tuple[Tensor, Tensor]:
        """Boxes [B, N, 4] (centre, size; pixels) and scores [B, N, classes] of a batch.

        Args:
            x: float [B, 3, H, W], sides that are multiples of 32.
            augment: see the batch at three sizes, as ``augmented``.
        """
        boxes, scores = augmented(self, x) if augment else self.detect.decode(self(x))
        return boxes, scores[..., :1] * scores[..., 1:]


def augmented(network: Model, x: Tensor) -> tuple[Tensor, Tensor]:
    """As ``Detect.decode``, of a batch at sizes 1, 0.83 (mirrored) and 0.67, joined.

    The coarsest level of the first size and the finest of the last are left out. Source: the fact
    sheet of YOLOv5 training, part 8.
    """
    height, width = x.shape[2:]
    boxes, scores = [], []
    for scale, mirrored in _VIEWS:
        view = x.flip(3) if mirrored else x
        if scale != 1:
            size = (int(height * scale), int(width * scale))
            view = interpolate(view, size=size, mode="bilinear", align_corners=False)
            below, right = (math.ceil(side * scale / 32) * 32 for side in (height, width))
            view = pad(view, (0, right - size[1], 0, below - size[0]), value=_PADDING)
        levels = network(view)
        found, sure = network.detect.decode(levels)
        found = found / scale
        if mirrored:
            found = torch.cat((width - found[..., :1], found[..., 1:]), dim=-1)
        counts = [level[0, ..., 0].numel() for level in levels]
        first = counts[0] if scale == _VIEWS[-1][0] else 0
        last = len(found[0]) - (counts[-1] if scale == _VIEWS[0][0] else 0)
        boxes.append(found[:, first:last])
        scores.append(sure[:, first:last])
    return torch.cat(boxes, dim=1), torch.cat(scores, dim=1)


# The only foreign names that a checkpoint may hold, and what takes their place.
STAND_INS: dict[str, type[nn.Module]] = {
    "models.common.Conv": Conv,
    "models.common.Bottleneck": Bottleneck,
    "models.common.C3": C3,
    "models.common.SPPF": SPPF,
    "models.common.SPP": SPP,
    "models.common.Focus": Focus,
    "models.common.Concat": Concat,
    "models.yolo.Detect": Detect,
    "models.yolo.Model": Model,
    "models.yolo.DetectionModel": Model,
}
