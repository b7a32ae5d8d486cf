"""Images: what is read is what is in the file, or an error; what is written is reproducible."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ivif_bench.data import images
from ivif_bench.data.chroma import to_rgb
from ivif_bench.errors import UserError

PICTURE = np.random.default_rng(1).integers(0, 256, (13, 17, 3), dtype=np.uint8)


def saved(path: Path, pixels: np.ndarray, mode: str | None = None, **options: object) -> Path:
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def test_rgb_keeps_channel_order_and_drops_alpha(tmp_path: Path) -> None:
    assert np.array_equal(images.read_rgb(saved(tmp_path / "a.png", PICTURE)), PICTURE)
    alpha = saved(tmp_path / "b.png", PICTURE, "RGBA")
    assert np.array_equal(images.read_rgb(alpha), PICTURE)
    gray = images.read_rgb(saved(tmp_path / "c.png", PICTURE[:, :, 0]))
    assert np.array_equal(gray, np.repeat(PICTURE[:, :, :1], 3, axis=2))


def test_gray_files_are_read_unchanged_and_colour_as_rounded_luma(tmp_path: Path) -> None:
    gray = PICTURE[:, :, 1]
    assert np.array_equal(images.read_gray(saved(tmp_path / "a.png", gray)), gray)
    equal = np.repeat(gray[:, :, None], 3, axis=2)
    assert np.array_equal(images.read_gray(saved(tmp_path / "b.png", equal)), gray)
    found = images.read_gray(saved(tmp_path / "c.png", PICTURE))
    red, green, blue = (PICTURE[:, :, channel].astype(int) for channel in range(3))
    thousandths = 299 * red + 587 * green + 114 * blue  # exact in integers
    assert np.abs(1000 * found.astype(int) - thousandths).max() <= 500


def test_gray_of_a_colour_jpeg_is_luma_of_its_decoded_colours(tmp_path: Path) -> None:
    smooth = cv2.resize(PICTURE, (96, 96), interpolation=cv2.INTER_LINEAR)
    path = saved(tmp_path / "a.jpg", smooth, quality=60, subsampling=2)
    assert np.array_equal(images.read_gray(path), images.luma(images.read_rgb(path)))
    decoder = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(int)
    assert np.abs(decoder - images.read_gray(path)).max() > 1  # the trap this rule avoids


def test_luma_of_gray_is_gray_for_every_level() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(images.luma(np.repeat(levels[:, :, None], 3, axis=2)), levels)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_truncated_files_are_errors_not_gray_fill(
    suffix: str, share: float, tmp_path: Path
) -> None:
    path = saved(tmp_path / f"a{suffix}", np.tile(PICTURE, (20, 20, 1)))
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    for read in (images.read_rgb, images.read_gray, images.read_labels, images.size_of):
        with pytest.raises(UserError, match=str(path)):
            read(path)


def test_16_bit_images_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.full((4, 4), 1000, np.uint16))
    with pytest.raises(UserError, match="uint16 pixels; convert to 8 bit"):
        images.read_gray(path)


def test_missing_files_and_texts_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read image .*a\.png: No such file"):
        images.read_rgb(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("not an image")
    with pytest.raises(UserError, match=r"b\.png: not a readable image"):
        images.read_rgb(tmp_path / "b.png")


def test_labels_keep_ids_and_refuse_colour_pictures(tmp_path: Path) -> None:
    ids = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert np.array_equal(images.read_labels(saved(tmp_path / "a.png", ids)), ids)
    three = np.repeat(ids[:, :, None], 3, axis=2)
    assert np.array_equal(images.read_labels(saved(tmp_path / "b.png", three)), ids)
    with pytest.raises(UserError, match="colour image"):
        images.read_labels(saved(tmp_path / "c.png", PICTURE))


def packed_png(ids: np.ndarray, bits: int, palette: bytes | None = None) -> bytes:
    """A PNG of one channel, or with a palette, written here bit by bit."""
    rows = b""
    for row in ids:
        text = "".join(f"{value:0{bits}b}" for value in row)
        text += "0" * (-len(text) % 8)
        rows += b"\0" + bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    kind = 0 if palette is None else 3
    size = struct.pack(">IIBBBBB", ids.shape[1], ids.shape[0], bits, kind, 0, 0, 0)
    parts = chunk(b"IHDR", size) + (b"" if palette is None else chunk(b"PLTE", palette))
    return b"\x89PNG\r\n\x1a\n" + parts + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("palette", [False, True])
def test_labels_of_any_depth_are_the_numbers_stored(
    bits: int, palette: bool, tmp_path: Path
) -> None:
    ids = np.random.default_rng(bits).integers(0, 2**bits, (5, 7)).astype(np.uint8)
    colours = np.random.default_rng(9).integers(0, 256, 3 * 2**bits, dtype=np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(packed_png(ids, bits, colours.tobytes() if palette else None))
    assert np.array_equal(images.read_labels(path), ids)


def test_labels_of_one_bit_in_a_bmp_or_tiff_are_0_and_1(tmp_path: Path) -> None:
    ids = np.random.default_rng(2).integers(0, 2, (5, 17)).astype(bool)
    for suffix in ("bmp", "tif"):
        assert np.array_equal(images.read_labels(saved(tmp_path / f"a.{suffix}", ids)), ids)


def test_labels_whose_palette_is_gray_are_refused_unless_index_and_level_agree(
    tmp_path: Path,
) -> None:
    ids = np.array([[0, 1], [1, 2]], np.uint8)
    path = tmp_path / "a.png"
    for levels, index_means_the_same in (
        ((0, 1, 2), True),  # what most writers give gray images that they store with a palette
        ((0, 5, 8), False),  # ids 0, 5 and 8, or 0, 1 and 2?
        ((0, 127, 255), False),
    ):
        path.write_bytes(packed_png(ids, 2, bytes(np.repeat(np.array(levels, np.uint8), 3))))
        if index_means_the_same:
            assert np.array_equal(images.read_labels(path), ids)
        else:
            with pytest.raises(UserError, match="a palette of grays"):
                images.read_labels(path)
    path.write_bytes(packed_png(ids // 2, 1, bytes([0, 0, 0, 255, 255, 255])))
    assert np.array_equal(images.read_labels(path), ids // 2)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif"])
def test_labels_in_a_lossy_format_are_refused_whatever_the_file_is_called(
    suffix: str, tmp_path: Path
) -> None:
    ids = np.zeros((16, 16), np.uint8)
    options = {"compression": "jpeg"} if suffix == "tif" else {}
    path = saved(tmp_path / f"a.{suffix}", ids, **options).rename(tmp_path / "a.png")
    with pytest.raises(UserError, match=r"a\.png: labels in a lossy or unknown format.*as PNG"):
        images.read_labels(path)


def test_labels_with_a_palette_are_refused_when_cut_off_or_damaged(tmp_path: Path) -> None:
    whole = packed_png(np.random.default_rng(0).integers(0, 4, (40, 40)), 2, bytes(range(12)))
    path = tmp_path / "a.png"
    for data in (whole[: len(whole) // 2], whole[: len(whole) // 2] + whole[-40:]):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"a\.png"):
            images.read_labels(path)


@settings(max_examples=25, deadline=None)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)))
    | arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))
)
def test_a_png_decodes_to_what_was_encoded(pixels: np.ndarray) -> None:
    for provenance in (None, {"key": "k"}):
        data = images.encode_png(pixels, provenance)
        assert np.array_equal(np.array(Image.open(io.BytesIO(data))), pixels)


def test_provenance_comes_back_and_other_readers_see_a_text_chunk(tmp_path: Path) -> None:
    told = {"method": "DDFM \u2013 lite", "seed": 3, "nested": {"b": [1, 2], "a": None}}
    path = tmp_path / "a.png"
    path.write_bytes(images.encode_png(PICTURE, told))
    assert images.png_provenance(path) == told
    with Image.open(path) as other:
        other.load()
        assert "DDFM" in other.info["ivif-bench"]
    assert np.array_equal(images.read_rgb(path), PICTURE)
    data, at = path.read_bytes(), 8
    while at < len(data):  # every chunk has a correct checksum
        (length,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(body)
        at += 12 + length


def test_equal_images_with_equal_provenance_are_equal_bytes() -> None:
    first = images.encode_png(PICTURE, {"a": 1, "b": 2})
    assert first == images.encode_png(PICTURE.copy(), {"b": 2, "a": 1})
    assert first == images.encode_png(np.asfortranarray(PICTURE), {"a": 1, "b": 2})
    assert first != images.encode_png(PICTURE, {"a": 1, "b": 3})


def test_files_of_others_have_no_provenance(tmp_path: Path) -> None:
    assert images.png_provenance(tmp_path / "absent.png") is None
    assert images.png_provenance(saved(tmp_path / "a.png", PICTURE)) is None
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    assert images.png_provenance(tmp_path / "b.png") is None


def test_folders_list_images_by_stem_and_skip_the_rest(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "notes.txt", "._a.png"):
        (tmp_path / name).write_bytes(b"")
    found = images.images_in(tmp_path)
    assert list(found.items()) == [("a", tmp_path / "a.JPG"), ("b", tmp_path / "b.png")]
    assert images.find_image(tmp_path, "a") == tmp_path / "a.JPG"
    assert images.find_image(tmp_path, "c") is None
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"'a' occurs twice: a\.JPG and a\.png"):
        images.images_in(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        images.images_in(tmp_path / "absent")


def test_chroma_none_makes_everything_gray_and_visible_leaves_colour_alone() -> None:
    gray = PICTURE[:, :, 0]
    assert np.array_equal(to_rgb(gray, PICTURE, "none"), np.repeat(gray[:, :, None], 3, axis=2))
    fused = PICTURE[::-1].copy()
    assert np.array_equal(to_rgb(fused, PICTURE, "visible"), fused)
    without = to_rgb(fused, PICTURE, "none")
    expected = fused.astype(float) @ (0.299, 0.587, 0.114)
    assert np.abs(without - expected[:, :, None]).max() <= 0.5 + 1e-9  # rounded luma, three times


def test_chroma_visible_keeps_the_visible_chroma_behind_the_fused_luma() -> None:
    # Mild colours, so that nothing is clipped and full-range BT.601 holds up to rounding.
    visible = (112 + PICTURE // 8).astype(np.uint8)
    fused = (100 + PICTURE[:, :, 0] // 8).astype(np.uint8)
    red, green, blue = np.moveaxis(visible.astype(float), 2, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    cb, cr = (blue - luma) / 1.772, (red - luma) / 1.402
    expected = np.stack(
        [
            fused + 1.402 * cr,
            fused - (0.114 * 1.772 * cb + 0.299 * 1.402 * cr) / 0.587,
            fused + 1.772 * cb,
        ],
        axis=2,
    )
    assert np.abs(to_rgb(fused, visible, "visible") - expected).max() < 2.0


def test_gray_visible_adds_no_colour() -> None:
    gray = np.repeat(PICTURE[:, :, :1], 3, axis=2)
    fused = PICTURE[:, :, 1]
    assert np.array_equal(to_rgb(fused, gray, "visible"), np.repeat(fused[:, :, None], 3, axis=2))
