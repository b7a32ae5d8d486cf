"""FIFOs, sockets, devices and folders in the place of files: one line at once, wherever a file is read.

Without the check a FIFO is waited for without end, and ``/dev/zero`` is read until the memory is full;
then these tests end by their time limit.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hostile import outcome
from small_runs import ivif, write_config, write_pairs

from ivif_bench.config_reading import load_config
from ivif_bench.data.archive import checksums
from ivif_bench.data.base import open_dataset
from ivif_bench.data.coco import read_coco
from ivif_bench.data.images import (
    decode,
    images_in,
    png_provenance,
    read_labels,
    read_stored,
    size_in_header,
)
from ivif_bench.data.layouts.m3fd import read_scenarios
from ivif_bench.data.layouts.msrs_detection import read_names
from ivif_bench.data.pictures import read_picture
from ivif_bench.data.splits import find_split, read_split_file
from ivif_bench.data.voc import read_voc
from ivif_bench.data.yolo_text import read_yolo
from ivif_bench.errors import UserError
from ivif_bench.files import read_json, read_regular, read_text
from ivif_bench.fingerprints import Fingerprints, hash_file
from ivif_bench.memory import Memory
from ivif_bench.protocol import Protocol, read_protocol
from ivif_bench.reports.frame import load_run
from ivif_bench.tasks.quality.folder import score_folder
from ivif_bench.tensors import read_tensors

pytestmark = pytest.mark.timeout(60)

_NO_DATASET = cast(Any, SimpleNamespace())
READERS: dict[str, Callable[[Path], object]] = {
    "configuration": load_config,
    "protocol": lambda path: read_protocol(Protocol, str(path), path.parent, "quality"),
    "split file": read_split_file,
    "split list": lambda path: find_split(_NO_DATASET, str(path)),
    "split lists": lambda path: find_split(_NO_DATASET, {"test": str(path)}),
    "VOC": read_voc,
    "COCO": read_coco,
    "YOLO": lambda path: read_yolo(path, {}, (4, 4)),
    "scenarios": lambda path: read_scenarios(str(path)),
    "names": read_names,
    "image": decode,
    "image as stored": read_stored,
    "labels": read_labels,
    "image of any kind": read_picture,
    "size": size_in_header,
    "weights": read_tensors,
    "safetensors": lambda path: read_tensors(path.rename(path.with_suffix(".safetensors"))),
    "hash": lambda path: hash_file(str(path)),
    "fingerprint": Fingerprints(None),
    "archive": checksums,
    "plan": lambda path: load_run(path.rename(path.with_name("plan.json")).parent),
}


def _put(kind: str, path: Path) -> str:
    """Make something that is no file; what a message says of it."""
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
        return "Is a directory"
    else:
        place = Path.cwd()
        os.chdir(path.parent)  # names of sockets have at most 107 bytes
        try:
            socket.socket(socket.AF_UNIX).bind(path.name)
        finally:
            os.chdir(place)
    return f"it is a {kind}, not a file"


@pytest.mark.parametrize("kind", ["FIFO", "device", "socket", "folder"])
@pytest.mark.parametrize("reader", READERS)
def test_only_regular_files_are_read(reader: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "given"
    said = _put(kind, path)
    message = outcome(lambda: READERS[reader](path))
    assert said in message
    assert str(tmp_path) in message


@pytest.mark.parametrize("kind", ["FIFO", "device", "socket", "folder"])
@pytest.mark.parametrize("read", [read_regular, read_text, read_json])
def test_the_helpers_raise_what_opening_raises(
    read: Callable[[Path], object], kind: str, tmp_path: Path
) -> None:
    said = _put(kind, tmp_path / "given")
    with pytest.raises(OSError, match=said) as caught:
        read(tmp_path / "given")
    assert caught.value.filename == str(tmp_path / "given")


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a\r\nb\rc\n")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "link") == b"a\r\nb\rc\n"
    assert read_text(tmp_path / "link") == "a\nb\nc\n"


def test_a_file_longer_than_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(11))
    assert len(read_regular(tmp_path / "file", most=11)) == 11
    with pytest.raises(OSError, match="it has 11 bytes; the most that is read is 10"):
        read_regular(tmp_path / "file", most=10)


@pytest.mark.parametrize("kind", ["FIFO", "device", "socket", "folder"])
def test_a_cache_that_is_no_file_is_no_cache(kind: str, tmp_path: Path) -> None:
    _put(kind, tmp_path / "cache")
    memory = Memory(tmp_path / "cache", lambda value: True)
    assert memory.known == {}
    memory.put("a", 1)
    assert not memory.save()
    assert png_provenance(tmp_path / "cache") is None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["FIFO", "device"])
@pytest.mark.parametrize("side", ["ir", "vi", "fused"])
def test_score_names_the_image(side: str, kind: str, tmp_path: Path) -> None:
    write_pairs(tmp_path, 2, (72, 96))
    write_pairs(tmp_path / "other", 2, (72, 96), seed=1)
    (tmp_path / "other" / "vi").rename(tmp_path / "fused")
    path = tmp_path / side / "00001.png"
    path.unlink()
    said = _put(kind, path)
    ended = ivif(
        "score", "--infrared", tmp_path / "ir", "--visible", tmp_path / "vi",
        "--fused", tmp_path / "fused", "--metrics", "EN", timeout=50,
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr == f"ivif-bench: cannot read image {path}: {said}\n"


@pytest.mark.parametrize("kind", ["FIFO", "device", "socket"])
def test_score_of_single_files_names_the_one_that_is_none(kind: str, tmp_path: Path) -> None:
    write_pairs(tmp_path, 1, (72, 96))
    sources = [tmp_path / side / "00000.png" for side in ("ir", "vi")]
    said = _put(kind, tmp_path / "fused.png")
    fused = {"m": tmp_path / "fused.png"}
    assert f"fused.png: {said}" in outcome(lambda: score_folder(*sources, fused, metrics=["EN"]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["FIFO", "device"])
def test_a_run_names_the_image(kind: str, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 2, (72, 96))
    path = tmp_path / "pairs" / "ir" / "00001.png"
    path.unlink()
    said = _put(kind, path)
    ended = ivif("run", write_config(tmp_path), timeout=50)
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].endswith(f"{path}: {said}")


@pytest.mark.parametrize("kind", ["FIFO", "device"])
@pytest.mark.slow
def test_a_run_without_a_readable_cache_ends_as_any_other(kind: str, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 1, (72, 96))
    cache = tmp_path / "runs" / "small" / "cache"
    cache.mkdir(parents=True)
    for name in ("fingerprints.jsonl", "checked.jsonl", "sizes.jsonl"):
        _put(kind, cache / name)
    config = write_config(
        tmp_path, methods=["visible"], quality={"dataset": "pairs", "metrics": ["EN"]}
    )
    ended = ivif("run", config, timeout=50)
    assert ended.returncode == 0, ended.stderr


def test_labels_that_are_no_file_are_not_taken_for_background(tmp_path: Path) -> None:
    write_pairs(tmp_path, 1, (72, 96))
    (tmp_path / "xml").mkdir()
    _put("FIFO", tmp_path / "xml" / "00000.xml")
    options = {"annotations": "xml", "classes": ["car"], "unlabelled": "background"}
    dataset = open_dataset("folder", tmp_path, **options)
    assert list(images_in(tmp_path / "ir")) == ["00000"]
    with pytest.raises(UserError, match="it is a FIFO, not a file"):
        dataset.boxes(dataset.pairs[0])
