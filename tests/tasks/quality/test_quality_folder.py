"""Scoring folders: pairing by stem, what is left out, and the same values whoever computes them."""

from __future__ import annotations

import csv
import io
import json
import math

import cv2
import numpy as np
import pytest

from bench.data.images import luma
from bench.errors import UserError
from tasks.quality import evaluate, evaluate_folder
from tasks.quality.folder import score_folder
from tasks.quality.registry import TEN

SIZE = (168, 170)


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image if image.ndim == 2 else image[:, :, ::-1])


@pytest.fixture
def folders(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(5):
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


def test_values_are_those_of_the_single_images_and_their_mean(folders):
    result = score(folders, "one", convention="cddfuse").to_json()
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
    assert result.methods["two"].images["3"]["SD"].value == pytest.approx(gray.std(), abs=1e-12)


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
    text = result.to_markdown()
    assert "one: 3 fused unmatched: 0, 1, extra" in text


def test_undefined_values_are_null_and_left_out_of_the_mean_with_their_reason(folders):
    save(folders / "one" / "2.tif", np.full(SIZE, 9, np.uint8))
    result = score(folders, "one", metrics=["CC", "SD"])
    body = result.to_json()
    assert body["images"]["2"] == {"CC": None, "SD": 0.0}
    assert body["left_out"] == {"CC": {"2": "constant_fused"}}
    others = [body["images"][stem]["CC"] for stem in "0134"]
    assert body["mean"]["CC"] == pytest.approx(np.mean(others), rel=1e-14)
    assert "CC leaves out 1 undefined: 2 (constant_fused)" in result.to_markdown()
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


def test_sixteen_bit_images_are_refused_by_file(folders):
    save(folders / "one" / "3.tif", np.zeros(SIZE, np.uint16))
    with pytest.raises(UserError, match=r"3\.tif: uint16"):
        score(folders, "one")


def test_folders_without_a_common_stem_say_what_they_hold(folders):
    save(folders / "three" / "fused_0.png", np.zeros(SIZE, np.uint8))
    with pytest.raises(UserError, match=r"'three': no stem is on all three sides.*fused_0"):
        score(folders, "three")


def test_progress_counts_every_image(folders):
    seen = []
    score(folders, "one", metrics=["EN"], progress=lambda *args: seen.append(args), workers=2)
    assert seen == [(n + 1, 5, str(n)) for n in range(5)]


def test_the_python_interface_takes_one_folder_or_several(folders):
    one = evaluate_folder(folders / "ir", str(folders / "vi"), folders / "one", ["EN"])
    assert list(one.methods) == ["one"]
    both = evaluate_folder(
        folders / "ir", folders / "vi", {"a": folders / "one", "b": folders / "two"}, ["EN"]
    )
    assert list(both.methods) == ["a", "b"]
    assert not math.isnan(both.methods["b"].mean("EN"))
