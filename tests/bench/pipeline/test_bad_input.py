"""Bad input: one line that names file or key, exit code 2, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from small_runs import ivif, ivif_here, write_config, write_pairs


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with four pairs of 176 x 208."""
    write_pairs(tmp_path / "pairs", 4, (176, 208))
    return tmp_path


def _refused(folder: Path, config: Path, *parts: str, command=ivif_here) -> None:
    done = command("run", config)
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("ivif-bench:")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in lines[0], lines[0]
    assert not list(folder.rglob("*.part"))
    assert not list(folder.rglob("*.parquet"))


def test_a_pair_of_two_sizes(small):
    cv2.imwrite(str(small / "pairs" / "vi" / "00002.png"), np.zeros((176, 200, 3), np.uint8))
    _refused(small, write_config(small), "00002", "208x176", "200x176")


def test_a_truncated_png(small):
    path = small / "pairs" / "ir" / "00001.png"
    path.write_bytes(path.read_bytes()[:-40])
    _refused(small, write_config(small), "00001.png", "truncated")


def test_one_folder_for_both_sides(small):
    sides = {"layout": "folder", "root": str(small / "pairs"), "options": {"infrared": "vi"}}
    config = write_config(small, datasets={"pairs": sides})
    _refused(small, config, "'pairs'", "same file in 4 of 4 pairs: 00000, 00001", "each side")
    assert not list(small.rglob("fused"))


def test_a_file_with_colours_and_infrared_in_one(small):
    for path in (small / "pairs" / "vi").iterdir():
        colours, infrared = cv2.imread(str(path)), cv2.imread(str(small / "pairs/ir" / path.name))
        cv2.imwrite(str(path), np.dstack([colours, infrared[:, :, 0]]))
        (small / "pairs" / "ir" / path.name).write_bytes(path.read_bytes())
    _refused(small, write_config(small), "same file in 4 of 4", "colours and infrared into two")


def test_a_pair_that_holds_the_same_pixels_in_different_files(small):
    visible = small / "pairs" / "vi" / "00002.png"
    pixels = cv2.imread(str(visible))
    cv2.imwrite(str(small / "pairs" / "ir" / "00002.png"), pixels, [cv2.IMWRITE_PNG_COMPRESSION, 0])
    _refused(small, write_config(small, methods=["average"]), "'00002'", "the same pixels")
    visible.rename(visible.with_suffix(".bak"))
    cv2.imwrite(str(small / "pairs" / "vi" / "00002.bmp"), pixels)
    finished = {
        "name": "ours",
        "type": "precomputed",
        "options": {"root": str(small / "pairs" / "ir")},
    }
    _refused(small, write_config(small, methods=[finished]), "'00002'", "the same pixels")


def test_a_stem_with_one_side_only(small):
    (small / "pairs" / "ir" / "00003.png").unlink()
    _refused(small, write_config(small), "00003")


@pytest.mark.slow
def test_an_unknown_key(small):
    config = write_config(small, qualty={"dataset": "pairs"})
    _refused(small, config, "runs.yaml", "'qualty'", "quality", command=ivif)


def test_a_misspelt_method(small):
    _refused(
        small, write_config(small, methods=["laplacan"]), "'laplacan'", "did you mean laplacian or"
    )


def test_an_unknown_metric(small):
    config = write_config(small, quality={"dataset": "pairs", "metrics": ["Qbaf"]})
    _refused(small, config, "Qbaf", "Qabf")


def test_missing_stems_in_a_precomputed_folder(small):
    fused = small / "mine"
    fused.mkdir()
    for stem in ("00000", "00001"):
        (fused / f"{stem}.png").write_bytes((small / "pairs" / "ir" / f"{stem}.png").read_bytes())
    row = {"name": "mine", "type": "precomputed", "options": {"root": f"{fused}/{{stem}}.png"}}
    _refused(
        small,
        write_config(small, methods=["visible", row]),
        "'mine'",
        "lacks 2 of 4",
        "00002, 00003",
    )


def test_a_precomputed_image_of_another_size(small):
    row = {"name": "mine", "type": "precomputed", "options": {"root": f"{small}/mine/{{stem}}.png"}}
    write_pairs(small / "other", 4, (88, 104))
    (small / "other" / "vi").rename(small / "mine")
    _refused(small, write_config(small, methods=[row]), "00000 is 104x88", "208x176")


def test_holes_are_allowed_only_when_asked_for_and_then_shown(small):
    fused = small / "mine"
    fused.mkdir()
    for stem in ("00000", "00001", "00002"):
        (fused / f"{stem}.png").write_bytes((small / "pairs" / "ir" / f"{stem}.png").read_bytes())
    row = {
        "name": "mine",
        "type": "precomputed",
        "missing": "allow",
        "options": {"root": f"{fused}/{{stem}}.png"},
    }
    done = ivif_here("run", write_config(small, methods=["average", row]))
    assert done.returncode == 0, done.stderr
    table = (small / "runs" / "small" / "report" / "tables.md").read_text()
    assert "3" in table
    assert "00003" in table or "common" in table


def _m3fd(folder: Path) -> Path:
    """A tiny M3FD with its XML, and a configuration that detects on it."""
    from ivif_bench.data.demo import write_detection

    write_detection(folder / "m3fd", train=2, test=2, seed=3)
    content = {
        "name": "det",
        "runs": str(folder / "runs"),
        "datasets": {"m": {"layout": "m3fd", "root": str(folder / "m3fd")}},
        "methods": ["visible"],
        "detection": {"dataset": "m", "protocol": "demo-det.v1"},
    }
    path = folder / "det.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_missing_xml(tmp_path):
    config = _m3fd(tmp_path)
    (tmp_path / "m3fd" / "Annotation" / "00001.xml").unlink()
    _refused(tmp_path, config, "00001.xml")


@pytest.mark.slow
def test_an_unknown_class(tmp_path):
    config = _m3fd(tmp_path)
    path = tmp_path / "m3fd" / "Annotation" / "00002.xml"
    text = path.read_text()
    start = text.index("<name>")
    path.write_text(text[:start] + "<name>dog" + text[text.index("</name>") :])
    _refused(tmp_path, config, "00002.xml", "dog")


def test_missing_weights(tmp_path):
    config = _m3fd(tmp_path)
    content = yaml.safe_load(config.read_text())
    content["detection"] = {
        "dataset": "m",
        "protocol": "m3fd-det-original-zeroshot.v1",
        "split": "official",
        "weights": str(tmp_path / "yolov5x.pt"),
    }
    config.write_text(yaml.safe_dump(content))
    _refused(tmp_path, config, "yolov5x.pt")


def test_a_missing_dataset(small):
    datasets = {"pairs": {"layout": "folder", "root": str(small / "nowhere")}}
    _refused(small, write_config(small, datasets=datasets), "nowhere")


def test_a_file_that_is_no_image(small):
    (small / "pairs" / "vi" / "00000.png").write_text("<html>quota exceeded</html>")
    _refused(small, write_config(small), "00000.png", "not a readable image")
