"""Images that are no images, far too large, or of another size than their neighbours."""

from __future__ import annotations

import json
import struct
import zlib
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hostile import outcome
from PIL import Image
from small_runs import ivif, write_config, write_pairs

from ivif_bench.data.headers import read_header
from ivif_bench.data.images import decode, encode_png, read_labels, size_in_header
from ivif_bench.data.pictures import read_picture
from ivif_bench.pipeline.fuse import read_pair
from ivif_bench.tasks.quality.folder import score_folder

pytestmark = pytest.mark.timeout(120)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, bits: int = 8, colour: int = 0, pixels: bytes = b"") -> bytes:
    """A PNG with right checksums that claims a size."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header)
    return start + _chunk(b"IDAT", zlib.compress(pixels)) + _chunk(b"IEND", b"")


def _jpeg(width: int, height: int) -> bytes:
    """A JPEG of 8x8 pixels whose frame header claims another size."""
    data = bytearray(cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _bmp(width: int, height: int) -> bytes:
    data = bytearray(cv2.imencode(".bmp", np.zeros((8, 8), np.uint8))[1].tobytes())
    data[18:26] = struct.pack("<ii", width, height)
    return bytes(data)


def _tiff(width: int, height: int, order: str = "<") -> bytes:
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (262, 3, 1), (273, 4, 8), (279, 4, 1)]
    rows = b"".join(
        struct.pack(order + "HHI", tag, kind, 1)
        + struct.pack(order + ("I" if kind == 4 else "Hxx"), value)
        for tag, kind, value in tags
    )
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(order + "IH", 8, len(tags)) + rows + bytes(4)


_LARGE = "at most 268435456 are read"
_BROKEN = {
    "PNG of 60000x60000": (_png(60000, 60000), f"60000x60000 pixels; {_LARGE}"),
    "PNG of 20000x20000": (_png(20000, 20000), f"20000x20000 pixels; {_LARGE}"),
    "PNG of 2^32-1": (_png(2**32 - 1, 2**32 - 1), _LARGE),
    "PNG of one long row": (_png(2**31 - 1, 1), _LARGE),
    "JPEG of 65500x65500": (_jpeg(65500, 65500), f"65500x65500 pixels; {_LARGE}"),
    "BMP of 60000x60000": (_bmp(60000, 60000), f"60000x60000 pixels; {_LARGE}"),
    "BMP from the top": (_bmp(60000, -60000), f"60000x60000 pixels; {_LARGE}"),
    "BMP of -2^31": (_bmp(-(2**31), -(2**31)), _LARGE),
    "TIFF of 60000x60000": (_tiff(60000, 60000), f"60000x60000 pixels; {_LARGE}"),
    "TIFF of 60000x60000, MM": (_tiff(60000, 60000, ">"), f"60000x60000 pixels; {_LARGE}"),
    "PNM of 60000x60000": (b"P5 60000 60000 255\n", "not a readable image"),
    "PNM of 10^12": (b"P5 1000000000000 1 255\n", "not a readable image"),
    "HDR of 60000x60000": (b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 60000 +X 60000\n", "not a readable"),
    "PNG of 16384x16384 without pixels": (_png(16384, 16384), "the image is damaged"),
    "PNG of 0x0": (_png(0, 0), "not a readable image"),
    "PNG of 0x5": (_png(0, 5), "not a readable image"),
    "PNG of colour type 5": (_png(1, 1, colour=5, pixels=bytes(2)), "not a readable image"),
    "PNG of 0 bits": (_png(1, 1, bits=0, pixels=bytes(2)), ""),
    "PNG of 3 bits": (_png(1, 1, bits=3, pixels=bytes(2)), "not a readable image"),
    "PNG without a header": (b"\x89PNG\r\n\x1a\n" + _chunk(b"IEND", b""), "the image is damaged"),
    "PNG of a short header": (b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", b"1"), "the image is damaged"),
    "PNG with a long chunk": (b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDR", "the image is damaged"),
    "start of a PNG": (b"\x89PNG\r\n\x1a\n", "the image is damaged"),
    "start of a JPEG": (b"\xff\xd8", "not a readable image"),
    "JPEG of fill bytes": (b"\xff\xd8" + b"\xff" * 1000, "not a readable image"),
    "start of a TIFF": (b"II*\0", "not a readable image"),
    "TIFF whose tags are nowhere": (b"II*\0\xff\xff\xff\xff", "not a readable image"),
    "TIFF of 65535 tags": (b"II*\0\x08\0\0\0\xff\xff", "not a readable image"),
    "start of a BMP": (b"BM", "not a readable image"),
    "BMP of an unknown header": (b"BM" + b"\xff" * 60, ""),
    "text": (b"hello", "not a readable image"),
    "zeros": (bytes(1000), "not a readable image"),
    "nothing": (b"", "not a readable image"),
}  # fmt: skip


@pytest.mark.parametrize("case", _BROKEN)
def test_what_is_no_image_is_one_line(case: str, tmp_path: Path) -> None:
    data, expected = _BROKEN[case]
    path = tmp_path / "00001.png"
    path.write_bytes(data)
    for read in (decode, read_labels, read_picture):
        message = outcome(partial(read, path))
        assert expected in message
        assert "00001.png" in message
    outcome(partial(size_in_header, path))


def _written(path: Path, pixels: np.ndarray, how: str) -> None:
    suffix, _, variant = how.partition(" ")
    if suffix == "PIL":
        Image.fromarray(pixels).save(path, variant)
    else:
        cv2.imwrite(str(path), pixels)


@pytest.mark.parametrize(
    "how",
    ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "PIL PNG", "PIL JPEG", "PIL BMP", "PIL TIFF"],
)
@pytest.mark.parametrize("shape", [(1, 1), (37, 53), (300, 7), (40, 30, 3)])
def test_the_size_in_a_header_is_that_of_the_pixels(
    how: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    path = tmp_path / f"a.{'png' if how.startswith('PIL') else how}"
    _written(path, np.zeros(shape, np.uint8), how)
    assert size_in_header(path) == shape[:2] == decode(path).shape[:2]


def test_a_size_behind_a_long_profile_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    image = Image.fromarray(np.zeros((37, 53), np.uint8))
    image.save(path, icc_profile=bytes(200_000))
    assert size_in_header(path) == (37, 53)
    header = read_header(path.read_bytes()[:4096])
    assert (header.height, header.width) == (0, 0)


def _huge(path: Path) -> None:
    """16000x16000 black pixels: small as a file, a second to decode."""
    path.write_bytes(_png(16000, 16000, pixels=bytes(16001 * 16000)))


@pytest.mark.slow
def test_score_compares_all_headers_before_the_first_image(tmp_path: Path) -> None:
    write_pairs(tmp_path, 3, (72, 96))
    write_pairs(tmp_path / "fused", 3, (72, 96), seed=1)
    _huge(tmp_path / "fused" / "vi" / "00002.png")
    done = []

    def score() -> None:
        score_folder(
            tmp_path / "ir", tmp_path / "vi", {"m": tmp_path / "fused" / "vi"}, metrics=["EN"],
            progress=lambda *each: done.append(each),
        )  # fmt: skip

    message = outcome(score)
    assert "'00002'" in message
    assert "infrared 96x72, visible 96x72, fused 16000x16000; metrics need one size" in message
    assert done == []


@pytest.mark.slow
def test_a_pair_of_two_sizes_is_not_decoded(tmp_path: Path) -> None:
    write_pairs(tmp_path, 1, (72, 96))
    _huge(tmp_path / "ir" / "00000.png")
    paths = [str(tmp_path / side / "00000.png") for side in ("ir", "vi")]
    message = outcome(lambda: read_pair("d", "00000", *paths))
    assert "infrared is 16000x16000 but visible is 96x72" in message


@pytest.mark.slow
def test_a_run_refuses_precomputed_images_by_their_headers(tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs", 2, (72, 96))
    fused = tmp_path / "fused"
    fused.mkdir()
    (fused / "00000.png").write_bytes(encode_png(np.zeros((72, 96), np.uint8)))
    (fused / "00001.png").write_bytes(_png(16000, 16000))  # damaged, too: never looked at
    row = {"name": "mine", "type": "precomputed", "options": {"root": f"{fused}/{{stem}}.png"}}
    ended = ivif("run", write_config(tmp_path, methods=[row]))
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "1 unusable images: 00001 is 16000x16000, its sources are 96x72" in ended.stderr
    sizes = tmp_path / "runs" / "small" / "cache" / "sizes.jsonl"
    assert not sizes.exists() or json.loads(sizes.read_text())
