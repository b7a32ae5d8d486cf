"""Qualitative figures: images by name or where methods differ, with parts that lie in the picture."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from small_runs import ivif_here, write_config, write_pairs

from ivif_bench.pipeline.panels import most_different
from ivif_bench.types import FusedSet, Pair


@pytest.fixture
def small(tmp_path):
    write_pairs(tmp_path / "pairs", 4, (40, 56))
    return lambda *images: write_config(tmp_path, report={"images": list(images)})


def test_named_and_differing_images_are_drawn_with_their_parts_in_the_caption(small, tmp_path):
    config = small(
        {"dataset": "pairs", "stem": "00002", "crops": [[0, 0, 20, 10], [30, 20, 56, 40]]},
        {"dataset": "pairs", "differing": 1},
    )
    done = ivif_here("run", config)
    assert done.returncode == 0, done.stderr
    run = tmp_path / "runs" / "small"
    named, other = json.loads((run / "plan.json").read_text())["panels"]
    assert (named["stem"], named["boxes"]) == ("00002", [[0, 0, 20, 10], [30, 20, 56, 40]])
    assert set(named["images"]) == {"Infrared", "Visible", "average", "laplacian"}
    assert "boxes" not in other
    first, second = (run / "report" / "panel-pairs.txt").read_text().splitlines()
    assert first == (
        "Image 00002 (56×40); enlarged orange: x 0 to 20, y 0 to 10; blue: x 30 to 56, y 20 to 40; "
        "image from the configuration, parts from the configuration."
    )
    assert f"Image {other['stem']} " in second
    assert "of 4 images among those whose fused images differ most" in second
    assert (run / "report" / "panel-pairs.pdf").is_file()


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ({"stem": "00002", "crops": [[0, 0, 57, 10]]}, "report.images.0.crops: [0, 0, 57, 10]"),
        ({"stem": "00002", "crops": [[0, 0, 20, 41]]}, "does not lie in image '00002' (56 x 40)"),
        ({"stem": "0002"}, "report.images.0.stem: no image '0002' of dataset 'pairs' is fused"),
        ({"stem": "00002", "crops": [[9, 0, 9, 10]]}, "expected x1 < x2 and y1 < y2"),
        ({"stem": "00002", "crops": [[-1, 0, 9, 10]]}, "report.images.0.crops.0.0"),
        ({"stem": "00002", "crops": [[0, 0, 9, 9]] * 5}, "report.images.0.crops"),
        ({}, "give either 'stem' or 'differing'"),
        ({"differing": 1, "crops": [[0, 0, 9, 9]]}, "'crops' go with 'stem'"),
        ({"dataset": "pair", "stem": "00002"}, "report.images.0.dataset: no dataset 'pair'"),
    ],
)
def test_wrong_images_and_parts_are_refused_in_one_line_before_anything_is_computed(
    small, tmp_path, image, said
):
    done = ivif_here("run", small({"dataset": "pairs", **image}))
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert said in lines[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs" / "small" / "fused").exists()


def test_the_pairs_that_differ_most_come_first_and_a_brighter_image_is_no_difference(tmp_path):
    random = np.random.default_rng(0)
    sets = {"a": {}, "b": {}}
    amounts = {"same": 0, "brighter": 0, "little": 10, "much": 60}
    for stem, amount in amounts.items():
        base = random.integers(40, 120, (32, 48, 3))
        noise = random.integers(-amount, amount + 1, base.shape)
        for name, image in (("a", base), ("b", base + noise + 40 * (stem == "brighter"))):
            path = tmp_path / f"{name}-{stem}.png"
            cv2.imwrite(str(path), image.clip(0, 255).astype(np.uint8))
            sets[name][stem] = path
    fused = {name: FusedSet("d", name, "k", images) for name, images in sets.items()}
    pairs = [Pair("d", stem, tmp_path, tmp_path) for stem in amounts]
    order = [pair.stem for pair in most_different(pairs, fused)]
    assert order[:2] == ["much", "little"]
    assert set(order[2:]) == {"same", "brighter"}
