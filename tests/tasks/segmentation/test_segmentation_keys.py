"""Keys of segmentation results, and what a section is refused for before it is computed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from nearest_grey import SIZE, SPEC, TEST, TRAIN, GreyTraining, NearestGrey

from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.tasks.segmentation.registry import SEGMENTERS


def test_a_segmenter_of_ones_own_in_a_file_of_format_1_is_checked_by_its_own_keys(world):
    """Format 1 has the options beside the other keys."""
    assert world.old_section({"passes": 3}).resolved().training == GreyTraining(passes=3)
    for changes, message in (
        ({"passes": 0}, r"tiny\.yaml: passes: "),
        ({"iterations": 9}, r"tiny\.yaml: iterations: unknown key; .*nearest-grey"),
        ({"segmenter": "segformer-b9"}, "did you mean"),
    ):
        with pytest.raises(UserError, match=message):
            world.check(world.old_section(changes))


@pytest.mark.parametrize("what", ["fused", "mask", "visible", "train fused"])
def test_key_follows_the_content_of_every_file_that_decides_a_number(world, what):
    before = world.plan(world.section(), methods=("good",))[0]
    path = {
        "fused": world.sets["good"][TEST[0]],
        "train fused": world.sets["good"][TRAIN[0]],
        "mask": world.root / "msrs" / "test" / "Segmentation_labels" / f"{TEST[0]}.png",
        "visible": world.root / "msrs" / "test" / "vi" / f"{TEST[0]}.png",
    }[what]
    world.write(path, np.zeros(SIZE, np.uint8))
    after = world.plan(world.section(), methods=("good",))[0]
    assert after.key != before.key
    retrained = after.payload["training_key"] != before.payload["training_key"]
    assert retrained == (what == "train fused")


def test_pseudo_labels_put_a_warning_into_every_caption(world):
    unit = world.plan(world.section(pseudo_labels=True))[0]
    assert unit.about.warnings[0].startswith("PSEUDO LABELS: ")
    assert world.plan(world.section({"pseudo_labels": True}))[0].about.warnings


def test_a_split_of_lists_replaces_the_protocols_and_files_count_by_content(world):
    for part, stems in (("train", TRAIN[:3]), ("test", TEST[:2])):
        (world.root / f"{part}.txt").write_text("\n".join(stems))
        (world.root / f"copy-{part}.txt").write_text("\n".join(stems))
    lists = {part: str(world.root / f"{part}.txt") for part in ("train", "test")}
    copies = {part: str(world.root / f"copy-{part}.txt") for part in ("train", "test")}
    unit = world.plan(world.section(split=lists))[0]
    assert list(unit.payload["test"]) == list(TEST[:2])
    assert unit.key == world.plan(world.section(split=copies))[0].key
    world.run(unit)
    assert NearestGrey.trained == [(3, 0)]


@pytest.mark.parametrize("change", [{"options": {"ignore": 1}}, {"layout": "other"}])
def test_how_labels_are_read_is_part_of_every_key(world, change):
    first = world.plan(world.section())[0]
    world.ref = replace(world.ref, **change)
    other = world.plan(world.section())[0]
    assert other.key != first.key
    assert other.payload["training_key"] != first.payload["training_key"]


def test_another_version_of_a_segmenter_trains_and_judges_again(world, monkeypatch):
    first = world.plan(world.section())[0]
    monkeypatch.setitem(SEGMENTERS.specs(), SPEC.name, replace(SPEC, version=2))
    other = world.plan(world.section())[0]
    assert other.key != first.key
    assert other.payload["training_key"] != first.payload["training_key"]


@pytest.mark.parametrize("where", ["section", "protocol"])
def test_where_initial_weights_lie_changes_nothing_but_what_they_hold_does(world, where):
    units = []
    for place, content in (("here", b"a"), ("there", b"a"), ("elsewhere", b"b")):
        path = world.root / place / "w.safetensors"
        write_bytes(path, content)
        values = {"initial": str(path)}
        section = world.section(values) if where == "protocol" else world.section(**values)
        units.append(world.plan(section)[0])
    assert units[0].about == units[1].about
    assert units[0].key == units[1].key
    assert units[2].key != units[0].key
    assert units[2].payload["training_key"] != units[0].payload["training_key"]
    assert units[2].about.network != units[0].about.network
    assert str(world.root) not in json.dumps([unit.about.to_json() for unit in units])


@pytest.mark.parametrize(
    ("changes", "section", "message"),
    [
        ({"split": "given"}, {}, r"split: \{train: FILE, test: FILE\}"),
        ({"layout": "llvip"}, {}, "is for layout 'llvip'"),
        ({"classes": ["unlabelled", "car"], "means": {"m": []}}, {}, "has classes unlabelled, car"),
        ({"network": "segformer-b9"}, {}, "did you mean"),
        ({"passes": 0}, {}, r"tiny\.yaml: recipe\.nearest-grey\.training\.passes: "),
        ({"training": {"n": 1}}, {}, r"recipe\.nearest-grey\.training\.n: unknown key"),
        ({"initial": "shipped:nothing-of-the-kind"}, {}, "nothing-of-the-kind"),
        ({}, {"initial": "/no/such/file.safetensors"}, "no such weights file"),
        ({}, {"split": "all"}, "no train images"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_computed(world, changes, section, message):
    world.check(world.section())
    with pytest.raises(UserError, match=message) as caught:
        world.check(world.section(changes, **section))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stem", [TRAIN[0], TEST[0]])
def test_a_missing_label_is_found_before_anything_is_computed(world, stem):
    part = "train" if stem in TRAIN else "test"
    (world.root / "msrs" / part / "Segmentation_labels" / f"{stem}.png").unlink()
    with pytest.raises(UserError, match=stem):
        world.check(world.section())


@pytest.mark.slow
def test_the_check_loads_no_network_library(world):
    protocol = "demo-seg.v1"
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ivif_bench.data.base import open_dataset\n"
        "from ivif_bench.types import DatasetRef\n"
        "from ivif_bench.tasks.segmentation.task import SegmentationSection, SegmentationTask\n"
        "root, protocol = sys.argv[1:]\n"
        "dataset = open_dataset('msrs', Path(root))\n"
        "section = SegmentationSection(dataset='msrs', protocol=protocol)\n"
        "SegmentationTask().check(section, dataset, DatasetRef('msrs', 'msrs', root))\n"
        "heavy = {'torch', 'mmseg', 'mmengine', 'mmcv'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    arguments = (str(world.root / "msrs"), protocol)
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=120)


def test_labels_outside_the_classes_are_refused_with_the_stem(world):
    bad = np.full(SIZE, 40, np.uint8)
    world.write(world.root / "msrs" / "test" / "Segmentation_labels" / f"{TEST[1]}.png", bad)
    with pytest.raises(UserError, match=TEST[1]):
        world.run(world.plan(world.section())[0])
