"""Fused images are kept only while they are the pixels that their mark stands for."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_runs import ivif_here, write_config, write_pairs

from ivif_bench.config import MethodConfig
from ivif_bench.data.images import encode_png, png_provenance, read_rgb
from ivif_bench.pipeline import marks
from ivif_bench.pipeline.fuse import fuse_job, plan_fusing
from ivif_bench.store import Store
from ivif_bench.types import Pair

COUNT = 4


class Fused:
    """Pairs in plain folders, fused in this process into one run directory."""

    def __init__(self, folder: Path, kind: str) -> None:
        write_pairs(folder / "pairs", COUNT, (40, 48))
        self.folder = folder
        self.method = MethodConfig.model_validate({"name": kind, "type": kind})
        self.job = {"method": self.method.model_dump(mode="json"), "seed": 0, "measure": kind}
        self.notes: list[str] = []
        assert self.again() == [f"{index:05d}" for index in range(COUNT)]
        assert self.notes == []
        self.bytes = {path.name: path.read_bytes() for path in self.files}

    @property
    def files(self) -> list[Path]:
        return sorted(self.folder.glob("run/fused/**/*.png"))

    def planned(self) -> list[str]:
        """Stems that a new process would fuse."""
        return [image["stem"] for image in self._plan()]

    def again(self) -> list[str]:
        """Fuse what a new process would fuse; its stems."""
        job = {**self.job, "images": self._plan()}
        fuse_job(json.loads(json.dumps(job)), lambda *_: None)
        return [image["stem"] for image in job["images"]]

    def _plan(self):
        self.notes = []
        pairs = [
            Pair("pairs", f"{i:05d}", *(self._source(side, i) for side in ("ir", "vi")))
            for i in range(COUNT)
        ]
        store = Store(self.folder / "run")
        images = plan_fusing(self.method, 0, {"pairs": pairs}, store, self.notes.append)
        store.fingerprint.save()
        return images

    def _source(self, side: str, index: int) -> Path:
        return self.folder / "pairs" / side / f"{index:05d}.png"


@pytest.fixture(params=["average", "visible"])  # gray and colour
def fused(request: pytest.FixtureRequest, tmp_path: Path) -> Fused:
    return Fused(tmp_path, request.param)


def test_the_mark_covers_the_pixels(fused: Fused) -> None:
    hashes = set()
    for path in fused.files:
        mark = png_provenance(path)
        assert mark is not None
        assert set(mark) == {"method", "infrared", "visible", "pixels"}
        hashes.add(mark["pixels"])
    assert len(hashes) == COUNT


def test_untouched_images_are_kept_without_decoding_them(
    fused: Fused, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError("a run must not decode thousands of images to learn that it is done")

    monkeypatch.setattr(marks, "decode_8_bit", decoded)
    assert (fused.planned(), fused.notes) == ([], [])
    for path in fused.files:  # copied, or checked out: new times, same content
        os.utime(path, (1, 1))
    assert (fused.planned(), fused.notes) == ([], [])


def test_images_without_a_memory_of_them_are_judged_by_their_pixels(fused: Fused) -> None:
    for path in fused.folder.glob("run/fused/**/checked.jsonl"):
        path.unlink()
    assert (fused.planned(), fused.notes) == ([], [])
    assert list(fused.folder.glob("run/fused/**/checked.jsonl"))


def test_other_pixels_under_the_same_mark_are_fused_again_with_a_notice(fused: Fused) -> None:
    for path in fused.files[1:3]:
        mark, pixels = png_provenance(path), read_rgb(path)
        pixels[10, 10, 1] ^= 1  # one level in one pixel
        gray = fused.method.type == "average"
        path.write_bytes(encode_png(pixels[:, :, 1] if gray else pixels, mark))
        assert png_provenance(path) == mark
    assert fused.again() == ["00001", "00002"]
    (note,) = fused.notes
    for part in (repr(fused.method.name), "'pairs'", "2 images", "pixels were changed", "00002"):
        assert part in note
    assert {path.name: path.read_bytes() for path in fused.files} == fused.bytes
    assert (fused.again(), fused.notes) == ([], [])


def _pixel_byte(data: bytes) -> tuple[int, int]:
    """Where the first IDAT's content begins, and its length."""
    at = data.index(b"IDAT")
    return at + 4, int.from_bytes(data[at - 4 : at], "big")


@pytest.mark.parametrize("checksum", ["wrong", "right"])
def test_broken_pixels_are_fused_again_with_a_notice(fused: Fused, checksum: str) -> None:
    path = fused.files[2]
    data = bytearray(path.read_bytes())
    start, length = _pixel_byte(data)
    data[start + length // 2] ^= 0xFF
    if checksum == "right":
        crc = zlib.crc32(data[start - 4 : start + length])
        data[start + length : start + length + 4] = crc.to_bytes(4, "big")
    path.write_bytes(data)
    assert fused.again() == ["00002"]
    assert "1 images are fused again because they are damaged" in fused.notes[0]
    assert path.read_bytes() == fused.bytes[path.name]
    assert (fused.again(), fused.notes) == ([], [])


@pytest.mark.parametrize("mark", ["none", "older"])
def test_images_whose_mark_does_not_cover_the_pixels_are_fused_again(
    fused: Fused, mark: str
) -> None:
    for path in fused.files:
        found = png_provenance(path)
        assert found is not None
        del found["pixels"]
        pixels = read_rgb(path)
        path.write_bytes(encode_png(pixels, found if mark == "older" else None))
    assert len(fused.again()) == COUNT
    assert "have no mark, or one of an older version" in fused.notes[0]
    assert {path.name: path.read_bytes() for path in fused.files} == fused.bytes


def test_images_of_other_sources_are_fused_again_with_a_notice(fused: Fused) -> None:
    source = fused.folder / "pairs" / "vi" / "00003.png"
    image = cv2.imread(str(source), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(source), np.ascontiguousarray(image[::-1]))
    assert fused.again() == ["00003"]
    assert "were made from other sources: 00003" in fused.notes[0]
    assert (fused.again(), fused.notes) == ([], [])


def test_a_file_that_another_process_finished_is_not_made_twice(fused: Fused) -> None:
    first = fused.files[0]
    before = first.stat().st_mtime_ns
    mark = {k: v for k, v in (png_provenance(first) or {}).items() if k != "pixels"}
    image = {"stem": "00000", "dataset": "pairs", "target": str(first), "mark": mark}
    fuse_job({**fused.job, "images": [image]}, lambda *_: None)  # has no sources: fusing would fail
    assert first.stat().st_mtime_ns == before


def test_a_run_says_on_the_terminal_what_it_fuses_again(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 2, (40, 48))
    config = write_config(tmp_path, methods=["average"])
    first = ivif_here("fuse", config)
    assert first.returncode == 0, first.stderr
    path = next(tmp_path.glob("runs/small/fused/pairs/*/00001.png"))
    path.write_bytes(encode_png(read_rgb(path)[:, ::-1, 0], png_provenance(path)))
    again = ivif_here("fuse", config)
    assert again.returncode == 0, again.stderr
    assert "1 images fused" in again.stderr
    assert "method 'average', dataset 'pairs': 1 images are fused again" in again.stderr
