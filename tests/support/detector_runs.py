"""A run whose detectors are never trained: seconds less, and its files are those of a real run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
SIZES = {"image_size": 64, "conf": 0.1, "nms_iou": 0.6, "max_det": 3}
FAMILIES = {"yolov5n-original": "yolov5-original", "yolov5n": "ultralytics"}


def untrained(network: str, path: Path, classes: tuple[str, ...] = CLASSES, **header: Any) -> Path:
    """Write random weights of a detector as its training would."""
    import torch

    from ivif_bench.tasks.detection.checkpoint import write_checkpoint

    torch.manual_seed(0)
    if network == "yolov5n-original":
        from ivif_bench.tasks.detection.yolov5.building import SIZES as factors
        from ivif_bench.tasks.detection.yolov5.building import build

        state = build(*factors["n"], len(classes)).state_dict()
    else:
        from ivif_bench.tasks.detection.detectors._hermetic import engine

        state = engine().build(f"{network}.yaml", len(classes), 1).state_dict()
    write_checkpoint(path, state, network, classes, **header)
    return path


def write_protocol(folder: Path, network: str, mode: str, **changes: Any) -> Path:
    """A protocol of a detector in a mode, with one epoch where it trains."""
    recipe: dict[str, Any] = {"inference": SIZES}
    if mode in ("retrain", "frozen"):
        recipe["training"] = {"epochs": 1, "batch": 2}
    if network == "yolov5n" and "training" in recipe:
        from ivif_bench.tasks.detection.protocol import load_protocol

        recipe["training"] = load_protocol("demo-det.v1").training.model_dump(mode="json")
    content = {
        "format": 2,
        "name": f"{mode}.v1",
        "layout": "m3fd",
        "classes": list(CLASSES),
        "split": "official",
        "mode": mode,
        "network": network,
        "initial": "scratch",
        "recipe": {FAMILIES[network]: recipe},
        "seeds": [0],
        "chroma": "visible",
        "scorer": "coco+yolov5",
        **({"train_on": "visible"} if mode == "frozen" else {}),
        **changes,
    }
    path = folder / f"{mode}-{network}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def write_detector_run(folder: Path, protocol: Path, name: str = "small", **section: Any) -> Path:
    """A configuration of two methods on five drawn scenes (three to train on), in ``folder``."""
    from ivif_bench.data.demo import write_detection

    root = folder / "M3FD_Detection"
    if not root.is_dir():
        write_detection(root, train=3, test=2, seed=0, size=(128, 160))
    content = {
        "name": name,
        "runs": str(folder / "runs"),
        "datasets": {"scenes": {"layout": "m3fd", "root": str(root)}},
        "methods": ["visible", "average"],
        "detection": {"dataset": "scenes", "protocol": str(protocol), **section},
        "report": {"panels": 0},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path
