"""What every dataset layout must hold to, whoever wrote it; a new one is tested as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco import coco_boxes
from option_values import other_values
from trees import all_trees
from trees.files import HEIGHT, WIDTH

from ivif_bench.data import demo
from ivif_bench.data.audit import audit_dataset
from ivif_bench.data.base import LAYOUTS, Dataset, open_dataset
from ivif_bench.data.images import size_of
from ivif_bench.data.prepare import prepare
from ivif_bench.data.split_lists import read_list
from ivif_bench.data.splits import resolve_split
from ivif_bench.errors import UserError
from ivif_bench.options import described

TREES = all_trees()


def grown(layout: str, root: Path) -> Dataset:
    return open_dataset(layout, root, **TREES[layout](root))


def test_every_layout_of_the_package_has_a_generated_tree() -> None:
    shipped = {
        name for name, spec in LAYOUTS.specs().items() if spec.entry.startswith("ivif_bench.")
    }
    assert shipped == set(TREES)


@pytest.mark.parametrize("layout", sorted(TREES))
def test_a_generated_tree_opens_with_sorted_complete_pairs(layout: str, tmp_path: Path) -> None:
    dataset = grown(layout, tmp_path)
    stems = [pair.stem for pair in dataset.pairs]
    assert stems == sorted(stems)
    assert len(set(stems)) == len(stems) > 0
    for pair in dataset.pairs:
        assert pair.dataset == dataset.name == layout
        assert pair.infrared != pair.visible
        assert size_of(pair.infrared) == size_of(pair.visible) == (HEIGHT, WIDTH)
        if pair.annotation is not None:
            boxes = dataset.boxes(pair)
            assert boxes.scores is None
            assert set(boxes.classes) <= set(dataset.detection_classes)
            assert (boxes.xyxy >= 0).all()
            assert (boxes.xyxy <= (WIDTH, HEIGHT, WIDTH, HEIGHT)).all()
        if pair.mask is not None:
            labels = dataset.mask(pair)
            assert labels.shape == (HEIGHT, WIDTH)
            assert labels.max() < len(dataset.segmentation_classes)
    assert len(dataset.palette) == len(dataset.segmentation_classes)
    assert len(set(dataset.palette)) == len(dataset.palette)


@pytest.mark.parametrize("layout", sorted(TREES))
def test_the_audit_of_a_sound_tree_has_no_errors(layout: str, tmp_path: Path) -> None:
    audit = audit_dataset(grown(layout, tmp_path))
    assert audit.errors == ()
    assert json.loads(json.dumps(audit.data))["pairs"] > 0


@pytest.mark.parametrize("layout", sorted(TREES))
def test_an_empty_root_names_the_folders_looked_for(layout: str, tmp_path: Path) -> None:
    options = TREES[layout](tmp_path / "full")
    full = open_dataset(layout, tmp_path / "full", **options)
    wanted = full.pairs[0].infrared.parent.name
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(UserError, match=rf"(?i)looked for folders .*{wanted}.*{empty}"):
        open_dataset(layout, empty, **options)


@pytest.mark.parametrize("layout", sorted(TREES))
def test_an_unknown_option_is_refused_by_name(layout: str, tmp_path: Path) -> None:
    options = TREES[layout](tmp_path)
    with pytest.raises(UserError, match=r"options\.clases: unknown key"):
        open_dataset(layout, tmp_path, **options, clases=["x"])


@pytest.mark.parametrize("layout", sorted(TREES))
def test_a_stem_with_one_side_is_an_error_that_names_it(layout: str, tmp_path: Path) -> None:
    options = TREES[layout](tmp_path)
    victim = open_dataset(layout, tmp_path, **options).pairs[0]
    victim.visible.unlink()
    with pytest.raises(UserError, match=f"no visible image for {victim.stem}"):
        _ = open_dataset(layout, tmp_path, **options).pairs


def boxes_of(dataset: Dataset) -> dict[str, list[tuple[str, list[float]]]]:
    """Class and corners of every box by stem, of the pairs that have annotations."""
    found = {p.stem: dataset.boxes(p) for p in dataset.pairs if p.annotation is not None}
    return {
        stem: sorted(zip(boxes.classes, boxes.xyxy.tolist(), strict=True))
        for stem, boxes in found.items()
    }


@pytest.mark.parametrize("layout", sorted(TREES))
def test_the_defaults_that_list_prints_are_those_it_opens_with(layout: str, tmp_path: Path) -> None:
    given = TREES[layout](tmp_path)
    used = json.loads(open_dataset(layout, tmp_path, **given).options.model_dump_json())
    rows = described(LAYOUTS.get(layout).options)
    assert sorted(used) == sorted(row.name for row in rows)
    for row in rows:
        assert used[row.name] == given.get(row.name, row.default)


@pytest.mark.parametrize("layout", sorted(TREES))
def test_every_declared_option_is_accepted_and_the_files_are_read(
    layout: str, tmp_path: Path
) -> None:
    given, model = TREES[layout](tmp_path), LAYOUTS.get(layout).options
    plain = open_dataset(layout, tmp_path, **given)
    (tmp_path / "scenes.json").write_text(json.dumps([{"name": "rain", "scene": []}]))
    texts = {
        "ignore_classes": [list(plain.detection_classes[:1])],
        "class_order": [given.get("class_order", [])[::-1]],
        "scenarios": [str(tmp_path / "scenes.json")],
        "mask_ignore": [[254]],
        "rename_classes": [{"nothing": "anything"}, dict([plain.detection_classes[:2]])]
        if len(plain.detection_classes) > 1
        else [{"nothing": "anything"}],
    }
    for name in model.model_fields:
        required = {key: value for key, value in given.items() if key != name}
        values = texts.get(name) or other_values(model, name, **required)
        assert values or name in given, f"{name}: no value to try"
        for value in values:
            dataset = open_dataset(layout, tmp_path, **{**given, name: value})
            assert [pair.stem for pair in dataset.pairs] == [pair.stem for pair in plain.pairs]
            found, usual = boxes_of(dataset), boxes_of(plain)
            assert sorted(found) == sorted(usual)
            if name == "ignore_classes":
                left_out = {cls for boxes in usual.values() for cls, _ in boxes} & set(value)
                assert not {cls for boxes in found.values() for cls, _ in boxes} & left_out
            if name == "rename_classes":
                for stem, boxes in usual.items():
                    assert found[stem] == sorted((value.get(cls, cls), box) for cls, box in boxes)
            if name == "corner_origin" and usual:
                for stem, boxes in usual.items():
                    shifted = np.array([box for _, box in found[stem]])
                    assert (shifted == np.array([box for _, box in boxes]) - value).all()


@pytest.mark.parametrize("layout", sorted(TREES))
def test_what_prepare_writes_is_what_the_layout_reads(layout: str, tmp_path: Path) -> None:
    dataset = grown(layout, tmp_path / "data")
    out = prepare(dataset, resolve_split(dataset, "all"), tmp_path / "out").folder
    assert list(read_list(out / "split_test.txt")) == [pair.stem for pair in dataset.pairs]
    expected = boxes_of(dataset)
    assert (out / "instances_test.json").exists() == bool(expected)
    if not expected:
        return
    found = coco_boxes(out / "instances_test.json")
    stem_of = {
        pair.visible.stem: pair.stem for pair in dataset.pairs
    }  # of the visible image's name
    assert {stem_of.get(name, name): sorted(boxes) for name, boxes in found.items()} == expected
    names = (out / "classes.txt").read_text().split("\n")
    for stem, boxes in expected.items():
        lines = [line.split() for line in (out / "labels" / f"{stem}.txt").read_text().splitlines()]
        assert sorted(names[int(line[0])] for line in lines) == [name for name, _ in boxes]
        areas = sorted(float(line[3]) * WIDTH * float(line[4]) * HEIGHT for line in lines)
        corners = [box for _, box in boxes]
        assert areas == pytest.approx(
            sorted((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in corners), rel=1e-4
        )


@pytest.mark.parametrize(
    ("layout", "task", "write"),
    [
        ("m3fd", "detection", demo.write_detection),
        ("msrs", "segmentation", demo.write_segmentation),
    ],
)
def test_a_demo_is_opened_by_the_layout_that_it_is_written_in(
    layout: str, task: str, write: Any, tmp_path: Path
) -> None:
    write(tmp_path / "demo", train=2, test=1, seed=3, size=(97, 131))
    dataset = open_dataset(layout, tmp_path / "demo")
    parts = dataset.official_splits()
    assert {part: len(stems) for part, stems in parts.items()} == {"train": 2, "test": 1}
    for part, stems in parts.items():
        for index, stem in enumerate(stems):
            scene = demo.render_scene(demo.image_seed(3, part, index), (97, 131), task)
            pair = dataset.by_stem[stem]
            assert size_of(pair.infrared) == size_of(pair.visible) == (97, 131)
            if task == "detection":
                found = dataset.boxes(pair)
                corners = [tuple(box) for box in found.xyxy.tolist()]
                assert tuple(zip(found.classes, corners, strict=True)) == scene.boxes
            else:
                assert np.array_equal(dataset.mask(pair), scene.mask)
