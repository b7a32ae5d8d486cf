"""Weights files as authors publish them, with random numbers of the right names and shapes."""

from __future__ import annotations

import struct
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from random_weights import random_tensors

from ivif_bench.fusion import METHODS
from ivif_bench.fusion_models.compared.tf_checkpoint import crc32c, masked

DATA = ".data-00000-of-00001"


def published(method: type, folder: Path, seed: int = 0, beyond: int = 0) -> Path:
    """The file, or the index or first of several files, under the names that the authors use.

    Args:
        beyond: added to the place of the first tensor of a TensorFlow checkpoint.
    """
    import torch

    path = folder / METHODS.get(method.name).weights[0].original
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = random_tensors(method, seed)
    if path.suffix == ".index":
        arrays = {name: value.numpy() for name, value in tensors.items()}
        write_checkpoint(path, arrays, beyond)
        return path
    parts = getattr(sys.modules[method.__module__], "parts", None)
    if parts is None:
        torch.save(tensors, path)
        return path
    for word, shapes in parts().items():
        own = {name: tensors[name] for name in shapes}
        torch.save({"weight": own, "epoch": 1}, path.with_name(f"{word}{path.suffix}"))
    return path


def write_checkpoint(index: Path, tensors: Mapping[str, np.ndarray], beyond: int = 0) -> None:
    """A TensorFlow checkpoint of float32 tensors: one block, no shortened keys."""
    entries, data = _pair(b"", b"\x08\x01"), b""
    for name in sorted(tensors):
        content = tensors[name].astype("<f4").tobytes()
        sizes = b"".join(_message(0x12, b"\x08" + _varint(n)) for n in tensors[name].shape)
        place = len(data) + beyond * (not data)
        numbers = b"\x20" + _varint(place) + b"\x28" + _varint(len(content))
        checksum = b"\x35" + struct.pack("<I", masked(crc32c(content)))
        entries += _pair(name.encode(), b"\x08\x01" + _message(0x12, sizes) + numbers + checksum)
        data += content
    table, handles = b"", []
    for block in (entries, b""):
        handles.append(_varint(len(table)) + _varint(len(block) + 8))
        table += _closed(block)
    handles.append(_varint(len(table)) + _varint(len(_pair(b"\xff", handles[0])) + 8))
    table += _closed(_pair(b"\xff", handles[0]))
    footer = (handles[1] + handles[2]).ljust(40, b"\0")
    index.write_bytes(table + footer + struct.pack("<Q", 0xDB4775248B80FB57))
    index.with_name(index.name.removesuffix(".index") + DATA).write_bytes(data)


def _closed(block: bytes) -> bytes:
    block += struct.pack("<II", 0, 1) + b"\0"  # one restart point, at 0; not compressed
    return block + struct.pack("<I", masked(crc32c(block)))


def _pair(key: bytes, value: bytes) -> bytes:
    return b"\0" + _varint(len(key)) + _varint(len(value)) + key + value


def _message(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])
