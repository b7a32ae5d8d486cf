"""Label images of a user's segmenter: what their values mean, and files that are refused by name."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from ivif_bench.data.images import encode_png
from ivif_bench.data.layouts.msrs import MSRS
from ivif_bench.errors import UserError
from ivif_bench.tasks.segmentation.folder import plain_protocol, score_labels
from ivif_bench.tasks.segmentation.given_labels import GivenLabels, label_reader

CLASSES = ("unlabelled", "car", "person")
IDS = np.array([[0, 1, 2, 2], [0, 0, 1, 255]], np.uint8)


@pytest.fixture
def read(tmp_path):
    def read(image=None, size=None, palette=(), name="a.png", data=None, **options):
        folder = tmp_path / "labels"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(encode_png(image) if data is None else data)
        given = GivenLabels(files=str(folder), **options)
        return label_reader(given, CLASSES, 255, palette).read("a", size)

    return read


def saved(picture, **options):
    import io

    sink = io.BytesIO()
    picture.save(sink, "PNG", **options)
    return sink.getvalue()


def test_values_are_the_ids_of_the_protocol_by_default(read):
    np.testing.assert_array_equal(read(IDS), IDS)


def test_names_in_another_order_and_several_values_of_a_class_are_mapped(read):
    other = np.array([[2, 1, 0, 0], [2, 2, 1, 255]], np.uint8)
    np.testing.assert_array_equal(read(other, classes=("person", "car", "unlabelled")), IDS)
    many = np.array([[7, 3, 11, 12], [7, 8, 4, 9]], np.uint8)
    mapping = {"car": [3, 4], "person": [11, 12], "unlabelled": 7}
    np.testing.assert_array_equal(read(many, classes=mapping, other="unlabelled", ignore=[9]), IDS)
    with pytest.raises(UserError, match=r"a\.png: value 8 belongs to no class; .*other"):
        read(many, classes=mapping, ignore=[9])


def test_colours_are_mapped_by_a_palette_or_by_what_the_user_says(read):
    colours = np.array(MSRS.palette[:3], np.uint8)
    picture = colours[np.minimum(IDS, 2)]
    expected = np.minimum(IDS, 2)
    np.testing.assert_array_equal(
        read(picture, classes="palette", palette=MSRS.palette[:3]), expected
    )
    said = {"unlabelled": "#000000", "car": "#400080", "person": "#404000"}
    np.testing.assert_array_equal(read(picture, classes=said), expected)
    with pytest.raises(UserError, match=r"a\.png: .*this is a colour image"):
        read(picture)
    with pytest.raises(UserError, match="no colours of its classes"):
        read(picture, classes="palette")


def test_files_with_a_palette_and_with_one_bit_give_their_indices(read):
    picture = Image.fromarray(np.minimum(IDS, 2), "P")
    picture.putpalette([200, 10, 10, 10, 200, 10, 10, 10, 200])
    np.testing.assert_array_equal(read(data=saved(picture)), np.minimum(IDS, 2))
    bits = Image.fromarray((IDS == 1).astype(np.uint8) * 255).convert("1")
    np.testing.assert_array_equal(read(data=saved(bits)), IDS == 1)


def test_another_size_is_refused_by_name_or_brought_to_the_truth(read):
    with pytest.raises(
        UserError, match=r"a\.png: 4x2 pixels, the truth of 'a' has 8x4; set resize"
    ):
        read(IDS, size=(4, 8))
    twice = read(IDS, size=(4, 8), resize=True)
    np.testing.assert_array_equal(twice, IDS.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": IDS + np.uint8(7) * (IDS == 2)}, r"a\.png: value 9 on 2 pixels; the classes"),
        ({"data": b""}, r"a\.png: not a readable image"),
        ({"data": encode_png(IDS)[:40]}, r"a\.png: .*damaged"),
        ({"image": IDS, "classes": ("bus",)}, "'bus' is no class of the protocol; it has unlab"),
        ({"image": IDS, "classes": {"car": 1, "person": 1}}, "1 belongs to 'car' and to 'person'"),
        ({"image": IDS, "classes": ("car",), "other": "sky"}, "'sky' is no class"),
    ],
)
def test_files_that_cannot_be_used_are_named_in_one_line(read, options, message):
    with pytest.raises(UserError, match=message) as caught:
        read(**options)
    assert "\n" not in str(caught.value)


def test_sixteen_bit_and_jpeg_labels_are_refused(read):
    good, data = cv2.imencode(".png", IDS.astype(np.uint16))
    assert good
    with pytest.raises(UserError, match=r"a\.png: uint16 pixels"):
        read(data=data.tobytes())
    good, data = cv2.imencode(".jpg", IDS)
    assert good
    with pytest.raises(UserError, match=r"a\.png: labels in a lossy"):
        read(data=data.tobytes())


def test_a_row_that_lacks_images_is_refused_or_judged_on_its_own(tmp_path):
    for folder, stems in (("truth", "abc"), ("all", "abc"), ("few", "ab"), ("none", "xy")):
        (tmp_path / folder).mkdir()
        for stem in stems:
            (tmp_path / folder / f"{stem}.png").write_bytes(encode_png(IDS))

    def scored(*names, **options):
        rows = {name: GivenLabels(files=str(tmp_path / name), **options) for name in names}
        truth = GivenLabels(files=str(tmp_path / "truth"))
        return score_labels(rows, truth, plain_protocol(CLASSES))

    with pytest.raises(UserError, match=r"few: no label images of 1 of 3 images \(c\)"):
        scored("few")
    with pytest.raises(UserError, match=r"none: no label image of a judged image"):
        scored("none", missing="allow")
    found = scored("all", "few", missing="allow")
    assert [found.abouts[name].missing for name in ("all", "few")] == [(), ("c",)]
    values = {(r.method, r.metric): r.value for r in found.records if not r.class_name}
    assert values["all", "mIoU3"] == values["few", "mIoU3"] == 1
    assert values["few", "n_images"] == 2
