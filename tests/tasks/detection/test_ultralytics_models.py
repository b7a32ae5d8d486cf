"""Detectors of ultralytics by name: their networks are the package's, and they train and predict."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.checkpoint import read_checkpoint
from ivif_bench.tasks.detection.detectors._hermetic import engine
from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS, DetectionProtocol
from ivif_bench.tasks.detection.registry import DETECTORS
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Boxes

pytest.importorskip("ultralytics")
pytestmark = pytest.mark.ultralytics

LOSS = ("box", "cls", "dfl")  # keys that RT-DETR has no use for


def protocol(network: str, size: int = 64, **inference: object) -> DetectionProtocol:
    """One epoch from random weights, without augmentation that needs several images."""
    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-det.v1.yaml").read_text())
    training = content["training"] | {"epochs": 1, "batch": 4}
    options = {"image_size": size, "conf": 0.001, "max_det": 300}
    family = DETECTORS.get(network).family
    if family == "ultralytics":
        options |= {"nms_iou": 0.6}
    else:
        training = {key: value for key, value in training.items() if key not in LOSS}
    return DetectionProtocol.from_file(
        {"format": 2, "name": "x.v1", "layout": "m3fd", "classes": ["People", "Car"],
         "split": "official", "mode": "retrain", "network": network, "initial": "scratch",
         "recipe": {family: {"inference": options | inference, "training": training}},
         "seeds": [0], "scorer": "coco+yolov5", "chroma": "visible"}
    )  # fmt: skip


def samples(count: int = 8) -> list[Sample]:
    rng = np.random.default_rng(0)
    made = []
    for index in range(count):
        image = rng.integers(0, 80, (48, 64, 3), dtype=np.uint8)
        image[10:40, 12:44] = (220, 60, 40)
        made.append(Sample(f"{index:05d}", image, Boxes(np.array([[12, 10, 44, 40.0]]), ("Car",))))
    return made


IMAGE = samples(1)[0].image


def test_every_name_is_a_network_file_of_the_installed_package() -> None:
    spec = importlib.util.find_spec("ultralytics")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "cfg" / "models"
    files = {path.stem for path in folder.glob("*/*.yaml")}
    ours = [
        name for name, found in DETECTORS.specs().items() if found.family.startswith("ultralytics")
    ]
    assert {"yolov8x", "yolo11n", "rtdetr-l", "yolo26s"} <= set(ours)
    assert [name for name in ours if not {name, name[:-1]} & files] == []


@pytest.mark.parametrize("name", ["yolov8n", "yolo11n", "yolo26n"])
def test_a_network_has_the_declared_number_of_parameters(name: str) -> None:
    network = engine().build(f"{name}.yaml", 80, 1)
    count = sum(each.numel() for each in network.parameters())
    assert count == DETECTORS.get(name).parameters


def test_a_protocol_of_rtdetr_has_no_suppression_and_no_weights_of_the_loss() -> None:
    assert "no NMS" in protocol("rtdetr-l").inference.boxes
    assert "no NMS" in DETECTORS.get("rtdetr-l").title
    with pytest.raises(UserError, match="nms_iou: unknown key"):
        protocol("rtdetr-l", nms_iou=0.6)


@pytest.mark.slow
def test_a_file_of_the_package_is_read_without_its_code(tmp_path: Path) -> None:
    import torch

    network = engine().build("yolo11n.yaml", 2, 1)
    network.names = {0: "People", 1: "Car"}
    torch.save({"model": network, "train_args": {"imgsz": 64}}, tmp_path / "yolo11n.pt")
    loaded = DETECTORS.load("yolo11n")("yolo11n", protocol("yolo11n"))
    assert loaded.load(tmp_path / "yolo11n.pt") == ("People", "Car")
    other = DETECTORS.load("yolov8n")("yolov8n", protocol("yolov8n"))
    with pytest.raises(UserError, match=r"yolo11n\.pt: do not fit"):
        other.load(tmp_path / "yolo11n.pt")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolov8n", "rtdetr-l"])
def test_it_trains_on_eight_images_from_random_weights_and_predicts(
    tmp_path: Path, name: str
) -> None:
    recipe = protocol(name)
    fitted = DETECTORS.load(name)(name, recipe)
    done: list[int] = []
    checkpoint = fitted.fit(
        samples(), 0, tmp_path, tmp_path / "log.txt", None, lambda at, *_: done.append(at)
    )
    assert done == [1]
    left = {"detector.safetensors", "curves.csv", "origins.json", "log.txt"}
    assert {path.name for path in tmp_path.rglob("*")} == left
    judge = DETECTORS.load(name)(name, recipe)
    assert judge.load(checkpoint) == ("People", "Car")
    found = judge.predict(IMAGE)
    assert found.scores is not None
    assert set(found.classes) <= {"People", "Car"}
    assert (np.diff(found.scores) <= 0).all()
    assert 0 < len(found.scores) <= 300
    if name == "rtdetr-l":
        expected = _of_the_package(checkpoint)
        assert len(found.scores) == len(expected)
        mine = np.column_stack([found.xyxy / 100, found.scores])  # scores to 1e-4, pixels to 0.01
        assert np.abs(mine[:, None] - expected).max(axis=2).min(axis=1).max() < 1e-4


def _of_the_package(checkpoint: Path) -> np.ndarray:
    """Corners, in hundreds of pixels, and scores that the package itself predicts, [N, 5]."""
    import torch
    from ultralytics import RTDETR

    network = engine().build("rtdetr-l.yaml", 2, 1)
    engine().fill(network, read_checkpoint(checkpoint, "rtdetr-l")[0], checkpoint)
    theirs = RTDETR("rtdetr-l.yaml")
    theirs.model = network.eval()
    with torch.inference_mode():
        (found,) = theirs.predict(
            IMAGE[:, :, ::-1], imgsz=64, conf=0.001, device="cpu", verbose=False, save=False
        )
    height, width = IMAGE.shape[:2]
    corners = found.boxes.xyxy.numpy().clip(0, (width, height, width, height))
    return np.column_stack([corners / 100, found.boxes.conf.numpy()])
