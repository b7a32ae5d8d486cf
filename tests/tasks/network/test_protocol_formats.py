"""The two formats of protocol files: equal meaning, own hashes, errors in the file's own words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.network.contract import NetworkSpec
from ivif_bench.tasks.network.protocol import NetworkProtocol
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol

SHIPPED = [
    (model, path)
    for model in (DetectionProtocol, SegmentationProtocol)
    for path in sorted((model.folder / "protocols").glob("*.yaml"))
    if not re.search("^format: 2$", path.read_text(), re.MULTILINE)
]
IDS = [path.stem for _, path in SHIPPED]


def rewritten(model: type[NetworkProtocol], path: Path) -> dict[str, Any]:
    """A shipped protocol as a file in format 2."""
    content = model.load(str(path)).model_dump(mode="json", exclude_none=True)
    return {**content, "format": 2}


@pytest.fixture
def without_options(monkeypatch):
    """A segmenter without options, and a protocol that names it and has no recipe."""
    network = NetworkSpec("plain", "nowhere:Plain", "Plain", 1, "none")
    monkeypatch.setitem(SegmentationProtocol.registry().specs(), "plain", network)
    (path,) = [path for _, path in SHIPPED if path.stem == "demo-seg.v1"]
    content = rewritten(SegmentationProtocol, path) | {"network": "plain", "initial": "scratch"}
    return network, {key: value for key, value in content.items() if key != "recipe"}


@pytest.mark.parametrize(("model", "path"), SHIPPED, ids=IDS)
def test_a_protocol_rewritten_in_format_2_means_the_same_under_another_hash(model, path, tmp_path):
    shipped = model.load(str(path))
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(rewritten(model, path)))
    new = model.load(str(file))
    assert new == shipped.model_copy(update={"format": 2})
    assert (new.inference, new.training) == (shipped.inference, shipped.training)
    assert new.sha256 != shipped.sha256
    assert new == model.model_validate(new.model_dump(mode="json"))


@pytest.mark.parametrize(("model", "path"), SHIPPED, ids=IDS)
def test_what_format_1_hashes_are_the_values_of_its_file_and_its_defaults(model, path):
    written = yaml.safe_load(path.read_text())
    hashed = model.load(str(path)).values()
    for key, value in written.items():
        found = hashed[key]
        assert (list(found) if isinstance(value, list) else found) == value or key == "split", key
    assert not {"format", "network", "recipe"} & set(hashed)


def test_the_example_of_the_docs_is_a_protocol(repository, tmp_path):
    page = (repository / "docs" / "protocols.md").read_text(encoding="utf-8")
    (text,) = [each for each in re.findall(r"```yaml\n(.*?)```", page, re.S) if "format: 2" in each]
    (tmp_path / "mine.yaml").write_text(text)
    example = DetectionProtocol.load(str(tmp_path / "mine.yaml"))
    shipped = DetectionProtocol.load("demo-det.v1")
    assert example.training == shipped.training
    assert example.inference == shipped.inference


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"detector": "yolov5n"}, "detector: unknown key"),
        ({"network": "yolov5q"}, "unknown detector 'yolov5q'; did you mean"),
        ({"network": None}, "network: this key is required"),
        ({"recipe": None}, "recipe.ultralytics.inference.image_size: this key is required"),
        ({"recipe": {"mmseg": {}}}, "recipe: expected ultralytics only, the family of yolov5n"),
        ({"recipe": {"ultralytics": 3}}, "recipe.ultralytics: expected the keys inference and"),
        ({"mode": "frozen"}, "'train_on' goes with mode 'frozen'"),
        ({"mode": "released"}, "takes no 'training'"),
        ({"initial": "scratch", "mode": "zeroshot-coco"}, "takes no 'training'"),
        ({"transfer": "head"}, "transfer: "),
        ({"classes": ["Car", "Car"]}, "classes: one of them is named twice"),
        ({"format": 3}, "format: "),
    ],
)
def test_mistakes_in_format_2_are_one_line_with_file_and_key(tmp_path, changes, message):
    (path,) = [path for _, path in SHIPPED if path.stem == "demo-det.v1"]
    content = rewritten(DetectionProtocol, path) | changes
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    with pytest.raises(UserError) as caught:
        DetectionProtocol.load(str(file))
    assert f"{file}: {message}" in str(caught.value) or message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_in_format_2_scores_and_thresholds_do_not_train_again_and_the_rest_does(tmp_path):
    (path,) = [path for _, path in SHIPPED if path.stem == "demo-det.v1"]
    first = rewritten(DetectionProtocol, path)

    def part(**changes: Any) -> Any:
        return DetectionProtocol.from_file({**first, **changes}).training_part

    recipe = first["recipe"]["ultralytics"]

    def with_inference(**changes: Any) -> Any:
        inference = {**recipe["inference"], **changes}
        return part(recipe={"ultralytics": {**recipe, "inference": inference}})

    same = [
        part(name="x"),
        part(seeds=[1]),
        part(split="all"),
        part(scorer="coco+yolov5-before-v6.2"),
    ]
    same += [with_inference(conf=0.1), with_inference(multi_label=True), with_inference(max_det=9)]
    assert set(same) == {part()}
    others = [part(chroma="none"), part(transfer="backbone"), part(classes=["Car"])]
    others += [with_inference(image_size=64), part(network="yolov5s")]
    longer = {**recipe["training"], "epochs": 4}
    others.append(part(recipe={"ultralytics": {**recipe, "training": longer}}))
    assert len({part(), *others}) == 1 + len(others)


def test_a_recipe_may_be_left_out_where_every_option_has_a_default(without_options):
    network, content = without_options
    protocol = SegmentationProtocol.from_file(content)
    assert protocol.training == network.training()
    assert (
        protocol.sha256
        == SegmentationProtocol.from_file(
            {**content, "recipe": {network.name: {"inference": {}, "training": {}}}}
        ).sha256
    )


@pytest.mark.parametrize(
    ("mode", "train_on", "now"),
    [
        ("retrain", "fused", ("retrain", None)),
        ("frozen", "visible", ("frozen", "visible")),
        ("frozen", "nothing", ("released", None)),
    ],
)
def test_modes_of_segmentation_in_format_1_are_those_of_format_2_and_hashed_as_written(
    mode, train_on, now
):
    (path,) = [path for _, path in SHIPPED if path.stem == "demo-seg.v1"]
    content = yaml.safe_load(path.read_text()) | {"mode": mode, "train_on": train_on}
    protocol = SegmentationProtocol.from_file(content)
    assert (protocol.mode, protocol.train_on) == now
    assert (protocol.values()["mode"], protocol.values()["train_on"]) == (mode, train_on)


def test_a_network_that_cannot_be_trained_says_its_modes(monkeypatch):
    network = NetworkSpec("fixed", "a:B", "Fixed", 1, "none", modes=("released",), training=None)
    monkeypatch.setitem(DetectionProtocol.registry().specs(), "fixed", network)
    (path,) = [path for _, path in SHIPPED if path.stem == "demo-det.v1"]
    content = rewritten(DetectionProtocol, path)
    content |= {"network": "fixed", "recipe": {"fixed": {"training": {"epochs": 1}}}}
    with pytest.raises(UserError, match="'fixed' cannot be trained; modes: released"):
        DetectionProtocol.from_file(content)
