"""Original YOLOv5 checkpoints: opened without running them, refused by name, right in numbers.

The network is judged against another program's layers with the same weights, and its AP against
values of this checkpoint. ``test_yolov5_onnx.py`` says why the recorded AP of the ONNX export of the
same network is another.
"""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from ivif_bench.data.images import read_rgb
from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.geometry import letterbox, to_tensor
from ivif_bench.tasks.detection.protocol import load_protocol
from ivif_bench.tasks.detection.registry import DETECTORS

torch = pytest.importorskip("torch")


class Hostile:
    """What a hostile file does: name a function of the system and its argument."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.witness}",)


def _detector(name: str = "yolov5n-original"):
    protocol = load_protocol("msrs-det-zeroshot.v1")
    return DETECTORS.load(name)(name, protocol)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_hostile_checkpoint_is_refused_by_name_and_nothing_of_it_runs(
    tmp_path: Path, legacy: bool
) -> None:
    witness = tmp_path / "ran"
    path = tmp_path / "yolov5n.pt"
    torch.save({"model": Hostile(witness)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(UserError, match=r"system") as caught:
        _detector().load(path)
    assert not witness.exists()
    assert "\n" not in str(caught.value)
    # The file is a real attack: plain pickle runs it.
    pickle.loads(pickle.dumps(Hostile(witness)))
    assert witness.exists()


def test_a_network_of_unknown_classes_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"model": torch.nn.Transformer(8, 1, 1, 1, 8)}, path)
    with pytest.raises(UserError, match=r"Transformer"):
        _detector().load(path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint at all"])
def test_a_broken_file_is_a_user_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"broken\.pt"):
        _detector().load(path)


def test_a_checkpoint_without_a_network_is_a_user_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.pt"
    torch.save({"model": {"weight": torch.zeros(1)}}, path)
    with pytest.raises(UserError, match="no network"):
        _detector().load(path)


@pytest.mark.golden
def test_the_genuine_checkpoint_equals_its_own_state_dict_and_has_coco_names(shared: Path) -> None:
    weights = shared / "data/weights"
    detector = _detector()
    names = detector.load(weights / "yolov5n.pt")
    plain = torch.load(weights / "yolov5n_state_dict.pt", weights_only=True)
    assert list(names) == plain["names"]
    own = detector._network.state_dict()
    for key, expected in plain["state_dict"].items():
        assert torch.equal(own[key], expected.float()), key
    count = sum(each.numel() for each in detector._network.parameters())
    assert count == DETECTORS.get("yolov5n-original").parameters


@pytest.mark.golden
def test_a_checkpoint_of_another_size_is_refused(shared: Path) -> None:
    with pytest.raises(UserError, match="those of yolov5n-original"):
        _detector("yolov5x-original").load(shared / "data/weights/yolov5n.pt")


def _decoded(level: np.ndarray, anchors: list[int], stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and scores of one level from the formulas of the facts sheet, part 5, in float64."""
    raw = level.reshape(3, 85, *level.shape[1:])
    out = 1 / (1 + np.exp(-raw))
    rows, columns = np.mgrid[: raw.shape[2], : raw.shape[3]]
    cell, anchor = np.stack([columns, rows]), np.array(anchors).reshape(3, 2, 1, 1)
    xy = (2 * out[:, 0:2] - 0.5 + cell) * stride
    wh = (2 * out[:, 2:4]) ** 2 * anchor
    boxes = np.concatenate([xy, wh], axis=1).transpose(0, 2, 3, 1)
    scores = (out[:, 4:5] * out[:, 5:]).transpose(0, 2, 3, 1)
    return boxes.reshape(-1, 4), scores.reshape(-1, 80)


@pytest.mark.slow
@pytest.mark.golden
@pytest.mark.ultralytics
@pytest.mark.parametrize("path", ["MSRS/detection/vi/345.png", "M3FD_Detection/Ir/00000.png"])
def test_outputs_are_those_of_another_programs_layers_with_the_same_weights(
    shared: Path, path: str
) -> None:
    """Layers 0 to 23 are ultralytics', in float64; head and anchors are written out here.

    Float32 differs from it by its rounding alone: 1.4e-4 pixels and 1e-6 in scores as measured, of
    which the tolerances are ten times. A wrong layer differs by pixels.
    """
    tasks = pytest.importorskip("ultralytics.nn.tasks")
    weights = shared / "data/weights"
    plain = torch.load(weights / "yolov5n_state_dict.pt", weights_only=True)
    state = {key: value.double() for key, value in plain["state_dict"].items()}
    other = tasks.DetectionModel("yolov5n.yaml", nc=80, verbose=False).eval().double()
    body = {key: value for key, value in state.items() if not key.startswith("model.24.")}
    missing, unexpected = other.load_state_dict(body, strict=False)
    assert unexpected == []
    assert all(key.startswith("model.24.") for key in missing)
    levels: list = []
    other.model[-1].forward = lambda given: levels.extend(given)
    detector = _detector()
    detector.load(weights / "yolov5n.pt")
    square = to_tensor(letterbox(read_rgb(shared / "data" / path), 640)[0])
    with torch.inference_mode():
        other.predict(square.double())
        boxes, scores = (out[0].numpy() for out in detector._network.candidates(square))
    expected = []
    for index, (level, stride) in enumerate(zip(levels, plain["stride"], strict=True)):
        convolution = [state[f"model.24.m.{index}.{part}"] for part in ("weight", "bias")]
        raw = torch.nn.functional.conv2d(level, *convolution)[0].numpy()
        expected.append(_decoded(raw, plain["yaml"]["anchors"][index], stride))
    own_boxes, own_scores = (np.concatenate(parts) for parts in zip(*expected, strict=True))
    assert scores.shape == own_scores.shape == (25200, 80)
    assert np.abs(scores - own_scores).max() < 1e-5
    assert np.abs(boxes - own_boxes)[own_scores.max(axis=1) > 0.001].max() < 2e-3


@pytest.mark.slow
@pytest.mark.ultralytics
def test_parameter_counts_of_all_sizes_follow_from_body_and_anchor_head() -> None:
    """The body is that of ultralytics' yolov5.yaml; the head has 3 anchors of 85 outputs."""
    tasks = pytest.importorskip("ultralytics.nn.tasks")
    for size in "nsm":
        network = tasks.DetectionModel(f"yolov5{size}.yaml", nc=80, verbose=False)
        layers = list(network.model)
        body = sum(p.numel() for layer in layers[:-1] for p in layer.parameters())
        channels = [layers[index].cv3.conv.out_channels for index in layers[-1].f]
        head = sum(3 * 85 * (channel + 1) for channel in channels)
        assert DETECTORS.get(f"yolov5{size}-original").parameters == body + head
        whole = sum(p.numel() for p in network.parameters())
        assert DETECTORS.get(f"yolov5{size}").parameters == whole


# AP50 and AP50_95 of person, of car, and the two means of yolov5's AP, of yolov5n.pt (v6.1) on 15 MSRS
# images, measured in float64. Boxes jittered by ten times the rounding of float32 (1.4e-3 pixels,
# 1e-5 of a score) move none of them by more than 2e-6, so no rank and no IoU threshold is near.
CHECKPOINT_AP = {
    "vi": (0.608433, 0.307348, 0.871287, 0.529756, 0.744752, 0.420343),
    "ir": (0.974307, 0.690434, 0.348896, 0.193449, 0.658275, 0.441295),
    "seafusion": (0.965101, 0.604868, 0.523338, 0.402354, 0.743469, 0.501390),
}


@pytest.mark.golden
@pytest.mark.slow
def test_zero_shot_on_msrs_gives_the_ap_of_this_checkpoint_and_fusion_beats_both_sources(
    shared: Path, tmp_path: Path
) -> None:
    from ivif_bench.data.base import open_dataset
    from ivif_bench.fingerprints import Fingerprints
    from ivif_bench.task import TaskInputs, Workspace
    from ivif_bench.tasks.detection.task import DetectionSection, DetectionTask
    from ivif_bench.types import DatasetRef, FusedSet

    data = shared / "data"
    dataset = open_dataset("msrs-detection", data / "MSRS/detection", "msrs")
    folders = {
        "vi": data / "MSRS/detection/vi",
        "ir": data / "MSRS/detection/ir",
        "seafusion": data / "MSRS_fused/SeAFusion/detection",
    }
    task = DetectionTask()
    section = DetectionSection(
        dataset="msrs",
        protocol="msrs-det-zeroshot.v3",
        weights=str(data / "weights/yolov5n.pt"),
    )
    stems = task.stems(section, dataset)
    assert len(stems) == 15
    fused = {
        ("msrs", name): FusedSet("msrs", name, "k", {s: folder / f"{s}.png" for s in stems})
        for name, folder in folders.items()
    }
    planning = TaskInputs(
        datasets={"msrs": dataset},
        refs={"msrs": DatasetRef("msrs", "msrs-detection", str(dataset.root))},
        fused=fused,
        methods=list(folders),
        seed=0,
        fingerprint=Fingerprints(tmp_path / "f.json"),
    )
    found = {}
    for unit in task.plan(section, planning):
        workspace = Workspace(tmp_path / unit.key, tmp_path, tmp_path / "log", lambda *_: None)
        rows = task.execute(unit, workspace)
        found[unit.method] = {(row.metric, row.class_name): row.value for row in rows}
    for name, (person50, person, car50, car, yolov5, yolov5_mean) in CHECKPOINT_AP.items():
        expected = {
            ("AP50", "person"): person50,
            ("AP50_95", "person"): person,
            ("AP50", "car"): car50,
            ("AP50_95", "car"): car,
            ("mAP50", ""): (person50 + car50) / 2,
            ("mAP50_95", ""): (person + car) / 2,
            ("mAP50[yolov5]", ""): yolov5,
            ("mAP50_95[yolov5]", ""): yolov5_mean,
        }
        ours = {key: found[name][key] for key in expected}
        assert ours == pytest.approx(expected, abs=1e-4), name
    best = {name: values["mAP50_95", ""] for name, values in found.items()}
    assert best["seafusion"] > max(best["vi"], best["ir"])
