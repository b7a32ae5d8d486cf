"""What image files hold beside the pixels that are read: an orientation, further frames or pictures.

Decoders drop all of it silently. Pixels are read as stored, so a viewer may show another picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_ORIENTATION = 0x0112
_START_OF_SCAN = 0xDA


def notes_on_extras(data: bytes) -> list[str]:
    """Sentences for readers of a result; empty for a plain file, and for a broken one."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(data)
        if data.startswith(b"\xff\xd8"):
            return _jpeg(data)
    except (struct.error, IndexError):
        pass
    return []


def _png(data: bytes) -> list[str]:
    notes = []
    for kind, content in _chunks(data):
        if kind == b"acTL":
            (frames,) = struct.unpack_from(">I", content)
            notes.append(f"animated PNG of {frames} frames, the first image is read")
        if kind == b"eXIf":
            notes += _orientation(content)
    return notes


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of the chunks before the pixels."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind = data[at + 4 : at + 8]
        if kind == b"IDAT":
            return
        yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _jpeg(data: bytes) -> list[str]:
    notes = []
    for marker, content in _segments(data):
        if marker == 0xE1 and content.startswith(b"Exif\0\0"):
            notes += _orientation(content[6:])
        if marker == 0xE2 and content.startswith(b"MPF\0"):
            notes.append("several pictures in one JPEG (MPO), the first is read")
    return notes


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of the segments before the pixels."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == _START_OF_SCAN:
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        yield marker, data[at + 4 : at + 2 + length]
        at += 2 + length


def _orientation(exif: bytes) -> list[str]:
    """A note if the file asks viewers to turn or mirror the picture."""
    order = "<" if exif[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, _, _, value = struct.unpack_from(order + "HHIH", exif, entry)
        if tag == _ORIENTATION and value != 1:
            return [f"EXIF orientation {value} not applied, pixels as stored"]
    return []
