"""A user's label images beside the methods of a run, and as a table without one."""

from __future__ import annotations

import json

import numpy as np
import pytest
from nearest_grey import TEST, value
from small_runs import ivif_here

from ivif_bench.data.images import read_labels
from ivif_bench.errors import UserError
from ivif_bench.task import TASKS

CAMVID = "sky,building,pole,road,pavement,tree,sign_symbol,fence,car,pedestrian,bicyclist"


def predictions(world, shift=0, stems=TEST):
    """Label images with values 10, 11, 12 for classes 0, 1, 2, some columns to the right."""
    folder = world.root / "predicted"
    masks = world.root / "msrs" / "test" / "Segmentation_labels"
    for stem in stems:
        labels = np.roll(read_labels(masks / f"{stem}.png"), shift, axis=1)
        world.write(folder / f"{stem}_out.png", labels + np.uint8(10))
    return {
        "files": f"{folder}/{{stem}}_out.png",
        "classes": {"unlabelled": 10, "car": 11, "person": 12},
    }


def test_a_row_of_label_images_is_scored_as_any_and_its_key_knows_their_content(world):
    section = world.section(labels={"mine": predictions(world)})
    assert section.rows == ("mine",)
    world.check(section)
    first = world.plan(section, methods=(), rows=("mine",))[0]
    assert (first.method, first.about.images) == ("mine", 3)
    assert "3 label images in {stem}_out.png; it has no class bike" in first.about.given
    assert value(world.run(first), "mIoU9") == 1
    task = TASKS.load("segmentation")()
    assert (task.shared_work(first), task.images(first)) == ("", ())
    predictions(world, shift=1)
    with pytest.raises(UserError, match="changed since the run began"):
        world.run(first)
    moved = world.plan(section, methods=(), rows=("mine",))[0]
    assert moved.key != first.key
    assert 0.5 < value(world.run(moved), "mIoU9") < 1


def test_methods_keep_their_units_where_a_section_brings_rows(world):
    plain = world.plan(world.section())
    both = world.plan(world.section(labels={"mine": predictions(world)}), rows=("mine",))
    assert [unit.key for unit in both[:-1]] == [unit.key for unit in plain]
    assert both[-1].method == "mine"


def test_a_folder_that_does_not_fit_is_refused_before_anything_is_computed(world):
    with pytest.raises(UserError, match=r"labels 'mine': .*no label images of 1 of 3"):
        world.check(world.section(labels={"mine": predictions(world, stems=TEST[:2])}))
    wrong = {**predictions(world), "classes": ["unlabelled", "car"]}
    with pytest.raises(UserError, match=r"00005D_out\.png: value 1\d belongs to no class"):
        world.check(world.section(labels={"mine": wrong}))


@pytest.mark.slow
@pytest.mark.golden
def test_the_command_gives_camvids_numbers_in_any_format(shared, tmp_path):
    folder, found = shared / "data" / "CamVid", {}
    for void in ("ignore", "false-positive", "class", "mfnet"):
        done = ivif_here(
            "segment", "--labels", f"ESPNet={folder}/pred_espnet", "--truth", folder / "valannot",
            "--classes", CAMVID, "--ignore", "11", "--void", void, "--format", "csv",
            "--matrix", tmp_path / "matrix.json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        rows = [line.split(",") for line in done.stdout.splitlines()]
        found[void] = next(float(row[5]) for row in rows if row[3].startswith("mIoU"))
    assert found == pytest.approx(
        {"ignore": 0.702169, "false-positive": 0.687517, "class": 0.648773, "mfnet": 0.715708},
        abs=1e-6,
    )
    oracle = json.loads((folder / "espnet_oracle.json").read_text())
    stored = json.loads((tmp_path / "matrix.json").read_text())["ESPNet"]
    assert stored["matrices"]["all"] == oracle["confusion_rows_gt_cols_pred"]
    assert len(stored["by_image"]) == 26


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a run configuration, or --labels"),
        (("--labels", "a=x", "--truth", "y"), "either --protocol or --classes"),
        (("--labels", "a=x", "--truth", "y", "--classes", "a,b"), "no such folder: y"),
        (("--labels", "a=x", "--labels", "a=y", "--truth", "y", "--classes", "a,b"), "occurs twice"),
        (("--labels", "a=x", "--truth", "y", "--classes", "a,b", "--seeds", "1"), "--seeds is for"),
        (("some.yaml", "--truth", "y"), "--truth is for labels without a configuration"),
    ],
)  # fmt: skip
def test_mistakes_on_the_command_line_are_one_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = ivif_here("segment", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
