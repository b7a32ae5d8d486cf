"""Header fields of image files that OpenCV's decoder does not report, and sizes without decoding.

OpenCV decodes palettes, ink colours (CMYK) and pages to arrays that look like any other image. Code
that measures pixels must know about them, so these few header fields are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")  # of image files that are read
# Markers of frame headers: C0..CF without the tables DHT (C4) and DAC (CC), and without JPG (C8).
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_TIFF_NUMBERS = {1: "B", 3: "H", 4: "I"}  # BYTE, SHORT, LONG
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TIFF_BITS, _TIFF_COMPRESSION, _TIFF_COLOURS, _TIFF_EXTRA = 258, 259, 262, 338
_TIFF_LOSSLESS = (1, 2, 3, 4, 5, 8, 32773, 32946)  # none, CCITT, LZW, Deflate, PackBits
_TIFF_WHITE_IS_ZERO, _TIFF_PALETTE = 0, 3
_TIFF_FOREIGN = {4: "a mask", 5: "CMYK", 8: "Lab", 9: "Lab", 10: "Lab"}


@dataclass(frozen=True, slots=True)
class Header:
    """Fields of a file's header; the defaults mean "as usual" or "not given".

    Attributes:
        bits: per sample.
        palette: pixels are indices into a table of colours.
        alpha: there is a channel of opacity.
        multiplied: the decoder multiplies the colours by that channel.
        foreign: what the pixels mean, if neither gray (0 is black) nor RGB.
        pages: the file holds further images.
        lossless: the format keeps every value that was written.
        compression: as numbered by TIFF; 1 is none.
        height, width: pixels; 0 if unknown.
    """

    bits: int = 8
    palette: bool = False
    alpha: bool = False
    multiplied: bool = False
    foreign: str = ""
    pages: bool = False
    lossless: bool = False
    compression: int = 1
    height: int = 0
    width: int = 0


def read_header(data: bytes) -> Header:
    """The header of a PNG, JPEG, TIFF or BMP file; of other or broken files, the defaults."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", data, 16)
            return Header(
                bits=data[24],
                palette=data[25] == 3,
                alpha=data[25] in (4, 6),
                lossless=True,
                height=height,
                width=width,
            )
        if data.startswith(b"\xff\xd8"):
            height, width, components = _jpeg_frame(data)
            return Header(foreign="CMYK" if components == 4 else "", height=height, width=width)
        if data[:4] in (b"II*\0", b"MM\0*"):
            return _tiff(data)
        if data.startswith(b"BM"):
            return _bmp(data)
    except (struct.error, IndexError):  # cut off: the decoder says so in its own words
        pass
    return Header()


def jpeg_components(data: bytes) -> int:
    """Number of colour components of a JPEG, from its frame header; 0 if it has none."""
    return _jpeg_frame(data)[2]


def _jpeg_frame(data: bytes) -> tuple[int, int, int]:
    """Height, width and number of components of a JPEG; zeros if it has no frame header."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return height, width, data[at + 9]
        (length,) = struct.unpack_from(">H", data, at + 2)
        at += 2 + length
    return 0, 0, 0


def _bmp(data: bytes) -> Header:
    (length,) = struct.unpack_from("<I", data, 14)
    old = length == 12  # OS/2: sides and bits of 16 bits
    width, height = struct.unpack_from("<HH" if old else "<ii", data, 18)
    (bits,) = struct.unpack_from("<H", data, 24 if old else 28)
    return Header(
        bits=min(bits, 8), palette=bits <= 8, lossless=True, height=abs(height), width=abs(width)
    )


def _tiff(data: bytes) -> Header:
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    (following,) = struct.unpack_from(order + "I", data, at + 2 + 12 * count)
    tags = dict(_tiff_tags(data, order, at + 2, count))
    bits, colours = tags.get(_TIFF_BITS, 1), tags.get(_TIFF_COLOURS, 1)
    foreign = _TIFF_FOREIGN.get(colours, "")
    if colours == _TIFF_WHITE_IS_ZERO and bits > 8:  # OpenCV turns round 8-bit samples only
        foreign = "inverted gray (0 is white)"
    return Header(
        bits=bits,
        palette=colours == _TIFF_PALETTE,
        alpha=tags.get(_TIFF_EXTRA) in (1, 2),
        multiplied=tags.get(_TIFF_EXTRA) == 2,
        foreign=foreign,
        pages=following != 0,
        lossless=tags.get(_TIFF_COMPRESSION, 1) in _TIFF_LOSSLESS,
        compression=tags.get(_TIFF_COMPRESSION, 1),
        height=tags.get(_TIFF_HEIGHT, 0),
        width=tags.get(_TIFF_WIDTH, 0),
    )


def _tiff_tags(data: bytes, order: str, at: int, count: int) -> Iterator[tuple[int, int]]:
    """First value of each tag that holds whole numbers."""
    for entry in range(at, at + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        if kind in _TIFF_NUMBERS:
            code = _TIFF_NUMBERS[kind]
            where = entry + 8
            if number * struct.calcsize(order + code) > 4:
                (where,) = struct.unpack_from(order + "I", data, entry + 8)
            yield tag, struct.unpack_from(order + code, data, where)[0]
