"""``protocols list``, ``show`` and ``diff`` on shipped protocols and on files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.protocol import DetectionProtocol
from ivif_bench.tasks.segmentation.protocol import SegmentationProtocol

MODELS = {"detection": DetectionProtocol, "segmentation": SegmentationProtocol}


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["protocols", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


def test_the_list_has_every_shipped_file_with_the_hash_that_tables_print() -> None:
    listed = json.loads(printed("list", "--json"))
    files = {
        (task, path.stem) for task, m in MODELS.items() for path in m.folder.glob("protocols/*")
    }
    assert {(one["task"], one["name"]) for one in listed} == files
    for one in listed:
        assert one["sha256"] == MODELS[one["task"]].load(one["name"]).sha256
    header, *rows = printed("list").splitlines()
    assert header.split() == ["name", "task", "network", "mode", "sha256"]
    assert [row.split()[-1] for row in rows] == [one["sha256"][:12] for one in listed]


def test_what_show_prints_is_the_same_protocol_again(tmp_path: Path) -> None:
    path = tmp_path / "copy.yaml"
    for name in ("m3fd-det.v1", "msrs-seg.v1"):
        text = printed("show", name)
        path.write_text(text)
        shown = json.loads(printed("show", str(path), "--json"))
        assert f"# sha256 {shown['sha256']}" in text
        assert shown["name"] == name


@pytest.mark.parametrize("name", ["m3fd-det.v1", "msrs-det-zeroshot.v2", "msrs-seg.v1"])
def test_resolved_values_written_in_format_2_differ_in_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / "resolved.yaml"
    path.write_text(printed("show", name, "--resolved"))
    assert printed("diff", name, str(path)).endswith("no value differs\n")


def test_diff_names_the_changed_keys_and_only_those(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = (DetectionProtocol.folder / "protocols" / "m3fd-det.v1.yaml").read_text()
    path.write_text(text.replace("epochs: 50", "epochs: 100").replace("0, 1, 2", "0"))
    lines = printed("diff", "m3fd-det.v1", str(path)).splitlines()
    assert lines[2:] == [
        "recipe.ultralytics.training.epochs: 50 -> 100",
        "seeds: 0, 1, 2 -> 0",
    ]
    found = json.loads(printed("diff", "m3fd-det.v1", str(path), "--json"))
    assert found["differ"]["seeds"] == [[0, 1, 2], [0]]


def test_unknown_names_and_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown protocol 'm3fd-det\.v11'; did you mean m3fd-det"):
        printed("show", "m3fd-det.v11")
    path = tmp_path / "mine.yaml"
    for content, says in (("a: 1", "network: is missing"), ("network: yolo", "network 'yolo'")):
        path.write_text(content)
        with pytest.raises(UserError, match=says) as caught:
            printed("show", str(path))
        assert str(path) in str(caught.value)
