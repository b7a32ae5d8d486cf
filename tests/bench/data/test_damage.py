"""Damaged images are errors that name the file; sound ones of every kind keep their pixels."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ivif_bench.data import images
from ivif_bench.errors import UserError

HEIGHT, WIDTH = 112, 150
END = b"\xff\xd9"


def drawn(seed: int = 0) -> np.ndarray:
    """A picture with smooth and busy parts, RGB [H, W, 3]."""
    coarse = np.random.default_rng(seed).integers(0, 256, (14, 19, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    picture[20:50, 30:90] = np.random.default_rng(seed + 1).integers(0, 256, (30, 60, 3))
    return picture


PICTURE = drawn()


def encoded(kind: str, pixels: np.ndarray = PICTURE, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def refused(path: Path, data: bytes, words: str = "") -> None:
    path.write_bytes(data)
    for read in (images.read_rgb, images.read_gray, images.size_of):
        with pytest.raises(UserError, match=rf"{path}.*{words}"):
            read(path)


def read(path: Path, data: bytes) -> np.ndarray:
    path.write_bytes(data)
    return images.decode(path)


def opencv(data: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


JPEGS = {
    "plain": encoded("JPEG", quality=90),
    "full chroma": encoded("JPEG", quality=95, subsampling=0),
    "half chroma": encoded("JPEG", quality=75, subsampling=1),
    "optimised": encoded("JPEG", quality=60, optimize=True),
    "progressive": encoded("JPEG", quality=90, progressive=True),
    "restarts": encoded("JPEG", quality=90, restart_marker_rows=1),
    "gray": encoded("JPEG", mode="L", quality=90),
    "RGB inside": encoded("JPEG", quality=90, keep_rgb=True),  # Adobe's APP14: no transform
}


def scan_start(data: bytes) -> int:
    return data.index(b"\xff\xda") + 10


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_cut_anywhere_with_an_end_marker_is_refused(kind: str, tmp_path: Path) -> None:
    data = JPEGS[kind]
    start = scan_start(data)
    for share in np.linspace(0.05, 0.95, 25):
        cut = data[: start + int(share * (len(data) - start))]
        refused(tmp_path / "a.jpg", cut + END, "damaged")
        refused(tmp_path / "a.jpg", cut)


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_rows_of_its_header_is_refused(kind: str, tmp_path: Path) -> None:
    data = bytearray(JPEGS[kind])
    at = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    data[at + 5 : at + 7] = struct.pack(">H", HEIGHT + 64)
    refused(tmp_path / "a.jpg", bytes(data), "damaged")


def scan_starts(data: bytes) -> list[int]:
    return [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]


def test_a_progressive_jpeg_without_its_last_scans_is_refused(tmp_path: Path) -> None:
    data = JPEGS["progressive"]
    starts = scan_starts(data)
    assert len(starts) > 5
    for start in starts[1:]:  # each ends as if it had been meant to: no decoder warns
        refused(tmp_path / "a.jpg", data[:start] + END, "last scans")


def broken(data: bytes, count: int, seed: int) -> list[bytes]:
    """Copies with a bit turned, bytes lost or bytes zeroed, anywhere behind the headers."""
    random = np.random.default_rng(seed)
    copies = []
    for index in range(count):
        copy, at = bytearray(data), int(random.integers(scan_start(data), len(data) - 2))
        length = min(int(random.integers(1, 200)), len(data) - 2 - at)  # the end marker stays
        if index % 3 == 0:
            copy[at] ^= 1 << int(random.integers(8))
        elif index % 3 == 1:
            del copy[at : at + length]
        else:
            copy[at : at + length] = bytes(length)
        copies.append(bytes(copy))
    return copies


# What OpenCV's own decoder prints, in a process whose standard error can be caught.
LISTENER = """
import os, sys
import cv2, numpy as np
# What OpenCV says of the processor at its first use is no complaint about an image.
cv2.imdecode(cv2.imencode(".jpg", np.zeros((9, 9, 3), np.uint8))[1], cv2.IMREAD_UNCHANGED)
for path in sys.argv[1:]:
    os.write(2, b"\\0")
    if cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED) is None:
        os.write(2, b"nothing")
"""


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, bool]]:
    """Damaged JPEG files, each with whether OpenCV's decoder complains of it."""
    folder = tmp_path_factory.mktemp("broken")
    paths = []
    for seed, (kind, data) in enumerate(JPEGS.items()):
        for index, copy in enumerate(broken(data, 45, seed)):
            paths.append(folder / f"{kind}-{index}.jpg")
            paths[-1].write_bytes(copy)
    said = subprocess.run(
        [sys.executable, "-c", LISTENER, *map(str, paths)], capture_output=True, check=True
    ).stderr.split(b"\0")[1:]
    assert len(said) == len(paths)
    return [(path, bool(words)) for path, words in zip(paths, said, strict=True)]


def taken(path: Path) -> bool:
    try:
        found = images.decode(path)
    except UserError:
        return False
    assert np.array_equal(found, opencv(path.read_bytes()))
    return True


def test_whatever_opencv_warns_of_is_refused(heard: list[tuple[Path, bool]]) -> None:
    complaints = sum(complains for _, complains in heard)
    assert 150 < complaints < len(heard)  # some damage is a valid file again
    assert [path.name for path, complains in heard if complains and taken(path)] == []


def test_what_no_decoder_notices_is_read_as_before(heard: list[tuple[Path, bool]]) -> None:
    assert [path.name for path, complains in heard if not complains and not taken(path)] == []


def test_threads_find_the_same_damage(heard: list[tuple[Path, bool]]) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(taken, [path for path, _ in heard]))
    assert found == [not complains for _, complains in heard]


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def with_segment(data: bytes, marker: int, content: bytes) -> bytes:
    return data[:2] + segment(marker, content) + data[2:]


def sampled(name: str) -> bytes:
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{name}")
    return cv2.imencode(".jpg", PICTURE, [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor])[1].tobytes()


SOUND_JPEGS = JPEGS | {
    "4:1:1": sampled("411"),
    "4:4:0": sampled("440"),
    "one pixel": encoded("JPEG", PICTURE[:1, :1]),
    "odd and small": encoded("JPEG", PICTURE[:9, :17]),
    "comment": with_segment(JPEGS["plain"], 0xFE, b"\xff\xd9 is no end here \xff\xda"),
    "Adobe's APP14": with_segment(JPEGS["plain"], 0xEE, b"Adobe\0\x64\0\0\0\0\x01"),
    "EXIF with thumbnail": with_segment(
        JPEGS["plain"], 0xE1, b"Exif\0\0" + encoded("JPEG", PICTURE[:40, :50])
    ),
    "bytes after the end": JPEGS["plain"] + bytes(10_000),
    "second image behind": JPEGS["plain"] + JPEGS["gray"],
    "text after the end": JPEGS["restarts"] + b"written by a camera",
    "fill bytes": JPEGS["plain"][:2] + b"\xff\xff\xff" + JPEGS["plain"][2:],
}


@pytest.mark.parametrize("kind", SOUND_JPEGS)
def test_sound_jpegs_keep_their_pixels(kind: str, tmp_path: Path) -> None:
    data = SOUND_JPEGS[kind]
    found = read(tmp_path / "a.jpg", data)
    assert np.array_equal(found, opencv(data))
    assert found.shape[:2] == Image.open(io.BytesIO(data)).size[::-1]


def test_a_jpeg_whose_damage_nobody_would_hear_of_is_refused(tmp_path: Path) -> None:
    data = bytearray(JPEGS["full chroma"])
    at = data.index(b"\xff\xc0")
    data[at + 11], data[at + 14] = 0x21, 0x21  # libjpeg-turbo's checked reader knows no such kind
    refused(tmp_path / "a.jpg", bytes(data), "unusual chroma subsampling.*save it as PNG")


# PNG


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png(parts: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )


PNG = encoded("PNG")
HEAD = [part for part in chunks(PNG) if part[0] == b"IHDR"]
PIXELS = b"".join(content for kind, content in chunks(PNG) if kind == b"IDAT")
ROWS = zlib.decompress(PIXELS)
LAST = [(b"IEND", b"")]


def pixels(content: bytes) -> bytes:
    return png([*HEAD, (b"IDAT", content), *LAST])


@pytest.mark.parametrize(
    "data",
    [
        PNG[: len(PNG) // 2],
        PNG[: len(PNG) // 2] + png(LAST)[8:],
        PNG[:-12],
        pixels(PIXELS[: len(PIXELS) // 2]),
        pixels(PIXELS[:-2]),
        pixels(PIXELS[:-1] + bytes([PIXELS[-1] ^ 1])),
        pixels(zlib.compress(ROWS[: len(ROWS) // 2])),
        pixels(zlib.compress(ROWS + ROWS[:500])),
        pixels(PIXELS + b"more"),
        png([*HEAD, (b"IDAT", PIXELS[:99]), (b"tEXt", b"a\0b"), (b"IDAT", PIXELS[200:]), *LAST]),
        png([*HEAD, (b"tEXt", b"a\0b"), (b"IDAT", PIXELS), *LAST]).replace(b"a\0b", b"a\0c"),
    ],
    ids=[
        "half",
        "half with an end",
        "without an end",
        "half of the pixels",
        "checksum of the pixels cut off",
        "checksum of the pixels wrong",
        "half of the rows",
        "more rows than the header says",
        "bytes behind the pixels",
        "a hole in the pixels",
        "text chunk with a wrong checksum",
    ],
)
def test_a_damaged_png_is_refused(data: bytes, tmp_path: Path) -> None:
    refused(tmp_path / "a.png", data, "damaged")


def test_no_bit_of_a_png_can_change_unnoticed(tmp_path: Path) -> None:
    data = encoded("PNG", PICTURE[:30, :30])
    random = np.random.default_rng(0)
    for at in random.choice(len(data), 300, replace=False):
        copy = bytearray(data)
        copy[at] ^= 1 << int(random.integers(8))
        (tmp_path / "a.png").write_bytes(copy)
        with pytest.raises(UserError, match=r"a\.png"):
            images.decode(tmp_path / "a.png")


def interlaced(picture: np.ndarray) -> bytes:
    """A PNG in seven passes, which neither OpenCV nor Pillow writes."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
    rows = b""
    for left, top, across, down in (*passes, (0, 1, 1, 2)):
        for row in picture[top::down, left::across]:
            rows += b"\0" + row.tobytes() if row.size else b""
    header = struct.pack(">IIBBBBB", picture.shape[1], picture.shape[0], 8, 2, 0, 0, 1)
    return png([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), *LAST])


@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (1, 1), (3, 5), (9, 2)])
def test_interlaced_pngs_are_read(size: tuple[int, int], tmp_path: Path) -> None:
    picture = PICTURE[: size[0], : size[1]]
    assert np.array_equal(
        read(tmp_path / "a.png", interlaced(picture)).reshape(*size, 3), picture[:, :, ::-1]
    )


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_sound_pngs_keep_their_pixels(mode: str, tmp_path: Path) -> None:
    for data in (encoded("PNG", mode=mode), encoded("PNG", mode=mode) + b"bytes behind" * 99):
        assert np.array_equal(read(tmp_path / "a.png", data), opencv(data))


# TIFF and BMP

TIFFS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")


def headed(picture: np.ndarray, zipped: bool) -> bytes:
    """A TIFF whose header comes first, as many programs write it; four strips."""
    height, width, _ = picture.shape
    rows = -(-height // 4)
    parts = [picture[top : top + rows].tobytes() for top in range(0, height, rows)]
    parts = [zlib.compress(part) for part in parts] if zipped else parts
    lists = 8 + 2 + 12 * 9 + 4
    first = lists + 6 + 8 * len(parts)
    starts = [first + sum(map(len, parts[:index])) for index in range(len(parts))]
    tags = (
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 3, lists),
        (259, 3, 1, 8 if zipped else 1),
        (262, 3, 1, 2),
        (273, 4, len(parts), lists + 6),
        (277, 3, 1, 3),
        (278, 3, 1, rows),
        (279, 4, len(parts), lists + 6 + 4 * len(parts)),
    )
    return b"".join(
        (
            b"II*\0" + struct.pack("<IH", 8, len(tags)),
            *(struct.pack("<HHII", *tag) for tag in tags),
            struct.pack("<I3H", 0, 8, 8, 8),
            struct.pack(f"<{2 * len(parts)}I", *starts, *map(len, parts)),
            *parts,
        )
    )


@pytest.mark.parametrize("zipped", [False, True])
def test_a_tiff_cut_anywhere_is_refused(zipped: bool, tmp_path: Path) -> None:
    data = headed(PICTURE, zipped)
    assert np.array_equal(read(tmp_path / "a.tif", data), PICTURE[:, :, ::-1])
    for share in np.linspace(0.1, 0.99, 20):
        refused(tmp_path / "a.tif", data[: int(share * len(data))])


@pytest.mark.parametrize("kind", TIFFS)
def test_a_tiff_cut_or_with_a_hole_is_refused(kind: str, tmp_path: Path) -> None:
    data = encoded("TIFF", compression=None if kind == "raw" else kind)
    assert np.array_equal(read(tmp_path / "a.tif", data), opencv(data))
    for share in np.linspace(0.1, 0.95, 12):
        at = int(share * len(data))
        refused(tmp_path / "a.tif", data[:at])
        refused(tmp_path / "a.tif", data[:at] + data[at + 300 :])


def test_no_bit_of_zipped_tiff_pixels_can_change_unnoticed(tmp_path: Path) -> None:
    data = headed(PICTURE, zipped=True)
    random = np.random.default_rng(0)
    for at in random.integers(200, len(data), 100):
        copy = bytearray(data)
        copy[at] ^= 1 << int(random.integers(8))
        refused(tmp_path / "a.tif", bytes(copy), "damaged")


def test_jpeg_pixels_of_a_tiff_are_checked_like_a_jpeg(tmp_path: Path) -> None:
    data = encoded("TIFF", compression="jpeg", quality=90)
    start = data.rindex(b"\xff\xda") + 14
    for share in np.linspace(0.1, 0.8, 10):
        at = start + int(share * (data.index(END, start) - start))
        copy = data[:at] + END + data[at + 2 :]
        refused(tmp_path / "a.tif", copy, "damaged")


@pytest.mark.parametrize("mode", ["RGB", "RGBX", "L", "1", "P"])
@pytest.mark.parametrize("kind", TIFFS[:4])
def test_sound_tiffs_keep_their_pixels(kind: str, mode: str, tmp_path: Path) -> None:
    for big in (False, True):
        data = encoded("TIFF", mode=mode, compression=None if kind == "raw" else kind, big_tiff=big)
        assert np.array_equal(read(tmp_path / "a.tif", data), np.squeeze(opencv(data)))


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_bmp_cut_anywhere_is_refused_and_a_sound_one_read(mode: str, tmp_path: Path) -> None:
    data = encoded("BMP", mode=mode)
    assert np.array_equal(read(tmp_path / "a.bmp", data), opencv(data))
    for share in np.linspace(0, 0.99, 20):
        refused(tmp_path / "a.bmp", data[: int(share * len(data))])


@pytest.mark.slow
@pytest.mark.golden
def test_every_reference_image_is_sound(shared: Path) -> None:
    paths = [
        path for path in (shared / "data").rglob("*") if path.suffix.lower() in images.SUFFIXES
    ]
    assert len(paths) > 1000
    for path in paths:
        data = path.read_bytes()
        assert np.array_equal(images.decode(path), np.squeeze(opencv(data))), path
