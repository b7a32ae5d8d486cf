"""Leak by number and by scene: published lists, scene files, and the command."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.data.demo import write_detection
from ivif_bench.data.leak import read_scenes, scene_cuts
from ivif_bench.data.split_lists import read_list
from ivif_bench.data.splits import Split, leak_line, read_split_file, says_leak
from ivif_bench.errors import UserError
from ivif_bench.tasks.network.plan import _leak


def leak(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["data", "leak", *map(str, arguments)])
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.golden
@pytest.mark.parametrize(
    ("train", "test", "by_number", "cut", "images"),
    [
        ("damsdet_train", "damsdet_val", 0.048, 1, 8),
        ("rgbxfusion_train", "rgbxfusion_test", 0.860, 100, 813),
        ("wmnet_train", "wmnet_val", 0.907, 100, 1220),
    ],
)
def test_published_lists_cut_as_many_scenes_as_were_counted(
    shared: Path, train: str, test: str, by_number: float, cut: int, images: int
) -> None:
    folder = shared / "data" / "M3FD_meta"
    lists = [folder / f"{train}.txt", folder / f"{test}.txt"]
    found = json.loads(leak(*lists, "--scenes", folder / "scenario.json", "--json"))
    assert round(found["neighbour_leak"], 3) == by_number
    assert found["scenes"]["scenes"] == 103
    assert (len(found["scenes"]["cut"]), found["scenes"]["test_images"]) == (cut, images)
    parts = {"train": read_list(lists[0]), "test": read_list(lists[1])}
    assert found["sha256"] == Split("other name", parts).sha256


def test_the_line_of_tables() -> None:
    stems = {"train": ("a1", "a2"), "test": ("a3", "a20", "b1", "a90")}
    assert leak_line(Split("s", stems)) == (
        "25.0% of the test images have the next or previous number in train, 50.0% one within 25"
    )
    assert leak_line(Split("s", {"test": ("1",)})) == ""
    assert leak_line(Split("s", {"train": ("x",), "test": ("y",)})).startswith("unknown, since")


@pytest.mark.parametrize(
    ("train", "near", "far"),
    [
        ("a1", "25.0%", "50.0%"),
        ("a100", "0.0%", "0.0%"),
        ("a40", "0.0%", "25.0%"),
        ("x", "0.0%", "0.0%"),
    ],
)
def test_a_line_says_whether_there_is_a_leak(train: str, near: str, far: str) -> None:
    line = leak_line(Split("s", {"train": (train,), "test": ("a2", "a20", "b1", "c9")}))
    assert re.findall(r"[\d.]+%", line) == [near, far]
    assert says_leak(line) == (far != "0.0%")


def test_one_image_of_thousands_is_a_leak_in_the_line_too() -> None:
    test = tuple(f"a{at}" for at in range(1000, 4000))
    line = leak_line(Split("s", {"train": ("a999",), "test": (*test, "b1")}))
    assert line.startswith("less than 0.1% of")
    assert says_leak(line)


@pytest.mark.parametrize(
    ("mode", "warned"), [("frozen-visible", False), ("released", True), ("zeroshot-coco", False)]
)
def test_without_training_here_there_is_no_leak_or_it_is_unknown(mode: str, warned: bool) -> None:
    protocol = SimpleNamespace(trained=False, mode=mode)
    line = _leak(protocol, Split("s", {"train": ("1",), "test": ("2",)}))
    assert says_leak(line) == warned
    assert not says_leak("")


def test_scenes_of_a_file_in_our_form(tmp_path: Path) -> None:
    path = written(
        tmp_path / "scenes.yaml",
        'scenes: {street: ["00001-00004"], park: ["00005", "00006"], sea: ["9"]}\n',
    )
    split = Split("s", {"train": ("00001", "00005", "00006"), "test": ("00002", "00003")})
    found = scene_cuts(split, read_scenes(path))
    assert (found.scenes, found.cut, found.images) == (2, ("street",), 2)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("s.yaml", "a: 1\n", "expected 'scenes' with lists of stems"),
        ("s.yaml", "scenes: {a: [1]}\n", "scene 'a': stems must be quoted strings"),
        ("s.json", '[{"name": "day"}]', "not the form of RGBXFusion's scenario.json"),
        ("s.json", "{", "cannot read scene file"),
    ],
)
def test_a_wrong_scene_file_says_why(name: str, content: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says) as caught:
        read_scenes(written(tmp_path / name, content))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_shared_images_are_an_error_and_one_list_needs_a_dataset(tmp_path: Path) -> None:
    train = written(tmp_path / "train.txt", "00001\n00002\n")
    test = written(tmp_path / "test.txt", "00002\n00004\n")
    assert "error: 1 test images are in train: 00002" in leak(train, test, code=1)
    with pytest.raises(UserError, match=r"test\.txt: no train images; give TRAIN and TEST"):
        leak(test)
    with pytest.raises(UserError, match="3 lists; give TRAIN and TEST"):
        leak(test, test, test)
    with pytest.raises(UserError, match="--layout and --root go together"):
        leak(test, "--layout", "m3fd")


@pytest.mark.slow
def test_split_and_leak_on_the_demo(tmp_path: Path) -> None:
    """Every drawn scene is one picture, so nothing is cut; the rest of a test list is train."""
    root = tmp_path / "M3FD_Detection"
    write_detection(root, train=8, test=6, seed=0)
    arguments = ["data", "split", "m3fd", "--root", str(root), "--out", str(tmp_path / "mine.yaml")]
    result = CliRunner().invoke(app, [*arguments, "--test", "0.3", "--json"])
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    split = read_split_file(tmp_path / "mine.yaml")
    assert made["sha256"] == split.sha256
    assert sum(made["shares"]["images"].values()) == 14
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, UserError)
    assert "--force replaces it" in str(again.exception)

    scenes = leak(tmp_path / "mine.yaml", "--scenes", tmp_path / "mine.yaml")
    assert f"0 of {made['runs']} scenes have train and test images" in scenes
    test = written(tmp_path / "test.txt", "".join(f"Vis/{stem}.png\n" for stem in split.test))
    found = json.loads(leak(test, "--layout", "m3fd", "--root", root, "--json"))
    assert (found["train"]["images"], found["sha256"]) == (len(split.train), split.sha256)
    assert 0 <= found["by_picture"]["share"] <= 1
