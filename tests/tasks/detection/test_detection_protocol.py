"""Protocols: shipped ones load, mistakes are named, hashes follow what changes a number."""

from pathlib import Path

import pytest
import yaml

from ivif_bench.errors import UserError
from ivif_bench.protocol import shipped_protocols
from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS, load_protocol
from ivif_bench.tasks.detection.registry import DETECTORS

TRAINING = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-det.v1.yaml").read_text())["training"]


def _misspelt(key: str) -> dict[str, object]:
    return {key + "z" if each == key else each: value for each, value in TRAINING.items()}


def _augmented(**changes: object) -> dict[str, object]:
    return TRAINING | {"augmentation": TRAINING["augmentation"] | changes}


def _edited(tmp_path: Path, **changes: object) -> Path:
    content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-det.v1.yaml").read_text())
    for key, value in changes.items():
        if value is None:
            del content[key]
        else:
            content[key] = value
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("name", shipped_protocols(SHIPPED_PROTOCOLS))
def test_every_shipped_protocol_names_itself_and_a_detector_that_serves_its_mode(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.name == name
    assert protocol.mode in DETECTORS.get(protocol.network).modes


def test_an_unknown_protocol_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"did you mean m3fd-det\.v"):
        load_protocol("m3fd-det.v0")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_sise": 320}, "image_sise: unknown key; did you mean image_size"),
        ({"image_size": 250}, "image_size"),
        ({"image_size": None}, "image_size"),
        ({"mode": "frozen"}, "train_on"),
        ({"mode": "zeroshot-coco"}, "takes no 'training'"),
        ({"detector": None}, "detector: this key is required"),
        ({"training": None}, "needs 'training'"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"seeds": [0, -1]}, "seeds.1"),
        ({"seeds": []}, "seeds"),
        ({"class_map": {"person": "People"}}, "class_map"),
        ({"detector": "yolov5q"}, "unknown detector 'yolov5q'; did you mean"),
        ({"training": 3}, "training: "),
        ({"training": TRAINING | {"lr": 0.1}}, "training.lr: unknown key; did you mean lr"),
        ({"training": _misspelt("epochs")}, "training.epochsz: unknown key; did you mean epochs"),
        ({"training": TRAINING | {"epochs": 0}}, "training.epochs: "),
        ({"training": TRAINING | {"epochs": True}}, "training.epochs: "),
        ({"training": _augmented(mosaik=1.0)}, "training.augmentation.mosaik: unknown key; did"),
        ({"training": _augmented(close_mosaic=9)}, "'close_mosaic' is larger than 'epochs'"),
    ],
)
def test_a_wrong_protocol_is_one_line_with_file_and_key(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    path = _edited(tmp_path, **changes)
    with pytest.raises(UserError) as caught:
        load_protocol(str(path))
    text = str(caught.value)
    assert message in text
    assert str(path) in text
    assert "\n" not in text


def test_the_hash_follows_every_value_but_training_values_ignore_thresholds(tmp_path: Path) -> None:
    first = load_protocol("demo-det.v1")
    other = load_protocol(str(_edited(tmp_path, nms_iou=0.7)))
    assert first.sha256 != other.sha256
    assert first.training_part == other.training_part
    assert (
        first.training_part != load_protocol(str(_edited(tmp_path, image_size=320))).training_part
    )


def test_a_number_may_be_written_without_a_point_before_its_exponent(tmp_path: Path) -> None:
    path = _edited(tmp_path)
    path.write_text(path.read_text().replace("lr0: 0.0005", "lr0: 5e-4"))
    assert "5e-4" in path.read_text()
    assert load_protocol(str(path)).sha256 == load_protocol("demo-det.v1").sha256


def test_published_protocols_keep_their_hashes_and_another_meaning_has_another(
    tmp_path: Path,
) -> None:
    assert load_protocol("m3fd-det.v1").sha256.startswith("30d34ec0")  # as printed since v1
    demo = load_protocol("demo-det.v1")
    said = load_protocol(str(_edited(tmp_path, multi_label=False)))
    unsaid = load_protocol(str(_edited(tmp_path, multi_label=None)))
    multi = load_protocol(str(_edited(tmp_path, multi_label=True)))
    before = load_protocol(str(_edited(tmp_path, scorer="coco+yolov5-before-v6.2")))
    assert said.sha256 == unsaid.sha256 == demo.sha256
    assert len({demo.sha256, multi.sha256, before.sha256}) == 3
    assert len({demo.unit_sha256, multi.unit_sha256, before.unit_sha256}) == 3
    assert multi.training_part == demo.training_part


@pytest.mark.parametrize("name", shipped_protocols(SHIPPED_PROTOCOLS))
def test_every_shipped_protocol_says_whether_it_is_multi_label(name: str) -> None:
    content = yaml.safe_load((SHIPPED_PROTOCOLS / f"{name}.yaml").read_text())
    for family in content.get("recipe", {}).values():  # format 2
        content |= family["inference"]
    if "nms_iou" in content:  # RT-DETR suppresses nothing, so it has one form only
        assert isinstance(content["multi_label"], bool)


@pytest.mark.parametrize(
    ("best", "multi"),
    [
        ("m3fd-det-original-zeroshot.v1", "m3fd-det-original-zeroshot.v2"),
        ("msrs-det-zeroshot.v3", "msrs-det-zeroshot.v2"),
    ],
)
def test_the_multi_label_protocols_differ_from_the_others_in_multi_label_only(
    best: str, multi: str
) -> None:
    first, second = (load_protocol(name).values() for name in (best, multi))
    assert {key for key in first if first[key] != second[key]} == {"name", "multi_label"}
    assert second["multi_label"] is True


def test_the_headline_mean_is_over_classes_with_a_counterpart() -> None:
    protocol = load_protocol("m3fd-det-original-zeroshot.v1")
    assert protocol.scored_classes == ("People", "Car", "Bus", "Motorcycle", "Truck")
