"""Planning and execution with a fake detector: keys, holes, frozen training, colour."""

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from other_process import become
from pydantic import Field, ValidationError

from ivif_bench.data.base import open_dataset
from ivif_bench.data.chroma import fused_rgb
from ivif_bench.data.images import encode_png, read_rgb
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.fingerprints import Fingerprints
from ivif_bench.recipe import Recipe
from ivif_bench.task import TaskInputs, Workspace
from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS
from ivif_bench.tasks.detection.registry import DETECTORS, Detector, DetectorSpec
from ivif_bench.tasks.detection.task import DetectionSection, DetectionTask
from ivif_bench.types import Boxes, DatasetRef, FusedSet, Record, Unit

TRAIN, TEST = ("00000", "00001", "00002"), ("00003", "00004")
CLASSES = ("People", "Car", "Bus", "Motorcycle", "Lamp", "Truck")
# Every object is this one box; the fake detector finds it where the image is bright enough.
BOX = (10, 12, 30, 40)
NOTHING = Boxes(np.zeros((0, 4)), (), np.zeros(0))
fits: list[dict[str, object]] = []


class FakeRecipe(Recipe):
    """Its own keys, none of them ultralytics'."""

    rounds: int = Field(ge=1, description="passes over the training images")

    @property
    def summary(self) -> str:
        return f"{self.rounds} rounds"


SPEC = DetectorSpec(
    name="fake",
    entry=f"{__name__}:FakeDetector",
    title="Fake",
    family="fake",
    parameters=1,
    licence="none",
    modes=("retrain", "frozen", "zeroshot-coco", "released"),
    recipe=FakeRecipe,
    packages=("numpy",),
)


class FakeDetector(Detector):
    """Says Car with the brightness of the box as score, and writes down how it was trained."""

    def fit(self, train, seed, folder, log, initial=None, progress=None):
        levels = [int(read_rgb(path).mean()) for path, _ in train]
        fits.append({"stems": [path.stem for path, _ in train], "seed": seed, "levels": levels})
        path = folder / "fake.safetensors"
        path.write_text("trained")
        return path

    def load(self, checkpoint: Path) -> tuple[str, ...]:
        assert checkpoint.is_file()
        return CLASSES

    def predict(self, images: Sequence[np.ndarray]) -> list[Boxes]:
        x1, y1, x2, y2 = BOX
        found = []
        for image in images:
            score = image[y1:y2, x1:x2].mean() / 255
            there = score > 0.3
            array = np.array([BOX], float)[: int(there)]
            found.append(Boxes(array, ("Car",) * int(there), np.array([score])[: int(there)]))
        return found


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS.specs(), "fake", SPEC)
    fits.clear()


class Bench:
    """A tiny M3FD with fused sets, planned and executed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        root = folder / "M3FD_Detection"
        for index, stem in enumerate((*TRAIN, *TEST)):
            infrared = np.full((48, 64), 20 + index, np.uint8)
            visible = np.full((48, 64, 3), (90, 40, 30 + index), np.uint8)
            write_bytes(root / "Ir" / f"{stem}.png", encode_png(infrared))
            write_bytes(root / "Vis" / f"{stem}.png", encode_png(visible))
            corners = dict(zip(("xmin", "ymin", "xmax", "ymax"), np.array(BOX) + 1, strict=True))
            box = "".join(f"<{key}>{value}</{key}>" for key, value in corners.items())
            xml = (
                f"<annotation><object><name>Car</name><bndbox>{box}</bndbox></object></annotation>"
            )
            write_bytes(root / "Annotation" / f"{stem}.xml", xml.encode())
        for part, stems in (("train", TRAIN), ("test", TEST)):
            write_bytes(root / "meta" / f"{part}.txt", "\n".join(stems).encode())
        self.dataset = open_dataset("m3fd", root, "data")
        self.ref = DatasetRef("data", "m3fd", str(root))
        self.fused: dict[tuple[str, str], FusedSet] = {}

    def method(self, name: str, level: int, stems: Sequence[str] = (*TRAIN, *TEST)) -> None:
        images = {}
        for stem in stems:
            images[stem] = self.folder / name / f"{stem}.png"
            write_bytes(images[stem], encode_png(np.full((48, 64), level, np.uint8)))
        self.fused["data", name] = FusedSet("data", name, "key", images)

    def protocol(self, name: str = "mine.yaml", **changes: object) -> str:
        content = yaml.safe_load((SHIPPED_PROTOCOLS / "demo-det.v1.yaml").read_text())
        content |= {"name": "mine.v1", "detector": "fake", "initial": "scratch", **changes}
        if content["detector"] == "fake" and "training" not in changes:
            content["training"] = {"rounds": 2}
        if content["mode"] not in ("retrain", "frozen"):
            del content["training"]
        path = self.folder / name
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
        return str(path)

    def plan(self, **section: object) -> list[Unit]:
        planning = TaskInputs(
            datasets={"data": self.dataset},
            refs={"data": self.ref},
            fused=self.fused,
            methods=[method for _, method in self.fused],
            seed=0,
            fingerprint=Fingerprints(self.folder / "fingerprints.json"),
        )
        return DetectionTask().plan(DetectionSection(dataset="data", **section), planning)

    def check(self, **section: object) -> None:
        DetectionTask().check(DetectionSection(dataset="data", **section), self.dataset, self.ref)

    def execute(self, unit: Unit) -> list[Record]:
        restored = Unit.from_json(json.loads(json.dumps(unit.to_json())))
        return DetectionTask().execute(restored, self.workspace(unit))

    def makers(self, unit: Unit) -> list[Mapping[str, str]]:
        """Execute, and return the versions of all other processes that had a part in it."""
        workspace = self.workspace(unit)
        DetectionTask().execute(unit, workspace)
        return [origin.versions for origin in workspace.origins.earlier]

    def workspace(self, unit: Unit) -> Workspace:
        run = self.folder / "run"
        scratch = run / "work" / unit.key
        scratch.mkdir(parents=True, exist_ok=True)
        return Workspace(scratch, run, run / "log", lambda *_: None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    made.method("good", 200)
    made.method("bad", 50)
    return made


def value(records: list[Record], metric: str, class_name: str = "") -> float:
    (row,) = [r for r in records if (r.metric, r.class_name) == (metric, class_name)]
    return row.value


def test_stems_are_train_and_test_unless_training_images_are_not_fused(bench: Bench) -> None:
    task = DetectionTask()

    def stems(**changes: object) -> tuple[str, ...]:
        protocol = bench.protocol(**changes)
        return task.stems(DetectionSection(dataset="data", protocol=protocol), bench.dataset)

    assert stems() == (*TRAIN, *TEST)
    assert stems(mode="frozen", train_on="visible") == TEST
    assert stems(mode="frozen", train_on="good") == (*TRAIN, *TEST)


def test_a_detector_is_trained_for_every_method_and_seed_and_the_better_images_win(
    bench: Bench,
) -> None:
    units = bench.plan(protocol=bench.protocol(chroma="none"), seeds=(0, 1))
    assert [(unit.method, unit.seed) for unit in units] == [
        ("good", 0), ("good", 1), ("bad", 0), ("bad", 1),
    ]  # fmt: skip
    results = {(unit.method, unit.seed): bench.execute(unit) for unit in units}
    assert [fit["stems"] for fit in fits] == [list(TRAIN)] * 4
    assert [fit["levels"] for fit in fits] == [[200] * 3] * 2 + [[50] * 3] * 2
    assert value(results["good", 0], "mAP50") == pytest.approx(1)
    assert value(results["bad", 0], "mAP50") == 0
    assert value(results["good", 0], "n_images") == 2
    assert value(results["good", 0], "n_boxes", "Car") == 2
    assert math.isnan(value(results["good", 0], "AP50", "Lamp"))


def test_a_detector_with_keys_of_its_own_gets_them_and_its_network_line_says_what_is_true(
    bench: Bench,
) -> None:
    section = DetectionSection(dataset="data", protocol=bench.protocol(training={"rounds": 3}))
    assert section.resolved().training == FakeRecipe(rounds=3)
    bench.method("bright", 200)
    first = bench.plan(protocol=bench.protocol())[0]
    assert first.about.network == "Fake, 256 pixels, initial weights scratch, 2 rounds"
    other = bench.plan(protocol=bench.protocol(training={"rounds": 3}))[0]
    assert other.payload["training_key"] != first.payload["training_key"]


def test_about_holds_only_known_keys_and_plain_values(bench: Bench) -> None:
    for unit in bench.plan(protocol=bench.protocol()):
        assert unit.about.judges == (
            "numpy",
            "pycocotools",
        )
        json.dumps([unit.about.to_json(), unit.payload])


def test_the_footer_names_multi_label_and_the_form_of_the_yolov5_ap(bench: Bench) -> None:
    def scorer(**changes: object) -> str:
        return str(bench.plan(protocol=bench.protocol(**changes))[0].about.scorer)

    assert "best class only" in scorer()
    assert "since v6.2" in scorer()
    assert "multi-label" not in scorer()
    assert "all classes above it (multi-label)" in scorer(multi_label=True)
    before = scorer(scorer="coco+yolov5-before-v6.2")
    assert "before v6.2" in before
    assert "since" not in before


def test_a_protocol_for_the_form_before_v6_2_prints_that_form(bench: Bench) -> None:
    """The confident detection (IoU .6) takes the object; before v6.2 the exact one gets nothing."""
    x1, y1, x2, y2 = np.array(BOX) + 1.0  # as the XML says
    corners = np.array([[x1, y1, x2, y1 + 0.61 * (y2 - y1)], [x1, y1, x2, y2]])
    found = Boxes(corners, ("Car", "Car"), np.array([0.9, 0.8]))
    means = {}
    for form in ("coco+yolov5", "coco+yolov5-before-v6.2"):
        unit = bench.plan(protocol=bench.protocol(scorer=form))[0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(FakeDetector, "predict", lambda _, images: [found] * len(images))
            records = bench.execute(unit)
        assert value(records, "mAP50[yolov5]") == pytest.approx(0.995)
        means[form] = value(records, "mAP50_95[yolov5]")
    # Two images: above IoU .6 two hits come after two false alarms, or never.
    assert means["coco+yolov5"] == pytest.approx((3 * 0.995 + 7 * 0.4975) / 10)
    assert means["coco+yolov5-before-v6.2"] == pytest.approx(3 * 0.995 / 10)


def test_a_frozen_detector_is_trained_once_for_all_methods(bench: Bench) -> None:
    units = bench.plan(protocol=bench.protocol(mode="frozen", train_on="visible"))
    for unit in units:
        bench.execute(unit)
    assert len(units) == 2
    assert len(fits) == 1
    assert fits[0]["levels"] == [53, 53, 54]  # the visible images of the dataset


def test_the_process_that_trained_the_detector_is_named_in_results_of_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = bench.plan(protocol=bench.protocol(mode="frozen", train_on="visible"))
    become(monkeypatch, "trainer", ultralytics="8.4.1")
    assert bench.makers(first) == []
    become(monkeypatch, "judge", pycocotools="2.0.11")
    assert bench.makers(second) == [{"ultralytics": "8.4.1"}]
    become(monkeypatch, "resumed", pycocotools="2.0.11")
    assert bench.makers(first) == [{"ultralytics": "8.4.1"}]


def test_units_of_one_network_share_its_training_and_divide_by_images(bench: Bench) -> None:
    task = DetectionTask()
    first, second = bench.plan(protocol=bench.protocol(mode="frozen", train_on="visible"))
    assert task.shared_work(first) == task.shared_work(second) != ""
    assert task.images(first) == tuple(sorted(first.payload["test"]))
    (retrained, _) = bench.plan(protocol=bench.protocol())
    assert task.shared_work(retrained) == ""
    assert task.images(retrained) == ()


def test_shares_of_the_images_give_the_records_and_boxes_of_the_whole(bench: Bench) -> None:
    task = DetectionTask()
    unit, _other = bench.plan(protocol=bench.protocol(mode="frozen", train_on="visible"))
    whole = bench.execute(unit)
    boxes = bench.folder / "run" / f"detections-{unit.key}.json"
    expected = boxes.read_bytes()
    boxes.unlink()
    for path in (bench.folder / "run" / "work").rglob("*.jsonl"):
        path.unlink()
    stems = task.images(unit)
    task.do_shared_work(unit, bench.workspace(unit))
    for stem in reversed(stems):
        task.judge(unit, (stem,), bench.workspace(unit))
    assert len(list(bench.workspace(unit).scratch.glob("*.jsonl"))) == len(stems)
    assert repr(bench.execute(unit)) == repr(whole)
    assert boxes.read_bytes() == expected
    assert len(fits) == 1


def test_the_result_names_who_trained_and_who_judged_a_share(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = DetectionTask()
    unit, _ = bench.plan(protocol=bench.protocol(mode="frozen", train_on="visible"))
    become(monkeypatch, "trainer", ultralytics="8.4.1")
    task.do_shared_work(unit, bench.workspace(unit))
    become(monkeypatch, "judge", torch="2.14")
    task.judge(unit, task.images(unit), bench.workspace(unit))
    become(monkeypatch, "counter", pycocotools="2.0.11")
    assert sorted(map(json.dumps, bench.makers(unit))) == [
        '{"torch": "2.14"}', '{"ultralytics": "8.4.1"}'
    ]  # fmt: skip


def test_a_finished_training_survives_a_crash_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = bench.plan(protocol=bench.protocol())[0]
    with monkeypatch.context() as patch:
        patch.setattr(FakeDetector, "predict", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            bench.execute(unit)
    bench.execute(unit)
    assert len(fits) == 1


def test_keys_follow_everything_that_decides_a_result_and_nothing_else(bench: Bench) -> None:
    def keys(**section: object) -> list[str]:
        return [unit.key for unit in bench.plan(**section)]

    protocol = bench.protocol()
    first = keys(protocol=protocol)
    assert keys(protocol=protocol) == first
    assert keys(protocol=protocol, seeds=(0, 1))[0] == first[0]  # more seeds redo nothing
    assert keys(protocol=protocol, threads=2) != first
    assert keys(protocol=bench.protocol("b.yaml", nms_iou=0.5)) != first
    xml = bench.dataset.by_stem["00003"].annotation
    assert xml is not None
    xml.write_bytes(xml.read_bytes() + b"\n")
    annotated = keys(protocol=protocol)
    assert not set(annotated) & set(first)
    bench.method("good", 201)
    changed = keys(protocol=protocol)
    assert changed[0] != annotated[0]
    assert changed[1] == annotated[1]


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"corner_origin": 0}},
        {"options": {"ignore_classes": ["Lamp"]}},
        {"layout": "m3fd-tardal"},
    ],
    ids=["option", "other option", "layout"],
)
@pytest.mark.parametrize("mode", ["retrain", "released"])
def test_how_labels_are_read_is_part_of_every_key(
    bench: Bench, change: dict[str, object], mode: str
) -> None:
    weights = bench.folder / "w.pt"
    weights.write_text("x")
    protocol = bench.protocol(mode=mode, initial=str(weights))
    first = bench.plan(protocol=protocol)[0]
    bench.ref = replace(bench.ref, **change)
    other = bench.plan(protocol=protocol)[0]
    assert other.key != first.key
    assert other.payload["training_key"] != first.payload["training_key"]


def test_another_version_of_a_detector_trains_and_judges_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.plan(protocol=bench.protocol())[0]
    monkeypatch.setitem(DETECTORS.specs(), "fake", replace(SPEC, version=2))
    other = bench.plan(protocol=bench.protocol())[0]
    assert other.key != first.key
    assert other.payload["training_key"] != first.payload["training_key"]


def test_another_version_of_the_scoring_judges_again_but_trains_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.plan(protocol=bench.protocol())[0]
    monkeypatch.setattr("ivif_bench.tasks.detection.plan.VERSION", 1)
    other = bench.plan(protocol=bench.protocol())[0]
    assert other.key != first.key
    assert other.payload["training_key"] == first.payload["training_key"]


def test_seeds_added_later_reuse_results_and_all_units_say_the_same(bench: Bench) -> None:
    protocol = bench.protocol()
    first = bench.plan(protocol=protocol, seeds=(0,))[0]
    more = bench.plan(protocol=protocol, seeds=(0, 1, 2))[:3]
    assert more[0].key == first.key
    assert more[0].about.protocol_sha256 != first.about.protocol_sha256
    assert more[0].about == more[1].about == more[2].about


@pytest.mark.parametrize("seeds", [(), (-1,), (1, 1)])
def test_seeds_are_different_numbers_from_0(bench: Bench, seeds: tuple[int, ...]) -> None:
    with pytest.raises((UserError, ValidationError), match="seed"):
        bench.check(protocol=bench.protocol(), seeds=seeds)


@pytest.mark.parametrize("how", ["section", "protocol", "yaml in the protocol"])
def test_where_a_split_file_lies_does_not_change_keys_or_hashes(bench: Bench, how: str) -> None:
    units = []
    for place in ("here", "there"):
        path = bench.folder / place / "mine.yaml"
        parts = {"train": list(TRAIN), "test": list(TEST)}
        write_bytes(path, yaml.safe_dump({"name": "mine", "parts": parts}).encode())
        if how == "section":
            units.append(bench.plan(protocol=bench.protocol(), split=str(path))[0])
        else:
            units.append(bench.plan(protocol=bench.protocol(split=str(path)))[0])
    assert units[0].about == units[1].about
    assert units[0].key == units[1].key


def test_where_weights_lie_does_not_change_keys_or_hashes_but_what_they_hold_does(
    bench: Bench,
) -> None:
    units = []
    for place, content in (("here", b"a"), ("there", b"a"), ("elsewhere", b"b")):
        path = bench.folder / place / "w.safetensors"
        write_bytes(path, content)
        units.append(bench.plan(protocol=bench.protocol(initial=str(path)))[0])
    assert units[0].about == units[1].about
    assert units[0].key == units[1].key
    assert units[2].key != units[0].key
    assert units[2].about.network != units[0].about.network
    assert str(bench.folder) not in json.dumps([unit.about.to_json() for unit in units])


def test_where_split_lists_lie_does_not_change_keys_or_hashes(bench: Bench) -> None:
    units = []
    for place in ("here", "there"):
        lists = {}
        for part, stems in (("train", TRAIN), ("test", TEST)):
            path = bench.folder / place / f"{part}.txt"
            write_bytes(path, "\n".join(stems).encode())
            lists[part] = str(path)
        units.append(bench.plan(protocol=bench.protocol(), split=lists)[0])
    official = bench.plan(protocol=bench.protocol())[0]
    assert units[0].key == units[1].key == official.key
    assert units[0].about == units[1].about


def test_thresholds_do_not_train_again(bench: Bench) -> None:
    first = bench.plan(protocol=bench.protocol())[0]
    other = bench.plan(protocol=bench.protocol("b.yaml", conf=0.01))[0]
    assert first.key != other.key
    assert first.payload["training_key"] == other.payload["training_key"]


def test_holes_are_counted_and_said_never_averaged_over(bench: Bench) -> None:
    bench.method("holes", 200, ("00000", "00003"))
    unit = bench.plan(protocol=bench.protocol())[-1]
    assert unit.about.missing == (
        "00001",
        "00002",
        "00004",
    )
    assert unit.about.images == 1
    assert any("trained without 2" in text for text in unit.about.warnings)
    assert any("judged without 1" in text for text in unit.about.warnings)
    records = bench.execute(unit)
    assert value(records, "n_images") == 1
    assert fits[0]["stems"] == ["00000"]


@pytest.mark.parametrize("stems", [TEST, TRAIN], ids=["no training image", "no test image"])
def test_a_method_that_cannot_be_judged_keeps_an_empty_row(
    bench: Bench, stems: tuple[str, ...]
) -> None:
    bench.method("holes", 200, stems)
    unit = bench.plan(protocol=bench.protocol())[-1]
    assert unit.about.images == 0
    assert set(TEST) <= set(unit.about.missing)
    assert bench.execute(unit) == []
    assert fits == []


@pytest.mark.parametrize(
    ("changes", "section", "message"),
    [
        ({"layout": "llvip"}, {}, "is for layout 'llvip'"),
        ({"classes": ["Car", "Tram"]}, {}, "Tram"),
        ({"initial": "user"}, {}, "needs a weights file"),
        ({"initial": "shipped:nothing-of-the-kind"}, {}, "nothing-of-the-kind"),
        ({"initial": "/no/such/file.safetensors"}, {}, "no such weights file"),
        ({}, {"weights": "x.pt"}, "for protocols with initial 'user'"),
        ({"detector": "yolov5n-original"}, {}, "'yolov5n-original' cannot be trained"),
        ({"detector": "yolov5q"}, {}, "did you mean"),
        ({"training": {"rounds": 0}}, {}, r"mine\.yaml: training\.rounds: "),
        (
            {"training": {"rounds": 2, "epochs": 3}},
            {},
            r"mine\.yaml: training\.epochs: unknown key",
        ),
        ({"split": "all"}, {}, "no train images"),
        ({"split": "given"}, {}, r"split: \{train: FILE, test: FILE\}"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_computed(
    bench: Bench, changes: dict[str, object], section: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        bench.check(protocol=bench.protocol(**changes), **section)
    assert "\n" not in str(caught.value)


def test_a_mode_that_the_detector_does_not_serve_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DETECTORS.specs(), "fake", replace(SPEC, modes=("frozen",)))
    with pytest.raises(UserError, match="cannot serve mode 'retrain', only frozen"):
        bench.check(protocol=bench.protocol())


def test_what_fits_passes_the_check_without_loading_a_network_library(bench: Bench) -> None:
    arguments = (str(bench.dataset.root), bench.protocol(detector="yolov5n"))
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from ivif_bench.data.base import open_dataset\n"
        "from ivif_bench.types import DatasetRef\n"
        "from ivif_bench.tasks.detection.task import DetectionSection, DetectionTask\n"
        "root, protocol = sys.argv[1:]\n"
        "dataset = open_dataset('m3fd', Path(root), 'data')\n"
        "section = DetectionSection(dataset='data', protocol=protocol)\n"
        "DetectionTask().check(section, dataset, DatasetRef('data', 'm3fd', root))\n"
        "heavy = {'torch', 'ultralytics', 'pycocotools'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=120)


def test_a_missing_annotation_is_found_before_anything_is_computed(bench: Bench) -> None:
    annotation = bench.dataset.by_stem["00003"].annotation
    assert annotation is not None
    annotation.unlink()
    with pytest.raises(UserError, match=r"00003\.xml"):
        bench.check(protocol=bench.protocol())


def test_a_method_to_train_on_that_has_no_images_is_refused_while_planning(bench: Bench) -> None:
    with pytest.raises(UserError, match="nobody"):
        bench.plan(protocol=bench.protocol(mode="frozen", train_on="nobody"))


def test_weights_without_a_scored_class_are_refused(bench: Bench) -> None:
    weights = bench.folder / "w.pt"
    weights.write_text("x")
    names = {"person": "People"}
    protocol = bench.protocol(mode="zeroshot-coco", initial="user", class_map=names)
    unit = bench.plan(protocol=protocol, weights=str(weights))[0]
    with pytest.raises(UserError, match="know no class person"):
        bench.execute(unit)


def test_classes_without_counterpart_are_named_in_the_caption(bench: Bench) -> None:
    weights = bench.folder / "w.pt"
    weights.write_text("x")
    protocol = bench.protocol(mode="released", initial="user", class_map={"Car": "Car"})
    unit = bench.plan(protocol=protocol, weights=str(weights))[0]
    assert any("Lamp" in text and "unknown" in text for text in unit.about.warnings)
    assert "mAP50[all]" in unit.about.metrics
    assert fits == []
    assert value(bench.execute(unit), "mAP50") == pytest.approx(1)


def test_boxes_are_kept_in_coco_form_beside_the_truth(bench: Bench) -> None:
    unit = bench.plan(protocol=bench.protocol())[0]
    bench.execute(unit)
    kept = json.loads((bench.folder / "run" / f"detections-{unit.key}.json").read_text())
    assert [each["file_name"] for each in kept["truth"]["images"]] == ["00003.png", "00004.png"]
    assert kept["detections"][0]["bbox"] == [10, 12, 20, 28]
    assert len(kept["truth"]["annotations"]) == 2


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_detector_that_emits_what_is_not_finite_fails_with_the_image(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: float
) -> None:
    found = Boxes(np.array([BOX], float), ("Car",), np.array([number]))
    monkeypatch.setattr(FakeDetector, "predict", lambda _, images: [found] * len(images))
    with pytest.raises(UserError, match="image '00003': the score of a detection"):
        bench.execute(bench.plan(protocol=bench.protocol())[0])


def _flagged(dataset, pair) -> Boxes:
    """An ordinary object, a difficult one and a crowd region, in every image."""
    del dataset, pair
    x1, y1, x2, y2 = BOX
    xyxy = np.array([BOX, (x1 + 30, y1, x2 + 30, y2), (0, 0, 64, 48)], float)
    return Boxes(xyxy, ("Car",) * 3, None, np.array([0, 0, 1]), np.array([0, 1, 0]))


def test_kept_boxes_carry_crowd_and_difficult_and_records_count_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(bench.dataset), "boxes", _flagged)
    unit = bench.plan(protocol=bench.protocol(chroma="none"))[0]
    records = bench.execute(unit)
    kept = json.loads((bench.folder / "run" / f"detections-{unit.key}.json").read_text())
    flags = [(each["iscrowd"], each["difficult"]) for each in kept["truth"]["annotations"]]
    assert flags == [(0, 0), (0, 1), (1, 0)] * 2
    assert all(np.isfinite(each["area"]) for each in kept["truth"]["annotations"])
    assert value(records, "n_boxes", "Car") == value(records, "n_boxes") == 2
    assert value(records, "n_difficult") == value(records, "n_crowd") == 2
    assert value(records, "AP50", "Car") == pytest.approx(1)


def test_trainings_see_difficult_objects_but_no_crowd_regions(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Boxes] = []
    fit = FakeDetector.fit

    def noting(self, train, *rest, **more):
        seen.extend(boxes for _, boxes in train)
        return fit(self, train, *rest, **more)

    monkeypatch.setattr(FakeDetector, "fit", noting)
    monkeypatch.setattr(type(bench.dataset), "boxes", _flagged)
    bench.execute(bench.plan(protocol=bench.protocol())[0])
    assert [each.difficult.tolist() for each in seen] == [[False, True]] * len(TRAIN)
    assert not any(each.crowd.any() for each in seen)


def test_gray_results_get_visible_colour_but_the_infrared_source_does_not(
    bench: Bench, tmp_path: Path
) -> None:
    pair = bench.dataset.by_stem["00000"]
    fused = bench.fused["data", "good"].images["00000"]
    coloured = fused_rgb(fused, pair, "visible")
    assert (coloured[:, :, 0] != coloured[:, :, 2]).any()
    expected = cv2.cvtColor(read_rgb(pair.visible), cv2.COLOR_RGB2YCrCb)
    got = cv2.cvtColor(coloured, cv2.COLOR_RGB2YCrCb)
    assert np.abs(got[:, :, 0].astype(int) - 200).max() <= 1
    assert np.abs(got[:, :, 1:].astype(int) - expected[:, :, 1:]).max() <= 1
    three = tmp_path / "three.png"
    write_bytes(three, encode_png(np.full((48, 64, 3), 200, np.uint8)))
    assert np.array_equal(fused_rgb(three, pair, "visible"), coloured)
    infrared = fused_rgb(pair.infrared, pair, "visible")
    assert (infrared == 20).all()
    assert (fused_rgb(fused, pair, "none") == 200).all()


def _seen(bench: Bench, chroma: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """By row: whether the detector was shown colour."""
    found: dict[str, bool] = {}
    for unit in bench.plan(protocol=bench.protocol(chroma=chroma)):
        shown: list[np.ndarray] = []
        predict = FakeDetector.predict
        monkeypatch.setattr(
            FakeDetector, "predict", lambda self, images, s=shown: s.extend(images) or [NOTHING]
        )
        bench.execute(unit)
        monkeypatch.setattr(FakeDetector, "predict", predict)
        assert len(shown) == len(TEST)
        colour = {bool((image != image[:, :, :1]).any()) for image in shown}
        assert len(colour) == 1
        found[unit.method] = colour.pop()
    return found


def test_chroma_none_judges_every_row_in_gray(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gray results, three equal channels, results with colour, and the visible source alike."""
    stems = (*TRAIN, *TEST)
    drawn = {
        "three": np.full((48, 64, 3), 120, np.uint8),
        "colour": np.full((48, 64, 3), (200, 90, 40), np.uint8),
    }
    for name, image in drawn.items():
        files = {stem: bench.folder / name / f"{stem}.png" for stem in stems}
        for path in files.values():
            write_bytes(path, encode_png(image))
        bench.fused["data", name] = FusedSet("data", name, "key", files)
    pairs = {stem: bench.dataset.by_stem[stem] for stem in stems}
    for source in ("visible", "infrared"):
        files = {stem: getattr(pair, source) for stem, pair in pairs.items()}
        bench.fused["data", source] = FusedSet("data", source, "key", files)
    rows = ("good", "bad", "three", "colour", "visible", "infrared")
    assert _seen(bench, "none", monkeypatch) == dict.fromkeys(rows, False)
    assert _seen(bench, "visible", monkeypatch) == dict.fromkeys(rows, True) | {"infrared": False}
    colour = bench.fused["data", "colour"].images[TEST[0]]
    expected = round(0.299 * 200 + 0.587 * 90 + 0.114 * 40)
    assert (fused_rgb(colour, pairs[TEST[0]], "none") == expected).all()


def test_a_frozen_detector_is_trained_in_the_colour_that_it_judges_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, bool] = {}

    def noting(self, train, seed, folder, log, initial=None, progress=None):
        images = [read_rgb(path) for path, _ in train]
        seen[self.protocol.chroma] = any((image != image[:, :, :1]).any() for image in images)
        path = folder / "fake.safetensors"
        path.write_text("trained")
        return path

    monkeypatch.setattr(FakeDetector, "fit", noting)
    for chroma in ("none", "visible"):
        protocol = bench.protocol(chroma=chroma, mode="frozen", train_on="visible")
        bench.execute(bench.plan(protocol=protocol)[0])
    assert seen == {"none": False, "visible": True}


def test_the_footer_says_in_words_in_which_colour_rows_were_judged(bench: Bench) -> None:
    said = {
        chroma: bench.plan(protocol=bench.protocol(chroma=chroma))[0].about.chroma
        for chroma in ("none", "visible")
    }
    assert said["none"].startswith("none (every row is judged in gray, the visible source")
    assert said["visible"].startswith("visible (gray results get the visible image's Cb and Cr")


def test_an_image_of_another_size_is_refused_with_its_stem(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "small.png"
    write_bytes(path, encode_png(np.zeros((10, 10), np.uint8)))
    with pytest.raises(UserError, match="00000"):
        fused_rgb(path, replace(bench.dataset.by_stem["00000"]), "none")
