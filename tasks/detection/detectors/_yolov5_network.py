"""Stand-ins for the classes that an original YOLOv5 checkpoint names; inference only.

A checkpoint of ultralytics/yolov5 is a pickled tree of modules. Unpickled onto these classes, it
needs no clone of that repository and runs none of its code. What each one computes is written
down in the fact sheet of detection, part 5; nothing here is copied.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """Convolution, batch norm (absent once fused) and activation."""

    conv: nn.Module
    act: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        norm = self._modules.get("bn")
        return torch.as_tensor(self.act(x if norm is None else norm(x)))


class Bottleneck(nn.Module):
    """Two convolutions, with a shortcut where the shapes allow one."""

    cv1: nn.Module
    cv2: nn.Module
    add: bool

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C3(nn.Module):
    """Two branches, one through bottlenecks, joined by a convolution."""

    cv1: nn.Module
    cv2: nn.Module
    cv3: nn.Module
    m: nn.Module

    def forward(self, x: Tensor) -> Tensor:
        joined: Tensor = self.cv3(torch.cat((self.m(self.cv1(x)), self.cv2(x)), dim=1))
        return joined


class SPPF(nn.Module):
    """Three max pools in a row."""

    cv1: nn.Module
    cv2: nn.Module
    m: nn.Module

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

    def forward(self, xs: list[Tensor]) -> Tensor:
        return torch.cat(xs, dim=self.d)


class Detect(nn.Module):
    """The anchor head: per level a 1x1 convolution, decoded into boxes and scores."""

    m: nn.ModuleList
    na: int
    no: int
    anchors: Tensor
    stride: Tensor

    def forward(self, levels: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Candidates of one batch: xywh [B, N, 4] in input pixels, scores [B, N, classes]."""
        boxes, scores = [], []
        for index, (level, convolution) in enumerate(zip(levels, self.m, strict=True)):
            raw = convolution(level)
            batch, _, height, width = raw.shape
            out = raw.view(batch, self.na, self.no, height, width).permute(0, 1, 3, 4, 2).sigmoid()
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
            scores.append((out[..., 4:5] * out[..., 5:]).flatten(1, 3))
        return torch.cat(boxes, dim=1), torch.cat(scores, dim=1)


class Model(nn.Module):
    """Layers with their sources: ``f`` is -1 (the layer before) or layer numbers."""

    model: nn.Sequential
    save: list[int]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
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
        boxes, scores = value
        return boxes, scores


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
