"""What a file holds beside its pixels is noted; the pixels are read as they are stored."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ivif_bench.data.extras import notes_on_extras
from ivif_bench.data.pictures import read_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)


def saved(kind: str, **options: object) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(PIXELS).save(sink, kind, **options)
    return sink.getvalue()


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def mpo() -> bytes:
    other = Image.fromarray(255 - PIXELS)
    return saved("MPO", save_all=True, append_images=[other])


def apng() -> bytes:
    return saved("PNG", save_all=True, append_images=[Image.fromarray(255 - PIXELS)])


@pytest.mark.parametrize(
    ("name", "data", "notes"),
    [
        ("a.png", saved("PNG"), []),
        ("a.jpg", saved("JPEG", quality=95), []),
        ("a.jpg", saved("JPEG", exif=turned(1)), []),
        ("a.jpg", saved("JPEG", exif=turned(6)), ["EXIF orientation 6 not applied, pixels as stored"]),
        ("a.png", saved("PNG", exif=turned(3)), ["EXIF orientation 3 not applied, pixels as stored"]),
        ("a.jpg", mpo(), ["several pictures in one JPEG (MPO), the first is read"]),
        ("a.png", apng(), ["animated PNG of 2 frames, the first image is read"]),
    ],
)  # fmt: skip
def test_extras_are_noted_and_the_first_picture_is_read_as_stored(
    tmp_path: Path, name, data, notes
):
    path = tmp_path / name
    path.write_bytes(data)
    picture = read_picture(path)
    assert list(picture.notes) == notes
    assert picture.pixels.shape == PIXELS.shape
    assert np.abs(picture.pixels.astype(int) - PIXELS).mean() < (1e-9 if name == "a.png" else 40)


@given(st.sampled_from([apng(), mpo(), saved("JPEG", exif=turned(6))]), st.data())
def test_a_broken_file_has_no_notes_or_some_but_never_an_error(data, draw):
    at = draw.draw(st.integers(0, len(data) - 1))
    broken = bytearray(data[: draw.draw(st.integers(0, len(data)))])
    if at < len(broken):
        broken[at] ^= draw.draw(st.integers(1, 255))
    assert isinstance(notes_on_extras(bytes(broken)), list)
