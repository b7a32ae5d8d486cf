"""Training and loading through ultralytics: hermetic, silent, repeatable, never unpickled."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from ivif_bench.data.images import read_rgb
from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.checkpoint import write_checkpoint
from ivif_bench.tasks.detection.detectors.ultralytics_yolo import (
    UltralyticsYolo,
    read_weights,
    write_yolo_layout,
)
from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS, DetectionProtocol
from ivif_bench.tasks.network.contract import Sample
from ivif_bench.types import Boxes

pytest.importorskip("ultralytics")
pytestmark = pytest.mark.ultralytics


def protocol(**changes: object) -> DetectionProtocol:
    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-det.v1.yaml").read_text())
    content["training"] |= {"epochs": 2, "batch": 4}
    content["training"]["augmentation"] |= {"mosaic": 1.0, "close_mosaic": 1}
    content |= {"image_size": 64, "initial": "scratch", **changes}
    return DetectionProtocol.from_file(content)


@pytest.fixture
def train() -> list[Sample]:
    rng = np.random.default_rng(0)
    samples = []
    for index in range(6):
        image = rng.integers(0, 80, (48, 64, 3), dtype=np.uint8)
        image[10:40, 12:44] = (220, 60, 40)
        boxes = Boxes(np.array([[12, 10, 44, 40.0]]), ("Car",))
        samples.append(Sample(f"{index:05d}", image, boxes))
    return samples


def _fit(folder: Path, train: list[Sample], seed: int = 0, **kwargs: object) -> Path:
    folder.mkdir()
    recipe = kwargs.pop("recipe", protocol())
    detector = UltralyticsYolo("yolov5n", recipe)  # type: ignore[arg-type]
    initial, progress = kwargs.get("initial"), kwargs.get("progress", lambda *_: None)
    return detector.fit(train, seed, folder, folder.parent / "log.txt", initial, progress)  # type: ignore[arg-type]


@pytest.mark.slow
def test_training_is_repeatable_silent_and_leaves_only_its_checkpoint(
    tmp_path: Path, train: list[Sample], capfd: pytest.CaptureFixture[str]
) -> None:
    steps: list[tuple[int, int, str]] = []
    first = _fit(tmp_path / "a", train, progress=lambda *step: steps.append(step))
    second = _fit(tmp_path / "b", train)
    other = _fit(tmp_path / "c", train, seed=1)
    assert capfd.readouterr().out == ""
    left = {path.name for path in (tmp_path / "a").rglob("*")}
    assert left == {"detector.safetensors", "curves.csv", "origins.json"}
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()
    assert steps == [(1, 2, "training"), (2, 2, "training")]
    assert "Epoch" in (tmp_path / "log.txt").read_text()


@pytest.mark.slow
def test_a_trained_detector_finds_what_it_was_shown(tmp_path: Path, train: list[Sample]) -> None:
    plain = protocol().training.augmentation.model_copy(update={"mosaic": 0.0, "close_mosaic": 0})
    longer = protocol().training.model_copy(
        update={"epochs": 60, "lr0": 0.003, "augmentation": plain}
    )
    recipe = protocol(training=longer.model_dump())
    checkpoint = _fit(tmp_path / "a", train, recipe=recipe)
    detector = UltralyticsYolo("yolov5n", recipe)
    assert detector.load(checkpoint) == recipe.classes
    found = detector.predict(train[0].image)
    assert found.classes[0] == "Car"
    assert np.abs(found.xyxy[0] - train[0].target.xyxy[0]).max() < 8


@pytest.mark.slow
def test_initial_weights_are_used_and_other_classes_need_the_backbone_transfer(
    tmp_path: Path, train: list[Sample]
) -> None:
    start = _fit(tmp_path / "start", train)
    again = _fit(tmp_path / "again", train, initial=start)
    assert again.read_bytes() != start.read_bytes()
    swapped = ("People", "Car", "Bus", "Lamp", "Motorcycle", "Truck")
    with pytest.raises(UserError, match="transfer: backbone"):
        _fit(tmp_path / "x", train, initial=start, recipe=protocol(classes=swapped))
    _fit(
        tmp_path / "y",
        train,
        initial=start,
        recipe=protocol(classes=swapped, transfer="backbone"),
    )
    log = (tmp_path / "log.txt").read_text()
    lines = [line for line in log.splitlines() if line.startswith("initial weights:")]
    assert len(lines) == 2
    assert lines[0].endswith(" 0 random")
    assert not lines[1].endswith(" 0 random")


def test_half_precision_files_are_half_as_large_and_load_as_float32(
    tmp_path: Path, train: list[Sample]
) -> None:
    import torch

    from ivif_bench.tasks.detection.detectors._hermetic import engine

    network = engine().build("yolov5n.yaml", 2, 1)
    full, half = tmp_path / "full.safetensors", tmp_path / "half.safetensors"
    write_checkpoint(full, network.state_dict(), "yolov5n", ["a", "b"])
    write_checkpoint(half, network.state_dict(), "yolov5n", ["a", "b"], half=True)
    assert half.stat().st_size < 0.55 * full.stat().st_size
    state, names = read_weights(half, "yolov5n")
    assert names == ("a", "b")
    assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}
    with pytest.raises(UserError, match="made for yolov5n"):
        read_weights(half, "yolov5x")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing")
    with pytest.raises(UserError, match="cannot read weights"):
        read_weights(broken, "yolov5n")


@pytest.mark.slow
def test_a_pickled_ultralytics_network_is_opened_by_name_only(tmp_path: Path) -> None:
    import torch

    from ivif_bench.tasks.detection.detectors._hermetic import engine

    network = engine().build("yolov5n.yaml", 3, 1)
    network.names = {0: "x", 1: "y", 2: "z"}
    path = tmp_path / "yolov5nu.pt"
    torch.save({"model": network.half(), "ema": None}, path)
    state, names = read_weights(path, "yolov5n")
    assert names == ("x", "y", "z")
    assert all(
        torch.equal(value, network.state_dict()[key].float())
        for key, value in state.items()
        if value.is_floating_point()
    )
    network.extra = Path("/tmp")
    torch.save({"model": network, "ema": None}, path)
    with pytest.raises(UserError, match="Path"):
        read_weights(path, "yolov5n")


@pytest.mark.slow
def test_our_boxes_equal_those_of_ultralytics_own_suppression(tmp_path: Path) -> None:
    import torch
    from ultralytics.utils.nms import non_max_suppression

    from ivif_bench.tasks.detection.detectors._hermetic import engine
    from ivif_bench.tasks.detection.geometry import letterbox, to_tensor

    torch.manual_seed(0)
    recipe = protocol(image_size=256)
    network = engine().build("yolov5n.yaml", len(recipe.classes), 1).eval()
    for norm in (each for each in network.modules() if isinstance(each, torch.nn.BatchNorm2d)):
        norm.momentum = 1.0
    with torch.inference_mode():  # one pass gives batch norm statistics, so that scores differ
        network.train()(torch.rand(2, 3, 256, 256))
    network.eval()
    path = tmp_path / "w.safetensors"
    write_checkpoint(path, network.state_dict(), "yolov5n", recipe.classes)
    detector = UltralyticsYolo("yolov5n", recipe)
    detector.load(path)
    image = np.random.default_rng(2).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    ours = detector.predict(image)
    with torch.inference_mode():
        out = network(to_tensor(letterbox(image, 256)[0]))[0]
    options = recipe.inference
    theirs = non_max_suppression(out, options.conf, options.nms_iou, max_det=options.max_det)[0]
    assert ours.scores is not None
    assert len(theirs) == len(ours.classes) > 20
    assert ours.scores == pytest.approx(theirs[:, 4].numpy())
    assert ours.classes == tuple(recipe.classes[int(index)] for index in theirs[:, 5])
    assert ours.xyxy == pytest.approx(theirs[:, :4].clamp(0, 256).numpy(), abs=1e-3)


def test_labels_are_relative_and_cut_at_the_border(tmp_path: Path) -> None:
    image = np.full((20, 30, 3), 90, np.uint8)
    boxes = Boxes(np.array([[-3, 5, 15, 10.0], [0, 0, 30, 20]]), ("Car", "dog"))
    write_yolo_layout([Sample("a", image, boxes)], ("People", "Car"), tmp_path / "work")
    assert (read_rgb(tmp_path / "work/images/train/a.png") == image).all()
    (line,) = (tmp_path / "work/labels/train/a.txt").read_text().splitlines()
    assert [float(value) for value in line.split()] == pytest.approx([1, 0.25, 0.375, 0.5, 0.25])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "none of the 0 training images"),
        ([("a", "dog")], "has an object"),
        ([("a", "Car"), ("a", "Car")], "'a' twice"),
    ],
)
def test_training_images_that_cannot_teach_are_refused(
    tmp_path: Path, samples: list[tuple[str, str]], message: str
) -> None:
    black, box = np.zeros((8, 8, 3), np.uint8), np.array([[0, 0, 4, 4.0]])
    made = [Sample(stem, black, Boxes(box, (label,))) for stem, label in samples]
    with pytest.raises(UserError, match=message):
        write_yolo_layout(made, ("Car",), tmp_path / "work")
