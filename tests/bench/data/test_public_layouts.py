"""Layouts of public sets: what their files mean, on trees with the names that public code uses."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from trees.files import image, text
from trees.rgbt import fmb, kaist, m3fd_damsdet, mfnet
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.data.base import open_dataset
from ivif_bench.data.bbgt import read_bbgt
from ivif_bench.data.images import read_stored
from ivif_bench.data.voc import read_voc
from ivif_bench.errors import UserError


def four_channels(folder: Path, *stems: str) -> dict[str, np.ndarray]:
    """Images as MFNet publishes them, and their pixels in the order R, G, B, infrared."""
    written = {}
    for stem in stems:
        image(folder / f"{stem}.png", channels=4)
        stored = cv2.imread(str(folder / f"{stem}.png"), cv2.IMREAD_UNCHANGED)
        written[stem] = stored[:, :, [2, 1, 0, 3]]
    return written


def test_prepare_splits_the_four_channels_of_mfnet_without_loss(tmp_path: Path) -> None:
    pixels = four_channels(tmp_path / "images", "00001D", "00002N")
    for stem in pixels:
        image(tmp_path / "labels" / f"{stem}.png", channels=1, value=3)
    with pytest.raises(UserError, match="data prepare mfnet"):
        open_dataset("mfnet", tmp_path)
    command = ["data", "prepare", "mfnet", "--root", str(tmp_path), "--memory", str(tmp_path / "m")]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    dataset = open_dataset("mfnet", tmp_path)
    assert [pair.tags for pair in dataset.pairs] == [("day",), ("night",)]
    for pair in dataset.pairs:
        assert np.array_equal(read_stored(pair.visible).pixels, pixels[pair.stem][:, :, :3])
        assert np.array_equal(read_stored(pair.infrared).pixels, pixels[pair.stem][:, :, 3])
    assert "0 images of four channels" in CliRunner().invoke(app, command).output


def test_an_archive_of_mfnet_is_unpacked_and_split(tmp_path: Path) -> None:
    four_channels(tmp_path / "src" / "images", "00001D")
    image(tmp_path / "src" / "labels" / "00001D.png", channels=1, value=3)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(tmp_path / "src", "mf")
    out = tmp_path / "out"
    command = ["data", "prepare", "mfnet", "--root", str(out), "--archive", str(tmp_path / "a.tar")]
    done = CliRunner().invoke(app, [*command, "--memory", str(tmp_path / "m")])
    assert done.exit_code == 0, done.output
    assert [pair.stem for pair in open_dataset("mfnet", out).pairs] == ["00001D"]


def test_an_image_of_mfnet_with_three_channels_is_named(tmp_path: Path) -> None:
    image(tmp_path / "images" / "00001D.png", channels=3)
    done = CliRunner().invoke(app, ["data", "prepare", "mfnet", "--root", str(tmp_path)])
    assert done.exit_code != 0
    assert "00001D.png: 3 channels" in str(done.exception)


def test_lists_of_mfnet_are_its_split(tmp_path: Path) -> None:
    mfnet(tmp_path)
    assert open_dataset("mfnet", tmp_path).official_splits() == {
        "train": ("00001D",),
        "test": ("00002N",),
    }


def test_label_0_of_fmb_is_not_judged(tmp_path: Path) -> None:
    fmb(tmp_path)
    values = np.array([[0, 1, 14]], np.uint8).repeat(24, 0).repeat([10, 11, 11], 1)
    cv2.imwrite(str(tmp_path / "test" / "Label" / "00003.png"), values)
    dataset = open_dataset("fmb", tmp_path)
    labels = dataset.mask(dataset.by_stem["00003"])
    assert labels[0, [0, 10, 31]].tolist() == [255, 0, 13]
    assert (dataset.segmentation_classes[0], dataset.segmentation_classes[13]) == ("road", "pole")


def test_frames_of_kaist_are_those_of_its_lists(tmp_path: Path) -> None:
    kaist(tmp_path)
    dataset = open_dataset("kaist", tmp_path)
    assert dataset.official_splits() == {
        "train": ("set00_V000_I00001", "set00_V000_I00003"),
        "test": ("set09_V001_I00019",),
    }
    assert dataset.by_stem["set09_V001_I00019"].tags == ("night",)
    boxes = dataset.boxes(dataset.pairs[0])
    assert boxes.classes == ("person", "person")
    assert boxes.required.tolist() == [True, False]
    assert boxes.xyxy[0].tolist() == [2, 3, 12, 13]


def test_text_and_xml_of_kaist_mean_the_same(tmp_path: Path) -> None:
    text(
        tmp_path / "a.txt",
        "% bbGt version=3\nperson 5 6 7 20 0 0 0 0 0 0 0\nperson 1 2 3 4 2 0 0 0 0 0 0\n",
    )
    items = [("person", 5, 6, 7, 20, 0), ("person", 1, 2, 3, 4, 2)]
    text(
        tmp_path / "a.xml",
        "<annotation>"
        + "".join(
            f"<object><name>{name}</name><bndbox><x>{x}</x><y>{y}</y><w>{w}</w><h>{h}</h></bndbox>"
            f"<occlusion>{occlusion}</occlusion></object>"
            for name, x, y, w, h, occlusion in items
        )
        + "</annotation>",
    )
    for most in (0, 1, 2):
        first = read_bbgt(tmp_path / "a.txt", most)
        second = read_voc(tmp_path / "a.xml", occlusion=most)
        assert first.xyxy.tolist() == second.xyxy.tolist() == [[5, 6, 12, 26], [1, 2, 4, 6]]
        assert first.difficult.tolist() == second.difficult.tolist() == [False, most < 2]


@pytest.mark.parametrize("line", ["person 1 2 3", "person 1 2 -3 4 0", "person a b c d 0", "x"])
def test_a_wrong_line_is_named(line: str, tmp_path: Path) -> None:
    text(tmp_path / "a.txt", f"% bbGt version=3\n{line}\n")
    with pytest.raises(UserError, match=r"a\.txt, line 2"):
        read_bbgt(tmp_path / "a.txt")


def test_two_annotation_files_of_a_part_are_refused(tmp_path: Path) -> None:
    m3fd_damsdet(tmp_path)
    assert {
        part: len(s) for part, s in open_dataset("m3fd-damsdet", tmp_path).official_splits().items()
    } == {
        "train": 1,
        "test": 1,
    }
    text(tmp_path / "annotations" / "train_ir.json", "{}")
    with pytest.raises(UserError, match=r"one JSON file with 'train'.*train_ir\.json"):
        open_dataset("m3fd-damsdet", tmp_path)


def test_unpacking_removes_what_a_killed_call_left(tmp_path: Path) -> None:
    from ivif_bench import files
    from ivif_bench.data.archive import unpack

    dead = tmp_path / f".ivif-bench-{files._machine()}-99999999-x"
    text(dead / "content" / "a.png", "")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("b.txt"), io.BytesIO())
    unpack(tmp_path / "a.tar", tmp_path / "root")
    assert not dead.exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
