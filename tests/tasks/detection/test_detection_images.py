"""What a detector sees: colour, and which objects it learns."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_detector import (
    BOX,
    NOTHING,
    TEST,
    TRAIN,
    Bench,
    FakeDetector,
    value,
)

from ivif_bench.data.chroma import fused_rgb
from ivif_bench.data.images import encode_png, read_rgb
from ivif_bench.files import write_bytes
from ivif_bench.types import Boxes, FusedSet


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
        seen.extend(sample.target for sample in train)
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
            FakeDetector, "predict", lambda self, image, s=shown: s.append(image) or NOTHING
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

    def noting(self, train, seed, folder, log, initial, progress):
        images = [sample.image for sample in train]
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
