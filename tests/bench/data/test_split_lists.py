"""Lists in the forms that projects publish give the same split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ivif_bench.data.base import open_dataset
from ivif_bench.data.split_lists import read_list
from ivif_bench.data.splits import canonical_hash, resolve_split
from ivif_bench.errors import UserError


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def coco(path: Path, names: list[Any]) -> Path:
    images = [{"id": index, "file_name": name} for index, name in enumerate(names)]
    return written(path, json.dumps({"images": images, "annotations": [], "categories": []}))


def folder_of_pairs(root: Path) -> Any:
    """Pairs 1 to 4, whose files are called ``1_IR.png`` and ``1_RGB.png``."""
    for number in range(1, 5):
        for side in ("IR", "RGB"):
            image = np.full((32, 32), 40 * number + len(side), np.uint8)
            (root / side).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / side / f"{number}_{side}.png"), image)
    patterns = {"infrared": "IR/{stem}_IR.png", "visible": "RGB/{stem}_RGB.png"}
    return open_dataset("folder", root, **patterns)


@pytest.mark.golden
def test_four_forms_of_damsdets_list_have_its_published_hash(shared: Path, tmp_path: Path) -> None:
    published = shared / "data" / "M3FD_meta" / "damsdet_val.txt"
    stems = published.read_text().split()
    forms = [
        written(tmp_path / "paths.txt", "".join(f"D:\\M3FD\\Vis\\{s}.png\n" for s in stems)),
        written(tmp_path / "yolo.txt", "".join(f"./images/val/{s}.jpg\n" for s in stems)),
        coco(tmp_path / "instances.json", [f"vis/{s}.png" for s in reversed(stems)]),
    ]
    expected = "e836cdb03b08ffb46a2068bcdbc7674a6c0e63a71938d55c44387b44347c65a7"
    assert {canonical_hash(read_list(path)) for path in (published, *forms)} == {expected}


def test_a_split_takes_every_form_in_either_place(tmp_path: Path) -> None:
    dataset = folder_of_pairs(tmp_path / "set")
    train = coco(tmp_path / "train.json", ["1.png", "any/where/2.jpg"])
    test = written(tmp_path / "test.txt", "/data/RGB/3_RGB.png\n4\n")
    split = resolve_split(dataset, {"train": str(train), "test": str(test)})
    assert split.parts == {"train": ("1", "2"), "test": ("3", "4")}
    assert resolve_split(dataset, str(train)).test == ("1", "2")


def test_a_list_of_both_sides_names_every_pair_twice(tmp_path: Path) -> None:
    dataset = folder_of_pairs(tmp_path / "set")
    both = written(tmp_path / "both.txt", "IR/1_IR.png\nRGB/1_RGB.png\n")
    with pytest.raises(UserError, match=r"both\.txt: with the files of both sides .* twice: 1$"):
        resolve_split(dataset, str(both))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[1, 2]", "read as COCO, and 'images' is missing"),
        ('{"images": {}}', "read as COCO, and 'images' is missing"),
        ('{"images": [{"id": 1}]}', r"images\[0\] has no 'file_name'"),
        ('{"images": ["a.png"]}', r"images\[0\] has no 'file_name'"),
        ('{"images": [{"file_name": "a.png"}, {"file_name": "b/a.jpg"}]}', "stems twice: a"),
        ("{", "cannot read split list"),
    ],
)
def test_a_wrong_json_list_says_why(content: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says) as caught:
        read_list(written(tmp_path / "list.json", content))
    assert "list.json" in str(caught.value)
    assert "\n" not in str(caught.value)
