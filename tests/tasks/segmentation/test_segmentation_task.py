"""Planning and execution of segmentation units, with a segmenter that needs no torch."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import yaml
from other_process import become
from pydantic import Field

from ivif_bench.data.base import open_dataset
from ivif_bench.data.images import encode_png, read_labels
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.recipe import Recipe
from ivif_bench.task import TASKS, TaskInputs, Workspace
from ivif_bench.tasks.segmentation.inputs import Samples
from ivif_bench.tasks.segmentation.protocol import load_protocol
from ivif_bench.tasks.segmentation.registry import SEGMENTERS, Segmenter, SegmenterSpec
from ivif_bench.tasks.segmentation.scoring import confusion, score
from ivif_bench.tasks.segmentation.segmenters._mmseg_recipe import MmsegRecipe
from ivif_bench.types import DatasetRef, FusedSet

TRAIN = ("00001D", "00002N", "00003D", "00004N")
TEST = ("00005D", "00006N", "00007D")
SIZE = (40, 48)
LEVELS = np.array([20, 90, 160], np.uint8)  # grey of classes 0, 1 and 2


class GreyRecipe(Recipe):
    """Its own keys, none of them mmsegmentation's."""

    passes: int = Field(ge=1, description="passes over the training images")

    @property
    def summary(self):
        return f"{self.passes} passes"


SPEC = SegmenterSpec(
    name="nearest-grey",
    entry="a_fake_module:NearestGrey",
    title="Nearest grey",
    parameters=3,
    licence="none",
    recipe=GreyRecipe,
    packages=("numpy",),
)


class NearestGrey(Segmenter):
    """Remembers each class's mean grey; counts how often it was trained, and may die once."""

    trained: ClassVar[list] = []
    die = False

    def fit(self, train, seed, folder, log, progress):
        type(self).trained.append((len(train), seed))
        (folder / "begun").write_text("x")
        if type(self).die:
            type(self).die = False
            raise RuntimeError("lost power")
        pixels = [
            np.concatenate([image[mask == label] for image, mask in train]) for label in (0, 1, 2)
        ]
        means = [float(one[:, 0].mean()) for one in pixels]
        path = folder / "grey.json"
        path.write_text(json.dumps(means))
        return path

    def load(self, checkpoint):
        self.means = np.array(json.loads(Path(checkpoint).read_text()))

    def predict(self, rgb):
        distance = np.abs(rgb[:, :, :1].astype(float) - self.means)
        return distance.argmin(axis=2).astype(np.uint8)


@pytest.fixture(autouse=True)
def nearest_grey(monkeypatch):
    NearestGrey.trained, NearestGrey.die = [], False
    module = types.SimpleNamespace(NearestGrey=NearestGrey)
    monkeypatch.setitem(__import__("sys").modules, "a_fake_module", module)
    monkeypatch.setattr(SEGMENTERS, "_specs", {**SEGMENTERS.specs(), SPEC.name: SPEC})


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


class World:
    """A small MSRS tree, two methods' images, a protocol file, and what a run gives to a task."""

    def __init__(self, root):
        self.root = root
        generator = np.random.default_rng(0)
        self.sets = {"good": {}, "noisy": {}}
        for stem in (*TRAIN, *TEST):
            part = "train" if stem in TRAIN else "test"
            mask = generator.integers(0, 3, (SIZE[0] // 8, SIZE[1] // 8)).repeat(8, 0).repeat(8, 1)
            gray = LEVELS[mask]
            noisy = np.clip(gray + generator.normal(0, 45, SIZE), 0, 255).astype(np.uint8)
            folder = root / "msrs" / part
            self.write(folder / "ir" / f"{stem}.png", gray)
            self.write(folder / "vi" / f"{stem}.png", np.repeat(gray[:, :, None], 3, 2))
            self.write(folder / "Segmentation_labels" / f"{stem}.png", mask.astype(np.uint8))
            for method, image in (("good", gray), ("noisy", noisy)):
                path = root / "fused" / method / f"{stem}.png"
                self.write(path, image)
                self.sets[method][stem] = path
        self.dataset = open_dataset("msrs", root / "msrs")
        self.ref = DatasetRef("msrs", "msrs", str(root / "msrs"))
        self.fingerprint = lambda path: hashlib.sha256(path.read_bytes()).hexdigest()

    @staticmethod
    def write(path, image):
        write_bytes(path, encode_png(image))

    def section(self, protocol_changes=None, **values):
        content = load_protocol("demo-seg.v1").model_dump(mode="json")
        content |= {"segmenter": "nearest-grey", "initial": "scratch", "name": "tiny.v1"}
        changes = protocol_changes or {}
        if "segmenter" not in changes:
            content = {k: v for k, v in content.items() if k not in MmsegRecipe.model_fields}
            content["passes"] = 2
        path = self.root / "tiny.yaml"
        path.write_text(yaml.safe_dump(content | changes, sort_keys=False))
        task = TASKS.load("segmentation")
        return task.section(dataset="msrs", protocol=str(path), **values)

    def plan(self, section, methods=("good", "noisy")):
        fused = {("msrs", name): FusedSet("msrs", name, "k", self.sets[name]) for name in methods}
        planning = TaskInputs(
            datasets={"msrs": self.dataset},
            refs={"msrs": self.ref},
            fused=fused,
            methods=[*methods, "never-ran"],
            seed=0,
            fingerprint=self.fingerprint,
        )
        return TASKS.load("segmentation")().plan(section, planning)

    def check(self, section):
        TASKS.load("segmentation")().check(section, self.dataset, self.ref)

    def workspace(self):
        for name in ("scratch", "shared"):
            (self.root / name).mkdir(exist_ok=True)
        return Workspace(
            self.root / "scratch", self.root / "shared", self.root / "log", lambda *_: None
        )

    def makers(self, unit):
        """Execute, and return the names of all other processes that had a part in it."""
        workspace = self.workspace()
        TASKS.load("segmentation")().execute(unit, workspace)
        return sorted(
            origin.commit.removeprefix("commit of ") for origin in workspace.origins.earlier
        )

    def run(self, unit):
        return TASKS.load("segmentation")().execute(unit, self.workspace())


def value(records, metric, class_name=""):
    (found,) = [
        row.value for row in records if (row.metric, row.class_name) == (metric, class_name)
    ]
    return found


@pytest.mark.parametrize("chroma", ["none", "visible"])
def test_the_protocol_decides_for_all_rows_alike_whether_they_are_seen_in_colour(world, chroma):
    pairs = world.dataset.select(TEST)
    colour = np.full((*SIZE, 3), (200, 90, 40), np.uint8)
    for pair in pairs:
        world.write(pair.visible, colour)
    files = tuple(world.root / "coloured" / f"{stem}.png" for stem in TEST)
    for path in files:
        world.write(path, colour[::-1])
    gray = tuple(world.sets["noisy"][stem] for stem in TEST)
    visible = tuple(pair.visible for pair in pairs)
    rows = [Samples(world.dataset, pairs, chroma, fused) for fused in (files, gray, visible)] + [
        Samples(world.dataset, pairs, chroma, side="visible")
    ]
    for samples in rows:
        for rgb, _ in samples:
            assert bool((rgb != rgb[:, :, :1]).any()) == (chroma == "visible")
    about = world.plan(world.section({"chroma": chroma}))[0].about.chroma
    assert about.startswith(f"{chroma} (")
    assert len(about) > 60


def test_a_segmenter_with_keys_of_its_own_gets_them_and_its_network_line_says_what_is_true(world):
    section = world.section({"passes": 3})
    assert section.resolved().training == GreyRecipe(passes=3)
    (first,) = world.plan(section, methods=("good",))
    assert first.about.network.endswith("initial weights scratch, 3 passes")
    (other,) = world.plan(world.section({"passes": 4}), methods=("good",))
    assert other.payload["training_key"] != first.payload["training_key"]


def test_one_unit_per_method_and_seed_and_none_for_methods_without_images(world):
    units = world.plan(world.section(seeds=(3, 5)))
    assert [(unit.method, unit.seed) for unit in units] == [
        ("good", 3), ("good", 5), ("noisy", 3), ("noisy", 5)
    ]  # fmt: skip
    assert len({unit.key for unit in units}) == 4
    json.dumps([unit.payload for unit in units])  # plain values: a worker gets them as JSON


def test_about_holds_only_what_reports_know_and_orders_the_columns(world):
    about = world.plan(world.section())[0].about
    assert list(about.metrics) == [
        "mIoU9", "mIoU8", "mIoU9[day]", "mIoU8[day]", "mIoU9[night]", "mIoU8[night]",
        "accuracy", "class_accuracy", "IoU",
    ]  # fmt: skip
    assert about.judges == ("numpy",)
    assert about.images == 3
    assert about.warnings == ()
    json.dumps(about.to_json())


def test_stems_are_those_that_must_be_fused(world):
    task = TASKS.load("segmentation")()
    assert task.stems(world.section(), world.dataset) == TRAIN + TEST
    frozen = world.section({"mode": "frozen", "train_on": "visible"})
    assert task.stems(frozen, world.dataset) == TEST


def test_numbers_come_from_the_saved_predictions_and_clean_images_win(world):
    good, noisy = (world.run(unit) for unit in world.plan(world.section()))
    assert value(good, "mIoU9") == pytest.approx(1.0)
    assert 0.3 < value(noisy, "mIoU9") < 0.9
    (folder,) = [
        each for each in (world.root / "shared").glob("segmentation-*")
        if each.name.endswith(world.plan(world.section())[1].key)
    ]  # fmt: skip
    masks = world.root / "msrs" / "test" / "Segmentation_labels"
    matrix = sum(
        confusion(read_labels(masks / f"{stem}.png"), read_labels(folder / f"{stem}.png"), 9)
        for stem in TEST
    )
    iou = score(matrix).iou
    assert value(noisy, "mIoU9") == pytest.approx(np.nanmean(iou))
    assert value(noisy, "mIoU8") == pytest.approx(np.nanmean(iou[1:]))
    assert value(noisy, "IoU", "car") == pytest.approx(iou[1])
    stored = json.loads((folder / "confusion.json").read_text())
    np.testing.assert_array_equal(stored["matrices"]["all"], matrix)


def test_the_share_of_ignored_truth_is_recorded_whatever_is_predicted_there(world):
    path = world.root / "msrs" / "test" / "Segmentation_labels" / f"{TEST[0]}.png"
    mask = read_labels(path)
    mask[:8] = 255
    world.write(path, mask)
    share = 8 / mask.shape[0] / len(TEST)
    for unit in world.plan(world.section()):
        assert value(world.run(unit), "ignored") == pytest.approx(share, rel=1e-12)


def test_day_and_night_split_the_test_images(world):
    records = world.run(world.plan(world.section())[1])
    assert value(records, "n_images") == 3
    assert value(records, "n_images[day]") == 2
    assert value(records, "n_images[night]") == 1
    assert value(records, "mIoU9[day]") != value(records, "mIoU9[night]")


def test_absent_classes_are_named_with_their_reason_and_counted_out_of_the_mean(world):
    records = world.run(world.plan(world.section())[0])
    absent = {
        row.class_name: row.reason
        for row in records
        if row.metric == "IoU" and math.isnan(row.value)
    }
    assert absent == dict.fromkeys(
        load_protocol("demo-seg.v1").classes[3:], "no_truth_no_prediction"
    )
    assert value(records, "n_classes_mIoU9") == 3
    assert value(records, "n_classes_mIoU8") == 2
    assert all(row.reason == "" for row in records if not math.isnan(row.value))


def test_whoever_trained_or_predicted_is_named_in_results_that_others_count(world, monkeypatch):
    frozen = world.section({"mode": "frozen", "train_on": "visible"})
    first, second = world.plan(frozen)
    become(monkeypatch, "trainer")
    assert world.makers(first) == []
    become(monkeypatch, "predictor")
    assert world.makers(second) == ["trainer"]
    become(monkeypatch, "counter")  # killed after the predictions and called again
    assert world.makers(second) == ["predictor", "trainer"]
    assert world.makers(first) == ["trainer"]


def test_retrain_trains_each_method_on_its_own_images_once(world):
    units = world.plan(world.section())
    for unit in (*units, *units):
        world.run(unit)
    assert NearestGrey.trained == [(4, 0), (4, 0)]


def test_frozen_trains_once_for_all_methods(world):
    units = world.plan(world.section({"mode": "frozen", "train_on": "visible"}))
    assert len({unit.payload["training_key"] for unit in units}) == 1
    assert len({unit.key for unit in units}) == 2
    for unit in units:
        world.run(unit)
    assert NearestGrey.trained == [(4, 0)]


def test_shares_of_the_images_give_the_records_of_the_whole(world):
    task = TASKS.load("segmentation")()
    first, second = world.plan(world.section({"mode": "frozen", "train_on": "visible"}))
    whole = world.run(first)
    for folder in (world.root / "shared").glob("segmentation-*"):
        shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
    shutil.rmtree(world.root / "scratch")
    assert task.shared_work(first) == task.shared_work(second) != ""
    task.do_shared_work(first, world.workspace())
    for stem in reversed(task.images(first)):
        task.judge(first, (stem,), world.workspace())
    assert repr(world.run(first)) == repr(whole)
    assert NearestGrey.trained == [(4, 0)]
    (retrained, _) = world.plan(world.section())
    assert (task.shared_work(retrained), task.images(retrained)) == ("", ())


def test_a_crash_while_training_leaves_nothing_that_looks_finished(world):
    (unit,) = world.plan(world.section(), methods=("good",))
    NearestGrey.die = True
    with pytest.raises(RuntimeError, match="lost power"):
        world.run(unit)
    left = [each for each in (world.root / "shared").iterdir() if each.is_dir()]
    assert left
    assert all(each.name.endswith(".part") for each in left)
    assert value(world.run(unit), "mIoU9") == pytest.approx(1.0)
    assert len(NearestGrey.trained) == 2


def test_holes_are_trained_and_judged_around_and_said_so(world):
    del world.sets["noisy"]["00002N"], world.sets["noisy"]["00006N"]
    unit = world.plan(world.section())[1]
    assert unit.about.missing == (
        "00002N",
        "00006N",
    )
    assert unit.about.images == 2
    assert unit.about.warnings == (
        "trained without 1 missing images", "judged without 1 missing images",)  # fmt: skip
    records = world.run(unit)
    assert NearestGrey.trained == [(3, 0)]
    assert value(records, "n_images") == 2
    assert not [row for row in records if "[night]" in row.metric]


@pytest.mark.parametrize("stems", [TRAIN, TEST], ids=["no training image", "no test image"])
def test_a_method_that_cannot_be_judged_keeps_an_empty_row(world, stems):
    for stem in stems:
        del world.sets["noisy"][stem]
    unit = world.plan(world.section())[1]
    assert unit.about.images == 0
    assert set(TEST) <= set(unit.about.missing)
    assert world.run(unit) == []
    assert NearestGrey.trained == []


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
    assert unit.payload["test"] == list(TEST[:2])
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
        ({"segmenter": "segformer-b9"}, {}, "did you mean"),
        ({"passes": 0}, {}, r"tiny\.yaml: passes: "),
        ({"iterations": 9}, {}, r"tiny\.yaml: iterations: unknown key; .*nearest-grey"),
        ({"initial": "shipped:nothing-of-the-kind"}, {}, "nothing-of-the-kind"),
        ({}, {"initial": "/no/such/file.safetensors"}, "no such file"),
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


def test_the_check_loads_no_network_library(world):
    protocol = world.section({"segmenter": "segformer-b0"}).protocol
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
