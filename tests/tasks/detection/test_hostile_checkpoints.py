"""Weights from strangers: one line that names the file, soon, and nothing of the file is run.

Every place that takes weights, with both families of detectors.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import time
import types
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from detector_runs import CLASSES, untrained, write_detector_run, write_protocol
from safetensors.torch import load_file, save, save_file
from small_runs import ivif_here

from ivif_bench.tasks.detection.checkpoint import SeenImages

FAMILIES = [
    "yolov5n-original",
    pytest.param("yolov5n", marks=pytest.mark.ultralytics),
]
MODES = ("released", "zeroshot-coco", "retrain", "frozen")
PLACES = ("section", *MODES, "import", "show")
SECONDS = 20.0  # of this thread; a network of random weights is built where the header fits one
RECIPE = {"inference": {"image_size": 64, "conf": 0.1, "nms_iou": 0.6, "max_det": 3}}


class Trap:
    """Leaves a witness when it is unpickled by a careless loader."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.witness}",)


def witness_of(path: Path) -> Path:
    return path.with_name("ran")


def _pickle(path: Path, legacy: bool = False) -> None:
    trap = {"model": Trap(witness_of(path)), "ema": None}
    torch.save(trap, path, _use_new_zipfile_serialization=not legacy)


def _truncated(path: Path) -> None:
    torch.save({"model": torch.nn.Conv2d(3, 64, 3)}, path)
    path.write_bytes(path.read_bytes()[:-900])


def _hollow(path: Path) -> None:
    """The right class with class names, and nothing in it."""
    if path.stem == "yolov5n":
        from ultralytics.nn.tasks import DetectionModel as Network

        modules = {}
    else:
        Network = type("Model", (torch.nn.Module,), {"__module__": "models.yolo"})
        place = types.ModuleType("models.yolo")
        place.Model = Network  # type: ignore[attr-defined]
        modules = {"models": types.ModuleType("models"), "models.yolo": place}
    hollow = Network.__new__(Network)
    torch.nn.Module.__init__(hollow)
    hollow.names = list(CLASSES)
    with mock.patch.dict(sys.modules, modules):
        torch.save({"model": hollow}, path)


def _card(path: Path, **changes: Any) -> None:
    """Weights that fit, with another header."""
    state = load_file(path)
    card = {"format": "ivif-bench-detector/1", "architecture": path.stem, "names": list(CLASSES)}
    seen = [SeenImages("d", "m3fd", ("far",)).to_json()]
    card |= {"training_images": seen, "recipe": RECIPE, **changes}
    save_file(state, path, {"ivif-bench": json.dumps(card)})


def _shapes(path: Path) -> None:
    state = load_file(path)
    name = next(key for key, value in state.items() if value.ndim == 4)
    save_file({**state, name: state[name][:1].clone()}, path)
    _card(path)


def _anchors(path: Path) -> None:
    """No anchor at all, and in the other family a name that no network has."""
    state = {**load_file(path), "model.24.anchors": torch.zeros(3, 0, 2)}
    save_file(state, path)
    _card(path)


def _length(path: Path, length: int) -> None:
    path.write_bytes(struct.pack("<Q", length) + b"{" + b" " * 64)


def _offsets(path: Path) -> None:
    header = {"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 64)


def _fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


PICKLED = {
    "pickle": _pickle,
    "legacy pickle": lambda path: _pickle(path, legacy=True),
    "truncated pt": _truncated,
    "no network": lambda path: torch.save({"ema": torch.zeros(2), "model": 1}, path),
    "hollow network": _hollow,
    "empty pt": lambda path: path.write_bytes(b""),
    "text pt": lambda path: path.write_text("weights: none\n"),
    "FIFO pt": _fifo,
    "folder pt": _folder,
}
SAFE = {
    "pickle with another ending": lambda path: path.write_bytes(
        pickle.dumps(Trap(witness_of(path)))
    ),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "of another network": lambda path: _card(path, architecture="yolov5s"),
    "tensors of another network": lambda path: (
        save_file({"w": torch.zeros(2)}, path) or _card(path)
    ),
    "other shapes": _shapes,
    "no anchors": _anchors,
    "fewer names": lambda path: _card(path, names=CLASSES[:3]),
    "more names": lambda path: _card(path, names=[*CLASSES, "more"]),
    "a million names": lambda path: _card(path, names=[str(n) for n in range(1_000_000)]),
    "NaN as name": lambda path: _card(path, names=[*CLASSES[:5], float("nan")]),
    "names that are none": lambda path: _card(path, names=float("nan")),
    "a name twice": lambda path: _card(path, names=["Car"] * 6),
    "escapes in a name": lambda path: _card(path, names=[*CLASSES[:5], "\x1b[2J"]),
    "deep header": lambda path: path.write_bytes(
        save({"w": torch.zeros(1)}, {"ivif-bench": "[" * 100_000})
    ),
    "images that are none": lambda path: _card(path, training_images={"stems": "x"}),
    "huge header": lambda path: _length(path, 1 << 62),
    "header longer than the file": lambda path: _length(path, 1 << 20),
    "offsets": _offsets,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("weights: none\n"),
    "FIFO": _fifo,
    "folder": _folder,
}
# Only the network itself finds them, and ``show`` opens none.
NOT_SHOWN = {"of another network", "tensors of another network", "other shapes", "no anchors",
             "fewer names", "more names"}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], bytes]:
    """Weights of a network that fit."""
    folder = tmp_path_factory.mktemp("whole")

    @cache
    def made(network: str) -> bytes:
        return untrained(network, folder / f"{network}.safetensors").read_bytes()

    return made


def _command(place: str, network: str, folder: Path, path: Path) -> tuple[str | Path, ...]:
    """The command line that opens the file in one of the places."""
    if place in ("import", "show"):
        return "detector", place, path
    if place == "section":
        protocol = write_protocol(folder, network, "released", initial="user")
        return "validate", write_detector_run(folder, protocol, weights=str(path))
    protocol = write_protocol(folder, network, place, initial=str(path))
    return "validate", write_detector_run(folder, protocol)


def _refused(command: tuple[str | Path, ...], path: Path, kind: str) -> None:
    started = time.thread_time()
    done = ivif_here(*command)
    assert done.returncode == 2, f"{kind}: {done.stdout}{done.stderr}"
    assert len(done.stderr.splitlines()) == 1, f"{kind}: {done.stderr}"
    assert done.stderr.startswith("ivif-bench: "), kind
    assert str(path) in done.stderr, f"{kind}: {done.stderr}"
    assert done.stderr.isprintable() or done.stderr[:-1].isprintable(), kind
    assert not witness_of(path).exists(), kind
    assert time.thread_time() - started < SECONDS, kind


def _made(kind: str, network: str, folder: Path, whole: Callable[[str], bytes]) -> Path:
    place = folder / kind.replace(" ", "-")
    place.mkdir()
    if kind in PICKLED:
        path = place / f"{network}.pt"
        PICKLED[kind](path)
    else:
        path = place / f"{network}.safetensors"
        path.write_bytes(whole(network))
        SAFE[kind](path)
    return path


QUICK = [
    ("yolov5n-original", "section", "pickle"),
    ("yolov5n-original", "retrain", "legacy pickle"),
    ("yolov5n-original", "import", "pickle with another ending"),
    ("yolov5n-original", "released", "truncated"),
    ("yolov5n-original", "zeroshot-coco", "hollow network"),
]


@pytest.mark.parametrize(("network", "place", "kind"), QUICK)
def test_some_of_what_is_hostile_or_damaged(
    network: str, place: str, kind: str, whole: Callable[[str], bytes], tmp_path: Path
) -> None:
    path = _made(kind, network, tmp_path, whole)
    _refused(_command(place, network, tmp_path, path), path, kind)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("network", FAMILIES)
def test_all_that_is_hostile_or_damaged_is_one_line(
    network: str, place: str, whole: Callable[[str], bytes], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path / "weights"))
    for kind in (*PICKLED, *SAFE):
        if place == "show" and kind in NOT_SHOWN:
            continue
        path = _made(kind, network, tmp_path, whole)
        _refused(_command(place, network, tmp_path, path), path, kind)
    assert not (tmp_path / "weights").exists()
    assert not list(tmp_path.rglob("fused"))


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("network", FAMILIES)
def test_the_same_places_take_weights_that_fit(
    network: str, place: str, whole: Callable[[str], bytes], tmp_path: Path, monkeypatch
) -> None:
    """So that the refusals above are of what is wrong with the files, and of nothing else."""
    monkeypatch.setenv("IVIF_BENCH_WEIGHTS", str(tmp_path / "weights"))
    path = tmp_path / f"{network}.safetensors"
    path.write_bytes(whole(network))
    _card(path)
    done = ivif_here(*_command(place, network, tmp_path, path))
    assert done.returncode == 0, done.stderr


def test_the_trap_is_a_real_one(tmp_path: Path) -> None:
    path = tmp_path / "trap"
    path.write_bytes(pickle.dumps(Trap(witness_of(path))))
    pickle.loads(path.read_bytes())
    assert witness_of(path).exists()


@pytest.mark.slow
@pytest.mark.parametrize("network", FAMILIES)
def test_a_run_that_is_not_validated_first_refuses_a_trap_too(
    network: str, whole: Callable[[str], bytes], tmp_path: Path
) -> None:
    path = _made("pickle", network, tmp_path, whole)
    command = _command("released", network, tmp_path, path)
    done = ivif_here("run", command[1])
    assert not witness_of(path).exists()
    assert done.returncode != 0
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
