"""Images of other people's making: read as their format defines, with a note, or refused."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ivif_bench.data.headers import read_header
from ivif_bench.data.images import read_rgb
from ivif_bench.data.pictures import read_picture
from ivif_bench.errors import UserError

RGBA = np.random.default_rng(2).integers(0, 256, (12, 15, 4), dtype=np.uint8)
RGB, GRAY = RGBA[:, :, :3], RGBA[:, :, 0]


def tiff(pixels: np.ndarray, colours: int, extra: int | None = None) -> bytes:
    """A TIFF with the given colour model (tag 262) and kind of extra sample (tag 338)."""
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    data = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    end = 8 + len(data)
    bits = pixels.dtype.itemsize * 8
    tags = {
        256: (4, [pixels.shape[1]]),
        257: (4, [pixels.shape[0]]),
        258: (3, [bits] * samples),
        259: (3, [1]),
        262: (3, [colours]),
        273: (4, [8]),
        277: (3, [samples]),
        278: (4, [pixels.shape[0]]),
        279: (4, [pixels.nbytes]),
    }
    if extra is not None:
        tags[338] = (3, [extra])
    directory, values = struct.pack("<H", len(tags)), b""
    start = end + 2 + 12 * len(tags) + 4
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = b"".join(struct.pack("<H" if kind == 3 else "<I", number) for number in numbers)
        if len(packed) > 4:
            packed, values = struct.pack("<I", start + len(values)), values + packed
        directory += struct.pack("<HHI", tag, kind, len(numbers)) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", end) + data + directory + struct.pack("<I", 0) + values


def picture(tmp_path: Path, content: bytes, name: str = "a.tif"):
    path = tmp_path / name
    path.write_bytes(content)
    return read_picture(path)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize(("pixels", "kind"), [(GRAY, "gray"), (RGB, "RGB")])
def test_plain_files_are_read_as_they_are_without_a_note(tmp_path, form, pixels, kind):
    found = picture(tmp_path, saved(Image.fromarray(pixels), form))
    assert np.array_equal(found.pixels, pixels)
    assert (found.kind, found.notes) == (kind, ())


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("shape", [(64, 512), (32, 32, 3)])
def test_sixteen_bits_are_rounded_to_eight(tmp_path, name, shape):
    levels = np.linspace(0, 65535, int(np.prod(shape))).astype(np.uint16).reshape(shape)
    good, data = cv2.imencode(f".{name[2:]}", levels if levels.ndim == 2 else levels[:, :, ::-1])
    assert good
    found = picture(tmp_path, data.tobytes(), name)
    assert np.array_equal(found.pixels, np.rint(levels / 257).astype(np.uint8))
    assert found.notes == ("16-bit, read as round(v/257)",)


def test_sixteen_bit_files_that_hold_fewer_bits_are_refused(tmp_path):
    for top in (255, 16383):
        data = cv2.imencode(".png", np.full((4, 4), top, np.uint16))[1].tobytes()
        with pytest.raises(UserError, match=rf"end at {top}: .* the range is not ours to guess"):
            picture(tmp_path, data, "a.png")
    black = cv2.imencode(".png", np.zeros((4, 4), np.uint16))[1].tobytes()
    assert not picture(tmp_path, black, "a.png").pixels.any()  # black is black in any range


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_ignored_not_blended(tmp_path, mode):
    image = Image.fromarray(RGBA).convert(mode)
    found = picture(tmp_path, saved(image, "PNG"))
    expected = RGB if mode == "RGBA" else np.asarray(image)[:, :, :1].repeat(3, axis=2)
    assert np.array_equal(found.pixels, expected)
    assert found.notes == ("alpha channel ignored, although some pixels are transparent",)
    image.putalpha(255)
    assert picture(tmp_path, saved(image, "PNG")).notes == ("alpha channel ignored",)


def test_a_tiff_whose_colours_the_decoder_would_multiply_by_alpha_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"a\.tif: a TIFF with transparent pixels"):
        picture(tmp_path, tiff(RGBA, 2, extra=2))
    with pytest.raises(UserError, match="transparent pixels"):
        read_rgb(tmp_path / "a.tif")
    opaque = np.dstack([RGB, np.full(GRAY.shape, 255, np.uint8)])
    assert np.array_equal(picture(tmp_path, tiff(opaque, 2, extra=2)).pixels, RGB)
    assert np.array_equal(picture(tmp_path, tiff(RGBA, 2, extra=1)).pixels, RGB)


def test_palettes_and_few_bits_are_read_as_their_levels(tmp_path):
    indexed = Image.fromarray(RGB).quantize(8)
    found = picture(tmp_path, saved(indexed, "PNG"), "a.png")
    assert np.array_equal(found.pixels, np.asarray(indexed.convert("RGB")))
    assert found.notes == ("palette, read as its colours",)
    for form in ("PNG", "TIFF", "BMP"):
        found = picture(tmp_path, saved(Image.fromarray(GRAY).convert("1"), form))
        assert set(np.unique(found.pixels)) == {0, 255}
        assert found.notes == ("1-bit, read as 2 levels from 0 to 255",)
    two = picture(tmp_path, saved(Image.fromarray(GRAY & 3), "PNG", bits=2))
    assert np.array_equal(two.pixels, (GRAY & 3) * 85)
    assert two.notes == ("2-bit, read as 4 levels from 0 to 255",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (saved(Image.fromarray(RGBA, "CMYK"), "JPEG"), "the pixels are CMYK"),
        (saved(Image.fromarray(RGBA, "CMYK"), "TIFF"), "the pixels are CMYK"),
        (tiff(RGB, 8), "the pixels are Lab"),
        (tiff(GRAY.astype(np.uint16) * 257, 0), r"the pixels are inverted gray \(0 is white\)"),
        (saved(Image.fromarray(GRAY.astype(np.float32)), "TIFF"), "float32 pixels, whose range"),
        (
            saved(
                Image.fromarray(GRAY), "TIFF", save_all=True, append_images=[Image.fromarray(GRAY)]
            ),
            "several images",
        ),
        (b"", "not a readable image"),
        (b"II*\0\xff\xff\xff\xff", "not a readable image"),
        (b"\xff\xd8\xff\xd9", "not a readable image"),
    ],
)
def test_what_has_no_defined_meaning_in_eight_bits_is_refused_by_file(tmp_path, content, words):
    with pytest.raises(UserError, match=rf"a\.tif: .*{words}"):
        picture(tmp_path, content)


def test_an_inverted_eight_bit_tiff_is_turned_round_by_the_decoder(tmp_path):
    assert np.array_equal(picture(tmp_path, tiff(GRAY, 0)).pixels, 255 - GRAY)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP"])
def test_a_header_that_is_cut_off_anywhere_is_no_crash(form):
    whole = saved(Image.fromarray(RGB), form)
    for length in range(min(len(whole), 700)):
        read_header(whole[:length])
    read_header(b"\xff\xd8" + b"\xff" * 30)


def test_a_broken_file_prints_nothing_but_our_own_words(tmp_path, capfd):
    with pytest.raises(UserError):
        picture(tmp_path, saved(Image.fromarray(GRAY.astype(np.float32)), "TIFF")[:-20])
    assert capfd.readouterr() == ("", "")
