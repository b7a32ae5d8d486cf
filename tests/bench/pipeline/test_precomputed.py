"""Finished images are all decoded before a run, each file once, and remembered by content."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import pytest
from small_runs import ivif, write_config, write_pairs

from ivif_bench.config_reading import load_config
from ivif_bench.errors import UserError
from ivif_bench.pipeline import sizes
from ivif_bench.pipeline.plan import RunPlan
from ivif_bench.store import Store

PAIRS, ROWS = 4, 3


class Finished:
    """A run of rows with finished images; each row has images of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_pairs(folder / "pairs", PAIRS, (24, 32))
        methods = []
        for row in range(ROWS):
            write_pairs(folder / f"row{row}", PAIRS, (24, 32), seed=1 + row)
            root = str(folder / f"row{row}" / "ir")
            methods.append({"name": f"row{row}", "type": "precomputed", "options": {"root": root}})
        self.config = write_config(folder, methods=methods)
        time.sleep(0.06)  # younger files are hashed again

    def image(self, row: int, index: int) -> Path:
        return self.folder / f"row{row}" / "ir" / f"{index:05d}.png"

    def plan(self, progress=None) -> RunPlan:
        """What a new process plans."""
        config = load_config(self.config)
        store = Store(config.folder)
        try:
            plan = RunPlan(config, store, progress=progress)
            plan.check_precomputed_methods(lambda text: None, progress)
        finally:
            store.fingerprint.save()
        return plan


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    return Finished(tmp_path)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that are decoded."""
    found: list[Path] = []
    original = sizes.size_of

    def counting(path: Path) -> tuple[int, int]:
        found.append(path)
        return original(path)

    monkeypatch.setattr(sizes, "size_of", counting)
    return found


def test_each_file_is_decoded_once_in_all_rows_and_runs(finished: Finished, decoded) -> None:
    plan = finished.plan()
    plan.fused()
    assert len(decoded) == len(set(decoded)) == PAIRS + ROWS * PAIRS
    decoded.clear()
    plan = finished.plan()
    found = plan.fused()
    assert decoded == []
    assert sorted(path for images in found.values() for path in images.images.values()) == [
        finished.image(row, index) for row in range(ROWS) for index in range(PAIRS)
    ]


def test_files_that_were_copied_or_renamed_are_known_by_content(
    finished: Finished, decoded
) -> None:
    finished.plan()
    decoded.clear()
    data = finished.image(2, 3).read_bytes()
    finished.image(0, 0).write_bytes(data)
    os.utime(finished.image(0, 1), (1, 1))
    finished.plan()
    assert decoded == []
    cv2.imwrite(str(finished.image(1, 1)), cv2.imread(str(finished.image(1, 1)), 0)[::-1])
    finished.plan()
    assert decoded == [finished.image(1, 1)]


def test_damaged_images_are_refused_each_time_and_by_name(finished: Finished) -> None:
    whole = finished.image(1, 2).read_bytes()
    for index in (0, 2):
        finished.image(1, index).write_bytes(whole[:-40])
    messages = []
    for _ in range(2):
        with pytest.raises(UserError) as caught:
            finished.plan()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    for part in ("'row1'", "2 unusable images", "row1/ir/00000.png", "row1/ir/00002.png"):
        assert part in messages[0]
    assert messages[0].count("truncated") == 2


def test_damaged_sources_are_refused_as_well(finished: Finished) -> None:
    path = finished.folder / "pairs" / "ir" / "00001.png"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"row0.* 1 unusable images: .*pairs/ir/00001\.png"):
        finished.plan()


def test_other_sizes_are_refused_with_both_sizes(finished: Finished) -> None:
    cv2.imwrite(str(finished.image(2, 1)), cv2.imread(str(finished.image(2, 1)), 0)[:20])
    for _ in range(2):
        with pytest.raises(UserError, match=r"'row2'.*00001 is 32x20, its sources are 32x24"):
            finished.plan()


def test_progress_tells_of_hashing_and_decoding(finished: Finished) -> None:
    told: list[tuple[int, int, str]] = []
    finished.plan(lambda *step: told.append(step))
    assert (2 * PAIRS, 2 * PAIRS, "hashing files") in told  # the sources
    assert (ROWS * PAIRS, ROWS * PAIRS, "hashing files") in told
    assert told[-1] == (PAIRS + ROWS * PAIRS, PAIRS + ROWS * PAIRS, "decoding images")
    told.clear()
    finished.plan(lambda *step: told.append(step))
    assert told == []


def test_a_damaged_memory_of_sizes_is_an_empty_one(finished: Finished, decoded) -> None:
    finished.plan()
    memory = finished.folder / "runs" / "small" / "cache" / "sizes.jsonl"
    memory.write_bytes(b'{"a": 3}\n\xff\xfe\n[[[')
    decoded.clear()
    finished.plan()
    assert len(decoded) == PAIRS + ROWS * PAIRS
    decoded.clear()
    finished.plan()
    assert decoded == []


@pytest.mark.slow
def test_validate_remembers_for_the_run(finished: Finished) -> None:
    done = ivif("validate", finished.config)
    assert done.returncode == 0, done.stderr
    memory = finished.folder / "runs" / "small" / "cache"
    before = {path.name: path.stat().st_mtime_ns for path in memory.iterdir()}
    assert set(before) == {"fingerprints.jsonl", "sizes.jsonl"}
    done = ivif("validate", finished.config)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in memory.iterdir()} == before
