"""The hyper-parameter files that YOLOv5 was published with, by name.

Source: the fact sheet of YOLOv5 training, part 3 (v6.2 and v7.0; earlier ones differ as stated there).
"""

from __future__ import annotations

from typing import Any

from ivif_bench.errors import UserError

_LOW: dict[str, Any] = {
    "lr0": 0.01,
    "lrf": 0.01,
    "momentum": 0.937,
    "weight_decay": 0.0005,
    "warmup_epochs": 3.0,
    "warmup_momentum": 0.8,
    "warmup_bias_lr": 0.1,
    "box": 0.05,
    "cls": 0.5,
    "cls_pw": 1.0,
    "obj": 1.0,
    "obj_pw": 1.0,
    "anchor_t": 4.0,
    "anchors": None,
    "fl_gamma": 0.0,
}
_AUGMENTATION: dict[str, Any] = {
    "hsv_h": 0.015,
    "hsv_s": 0.7,
    "hsv_v": 0.4,
    "degrees": 0.0,
    "translate": 0.1,
    "scale": 0.5,
    "shear": 0.0,
    "perspective": 0.0,
    "flipud": 0.0,
    "fliplr": 0.5,
    "mosaic": 1.0,
    "mixup": 0.0,
    "copy_paste": 0.0,
}
_MED = {"lrf": 0.1, "cls": 0.3, "obj": 0.7, "augmentation": {"scale": 0.9, "mixup": 0.1}}
PRESETS: dict[str, dict[str, Any]] = {
    "scratch-low": {},
    "scratch-med": _MED,
    "scratch-high": {**_MED, "augmentation": {"scale": 0.9, "mixup": 0.1, "copy_paste": 0.1}},
    "VOC": {
        "lr0": 0.00334,
        "lrf": 0.15135,
        "momentum": 0.74832,
        "weight_decay": 0.00025,
        "warmup_epochs": 3.3835,
        "warmup_momentum": 0.59462,
        "warmup_bias_lr": 0.18657,
        "box": 0.02,
        "cls": 0.21638,
        "cls_pw": 0.5,
        "obj": 0.51728,
        "obj_pw": 0.67198,
        "anchor_t": 3.3744,
        "anchors": 3.412,
        "augmentation": {
            "hsv_h": 0.01041,
            "hsv_s": 0.54703,
            "hsv_v": 0.27739,
            "translate": 0.04591,
            "scale": 0.75544,
            "mosaic": 0.85834,
            "mixup": 0.04266,
        },
    },
    "Objects365": {
        "lr0": 0.00258,
        "lrf": 0.17,
        "momentum": 0.779,
        "weight_decay": 0.00058,
        "warmup_epochs": 1.33,
        "warmup_momentum": 0.86,
        "warmup_bias_lr": 0.0711,
        "box": 0.0539,
        "cls": 0.299,
        "cls_pw": 0.825,
        "obj": 0.632,
        "anchor_t": 3.44,
        "anchors": 3.2,
        "augmentation": {
            "hsv_h": 0.0188,
            "hsv_s": 0.704,
            "hsv_v": 0.36,
            "translate": 0.0902,
            "scale": 0.491,
        },
    },
}


def preset_values(name: str, rules: str) -> dict[str, Any]:
    """All values of a preset, those of augmentation under ``augmentation``.

    Raises:
        UserError: its values in that version are not known.
    """
    given = PRESETS[name]
    if name == "VOC" and rules in ("v6.0", "v6.1"):
        raise UserError(
            f"preset VOC had other values in {rules}, which are not known here; use rules v6.2 or "
            "v7.0, or another preset and write the values out"
        )
    augmentation = {**_AUGMENTATION, **given.get("augmentation", {})}
    values = {**_LOW, **given, "augmentation": augmentation}
    if name == "scratch-low" and rules == "v6.0":
        values["lrf"] = 0.1
    return values
