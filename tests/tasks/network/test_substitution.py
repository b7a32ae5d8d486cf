"""A section may put another network and other values in place of a protocol's; tables say so."""

from __future__ import annotations

from typing import Any

import pytest

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.task import DetectionSection

PROTOCOL = "demo-det-original.v1"


def section(**keys: Any) -> DetectionSection:
    return DetectionSection(dataset="d", protocol=PROTOCOL, **keys)


def test_a_network_of_the_family_keeps_the_recipe_but_for_what_is_given() -> None:
    plain = section().resolved()
    changed = section(
        network="yolov5s-original",
        recipe={"inference": {"image_size": 128}, "training": {"augmentation": {"mosaic": 0.5}}},
    )
    used = changed.resolved()
    assert used.network == "yolov5s-original"
    assert used.inference == plain.inference.model_copy(update={"image_size": 128})
    augmentation = plain.training.augmentation.model_copy(update={"mosaic": 0.5})
    assert used.training == plain.training.model_copy(update={"augmentation": augmentation})
    assert used.sha256 != plain.sha256
    assert changed.substitutions() == (
        "not demo-det-original.v1 as published: network yolov5s-original instead of "
        "yolov5n-original, inference.image_size 128 instead of 256, "
        "training.augmentation.mosaic 0.5 instead of 0.0"
    )


def test_without_these_keys_a_section_is_the_protocol_as_published() -> None:
    assert section(seeds=(1,)).substitutions() == ""
    assert section(recipe={"training": {"epochs": 3}}).substitutions() == ""  # as it is


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"network": "yolov5y"}, "unknown detector 'yolov5y'; did you mean"),
        ({"recipe": {"epochs": 1}}, "recipe: expected inference and training, not 'epochs'"),
        ({"recipe": {"training": {"epoch": 1}}}, "epoch: unknown key; did you mean epochs"),
        ({"recipe": {"training": {"preset": "VOC"}}}, "training.preset decides other values too"),
        ({"network": "yolov8n"}, r"recipe\.ultralytics\.training\.\w+: this key is required"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        section(**keys).resolved()
