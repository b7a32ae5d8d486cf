"""What an audit found of a pair is remembered by the content of its files, and by nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.commands import data as commands
from ivif_bench.data import examine as examining
from ivif_bench.data import examined
from ivif_bench.data.audit import Audit, audit_dataset
from ivif_bench.data.base import open_dataset
from ivif_bench.data.demo import write_detection, write_segmentation
from ivif_bench.data.examined import Examiner

COUNT = 4


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Pairs with boxes."""
    write_detection(tmp_path / "m3fd", train=COUNT - 2, test=2, seed=1)
    return tmp_path / "m3fd"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that are decoded, with their folder."""
    found: list[str] = []
    original = examining.decode

    def counting(path: Path) -> np.ndarray:
        found.append(f"{path.parent.name}/{path.name}")
        return original(path)

    monkeypatch.setattr(examining, "decode", counting)
    return found


def audit(root: Path, memory: Path, layout: str = "m3fd", **options) -> Audit:
    """What a new process finds."""
    dataset = open_dataset(layout, root, **options)
    examiner = Examiner(dataset, memory)
    found = audit_dataset(dataset, examiner=examiner)
    assert examiner.save()
    return found


def test_a_second_audit_decodes_nothing_and_finds_the_same(root, tmp_path, decoded):
    first = audit(root, tmp_path / "memory")
    assert len(decoded) == 2 * COUNT
    assert first.data["boxes"] > 0
    decoded.clear()
    assert audit(root, tmp_path / "memory") == first == audit_dataset(open_dataset("m3fd", root))
    assert len(decoded) == 2 * COUNT  # by the last one, which remembers nothing


def test_labels_are_remembered(tmp_path, decoded):
    write_segmentation(tmp_path / "msrs", train=1, test=2, seed=1)
    first = audit(tmp_path / "msrs", tmp_path / "memory", "msrs")
    decoded.clear()
    assert audit(tmp_path / "msrs", tmp_path / "memory", "msrs") == first
    assert decoded == []
    path = sorted((tmp_path / "msrs").rglob("Segmentation_labels/*.png"))[0]
    cv2.imwrite(str(path), np.full_like(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), 77))
    changed = audit(tmp_path / "msrs", tmp_path / "memory", "msrs")
    assert any("label value 77" in error for error in changed.errors)


def test_times_do_not_count_and_content_does(root, tmp_path, decoded):
    audit(root, tmp_path / "memory")
    decoded.clear()
    path = root / "Vis" / "00001.png"
    os.utime(path, (1, 1))
    audit(root, tmp_path / "memory")
    assert decoded == []
    data, times = bytearray(path.read_bytes()), path.stat()
    data[len(data) // 2] ^= 0xFF  # as many bytes, and dated as before
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    for _ in range(2):  # defects are not remembered, but found again
        decoded.clear()
        (error,) = audit(root, tmp_path / "memory").errors
        assert "00001.png" in error
        assert decoded == ["Ir/00001.png", "Vis/00001.png"]


def test_another_annotation_is_read(root, tmp_path):
    before = audit(root, tmp_path / "memory").data["boxes"]
    path = root / "Annotation" / "00000.xml"
    text = path.read_text()
    start, end = text.index("<object>"), text.index("</object>") + len("</object>")
    path.write_text(text[:start] + text[end:])
    assert audit(root, tmp_path / "memory").data["boxes"] == before - 1


def test_files_that_change_places_are_examined_again(root, tmp_path):
    """Boxes and sides belong to stems: the same two files under each other's names are another set."""
    audit(root, tmp_path / "memory")
    first, second = (root / "Ir" / f"0000{index}.png" for index in range(2))
    image = cv2.imread(str(first), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(first), image[:-8])
    audit(root, tmp_path / "memory")
    first.write_bytes(second.read_bytes())
    assert audit(root, tmp_path / "memory").errors == ()


def test_other_code_examines_all_again_and_replaces_what_was_kept(
    root, tmp_path, decoded, monkeypatch
):
    audit(root, tmp_path / "memory")
    (path,) = (tmp_path / "memory").iterdir()
    monkeypatch.setattr(examined, "_own_code", lambda: b"another version")
    decoded.clear()
    audit(root, tmp_path / "memory")
    assert len(decoded) == 2 * COUNT
    assert list((tmp_path / "memory").iterdir()) == [path]
    assert path.read_text().count('"size"') == COUNT


@pytest.mark.parametrize(
    "damage", [b"\xff\x00", b'{"a": [1, {"size": "x"}]}', b'{"a": ["RULES", {"size": [1, 2]}]}']
)
def test_a_damaged_memory_is_an_empty_one(root, tmp_path, decoded, damage):
    first = audit(root, tmp_path / "memory")
    (path,) = (tmp_path / "memory").iterdir()
    rules = examined._rules(open_dataset("m3fd", root)).encode()
    path.write_bytes(damage.replace(b"RULES", rules))
    decoded.clear()
    assert audit(root, tmp_path / "memory") == first
    assert len(decoded) == 2 * COUNT


def run(*arguments: str):
    return CliRunner().invoke(app, ["data", *arguments])


def test_the_command_remembers_in_the_users_cache(root, decoded, user_cache):
    first = run("audit", "m3fd", "--root", str(root))
    assert first.exit_code == 0, first.output
    assert len(list((user_cache / "ivif-bench" / "audits").iterdir())) == 1
    decoded.clear()
    assert run("audit", "m3fd", "--root", str(root)).stdout == first.stdout
    prepared = run("prepare", "m3fd", "--root", str(root))
    assert prepared.exit_code == 0, prepared.output
    assert decoded == []


def test_the_command_works_where_nothing_can_be_kept(root, tmp_path, monkeypatch):
    expected = run("audit", "m3fd", "--root", str(root)).stdout
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    done = run("audit", "m3fd", "--root", str(root))
    assert (done.exit_code, done.stdout) == (0, expected)
    assert f"cannot be cached in {tmp_path / 'file'}" in done.stderr
    monkeypatch.delenv("XDG_CACHE_HOME")

    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    done = run("audit", "m3fd", "--root", str(root))
    assert (done.exit_code, done.stdout) == (0, expected)
    assert "there is no home folder" in done.stderr


def test_progress_is_lines_on_standard_error_without_a_terminal(root, monkeypatch):
    assert run("audit", "m3fd", "--root", str(root)).stderr == ""  # shorter than a line's time
    monkeypatch.setattr(commands, "_SECONDS", 0.0)
    done = run("audit", "m3fd", "--root", str(root))
    assert done.stderr.splitlines() == [
        f"m3fd: reading pairs, {index + 1} of {COUNT}" for index in range(COUNT)
    ]


def test_the_audit_uses_several_threads(root, monkeypatch):
    """Two pairs that wait for each other get on only if both are read at once."""
    import threading

    monkeypatch.setattr("ivif_bench.parallel.processors", lambda: 2)
    both = threading.Barrier(2, timeout=20)
    original = examined.examine
    monkeypatch.setattr(
        examined, "examine", lambda *given: (both.wait(), time.sleep(0), original(*given))[2]
    )
    assert audit_dataset(open_dataset("m3fd", root)).errors == ()
