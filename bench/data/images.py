"""Reads and writes images; no other module converts files to arrays or back.

Colour files are always decoded in colour and then converted: OpenCV's grayscale read of a JPEG
takes luma from the decoder and differs by up to 19 levels.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from ivif_bench.data.damage import check
from ivif_bench.data.headers import SUFFIXES, Header, read_header
from ivif_bench.data.label_files import demand_lossless, stored_ids
from ivif_bench.errors import UserError
from ivif_bench.files import open_regular, read_regular
from ivif_bench.types import StoredImage

cv2.utils.logging.setLogLevel(
    0
)  # a broken file is one error here, in our words, not lines on the terminal
MOST_PIXELS = 1 << 28  # 16384x16384; larger ones would fill the memory
_HEAD = 1 << 14  # bytes, in which nearly every header is
_PNG_HEADER_END = 33  # signature (8) + IHDR chunk (25): text chunks go right behind
_PROVENANCE_KEY = b"ivif-bench"
_LUMA_THOUSANDTHS = np.array([[299, 587, 114]], np.float32)


def read_stored(path: Path) -> StoredImage:
    """Read any 8-bit image with the channels that the file has.

    Raises:
        UserError: missing, unreadable, damaged or not 8-bit.
    """
    image = decode(path)
    if image.ndim == 3:  # OpenCV's order is BGR or BGRA
        image = np.ascontiguousarray(image[:, :, [2, 1, 0, 3][: image.shape[2]]])
    return StoredImage(path, image)


def rgb_of(image: StoredImage) -> np.ndarray:
    """RGB, uint8 [H, W, 3]; one channel becomes three equal ones."""
    if image.pixels.ndim == 2:
        return np.repeat(image.pixels[:, :, None], 3, axis=2)
    return np.ascontiguousarray(image.pixels[:, :, :3])


def gray_of(image: StoredImage) -> np.ndarray:
    """One channel, uint8 [H, W]; colour becomes rounded luma."""
    return image.pixels if image.pixels.ndim == 2 else luma(image.pixels[:, :, :3])


def read_rgb(path: Path) -> np.ndarray:
    """Read any 8-bit image as RGB, uint8 [H, W, 3]; errors as ``read_stored``."""
    return rgb_of(read_stored(path))


def read_gray(path: Path) -> np.ndarray:
    """Read any 8-bit image as one channel, uint8 [H, W]; errors as ``read_stored``."""
    return gray_of(read_stored(path))


def read_gray_by_decoder(path: Path) -> np.ndarray:
    """OpenCV's own gray read, uint8 [H, W]: for a colour file the decoder converts, in its own way.

    Only for programs of others that read so; errors as ``read_stored``.
    """
    data = read_bytes(path)
    decode_8_bit(path, data)
    gray: np.ndarray = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)  # type: ignore[assignment]
    return gray


def read_labels(path: Path) -> np.ndarray:
    """Read a label image as it is stored, uint8 [H, W] class ids; never converted from colour.

    With a palette the ids are the indices; 1, 2 and 4 bits are not stretched to 0..255.

    Raises:
        UserError: unreadable, not 8-bit, a format that does not keep every id, or a colour picture.
    """
    data = read_bytes(path)
    image, header = decode_8_bit(path, data)
    demand_lossless(path, header)
    if header.palette or header.bits < 8:
        return stored_ids(path, data, header)
    if image.ndim == 2:
        return image
    if (image[:, :, :1] == image[:, :, 1:3]).all():
        return np.ascontiguousarray(image[:, :, 0])
    raise UserError(
        f"{path}: a label image must have one channel of class ids; this is a colour image"
    )


def luma(rgb: np.ndarray) -> np.ndarray:
    """Y = 0.299 R + 0.587 G + 0.114 B, rounded half to even; uint8 [H, W, 3] -> uint8 [H, W]."""
    # Whole thousandths up to 255000 and their quotients are exact enough in float32 that a half
    # is a half and nothing else is: the result is that of exact arithmetic for all 2^24 colours.
    thousandths = cv2.transform(rgb.astype(np.float32), _LUMA_THOUSANDTHS)
    thousandths /= np.float32(1000)
    return np.rint(thousandths, out=thousandths).astype(np.uint8)


def nearest_levels(values: np.ndarray, white: float) -> np.ndarray:
    """Floats in 0..white to the nearest level, halves to even: rint(x · 255 / white), not yet uint8.

    Computed in the values' own precision, but at least in float32, as a run rounds what a method
    returns. NaN and values outside the range stay what they are.
    """
    values = values.astype(np.promote_types(values.dtype, np.float32), copy=False)
    return np.rint(values if white == 255 else values * values.dtype.type(255 / white))


def size_of(path: Path) -> tuple[int, int]:
    """Height and width of an image file, which is decoded; errors as ``read_stored``."""
    return decode(path).shape[
        :2
    ]  # decoding finds truncated files, which reading a header would not


def size_in_header(path: Path) -> tuple[int, int] | None:
    """Height and width that an image file claims; None if it is of a format without a known header.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            data = file.read(_HEAD)
            header = read_header(data)
            if not header.width and len(data) == _HEAD:  # behind a profile, or at the end of a TIFF
                header = read_header(data + file.read())
    except OSError as problem:
        raise UserError(f"cannot read image {path}: {problem.strerror or problem}") from problem
    return (header.height, header.width) if header.height and header.width else None


def encode_png(
    image: np.ndarray, provenance: Mapping[str, object] | None = None, compression: int = 4
) -> bytes:
    """PNG bytes of uint8 [H, W] or RGB [H, W, 3]; ``provenance`` becomes a text chunk inside.

    The bytes depend only on the arguments, so equal images are equal files.

    Args:
        compression: from 0, which is fast, to 9, which is small.
    """
    bgr = image if image.ndim == 2 else image[:, :, ::-1]
    options = [cv2.IMWRITE_PNG_COMPRESSION, compression]
    good, buffer = cv2.imencode(".png", np.ascontiguousarray(bgr), options)
    if not good:
        raise RuntimeError("OpenCV could not encode a PNG")
    data = buffer.tobytes()
    if provenance is None:
        return data
    text = json.dumps(provenance, sort_keys=True, separators=(",", ":")).encode(
        "latin-1", "backslashreplace"
    )
    body = b"tEXt" + _PROVENANCE_KEY + b"\0" + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:_PNG_HEADER_END] + chunk + data[_PNG_HEADER_END:]


def pixel_hash(image: np.ndarray) -> str:
    """sha256 over the shape and the pixels of an image, uint8 [H, W] or RGB [H, W, 3]."""
    return hashlib.sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()


def png_provenance(path: Path) -> dict[str, object] | None:
    """The provenance that ``encode_png`` put into a file, or None; reads its head, not its pixels."""
    try:
        with open_regular(path) as file:
            return provenance_in(file.read(_PNG_HEADER_END + 4096))
    except OSError:
        return None


def provenance_in(data: bytes) -> dict[str, object] | None:
    """The provenance that ``encode_png`` put into these bytes (the head of a file is enough), or None."""
    if len(data) < _PNG_HEADER_END + 12:
        return None
    (length,) = struct.unpack(">I", data[_PNG_HEADER_END : _PNG_HEADER_END + 4])
    body = data[_PNG_HEADER_END + 4 : _PNG_HEADER_END + 8 + length]
    prefix = b"tEXt" + _PROVENANCE_KEY + b"\0"
    if not body.startswith(prefix):
        return None
    try:
        found = json.loads(body[len(prefix) :].decode("latin-1"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def find_image(folder: Path, stem: str) -> Path | None:
    """The image of that stem in a folder, whatever its extension."""
    for suffix in SUFFIXES:
        for candidate in (folder / f"{stem}{suffix}", folder / f"{stem}{suffix.upper()}"):
            if candidate.exists() and not candidate.is_dir():
                return candidate
    return None


def images_in(folder: Path) -> dict[str, Path]:
    """Stem to image file for a folder, sorted by stem.

    Raises:
        UserError: the folder is missing, or one stem occurs with two extensions.
    """
    return {stem: folder / name for stem, name in image_names(folder).items()}


def image_names(folder: Path) -> dict[str, str]:
    """Stem to file name, as ``images_in`` has them; a path for each costs ten times as much."""
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder}")
    found: dict[str, str] = {}
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 - names only
        stem, suffix = os.path.splitext(name)  # noqa: PTH122
        if suffix.lower() not in SUFFIXES or name.startswith("."):
            continue
        if stem in found:
            raise UserError(f"{folder}: stem {stem!r} occurs twice: {found[stem]} and {name}")
        found[stem] = name
    return found


def decode(path: Path) -> np.ndarray:
    """uint8 [H, W] or [H, W, 3 or 4] in OpenCV's channel order, with clear errors."""
    return decode_8_bit(path, read_bytes(path))[0]


def decode_8_bit(path: Path, data: bytes) -> tuple[np.ndarray, Header]:
    """``decode_any`` for 8-bit images; others are a user error."""
    image, header = decode_any(path, data)
    if image.dtype != np.uint8:
        raise UserError(
            f"{path}: {image.dtype} pixels; convert to 8 bit first; the benchmark does not guess a range"
        )
    return image, header


def read_bytes(path: Path) -> bytes:
    """Content of an image file; a file that cannot be read is a user error."""
    try:
        return read_regular(path)
    except OSError as problem:
        raise UserError(f"cannot read image {path}: {problem.strerror or problem}") from problem


def decode_any(path: Path, data: bytes) -> tuple[np.ndarray, Header]:
    """Pixels [H, W] or [H, W, 3 or 4] of any type, in OpenCV's channel order, and the header.

    Args:
        path: for messages.
        data: content of the file.

    Raises:
        UserError: damaged, unreadable, more than ``MOST_PIXELS``, several pages, or pixels that are
            neither gray nor RGB.
    """
    header = read_header(data)
    if header.height * header.width > MOST_PIXELS:
        raise UserError(
            f"{path}: {header.width}x{header.height} pixels; at most {MOST_PIXELS} are read (2^28)"
        )
    check(path, data)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except cv2.error:  # sizes beyond OpenCV's own limits, in formats whose header is not read here
        image = None
    if image is None:
        raise UserError(f"{path}: not a readable image (empty, truncated or an unknown format)")
    if header.foreign:
        raise UserError(f"{path}: the pixels are {header.foreign}; save as gray or RGB")
    if header.pages:
        raise UserError(f"{path}: a file of several images; save the intended one alone")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if header.multiplied and image.ndim == 3 and not is_opaque(image):
        raise UserError(f"{path}: a TIFF with transparent pixels; save without the alpha channel")
    return image, header


def is_opaque(image: np.ndarray) -> bool:
    """Whether the fourth channel, if there is one, is at its maximum everywhere."""
    if image.ndim == 2 or image.shape[2] < 4:
        return True
    return bool((image[:, :, 3] == np.iinfo(image.dtype).max).all())
