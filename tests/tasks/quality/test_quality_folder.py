"""Scoring folders: pairing by stem, what is left out, and the same values whoever computes them."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import shutil
import threading

import cv2
import numpy as np
import pytest
from PIL import Image

from ivif_bench.data.images import luma, read_gray, read_rgb
from ivif_bench.errors import UserError
from ivif_bench.reports.given import report_of
from ivif_bench.tasks.quality import evaluate
from ivif_bench.tasks.quality.engine import Evaluator, measure
from ivif_bench.tasks.quality.folder import score_folder
from ivif_bench.tasks.quality.registry import TEN

SIZE = (168, 170)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image if image.ndim == 2 else image[:, :, ::-1])


@pytest.fixture
def folders(tmp_path):
    return fill(tmp_path, 5)


def fill(tmp_path, count):
    generator = np.random.default_rng(0)
    for index in range(count):
        smooth = [
            cv2.resize(generator.integers(0, 256, (20, 20, 3)).astype(np.uint8), SIZE[::-1])
            for _ in range(2)
        ]
        save(tmp_path / "ir" / f"{index}.png", smooth[0][:, :, 0])
        save(tmp_path / "vi" / f"{index}.bmp", smooth[1])
        mixed = (smooth[0] // 2 + smooth[1] // 2).astype(np.uint8)
        save(tmp_path / "one" / f"{index}.tif", mixed[:, :, 0])
        save(tmp_path / "two" / f"{index}.png", mixed)
    return tmp_path


def score(folders, *names, **options):
    fused = {name: folders / name for name in names}
    return score_folder(folders / "ir", folders / "vi", fused, **options)


def tables(result):
    """The tables that are made of it."""
    return report_of(result.records(), result.about, result.remarks()).tables


def footer(result):
    """The lines under its only table."""
    (table,) = tables(result)
    return table.footer


def marks(result, metric):
    """The marks in a metric's column of its only table, by method."""
    (table,) = tables(result)
    at = [column.key for column in table.columns].index(metric)
    return {row.name: row.cells[at].mark for row in table.rows}


def one(folders, **options):
    """JSON of the scores of method ``one``."""
    return score(folders, "one", **options).to_json()


def test_values_are_those_of_the_single_images_and_their_mean(folders):
    result = one(folders, convention="cddfuse")
    assert result["convention"] == "cddfuse"
    assert list(result["metrics"]) == list(TEN)
    assert result["metrics"]["EN"] == "up"
    assert sorted(result["images"]) == list("01234")
    for stem, values in result["images"].items():
        single = evaluate(
            folders / "ir" / f"{stem}.png",
            folders / "vi" / f"{stem}.bmp",
            str(folders / "one" / f"{stem}.tif"),
            convention="cddfuse",
        )
        assert values == single
    for name in TEN:
        expected = np.mean([values[name] for values in result["images"].values()])
        assert result["mean"][name] == pytest.approx(expected, rel=1e-14)
    assert result["left_out"] == {}
    assert result["versions"]["numpy"] == np.__version__
    json.dumps(result, allow_nan=False)


def test_colour_fused_images_are_read_as_rounded_luma(folders):
    colour = cv2.imread(str(folders / "two" / "3.png"))[:, :, ::-1]
    result = score(folders, "two", metrics=["EN", "SD"])
    gray = luma(np.ascontiguousarray(colour))
    values = result.methods["two"].images["3"].values
    assert values["SD"].value == pytest.approx(gray.std(), abs=1e-12)
    assert result.to_json()["kinds"] == {
        "infrared": {"gray": 5},
        "visible": {"RGB": 5},
        "fused": {"RGB": 5},
    }


def test_a_convention_that_measures_channels_gets_the_colours(folders):
    paths = (folders / "ir" / "3.png", folders / "vi" / "3.bmp", folders / "two" / "3.png")
    triple = (read_gray(paths[0]), read_rgb(paths[1]), read_rgb(paths[2]))
    expected = measure(*triple, ["EN", "SF"], "vifb")
    found = score(folders, "two", metrics=["EN", "SF"], convention="vifb")
    assert found.methods["two"].images["3"].values == expected
    assert expected["EN"].value == pytest.approx(
        np.mean([measure(*triple[:2], triple[2][:, :, c], ["EN"])["EN"].value for c in range(3)])
    )


def test_the_number_of_workers_changes_no_byte(folders):
    results = [score(folders, "one", "two", workers=workers) for workers in (1, 3)]
    assert results[0].to_csv() == results[1].to_csv()
    assert results[0].to_json() == results[1].to_json()


def test_several_methods_are_kept_apart(folders):
    (folders / "two" / "4.png").unlink()
    result = score(folders, "one", "two", metrics=["EN"]).to_json()
    assert list(result["methods"]) == ["one", "two"]
    assert len(result["methods"]["one"]["images"]) == 5
    assert len(result["methods"]["two"]["images"]) == 4
    assert result["methods"]["one"]["unmatched"] == {"infrared": [], "visible": [], "fused": []}
    assert result["methods"]["two"]["unmatched"] == {
        "infrared": ["4"],
        "visible": ["4"],
        "fused": [],
    }


def test_unmatched_stems_are_listed_on_every_side(folders):
    (folders / "ir" / "0.png").unlink()
    (folders / "vi" / "1.bmp").unlink()
    save(folders / "one" / "extra.png", np.zeros(SIZE, np.uint8))
    result = score(folders, "one", metrics=["EN"])
    assert result.to_json()["unmatched"] == {
        "infrared": ["1"],
        "visible": ["0"],
        "fused": ["0", "1", "extra"],
    }
    assert "one: 3 fused without partners: 0, 1, extra." in footer(result)
    assert "one: 1 visible without partners: 0." in footer(result)


def test_neither_extension_nor_its_case_matters_and_a_stem_that_occurs_twice_is_refused(folders):
    (folders / "ir" / "3.png").rename(folders / "ir" / "3.PNG")
    assert len(one(folders, metrics=["EN"])["images"]) == 5
    save(folders / "one" / "2.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(UserError, match=r"stem '2' occurs twice: 2\.png and 2\.tif"):
        score(folders, "one", metrics=["EN"])


def test_undefined_values_are_null_and_left_out_of_the_mean_with_their_reason(folders):
    save(folders / "one" / "2.tif", np.full(SIZE, 9, np.uint8))
    result = score(folders, "one", metrics=["CC", "SD"])
    body = result.to_json()
    assert body["images"]["2"] == {"CC": None, "SD": 0.0}
    assert body["left_out"] == {"CC": {"2": "constant_fused"}}
    others = [body["images"][stem]["CC"] for stem in "0134"]
    assert body["mean"]["CC"] == pytest.approx(np.mean(others), rel=1e-14)
    assert body["reasons"] == {"constant_fused": "all pixels of the fused image are equal"}
    assert (
        "one: 1 of 5 images left out of CC (constant_fused: all pixels of the fused image are "
        "equal): 2." in footer(result)
    )
    rows = {row["stem"]: row for row in csv.DictReader(io.StringIO(result.to_csv()))}
    assert rows["2"]["CC"] == ""
    assert float(rows["3"]["CC"]) == body["images"]["3"]["CC"]


def test_a_metric_without_any_defined_value_has_no_mean(folders):
    for index in range(5):
        save(folders / "one" / f"{index}.tif", np.full(SIZE, 9, np.uint8))
    body = score(folders, "one", metrics=["CC"]).to_json()
    assert body["mean"] == {"CC": None}
    assert len(body["left_out"]["CC"]) == 5


def test_sizes_that_differ_are_refused_by_stem(folders):
    save(folders / "one" / "3.tif", np.zeros((SIZE[0], SIZE[1] - 1), np.uint8))
    with pytest.raises(UserError, match=r"'3' .*sizes differ: infrared 170x168.*fused 169x168"):
        score(folders, "one")


def test_images_too_small_for_a_metric_are_left_out_of_its_mean_only(folders):
    for side, suffix in (("ir", "png"), ("vi", "bmp"), ("one", "tif")):
        path = folders / side / f"1.{suffix}"
        save(path, cv2.imread(str(path))[:100, :, 0])
    body = one(folders, metrics=["EN", "MS-SSIM"])
    assert body["left_out"] == {"MS-SSIM": {"1": "too_small"}}
    assert body["images"]["1"]["MS-SSIM"] is None
    assert body["images"]["1"]["EN"] > 0


@pytest.mark.parametrize(
    ("level", "note"),
    [(0, "fused: black"), (128, "fused: constant 128"), (255, "fused: constant 255")],
)
def test_constant_images_are_named_although_most_metrics_have_a_value(folders, level, note):
    save(folders / "one" / "2.tif", np.full(SIZE, level, np.uint8))
    result = score(folders, "one", metrics=["EN", "SF"])
    assert result.to_json()["notes"] == {"2": [note]}
    assert result.to_json()["images"]["2"] == {"EN": 0.0, "SF": 0.0}
    assert f"one: 1 of 5 images, {note}: 2." in footer(result)


def test_copies_of_a_source_are_named(folders):
    save(folders / "one" / "2.tif", cv2.imread(str(folders / "ir" / "2.png"))[:, :, 0])
    body = one(folders, metrics=["SCD"])
    assert body["notes"] == {"2": ["fused: equal to infrared"]}
    assert body["left_out"] == {"SCD": {"2": "fused_equals_source"}}


def test_one_folder_for_both_sides_is_refused_before_anything_is_scored(folders):
    scored = []
    with pytest.raises(UserError, match=r"same file in 5 of 5 pairs: 0, 1, .*vi.0\.bmp"):
        score_folder(
            folders / "vi",
            folders / "vi",
            {"one": folders / "one"},
            progress=lambda *step: scored.append(step),
        )
    assert scored == []


def test_copies_of_one_side_under_other_names_are_refused(folders):
    shutil.copytree(folders / "vi", folders / "thermal")
    with pytest.raises(UserError, match="same file in 5 of 5 pairs"):
        score_folder(folders / "thermal", folders / "vi", {"one": folders / "one"})


@pytest.mark.parametrize("side", ["gray", "colour"])
def test_a_pair_with_the_same_pixels_in_two_files_is_refused(folders, side):
    visible = cv2.imread(str(folders / "vi" / "4.bmp"))[:, :, ::-1]
    if side == "gray":
        visible = luma(visible)
        save(folders / "vi" / "4.bmp", visible)
    save(folders / "ir" / "4.png", visible)
    with pytest.raises(
        UserError, match=r"'4': infrared .*4\.png and visible .*4\.bmp hold the same"
    ):
        one(folders, metrics=["EN"])


def test_a_pair_that_is_black_on_both_sides_is_scored_and_named(folders):
    save(folders / "ir" / "4.png", np.zeros(SIZE, np.uint8))
    save(folders / "vi" / "4.bmp", np.zeros((*SIZE, 3), np.uint8))
    body = one(folders, metrics=["EN"])
    assert body["notes"] == {
        "4": ["infrared: black", "visible: black", "visible: equal to infrared"]
    }


def test_sixteen_bit_files_are_scaled_as_their_format_defines_and_named(folders):
    levels = np.random.default_rng(1).integers(0, 65536, SIZE).astype(np.uint16)
    save(folders / "one" / "3.tif", levels)
    result = score(folders, "one", metrics=["SD"])
    assert result.to_json()["notes"] == {"3": ["fused: 16-bit, read as round(v/257)"]}
    expected = np.rint(levels / 257).std()
    assert result.to_json()["images"]["3"]["SD"] == pytest.approx(expected, abs=1e-12)
    assert "one: 1 of 5 images, fused: 16-bit, read as round(v/257): 3." in footer(result)


@pytest.mark.parametrize("top", [200, 4095, 16383])
def test_sixteen_bit_files_with_raw_counts_are_refused_by_file(folders, top):
    save(folders / "one" / "3.tif", np.full(SIZE, top, np.uint16))
    with pytest.raises(
        UserError, match=rf"3\.tif: 16-bit pixels that end at {top}: .* save as 8 bit"
    ):
        score(folders, "one")


def test_transparency_palettes_and_few_levels_are_named(folders):
    rgb = np.random.default_rng(1).integers(0, 256, (*SIZE, 4)).astype(np.uint8)
    for stem, picture in {
        "0": Image.fromarray(rgb),
        "1": Image.fromarray(np.dstack([rgb[:, :, :3], np.full(SIZE, 255, np.uint8)])),
        "2": Image.fromarray(rgb[:, :, :3]).quantize(16),
        "3": Image.fromarray(rgb[:, :, 0]).convert("1"),
    }.items():
        (folders / "one" / f"{stem}.tif").unlink()
        picture.save(folders / "one" / f"{stem}.png")
    body = one(folders, metrics=["EN", "SD"])
    assert body["notes"] == {
        "0": ["fused: alpha channel ignored, although some pixels are transparent"],
        "1": ["fused: alpha channel ignored"],
        "2": ["fused: palette, read as its colours"],
        "3": ["fused: 1-bit, read as 2 levels from 0 to 255"],
    }
    assert body["images"]["0"] == body["images"]["1"]  # nothing is blended
    black_and_white = np.asarray(Image.open(folders / "one" / "3.png")) * 255.0
    assert body["images"]["3"]["SD"] == pytest.approx(black_and_white.std(), abs=1e-12)


def test_floating_point_and_ink_images_are_refused_by_file(folders):
    Image.fromarray(np.random.default_rng(1).random(SIZE, np.float32)).save(
        folders / "one" / "3.tif"
    )
    with pytest.raises(UserError, match=r"3\.tif: float32 pixels, whose range is not known"):
        score(folders, "one")
    (folders / "one" / "3.tif").unlink()
    Image.new("CMYK", SIZE[::-1], (9, 80, 7, 6)).save(folders / "one" / "3.jpg")
    with pytest.raises(UserError, match=r"3\.jpg: the pixels are CMYK; save as gray or RGB"):
        score(folders, "one")


def test_folders_without_a_common_stem_say_what_they_hold(folders):
    save(folders / "three" / "fused_0.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(UserError, match=r"'three': no stem is on all three sides.*fused_0"):
        score(folders, "three")


def test_progress_counts_every_image(folders):
    seen = []
    score(folders, "one", metrics=["EN"], progress=lambda *args: seen.append(args), workers=2)
    assert seen == [(n + 1, 5, str(n)) for n in range(5)]


def test_each_source_is_read_once_for_all_methods(folders, monkeypatch):
    from ivif_bench.tasks.quality import groups

    read = []
    original = groups.read_bytes
    monkeypatch.setattr(groups, "read_bytes", lambda path: read.append(path) or original(path))
    score(folders, "one", "two", metrics=["EN"])
    assert sorted(read) == sorted(path for path in folders.rglob("*.*") if path.is_file())


def test_images_are_scored_side_by_side_and_all_cores_are_the_default(folders, monkeypatch):
    from ivif_bench.tasks.quality import groups

    monkeypatch.setattr(groups, "available_cores", lambda: 3)
    together = threading.Barrier(3, timeout=30)  # opens only when three images are in the works
    waited, entered = [], itertools.count()
    original = Evaluator.measure

    def slow(self, *images):
        if next(entered) < 3:
            waited.append(together.wait())
        return original(self, *images)

    monkeypatch.setattr(Evaluator, "measure", slow)
    score(folders, "one", metrics=["EN"])
    assert sorted(waited) == [0, 1, 2]


def test_the_cores_are_those_this_process_may_use():
    from ivif_bench.tasks.quality.groups import available_cores

    assert 1 <= available_cores() <= (os.cpu_count() or 1)


def test_the_best_mean_is_marked_in_its_direction(tmp_path):
    folders = fill(tmp_path, 10)
    result = score(folders, "one", "two", metrics=["EN", "MSE"])
    for metric, best in (("EN", max), ("MSE", min)):
        winner = best(result.methods, key=lambda name: result.methods[name].mean(metric))
        (other,) = {"one", "two"} - {winner}
        assert marks(result, metric) == {winner: "best", other: "second"}


def test_fewer_than_ten_images_are_too_few_to_rank(tmp_path):
    folders = fill(tmp_path, 9)
    result = score(folders, "one", "two", metrics=["EN", "MSE"])
    assert set(marks(result, "EN").values()) == set(marks(result, "MSE").values()) == {""}
    few = "9 images are too few to rank (fewer than 10): nothing is marked."
    assert tables(result)[0].warnings == (few,)
    (alone,) = tables(score(folders, "one", metrics=["EN"]))
    assert alone.full_caption == "Fusion quality on the given folders, mean over 9 images."


def test_a_metric_undefined_on_most_images_and_equal_means_have_no_best(tmp_path):
    folders = fill(tmp_path, 12)
    for name in ("one", "two"):
        for path in sorted((folders / name).iterdir())[:3]:
            save(path, np.full(SIZE, 9, np.uint8))  # CC of a constant image is undefined
    result = score(folders, "one", "two", metrics=["EN", "CC"])
    few = "Too few images to rank (fewer than 10), so not marked: CC (n = 9)."
    assert tables(result)[0].warnings == (few,)
    assert set(marks(result, "EN").values()) == {"best", "second"}
    assert set(marks(result, "CC").values()) == {""}
    alike = score_folder(
        folders / "ir", folders / "vi", {"a": folders / "one", "b": folders / "one"}, ["EN"]
    )
    assert set(marks(alike, "EN").values()) == {""}


def test_no_best_is_marked_among_means_over_different_images(tmp_path):
    folders = fill(tmp_path, 12)
    save(folders / "two" / "2.png", np.full(SIZE, 9, np.uint8))
    result = score(folders, "one", "two", metrics=["EN", "CC"])
    assert set(marks(result, "EN").values()) == {"best", "second"}
    assert set(marks(result, "CC").values()) == {""}
    (table,) = tables(result)
    note = "mean over n = 11 of 12 images; undefined elsewhere (constant_fused: 1)"
    assert [note.text for note in table.notes] == [note]
    assert [row.cells[1].note for row in table.rows] == ["", "a"]


def test_a_method_without_some_images_is_compared_on_those_that_all_have(tmp_path):
    folders = fill(tmp_path, 12)
    (folders / "two" / "4.png").unlink()
    result = score(folders, "one", "two", metrics=["EN"])
    every, common = tables(result)
    assert [row.cells[0].text for row in every.rows][1] == "—"
    assert every.rows[0].cells[0].estimate.value == result.methods["one"].mean("EN")
    kept = [image.values["EN"].value for stem, image in result.methods["one"].images.items()
            if stem != "4"]  # fmt: skip
    assert common.rows[0].cells[0].estimate.value == pytest.approx(np.mean(kept), rel=1e-14)
    assert common.rows[1].cells[0].estimate.value == result.methods["two"].mean("EN")
    for table in (every, common):
        assert "two: 1 infrared without partners: 4." in table.footer


@pytest.mark.slow
def test_all_metrics_of_a_convention_can_be_asked_for(folders):
    everything = score(folders, "one", metrics="all")
    assert set(TEN) | {"SSIM", "MSE"} <= set(everything.metrics)
    assert everything.metrics["MSE"] == "down"


def test_table_and_file_name_convention_and_mode(folders):
    result = score(folders, "one", metrics=["EN", "MI"], convention="cddfuse", mode="fast")
    assert "Convention: cddfuse (fast mode; MI in nats)." in footer(result)
    assert "Protocol: quality-cddfuse-fast.v1." in footer(result)  # as runs call it
    body = result.to_json()
    assert (body["convention"], body["mode"], body["device"]) == ("cddfuse", "fast", "cpu")
    assert body["described"] == "cddfuse (fast mode; MI in nats)"
