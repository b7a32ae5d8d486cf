"""Units of detection work: trained once, judged in shares, killed and resumed, scored."""

import json
import math

import numpy as np
import pytest
from fake_detector import (
    BOX,
    TEST,
    TRAIN,
    Bench,
    FakeDetector,
    FakeTraining,
    fits,
    value,
)
from other_process import become

from ivif_bench.tasks.detection.task import DetectionSection, DetectionTask
from ivif_bench.types import Boxes


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


def test_a_unit_says_how_much_of_the_test_part_is_nearly_in_train(bench: Bench) -> None:
    """TRAIN ends with 00002, TEST is 00003 and 00004: one of two has a neighbour, both are near."""

    def leak(weights: str | None = None, **changes: object) -> str:
        return bench.plan(protocol=bench.protocol(**changes), weights=weights)[0].about.leak

    bench.method("good", 200)
    assert leak() == (
        "50.0% of the test images have the next or previous number in train, 100.0% one within 25"
    )
    assert leak(mode="frozen", train_on="visible") == leak()
    (bench.folder / "w.pt").write_bytes(b"weights")
    elsewhere = leak(str(bench.folder / "w.pt"), mode="released", initial="user")
    assert elsewhere == "unknown, since the weights were trained elsewhere"


def test_a_detector_with_keys_of_its_own_gets_them_and_its_network_line_says_what_is_true(
    bench: Bench,
) -> None:
    section = DetectionSection(dataset="data", protocol=bench.protocol(training={"rounds": 3}))
    assert section.resolved().training == FakeTraining(rounds=3)
    bench.method("bright", 200)
    first = bench.plan(protocol=bench.protocol())[0]
    assert first.about.network == "Fake, initial weights scratch, 2 rounds"
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
        return str(bench.plan(protocol=bench.old_protocol(**changes))[0].about.scorer)

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
            patch.setattr(FakeDetector, "predict", lambda *_: found)
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
