"""``data prepare``: what it writes is what the dataset holds, by other readers' account."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.data.base import Dataset, open_dataset
from ivif_bench.data.demo import write_detection, write_segmentation
from ivif_bench.data.prepare import KNOWN_MD5, Prepared, md5_note, prepare, yolo_text
from ivif_bench.data.split_lists import read_list
from ivif_bench.data.splits import canonical_hash, resolve_split
from ivif_bench.errors import UserError
from ivif_bench.types import Boxes


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_detection(folder / "M3FD_Detection", train=3, test=2, seed=0)
    write_segmentation(folder / "MSRS", train=2, test=2, seed=0)
    return folder


@pytest.fixture
def m3fd_copy(demo: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(demo / "M3FD_Detection", tmp_path / "M3FD_Detection"))


def prepared(dataset: Dataset, out: Path, split: str = "official", force: bool = False) -> Prepared:
    return prepare(dataset, resolve_split(dataset, split), out, force=force)


def command(*words: object) -> Any:
    return CliRunner().invoke(app, ["data", "prepare", *map(str, words)])


@pytest.mark.slow
def test_pycocotools_reads_back_the_boxes_of_the_dataset(demo: Path, tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    dataset = open_dataset("m3fd", demo / "M3FD_Detection")
    prepared(dataset, tmp_path / "out")
    for part, stems in dataset.official_splits().items():
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(str(tmp_path / "out" / f"instances_{part}.json"))
        assert [Path(image["file_name"]).stem for image in coco.imgs.values()] == list(stems)
        assert sorted(coco.imgs) == list(range(1, len(stems) + 1))
        assert sorted(coco.anns) == list(range(1, len(coco.anns) + 1))
        names = {key: item["name"] for key, item in coco.cats.items()}
        assert names == dict(enumerate(dataset.detection_classes, start=1))
        for image_id, image in coco.imgs.items():
            pair = dataset.by_stem[Path(image["file_name"]).stem]
            pixels = cv2.imread(str(pair.visible))
            assert pixels is not None
            assert (image["height"], image["width"]) == pixels.shape[:2]
            items = coco.loadAnns(coco.getAnnIds(imgIds=[image_id]))
            truth = dataset.boxes(pair)
            assert tuple(names[item["category_id"]] for item in items) == truth.classes
            found = np.array([item["bbox"] for item in items])
            found[:, 2:] += found[:, :2]
            np.testing.assert_allclose(found, truth.xyxy, atol=1e-9)
            for item in items:
                assert item["area"] == pytest.approx(item["bbox"][2] * item["bbox"][3])
                assert item["iscrowd"] == 0


@pytest.mark.slow
def test_real_sample_gives_the_boxes_of_the_published_coco_file(
    shared: Path, tmp_path: Path
) -> None:
    data = shared / "data"
    prepared(open_dataset("m3fd", data / "M3FD_Detection"), tmp_path / "out", "all")

    def by_name(path: Path) -> tuple[list[Any], list[Any]]:
        content = json.loads(path.read_text())
        images = {item["id"]: item for item in content["images"]}
        names = {item["id"]: item["name"] for item in content["categories"]}
        boxes = sorted(
            (images[a["image_id"]]["file_name"], names[a["category_id"]], a["bbox"], a["area"])
            for a in content["annotations"]
        )
        sizes = sorted((i["file_name"], i["width"], i["height"]) for i in images.values())
        return boxes, sizes

    ours = by_name(tmp_path / "out" / "instances_test.json")
    theirs = by_name(data / "M3FD_meta" / "instances_dev12.json")
    assert len(theirs[0]) == 169
    assert ours == theirs


@pytest.mark.parametrize("origin", [0, 1])
def test_yolo_text_comes_back_through_the_tardal_layout(
    m3fd_copy: Path, tmp_path: Path, origin: int
) -> None:
    first = open_dataset("m3fd", m3fd_copy, corner_origin=origin)
    prepared(first, tmp_path / "out")
    shutil.copytree(tmp_path / "out" / "labels", m3fd_copy / "labels")
    order = (tmp_path / "out" / "classes.txt").read_text().split()
    again = open_dataset("m3fd-tardal", m3fd_copy, class_order=order)
    assert sum(len(first.boxes(pair).classes) for pair in first.pairs) > 5
    for pair in first.pairs:
        before, after = first.boxes(pair), again.boxes(again.by_stem[pair.stem])
        assert after.classes == before.classes
        pixels = cv2.imread(str(pair.visible))
        assert pixels is not None
        height, width = pixels.shape[:2]
        inside = before.xyxy.clip(0, [width, height, width, height])
        np.testing.assert_allclose(after.xyxy, inside, atol=1e-6)


def test_yolo_text_clips_and_leaves_out_only_what_it_counts() -> None:
    corners = np.array([[0, 0, 10, 20], [-5, 0, 5, 10], [90, 40, 120, 60], [110, 0, 120, 10]])
    boxes = Boxes(corners.astype(np.float64), ("b", "a", "a", "b"))
    text, clipped, dropped = yolo_text(boxes, (50, 100), ("a", "b"))
    rows = [[float(word) for word in line.split()] for line in text.splitlines()]
    expected = [[1, 0.05, 0.2, 0.1, 0.4], [0, 0.025, 0.1, 0.05, 0.2], [0, 0.95, 0.9, 0.1, 0.2]]
    np.testing.assert_allclose(rows, expected)
    assert (clipped, dropped) == (2, 1)


def test_clipped_boxes_are_noted_and_coco_keeps_them(m3fd_copy: Path, tmp_path: Path) -> None:
    dataset = open_dataset("m3fd", m3fd_copy)
    stem = dataset.official_splits()["test"][0]
    (m3fd_copy / "Annotation" / f"{stem}.xml").write_text(
        "<annotation><object><name>Car</name><bndbox><xmin>-4</xmin><ymin>1</ymin><xmax>6</xmax>"
        "<ymax>9</ymax></bndbox></object></annotation>"
    )
    done = prepared(dataset, tmp_path / "out")
    assert any("1 boxes clipped" in note and stem in note for note in done.summary["notes"])
    content = json.loads((tmp_path / "out" / "instances_test.json").read_text())
    assert [-4, 1, 10, 8] in [item["bbox"] for item in content["annotations"]]


def test_crowd_and_difficult_boxes_are_in_the_coco_file_and_counted_for_yolo_text(
    tmp_path: Path,
) -> None:
    from pycocotools.coco import COCO

    generator = np.random.default_rng(0)
    for side in ("ir", "vi"):
        (tmp_path / "test" / side).mkdir(parents=True)
        pixels = generator.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "test" / side / "1.png"), pixels)
    flags = [{}, {"iscrowd": 1}, {"ignore": 1}]
    annotations = [
        {"id": at, "image_id": 1, "category_id": 1, "bbox": [at, 2, 10, 20], **flag}
        for at, flag in enumerate(flags, start=1)
    ]
    content = {
        "images": [{"id": 1, "file_name": "1.png"}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": annotations,
    }
    (tmp_path / "test" / "instances.json").write_text(json.dumps(content))
    dataset = open_dataset("llvip", tmp_path)
    done = prepared(dataset, tmp_path / "out", "all")
    written = tmp_path / "out" / "instances_test.json"
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(written))
    assert [each["iscrowd"] for each in coco.anns.values()] == [0, 1, 0]
    assert coco.getAnnIds(iscrowd=True) == [2]
    assert [each.get("difficult") for each in coco.anns.values()] == [None, None, 1]
    rows = (tmp_path / "out" / "labels" / "1.txt").read_text().splitlines()
    assert len(rows) == 2  # without the crowd region, whose box begins at 2
    np.testing.assert_allclose([float(row.split()[1]) * 60 for row in rows], [6, 8])
    about = done.summary["parts"]["test"]
    assert (about["boxes"], about["crowd"], about["difficult"]) == (3, 1, 1)
    notes = "\n".join(done.summary["notes"])
    assert "test: 1 boxes are crowd regions" in notes
    assert "test: 1 boxes are difficult" in notes
    # What is written is read back as the same boxes.
    shutil.copy(written, tmp_path / "test" / "instances.json")
    again = open_dataset("llvip", tmp_path)
    before, after = dataset.boxes(dataset.pairs[0]), again.boxes(again.pairs[0])
    assert np.array_equal(before.xyxy, after.xyxy)
    assert np.array_equal(before.crowd, after.crowd)
    assert np.array_equal(before.difficult, after.difficult)


def test_data_without_flags_is_prepared_as_before(demo: Path, tmp_path: Path) -> None:
    done = prepared(open_dataset("m3fd", demo / "M3FD_Detection"), tmp_path / "out")
    assert set(done.summary["parts"]["test"]) == {"images", "stems_sha256", "boxes", "classes"}
    text = (tmp_path / "out" / "instances_test.json").read_text()
    assert "difficult" not in text
    assert "ignore" not in text


def test_lists_and_summary_carry_the_canonical_hashes(demo: Path, tmp_path: Path) -> None:
    dataset = open_dataset("msrs", demo / "MSRS")
    done = prepared(dataset, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "prepare.json").read_text())
    assert summary == done.summary
    assert sorted(summary["files"]) == ["split_test.txt", "split_train.txt"]
    for part, stems in dataset.official_splits().items():
        path = tmp_path / "out" / f"split_{part}.txt"
        assert read_list(path) == stems
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert digest == canonical_hash(stems) == summary["parts"][part]["stems_sha256"]
        assert summary["parts"][part]["images"] == len(stems) == 2
        assert "boxes" not in summary["parts"][part]
    assert {"ivif-bench", "numpy"} <= summary["versions"].keys()


@pytest.mark.slow
def test_part_without_annotations_gets_a_list_only(shared: Path, tmp_path: Path) -> None:
    done = prepared(open_dataset("llvip", shared / "data" / "LLVIP"), tmp_path / "out")
    assert done.summary["parts"]["test"]["classes"] == {"person": 16}
    assert "boxes" not in done.summary["parts"]["train"]
    assert not (tmp_path / "out" / "instances_train.json").exists()
    assert "train: no annotations, so a list only" in done.summary["notes"]


def test_second_run_is_the_same_and_writes_nothing(demo: Path, tmp_path: Path) -> None:
    dataset = open_dataset("m3fd", demo / "M3FD_Detection")
    out = tmp_path / "out"
    assert not prepared(dataset, out).unchanged
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert prepared(dataset, out).unchanged
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    assert [item.name for item in tmp_path.iterdir()] == ["out"]


def test_another_result_is_replaced_only_with_force_and_leaves_no_stale_files(
    demo: Path, tmp_path: Path
) -> None:
    dataset = open_dataset("m3fd", demo / "M3FD_Detection")
    out = tmp_path / "out"
    prepared(dataset, out)
    with pytest.raises(UserError, match=r"instances_test\.json.*--force") as caught:
        prepared(dataset, out, "all")
    assert "\n" not in str(caught.value)
    assert (out / "split_train.txt").is_file()
    prepared(dataset, out, "all", force=True)
    assert not (out / "split_train.txt").exists()
    assert len(read_list(out / "split_test.txt")) == 5


def test_edited_label_is_noticed(demo: Path, tmp_path: Path) -> None:
    dataset = open_dataset("m3fd", demo / "M3FD_Detection")
    prepared(dataset, tmp_path / "out")
    label = sorted((tmp_path / "out" / "labels").iterdir())[0]
    label.write_text("")
    with pytest.raises(UserError, match=label.name):
        prepared(dataset, tmp_path / "out")


def test_force_never_deletes_files_of_others(demo: Path, tmp_path: Path) -> None:
    dataset = open_dataset("m3fd", demo / "M3FD_Detection")
    prepared(dataset, tmp_path / "out")
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match=r"thesis\.tex"):
        prepared(dataset, tmp_path / "out", "all", force=True)
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"


def test_pair_of_two_sizes_stops_before_anything_is_written(
    m3fd_copy: Path, tmp_path: Path
) -> None:
    dataset = open_dataset("m3fd", m3fd_copy)
    pair = dataset.pairs[0]
    cv2.imwrite(str(pair.infrared), np.zeros((10, 12), np.uint8))
    with pytest.raises(UserError, match=f"{pair.stem}: infrared is 12x10") as caught:
        prepared(dataset, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_known_md5_is_told_from_another() -> None:
    assert "is that of" in str(md5_note("msrs", KNOWN_MD5["msrs"][0]))
    assert "is not that of" in str(md5_note("msrs", "0" * 32))
    assert md5_note("m3fd", "0" * 32) is None


def test_command_unpacks_strips_the_top_folder_and_prepares(demo: Path, tmp_path: Path) -> None:
    path = tmp_path / "MSRS-main.zip"
    with zipfile.ZipFile(path, "w") as content:
        for item in sorted((demo / "MSRS").rglob("*")):
            content.write(item, "MSRS-main/" + item.relative_to(demo / "MSRS").as_posix())
    root = tmp_path / "data" / "MSRS"
    result = command("msrs", "--root", root, "--archive", path)
    assert result.exit_code == 0, result.output
    assert hashlib.sha256(path.read_bytes()).hexdigest() in result.stdout
    assert "note: md5 is not that of MSRS-main.zip" in result.stdout
    assert read_list(root / "prepared" / "split_train.txt")
    assert (root / "train" / "ir").is_dir()
    assert command("msrs", "--root", root).stdout.endswith("already exist\n")
    again = command("msrs", "--root", root, "--archive", path)
    assert isinstance(again.exception, UserError)
    assert "leave out --archive" in str(again.exception)


@pytest.mark.slow
def test_command_without_official_split_says_that_all_is_test(shared: Path, tmp_path: Path) -> None:
    root = shared / "data" / "M3FD_Detection"
    result = command("m3fd", "--root", root, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "test: 12 pairs, 169 boxes" in result.stdout
    assert "no official split" in result.stdout


def test_command_refuses_a_truncated_archive_and_leaves_no_root(demo: Path, tmp_path: Path) -> None:
    path = Path(shutil.make_archive(str(tmp_path / "a"), "gztar", demo / "M3FD_Detection"))
    path.write_bytes(path.read_bytes()[:-5000])
    result = command("m3fd", "--root", tmp_path / "root", "--archive", path)
    assert isinstance(result.exception, UserError)
    assert "download it again" in str(result.exception)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_command_after_the_wrong_archive_takes_the_right_one(demo: Path, tmp_path: Path) -> None:
    wrong = Path(shutil.make_archive(str(tmp_path / "wrong"), "zip", demo / "MSRS"))
    right = Path(shutil.make_archive(str(tmp_path / "right"), "zip", demo / "M3FD_Detection"))
    root = tmp_path / "root"
    refused = command("m3fd", "--root", root, "--archive", wrong)
    assert isinstance(refused.exception, UserError)
    assert "is not this dataset, so nothing was unpacked" in str(refused.exception)
    assert ".ivif-bench-" not in str(refused.exception), "names a folder that no longer exists"
    assert not root.exists()
    assert command("m3fd", "--root", root, "--archive", right).exit_code == 0


def test_command_replaces_an_archive_that_was_unpacked_but_not_prepared(
    demo: Path, tmp_path: Path
) -> None:
    root, broken = tmp_path / "root", tmp_path / "broken"
    shutil.copytree(demo / "M3FD_Detection", broken)
    damaged = sorted((broken / "Ir").iterdir())[0]
    damaged.write_bytes(b"no image")
    first = Path(shutil.make_archive(str(tmp_path / "first"), "zip", broken))
    right = Path(shutil.make_archive(str(tmp_path / "right"), "zip", demo / "M3FD_Detection"))
    assert isinstance(command("m3fd", "--root", root, "--archive", first).exception, UserError)
    assert (root / "Ir" / damaged.name).read_bytes() == b"no image"
    again = command("m3fd", "--root", root, "--archive", first)
    assert "already unpacked" in again.stdout
    assert isinstance(again.exception, UserError)
    (root / "mine.txt").write_text("mine")
    kept = command("m3fd", "--root", root, "--archive", right)
    assert "leave out --archive" in str(kept.exception), "it holds something of the user's"
    (root / "mine.txt").unlink()
    wrong = Path(shutil.make_archive(str(tmp_path / "wrong"), "zip", demo / "MSRS"))
    assert "nothing was unpacked" in str(
        command("m3fd", "--root", root, "--archive", wrong).exception
    )
    assert (root / "Ir" / damaged.name).read_bytes() == b"no image"
    done = command("m3fd", "--root", root, "--archive", right)
    assert done.exit_code == 0, done.output
    assert (root / "Ir" / damaged.name).read_bytes() != b"no image"
    assert sorted(item.name for item in tmp_path.iterdir() if item.is_dir()) == ["broken", "root"]
    last = command("m3fd", "--root", root, "--archive", first)
    assert "leave out --archive" in str(last.exception), "what was prepared is never replaced"


def test_command_takes_layout_options_and_refuses_bad_ones(m3fd_copy: Path, tmp_path: Path) -> None:
    result = command("m3fd", "--root", m3fd_copy, "--option", "corner_orign=1")
    assert isinstance(result.exception, UserError)
    assert "corner_origin" in str(result.exception)
    assert not (m3fd_copy / "prepared").exists()
