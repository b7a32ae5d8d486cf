"""The file format of trained detectors: one writer and one reader for all families."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from ivif_bench.errors import UserError
from ivif_bench.tasks.detection.checkpoint import (
    Header,
    SeenImages,
    read_checkpoint,
    read_header,
    write_checkpoint,
)
from ivif_bench.tasks.detection.protocol import SHIPPED_PROTOCOLS

SHIPPED = SHIPPED_PROTOCOLS.parent / "weights"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.safetensors")), ids=lambda path: path.stem)
def test_shipped_weights_are_the_bytes_that_are_written_today(path: Path, tmp_path: Path) -> None:
    header = read_header(path)
    assert header is not None
    found = read_checkpoint(path, header.architecture)
    again = tmp_path / "again.safetensors"
    write_checkpoint(
        again,
        found.state,
        header.architecture,
        found.names,
        half=True,
        seen=header.seen,
        about=header.about,
    )
    assert again.read_bytes() == path.read_bytes()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path, state = tmp_path / "w.safetensors", {"w": torch.arange(3.0), "n": torch.tensor(7)}
    seen = (SeenImages("d", "m3fd", ("a", "b"), ("0", "1")), SeenImages("e", "llvip", ()))
    write_checkpoint(path, state, "some", ("Car",), seen=seen, about={"seed": 3})
    assert read_header(path) == Header("some", ("Car",), seen, {"seed": 3})
    found = read_checkpoint(path, "some")
    assert all(torch.equal(found.state[key], state[key]) for key in state)
    with safe_open(path, "pt") as file:  # a reader without this package
        card = json.loads(file.metadata()["ivif-bench"])
    assert list(card) == sorted(card)
    assert card["training_images"][0]["stems"] == ["a", "b"]


def test_safetensors_of_others_have_no_header_of_ours(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(1)}, tmp_path / "w.safetensors", {"format": "pt"})
    assert read_header(tmp_path / "w.safetensors") is None
    with pytest.raises(UserError, match="not a detector checkpoint of ivif-bench"):
        read_checkpoint(tmp_path / "w.safetensors", "yolov5n")
