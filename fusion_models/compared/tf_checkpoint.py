"""TensorFlow checkpoints (version 2, "tensor bundle") without TensorFlow.

``PREFIX.index`` is one sorted table of tensor descriptions, ``PREFIX.data-SSSSS-of-NNNNN`` holds their
bytes. Nothing in the format runs code; the graph in ``PREFIX.meta`` is never read. Every checksum is
compared, so a changed bit or a data file of another training is an error.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from ivif_bench.errors import UserError
from ivif_bench.files import read_regular

MOST_BYTES = 1 << 26  # of one file; the largest of the compared methods has 2.6 MB
_FOOTER, _MAGIC = 48, 0xDB4775248B80FB57
_TRAILER = 5  # bytes behind a block: its type and its checksum
_DTYPES = {
    1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 8: "<c8", 9: "<i8", 10: "?",
    17: "<u2", 18: "<c16", 19: "<f2", 22: "<u4", 23: "<u8",
}  # fmt: skip
_REFUSED_DTYPES = {7: "text", 14: "bfloat16"}


class _Bad(Exception):
    """What is wrong with a file; becomes a ``UserError`` with its path."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """Description of a tensor in the index."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    slices: bool


def read_checkpoint(path: Path, only: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name, read-only, in C order.

    Args:
        path: the ``.index`` file or the prefix.
        only: names to read; by default all. Others may be of kinds that are refused.

    Raises:
        UserError: a file is missing, too large, damaged (a checksum, a length, an order), compressed,
            or holds text, partitioned or other unsupported tensors; the message names file and tensor.
    """
    index = path if path.suffix == ".index" else path.with_name(f"{path.name}.index")
    prefix = index.with_name(index.name.removesuffix(".index"))
    data = _bytes_of(index)
    try:
        entries = dict(_table(data))
        shards = _shards(entries.pop("", None))
        described = {name: _entry(name, value) for name, value in entries.items()}
    except _Bad as problem:
        raise UserError(f"{index}: {problem}") from problem
    contents = []
    for number in range(shards):
        contents.append(_bytes_of(Path(f"{prefix}.data-{number:05d}-of-{shards:05d}")))
    tensors = {}
    for name, entry in described.items():
        if only is not None and name not in only:
            continue
        try:
            tensors[name] = _tensor(entry, contents)
        except _Bad as problem:
            raise UserError(f"{prefix}: tensor {name!r}: {problem}") from problem
    return tensors


def crc32c(data: bytes, table: tuple[int, ...] = ()) -> int:
    """CRC-32C (Castagnoli): reflected polynomial 0x82f63b78, initial and final xor 0xffffffff."""
    register, table = 0xFFFFFFFF, table or _TABLE
    for byte in data:
        register = table[(register ^ byte) & 255] ^ register >> 8
    return register ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """A checksum as these files store it."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _crc_table()


def _bytes_of(path: Path) -> bytes:
    try:
        return read_regular(path, MOST_BYTES)
    except OSError as problem:
        raise UserError(
            f"cannot read checkpoint file {path}: {problem.strerror or problem}; a TensorFlow checkpoint "
            "needs its .index and every .data file in one folder"
        ) from problem


def _table(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Keys and values of the index, in order."""
    if len(data) < _FOOTER or struct.unpack("<Q", data[-8:])[0] != _MAGIC:
        raise _Bad("not the index of a TensorFlow checkpoint, or cut off")
    _, place = _handle(data, len(data) - _FOOTER)  # of the block with metadata, which is empty
    (start, size), _ = _handle(data, place)
    last = None
    for _, handle in _entries(_block(data, start, size)):
        (start, size), _ = _handle(handle, 0)
        for key, value in _entries(_block(data, start, size)):
            if last is not None and key <= last:
                raise _Bad("its names are out of order")
            last = key
            if key.startswith(b"\0"):  # a part of a partitioned tensor, whose own entry is refused
                continue
            try:
                yield key.decode("utf-8"), value
            except UnicodeDecodeError:
                raise _Bad(f"a name is not UTF-8: {key[:40]!r}") from None


def _block(data: bytes, start: int, size: int) -> bytes:
    end = start + size
    if end + _TRAILER > len(data) - _FOOTER:
        raise _Bad("a block lies outside the file")
    kind, checksum = data[end], struct.unpack("<I", data[end + 1 : end + _TRAILER])[0]
    if kind == 1:
        raise _Bad("it is compressed by snappy, which is not supported")
    if kind:
        raise _Bad(f"a block is of the unknown type {kind}")
    if masked(crc32c(data[start : end + 1])) != checksum:
        raise _Bad("damaged: the checksum of a block does not fit; get the file again")
    return data[start:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; every key after the first says how much of the last it repeats."""
    if len(block) < 4:
        raise _Bad("a block is too short")
    end = len(block) - 4 - 4 * struct.unpack("<I", block[-4:])[0]
    if end < 0:
        raise _Bad("a block says that it has more restart points than bytes")
    key, place = b"", 0
    while place < end:
        shared, place = _varint(block, place, 5)
        fresh, place = _varint(block, place, 5)
        length, place = _varint(block, place, 5)
        if shared > len(key) or place + fresh + length > end:
            raise _Bad("an entry reaches beyond its block")
        key = key[:shared] + block[place : place + fresh]
        place += fresh
        yield key, block[place : place + length]
        place += length


def _handle(data: bytes, place: int) -> tuple[tuple[int, int], int]:
    start, place = _varint(data, place)
    size, place = _varint(data, place)
    return (start, size), place


def _varint(data: bytes, place: int, most: int = 10) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place behind it."""
    value = 0
    for index in range(most):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, place
    raise _Bad("a number is cut off or too long")


def _fields(message: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Field number, wire type and value of a protobuf message."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            value: int | bytes
            value, place = _varint(message, place)
        else:
            if wire == 2:
                length, place = _varint(message, place)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                raise _Bad(f"a description has a field of the unsupported kind {wire}")
            if place + length > len(message):
                raise _Bad("a description is cut off")
            value = message[place : place + length]
            place += length
        yield field, wire, value


def _shards(header: bytes | None) -> int:
    if header is None:
        raise _Bad("it has no header")
    values = {field: value for field, wire, value in _fields(header) if wire == 0}
    if values.get(2, 0):
        raise _Bad("its tensors are big-endian, which is not supported")
    shards = values.get(1, 0)
    if isinstance(shards, bytes) or not 1 <= shards <= 64:
        raise _Bad(f"it says that it has {shards!r} data files; 1 to 64 are read")
    return shards


def _entry(name: str, message: bytes) -> _Entry:
    numbers: dict[int, int] = {}
    shape: tuple[int, ...] = ()
    checksum, slices = 0, False
    for field, wire, value in _fields(message):
        if isinstance(value, int):
            numbers[field] = value
        elif field == 2 and wire == 2:
            shape = _shape(name, value)
        elif field == 6 and wire == 5:
            checksum = struct.unpack("<I", value)[0]
        elif field == 7:
            slices = True
    dtype, shard, offset, size = (numbers.get(field, 0) for field in (1, 3, 4, 5))
    return _Entry(dtype, shape, shard, offset, size, checksum, slices)


def _shape(name: str, message: bytes) -> tuple[int, ...]:
    sizes = []
    for field, wire, value in _fields(message):
        if field == 3 and value:
            raise _Bad(f"tensor {name!r} has no known shape")
        if field == 2 and wire == 2 and isinstance(value, bytes):
            size = next((v for f, w, v in _fields(value) if f == 1 and w == 0), 0)
            if not isinstance(size, int) or size >= 1 << 63:  # a negative number in this encoding
                raise _Bad(f"tensor {name!r} has a negative size")
            sizes.append(size)
    return tuple(sizes)


def _tensor(entry: _Entry, contents: list[bytes]) -> np.ndarray:
    if entry.slices:
        raise _Bad("it is partitioned, which is not supported")
    if entry.dtype not in _DTYPES:
        kind = _REFUSED_DTYPES.get(entry.dtype, f"of the unknown type {entry.dtype}")
        raise _Bad(f"it is {kind}, which is not supported")
    dtype = np.dtype(_DTYPES[entry.dtype])
    if prod(entry.shape) * dtype.itemsize != entry.size:
        raise _Bad(f"shape {entry.shape} does not fit its {entry.size} bytes")
    if entry.shard >= len(contents):
        raise _Bad(f"it lies in data file {entry.shard} of {len(contents)}")
    content = contents[entry.shard]
    if entry.offset + entry.size > len(content):
        raise _Bad("it reaches beyond the end of the data file")
    data = content[entry.offset : entry.offset + entry.size]
    if masked(crc32c(data)) != entry.checksum:
        raise _Bad(
            "damaged, or of another checkpoint: its checksum does not fit its bytes; get the .index and "
            ".data files again"
        )
    if dtype == np.bool_ and data.strip(b"\0\1"):
        raise _Bad("a truth value is neither 0 nor 1")
    return np.frombuffer(data, dtype).reshape(entry.shape)  # read-only, as bytes are
