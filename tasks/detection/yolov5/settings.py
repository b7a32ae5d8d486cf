"""Settings of the loss and the optimizer; without torch, so that listing networks stays quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OptimizerName = Literal["SGD", "Adam", "AdamW"]


@dataclass(frozen=True)
class LossSettings:
    """Weights and switches of the loss, as hyper-parameter files give them.

    Attributes:
        box, obj, cls: weights of the three parts, before they are scaled for levels, classes, size.
        obj_pw, cls_pw: weights of positive targets.
        anchor_t: largest factor between an object's sides and those of its anchor.
        fl_gamma: exponent of the focal loss; 0 is none.
        label_smoothing: targets of classes are this far from 0 and 1, in all.
        sort_overlaps: of several objects in one cell the one with the largest overlap counts, not
            the last one.
        autobalance: the weights of the levels follow their losses.
    """

    box: float = 0.05
    obj: float = 1.0
    cls: float = 0.5
    obj_pw: float = 1.0
    cls_pw: float = 1.0
    anchor_t: float = 4.0
    fl_gamma: float = 0.0
    label_smoothing: float = 0.0
    sort_overlaps: bool = False
    autobalance: bool = False
