"""Wrong boxes, lists and splits: one line that names the file, and what is right beside it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hostile import outcome

from ivif_bench.data.coco import read_coco
from ivif_bench.data.layouts.m3fd import read_scenarios
from ivif_bench.data.split_lists import read_list
from ivif_bench.data.splits import Split, find_split, read_split_file, within
from ivif_bench.data.voc import read_voc
from ivif_bench.data.yolo_text import read_yolo

pytestmark = pytest.mark.timeout(60)

_CORNERS = "<xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax>"


def _box(inside: str = _CORNERS, name: str = "car", more: str = "") -> str:
    return f"<a><object><name>{name}</name>{more}<bndbox>{inside}</bndbox></object></a>"


_ENTITIES = "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
_LAUGHS = f'<!DOCTYPE a [<!ENTITY a "xxxxxxxxxx">{_ENTITIES}]>{_box(name="&i;")}'


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "not well-formed XML"),
        ("<a>", "not well-formed XML"),
        ("<a></b>", "not well-formed XML"),
        ("{}", "not well-formed XML"),
        ("<a/><b/>", "not well-formed XML"),
        ("<a>" * 100_000, "not well-formed XML"),
        ("<a>\0</a>", "not well-formed XML"),
        ("<a>&x;</a>", "not well-formed XML"),
        ('<?xml version="1.0" encoding="no-such"?><a/>', "not well-formed XML"),
        ('<?xml version="1.0" encoding="utf-7"?><a/>', "not well-formed XML"),
        (_LAUGHS, "it declares the entity 'a'"),
        (_LAUGHS.encode("utf-16"), "it declares the entity 'a'"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "the entity 'x'"),
        ('<!DOCTYPE a [<!ENTITY % x "y"> %x;]><a/>', "it declares the entity 'x'"),
        (_box(name=""), "object 1 has no <name>"),
        (_box(name=" \n "), "object 1 has no <name>"),
        (_box(""), "<bndbox> needs the numbers"),
        (_box(_CORNERS.replace("3", "three")), "<bndbox> needs the numbers"),
        (_box(_CORNERS.replace("3", "²")), "<bndbox> needs the numbers"),
        (_box(_CORNERS.replace("3", "nan")), "do not form a box"),
        (_box(_CORNERS.replace("3", "1e999")), "do not form a box"),
        (_box(_CORNERS.replace("3", "0")), "do not form a box"),
        (_box(_CORNERS.replace("3", "9" * 5000)), "do not form a box"),
        (_box(more="<difficult>2</difficult>"), "<difficult> must be 0 or 1"),
        (_box(_CORNERS.replace("3", "x"), name="a\nb"), "object 1 (a\\nb): <bndbox> needs"),
        (_box(), ""),
        ("<!DOCTYPE a>" + _box(), ""),
        ("\ufeff" + _box(), ""),
        (_box().encode("utf-16"), ""),
        (_box("<x/>" * 1000 + _CORNERS), ""),
        ("<a>" * 100_000 + "</a>" * 100_000, ""),
    ],
)
def test_voc(content: str | bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "00001.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    message = outcome(lambda: read_voc(path))
    assert expected in message
    assert bool(expected) == ("00001.xml" in message)


def _coco(**changes: Any) -> dict[str, Any]:
    """A valid file but for keys of its only image, category or annotation."""
    image = {"id": 1, "file_name": "a.png"}
    category = {"id": 1, "name": "car"}
    annotation = {"id": 7, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    for item in (image, category, annotation):
        item.update({key: value for key, value in changes.items() if key in (*item, "iscrowd")})
    return {"images": [image], "categories": [category], "annotations": [annotation]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "cannot read annotation"),
        ("[", "cannot read annotation"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        (b"\xff\xfe\xfa", "cannot read annotation"),
        ("9" * 5000, "cannot read annotation"),
        ([], "not a COCO file"),
        ({}, "not a COCO file"),
        (1, "not a COCO file"),
        (None, "not a COCO file"),
        ({"images": 1, "categories": [], "annotations": []}, "not a COCO file"),
        ({"images": [1], "categories": [], "annotations": []}, "not a COCO file"),
        ({"images": {}, "categories": {"a": 1}, "annotations": []}, "not a COCO file"),
        ({"images": [], "categories": [], "annotations": [{}]}, "not a COCO file"),
        (_coco(image_id=2), "not a COCO file"),
        (_coco(category_id=2), "not a COCO file"),
        (_coco(category_id=[1]), "not a COCO file"),
        (_coco(bbox=None), "not a COCO file"),
        (_coco(bbox=[1, 2, 3]), "annotation 7: 'bbox' must be"),
        (_coco(bbox=[1, 2, 3, 4, 5]), "annotation 7: 'bbox' must be"),
        (_coco(bbox=[1, 2, 3, "x"]), "annotation 7: 'bbox' must be"),
        (_coco(bbox=[1, 2, 3, float("nan")]), "annotation 7: 'bbox' must be"),
        (_coco(bbox=[1, 2, 3, float("inf")]), "annotation 7: 'bbox' must be"),
        (_coco(bbox=[1, 2, 3, 10**400]), "annotation 7: 'bbox' must be"),
        (_coco(bbox=[1, 2, -3, 4]), "annotation 7: 'bbox' must be"),
        (_coco(bbox=[0] * 100_000), "annotation 7: 'bbox' must be"),
        (_coco(name="\ud800"), "characters that no name can have"),
        (_coco(file_name="\ud800.png"), "characters that no name can have"),
        (_coco(iscrowd=2), "annotation 7: 'iscrowd' must be 0 or 1"),
        (_coco(iscrowd="0"), "annotation 7: 'iscrowd' must be 0 or 1"),
        (_coco(iscrowd=None), "annotation 7: 'iscrowd' must be 0 or 1"),
        (_coco(), ""),
        (_coco(name="融合", iscrowd=1), ""),
        ({"images": [], "categories": [], "annotations": []}, ""),
    ],
)
def test_coco(content: Any, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "all.json"
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = outcome(lambda: read_coco(path))
    assert expected in message
    assert bool(expected) == ("all.json" in message)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0.5 0.5 0.1", "line 1: expected 'index cx cy w h'"),
        ("0 0.5 0.5 0.1 0.1 0.9", "line 1: expected 'index cx cy w h'"),
        ("\n\n0 a b c d", "line 3: expected 'index cx cy w h'"),
        ("car 0.5 0.5 0.1 0.1", "expected 'index cx cy w h'"),
        ("² 0.5 0.5 0.1 0.1", "expected 'index cx cy w h'"),
        ("-1 0.5 0.5 0.1 0.1", "expected 'index cx cy w h'"),
        ("0.5 0.5 0.5 0.1 0.1", "expected 'index cx cy w h'"),
        ("nan 0.5 0.5 0.1 0.1", "expected 'index cx cy w h'"),
        ("inf 0.5 0.5 0.1 0.1", "expected 'index cx cy w h'"),
        ("0 nan 0.5 0.1 0.1", "fractions of the image's size in 0..1"),
        ("0 1e999 0.5 0.1 0.1", "fractions of the image's size in 0..1"),
        ("0 320 240 10 10", "fractions of the image's size in 0..1"),
        ("0 0.5 0.5 -0.1 0.1", "fractions of the image's size in 0..1"),
        ("x" * 1_000_000, "line 1: expected"),
        ("0 " * 100_000, "line 1: expected"),
        (b"\xff\xfe", "cannot read annotation"),
        ("", ""),
        (" \n\t\n", ""),
        ("0 0.5 0.5 0.1 0.1\r\n1 0.5 0.5 0.1 0.1\r\n", ""),
        ("1e9 0.5 0.5 0.1 0.1", ""),
    ],
)
def test_yolo(text: str | bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "00001.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = outcome(lambda: read_yolo(path, {0: "car"}, (48, 64)))
    assert expected in message
    assert bool(expected) == ("00001.txt" in message)


_RANGES = {
    "'0000000000-9999999999'": "range '0000000000-9999999999' makes more than 1000000 stems",
    "'000000000000000000-999999999999999999'": "makes more than 1000000 stems",
    "'0000001-0999999', '1000000-1000005'": "makes more than 1000000 stems",
    "'00009-00001'": "range '00009-00001' runs backwards",
    "'1-2', '2-3'": "names stems twice: 2",
    "12": "stems must be quoted strings",
    "~": "stems must be quoted strings",
    "[a]": "stems must be quoted strings",
    f"'{'1' * 5000}-{'2' * 5000}'": "has 10001 characters, more than a file name",
    f"'{'a' * 300}'": "has 300 characters, more than a file name",
    "'²²-³³'": "",
    "'٠٠-٩٩'": "",
    "'1-22'": "",
    "'a-b'": "",
    "'-'": "",
    "'00000-00041'": "",
}


@pytest.mark.parametrize("stems", _RANGES)
def test_ranges_of_a_split_file(stems: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"parts:\n  test: [{stems}]\n", encoding="utf-8")
    message = outcome(lambda: read_split_file(path))
    assert _RANGES[stems] in message
    assert bool(_RANGES[stems]) == ("a.yaml" in message)


def test_only_digits_0_to_9_make_a_range(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("parts: {test: ['²²-³³', '٠٠-٩٩', '08-11']}", encoding="utf-8")
    assert read_split_file(path).test == ("08", "09", "10", "11", "²²-³³", "٠٠-٩٩")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("parts: []", "expected keys 'name' and 'parts'"),
        ("parts: {validation: [a]}", "unknown part 'validation'"),
        ("parts: {1: [a]}", "unknown part 1"),
        ("parts: {test: a}", "stems must be quoted strings"),
        ("parts: {test: {a: b}}", "stems must be quoted strings"),
        ("parts: {test: [a]}\nsha256: [x]", "'sha256' must map a part to its hash"),
        ("parts: {test: [a]}\nsha256: {test: x}", "does not have its declared sha256"),
        ("parts: {test: [a]}\nsha256: {train: ~}", "does not have its declared sha256"),
        (
            "parts: {test: [a]}\nparts: {test: [b]}",
            "line 2: not valid YAML: key 'parts' occurs twice",
        ),
        ("parts: {}", ""),
    ],
)
def test_split_files(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    assert expected in outcome(lambda: read_split_file(path))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff\xfe", "cannot read split list"),
        (b"a\na\n", "names stems twice: a"),
        (b"a.png\nb/a.jpg\n", "names stems twice: a"),
        (b"a" * 1_000_000, "has 1000000 characters, more than a file name"),
        (b"1a" * 500_000, "has 1000000 characters, more than a file name"),
        (b"", ""),
        (b"# nothing\n\n", ""),
        (b"\xef\xbb\xbfa\r\nb\r\n", ""),
        (b"a b\n", ""),
    ],
)
def test_lists(content: bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "test.txt"
    path.write_bytes(content)
    assert expected in outcome(lambda: read_list(path))


@pytest.mark.parametrize("wanted", ["", "no\0name", "x" * 5000, "\udcff", "/", "official2"])
def test_a_split_that_does_not_exist(wanted: str) -> None:
    assert outcome(lambda: find_split(cast(Any, SimpleNamespace()), wanted))


def test_distances_of_long_numbers_are_found_soon() -> None:
    long = "1" * 255
    split = Split("a", {"train": (long,), "test": (f"{long[:-1]}2", "a1" * 120)})
    outcome(lambda: within(split, 1))
    assert within(split, 1) == 0.5


@pytest.mark.parametrize(
    "ranges",
    [1, [{}], [{"min": 1}], [{"min": "x", "max": 1}], [{"min": float("inf"), "max": 1}],
     [{"min": float("nan"), "max": 1}], [{"min": None, "max": 1}]],
)  # fmt: skip
def test_scenarios(ranges: Any, tmp_path: Path) -> None:
    path = tmp_path / "scenario.json"
    path.write_text(json.dumps([{"name": "night", "scene": [{"name": "a", "range": ranges}]}]))
    assert "scenario.json" in outcome(lambda: read_scenarios(str(path)))
