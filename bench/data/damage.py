"""Detects damage in image files that OpenCV's decoders only warn of, or do not report.

They fill missing data with gray or with the last colour, and print at most one line. So a file is
checked before its pixels are used: JPEG by libjpeg-turbo with warnings as errors, PNG by its
checksums and its compressed stream, TIFF strip by strip. This module does not decode pixels.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from ivif_bench.data.headers import JPEG_FRAMES, jpeg_components, read_header
from ivif_bench.errors import UserError

_PNG_START, _JPEG_START = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_MOST = 1 << 40  # bytes that no image has, so that a wrong header is no overflow
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # not a stuffed byte, restart or fill
_TIFF_STARTS, _BIG_TIFF_STARTS = (b"II*\0", b"MM\0*"), (b"II+\0", b"MM\0+")
_TIFF_PLAIN, _TIFF_JPEG, _TIFF_DEFLATE = 1, 7, (8, 32946)
_TIFF_COMPRESSION, _TIFF_JPEG_TABLES = 259, 347
_TIFF_PARTS = ((273, 279), (324, 325))  # offsets and lengths of strips, of tiles


class _CannotTell(Exception):
    """A file whose damage could not be detected; the text says why."""


def check(path: Path, data: bytes) -> None:
    """Refuse a damaged image file.

    A change that leaves a valid file (bits of a JPEG's entropy code that still decode, bytes of an
    uncompressed TIFF or BMP) cannot be detected. Files of other formats are not checked.

    Args:
        path: for messages.
        data: content of the file.

    Raises:
        UserError: the file is damaged, or stored in a form in which damage cannot be detected.
    """
    try:
        if problem := _damage(data):
            raise UserError(f"{path}: the image is damaged ({problem}); download or write it again")
    except _CannotTell as reason:
        raise UserError(
            f"{path}: damage in this file could not be detected ({reason}); save it as PNG"
        ) from None


def _damage(data: bytes) -> str:
    """The damage in a few words; empty for an intact file and for one of another format."""
    try:
        if data.startswith(_PNG_START):
            return _png(data)
        if data.startswith(_JPEG_START) and jpeg_components(data):
            return _jpeg(data) or _jpeg_without_scans(data)
        if data[:4] in _TIFF_STARTS + _BIG_TIFF_STARTS:
            return _tiff(data)
    except (struct.error, IndexError, ValueError):
        return "truncated, or its header is damaged"
    return ""


def _png(data: bytes) -> str:
    """Checksums of all chunks, and whether the compressed stream holds the pixels and no more."""
    header, at, pixels = b"", len(_PNG_START), []
    while True:
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(content, zlib.crc32(kind)) != checksum:
            return f"the checksum of a {kind.decode('latin-1')} chunk is wrong"
        if kind == b"IHDR":
            header = content
        elif kind == b"IDAT":
            pixels.append(content)
        elif kind == b"IEND":
            break
        at += 12 + length
    stream, expected = zlib.decompressobj(), min(_png_bytes(header), _MOST)
    try:
        found = len(stream.decompress(b"".join(pixels), expected + 1))
    except zlib.error as error:
        return str(error)
    if found < expected or not (stream.eof or found > expected):
        return "truncated: the compressed pixels end early"
    return "more pixels than its header says" if found > expected or stream.unused_data else ""


def _png_bytes(header: bytes) -> int:
    """Length of the pixels before compression: rows of a filter byte and packed samples."""
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    total = 0
    for left, top, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -((left - width) // across), -((top - height) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits * _PNG_CHANNELS.get(colour, 1) + 7) // 8)
    return total


def _jpeg(data: bytes) -> str:
    """The first warning or error of libjpeg-turbo.

    Every code is read, but only an eighth of the size is drawn, which costs a quarter to a half of
    OpenCV's time.
    """
    try:
        simplejpeg.decode_jpeg(data, min_height=1, min_width=1, min_factor=8, strict=True)
    except ValueError as error:
        text = str(error).rpartition("(): ")[2]
        if "subsampling" in text:
            raise _CannotTell("a JPEG of unusual chroma subsampling") from None
        return text
    return ""


def _jpeg_without_scans(data: bytes) -> str:
    """Whether scans are missing at the end: each is complete in itself, so no decoder warns."""
    components: list[int] = []
    left = np.zeros((0, 64), int)  # bits of each component's coefficients that are still to come
    progressive = False
    for marker, segment in _jpeg_segments(data):
        if marker in JPEG_FRAMES:
            components = [segment[6 + 3 * index] for index in range(segment[5])]
            left = np.full((len(components), 64), 99)
            progressive = marker & 3 == 2
        elif marker == 0xDA:
            count = segment[0]
            first, last, bits = segment[1 + 2 * count : 4 + 2 * count]
            band, rest = (slice(first, last + 1), bits & 15) if progressive else (slice(64), 0)
            for index in range(count):
                left[components.index(segment[1 + 2 * index]), band] = rest
    return "truncated: its last scans are missing" if left.any() else ""


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers with their content, up to the end of the image; entropy-coded data is passed over."""
    at = 2
    while (found := _JPEG_MARKER.search(data, at)) and data[found.start() + 1] != 0xD9:
        at = found.end()
        (length,) = struct.unpack_from(">H", data, at)
        yield data[at - 1], data[at + 2 : at + length]
        at += length


def _tiff(data: bytes) -> str:
    """Damage in compressed pixels; OpenCV refuses uncompressed ones that end early."""
    if read_header(data).compression == _TIFF_PLAIN and data[:4] in _TIFF_STARTS:
        return ""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
            if problem := _tiff_parts(data, image.tag_v2):  # type: ignore[attr-defined]
                return problem
            image.load()
    except UnidentifiedImageError:
        raise _CannotTell("a compressed TIFF of a kind that Pillow does not know") from None
    except _CannotTell:
        raise
    except Exception as error:  # Pillow's parsers raise OSError, SyntaxError, KeyError, ...
        return str(error) or type(error).__name__
    return ""


def _tiff_parts(data: bytes, tags: Mapping[int, Any]) -> str:
    """Damage in strips or tiles whose compression has a checksum or warnings, which libtiff drops."""
    compression, tables = tags.get(_TIFF_COMPRESSION), tags.get(_TIFF_JPEG_TABLES, b"")
    for offsets, lengths in _TIFF_PARTS:
        for at, length in zip(tags.get(offsets, ()), tags.get(lengths, ()), strict=True):
            part = data[at : at + length]
            if compression in _TIFF_DEFLATE:
                try:
                    zlib.decompress(part)
                except zlib.error as error:
                    return str(error)
            elif compression == _TIFF_JPEG and (
                problem := _jpeg(tables[:-2] + part[2:] if tables else part)
            ):
                return problem
    return ""
