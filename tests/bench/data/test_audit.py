"""Audits: every defect of a broken copy is found in one go, and real samples pass."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from ivif_bench.data import known
from ivif_bench.data.audit import audit_dataset
from ivif_bench.data.base import open_dataset
from ivif_bench.data.known import Known
from ivif_bench.data.layouts.m3fd import M3FD
from ivif_bench.data.layouts.m3fd_tardal import order_error
from ivif_bench.data.prepare import prepare
from ivif_bench.data.splits import Split, canonical_hash
from ivif_bench.errors import UserError

TARDAL_ORDER = ["People", "Car", "Bus", "Lamp", "Motorcycle", "Truck"]


def image(path: Path, height: int = 24, width: int = 32, *, gray: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (height, width) if gray else (height, width, 3)
    cv2.imwrite(
        str(path),
        np.random.default_rng(list(path.name.encode())).integers(0, 256, shape, dtype=np.uint8),
    )


def xml(path: Path, *names: str, box: tuple[int, int, int, int] = (2, 3, 12, 13)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    inner = "".join(f"<{tag}>{value}</{tag}>" for tag, value in corners)
    objects = [f"<object><name>{n}</name><bndbox>{inner}</bndbox></object>" for n in names]
    path.write_text(f"<annotation>{''.join(objects)}</annotation>")


def m3fd_tree(root: Path, count: int) -> None:
    for number in range(count):
        image(root / "Ir" / f"{number:05d}.png", gray=True)
        image(root / "Vis" / f"{number:05d}.png")
        xml(root / "Annotation" / f"{number:05d}.xml", "Car", "Lamp")


def only(lines: tuple[str, ...], *parts: str) -> str:
    """The one line that holds all parts."""
    found = [line for line in lines if all(part in line for part in parts)]
    assert len(found) == 1, (parts, lines)
    return found[0]


def test_all_defects_of_a_broken_copy_are_collected(tmp_path: Path) -> None:
    m3fd_tree(tmp_path, 12)
    (tmp_path / "Ir" / "00000.png").unlink()
    (tmp_path / "Vis" / "00001.png").unlink()
    whole = (tmp_path / "Vis" / "00002.png").read_bytes()
    (tmp_path / "Vis" / "00002.png").write_bytes(whole[: len(whole) // 2])
    image(tmp_path / "Vis" / "00003.png", height=20)
    image(tmp_path / "Ir" / "00004.png", height=40, gray=True)
    image(tmp_path / "Vis" / "00004.png", height=40)
    (tmp_path / "Annotation" / "00005.xml").unlink()
    xml(tmp_path / "Annotation" / "00006.xml", "dog", "Car", "dog")
    xml(tmp_path / "Annotation" / "00007.xml")
    xml(tmp_path / "Annotation" / "00008.xml", "Car", box=(30, 3, 90, 13))
    (tmp_path / "Ir" / "00009.png").write_bytes(b"")
    xml(tmp_path / "Annotation" / "77777.xml", "Car")
    audit = audit_dataset(open_dataset("m3fd", tmp_path))
    only(audit.errors, "1 stems have no infrared image: 00000")
    only(audit.errors, "1 stems have no visible image: 00001")
    only(audit.errors, "00002.png", "truncated")
    only(audit.errors, "00003", "infrared is 32x24 and visible 32x20")
    only(audit.warnings, "1 pairs are not 32x24: 00004")
    only(audit.errors, "cannot read annotation", "00005.xml")
    only(audit.errors, "2 boxes of unknown class 'dog' in 00006", "ignore_classes: [dog]")
    only(audit.warnings, "1 images without boxes: 00007")
    only(audit.warnings, "beyond the image in 1 images: 00008")
    only(audit.errors, "00009.png")
    only(audit.warnings, "1 annotations or labels without images: Annotation/77777.xml")
    assert len(audit.errors) == 7
    assert audit.data["classes"] == {
        "People": 0,
        "Car": 8,
        "Bus": 0,
        "Motorcycle": 0,
        "Lamp": 6,
        "Truck": 0,
    }
    assert audit.data["pairs"] == 10
    assert audit.data["stems_sha256"] == canonical_hash(f"{n:05d}" for n in range(2, 12))
    assert json.loads(json.dumps(audit.data)) == audit.data


def test_ignored_classes_are_facts_not_errors(tmp_path: Path) -> None:
    m3fd_tree(tmp_path, 1)
    xml(tmp_path / "Annotation" / "00000.xml", "dog", "Car")
    audit = audit_dataset(open_dataset("m3fd", tmp_path, ignore_classes=["dog"]))
    assert audit.errors == ()
    only(audit.facts, "1 boxes of unknown class 'dog'", "ignored")


def test_difficult_objects_are_counted_and_said_to_be_scored_apart(tmp_path: Path) -> None:
    m3fd_tree(tmp_path, 2)
    assert not any(
        "difficult" in line for line in audit_dataset(open_dataset("m3fd", tmp_path)).facts
    )
    path = tmp_path / "Annotation" / "00000.xml"
    first = "<difficult>1</difficult><bndbox>"
    path.write_text(path.read_text().replace("<bndbox>", first, 1))
    audit = audit_dataset(open_dataset("m3fd", tmp_path))
    assert audit.errors == audit.warnings == ()
    only(audit.facts, "4 boxes in 2 images", "Car 2", "Lamp 2")
    only(audit.facts, "of these, 1 are difficult", "neither required nor wrong", "(Car 1)")
    assert audit.data["difficult_boxes"] == {"Car": 1}
    assert audit.data["crowd_boxes"] == {}


def test_crowd_regions_are_counted_and_said_to_be_scored_apart(tmp_path: Path) -> None:
    for side in ("ir", "vi"):
        image(tmp_path / "test" / side / "190001.png", gray=side == "ir")
    content = {
        "images": [{"id": 1, "file_name": "190001.png"}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [2, 3, 9, 9], "iscrowd": crowd}
            for crowd in (0, 1, 1)
        ],
    }
    (tmp_path / "test" / "instances.json").write_text(json.dumps(content))
    audit = audit_dataset(open_dataset("llvip", tmp_path))
    only(audit.facts, "3 boxes in 1 images: person 3")
    only(audit.facts, "of these, 2 are crowd regions", "(person 2)")
    assert audit.data["crowd_boxes"] == {"person": 2}


def test_a_stem_with_two_extensions_is_an_error_not_a_crash(tmp_path: Path) -> None:
    m3fd_tree(tmp_path, 2)
    image(tmp_path / "Vis" / "00001.bmp")
    audit = audit_dataset(open_dataset("m3fd", tmp_path))
    only(audit.errors, "'00001' occurs twice")


def msrs_tree(root: Path, train: list[str], test: list[str]) -> None:
    for part, stems in (("train", train), ("test", test)):
        for stem in stems:
            image(root / part / "ir" / f"{stem}.png", gray=True)
            image(root / part / "vi" / f"{stem}.png")
            path = root / part / "Segmentation_labels" / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            labels = np.zeros((24, 32), np.uint8)
            labels[:6] = 1
            cv2.imwrite(str(path), labels)


def test_label_defects_and_pixel_shares(tmp_path: Path) -> None:
    msrs_tree(tmp_path, ["00001D", "00002D"], ["00009N", "00010N"])
    masks = tmp_path / "test" / "Segmentation_labels"
    cv2.imwrite(str(masks / "00009N.png"), np.zeros((24, 32), np.uint8))
    odd = np.zeros((20, 32), np.uint8)
    odd[0, 0], odd[0, 1] = 200, 255
    cv2.imwrite(str(masks / "00010N.png"), odd)
    (tmp_path / "train" / "Segmentation_labels" / "00001D.png").unlink()
    audit = audit_dataset(open_dataset("msrs", tmp_path))
    only(audit.errors, "label value 200 is not a class id (0..8) in 00010N")
    only(audit.errors, "00010N.png", "labels are 32x20, the images 32x24")
    only(audit.errors, "00001D.png", "cannot read image")
    only(audit.warnings, "1 label images are all 'unlabelled': 00009N")
    assert len(audit.errors) == 3
    assert audit.data["label_pixels"]["car"] == 6 * 32
    assert audit.data["ignored_pixels"] == 1
    assert audit.data["tags"] == {"day": 2, "night": 2}


def test_masks_of_0_and_255_and_classes_without_pixels_are_warned_of(tmp_path: Path) -> None:
    msrs_tree(tmp_path, [], ["00009N", "00010N", "00011N"])
    masks = tmp_path / "test" / "Segmentation_labels"
    for stem, marked in (("00009N", 6), ("00010N", 24)):
        labels = np.zeros((24, 32), np.uint8)
        labels[:marked] = 255
        cv2.imwrite(str(masks / f"{stem}.png"), labels)
    audit = audit_dataset(open_dataset("msrs", tmp_path))
    assert audit.errors == ()
    only(audit.warnings, "2 of 3 label images", "0/255 mask", "00009N, 00010N", "class id")
    line = only(audit.warnings, "no pixel of", "'person', 'bike'", "of 3 label images")
    assert "'car'" not in line
    # 6 + 24 of 3 * 24 rows.
    only(audit.facts, "unlabelled 50.000%", "car 8.333%", "ignored (255) 41.667%")
    assert audit.data["labels_of_0_and_255"] == ["00009N", "00010N"]
    assert audit.data["classes_without_pixels"][:2] == ["person", "bike"]


def test_real_labels_that_use_255_among_others_are_no_0_255_masks(tmp_path: Path) -> None:
    msrs_tree(tmp_path, [], ["00009N"])
    path = tmp_path / "test" / "Segmentation_labels" / "00009N.png"
    labels = np.arange(24 * 32, dtype=np.int64).reshape(24, 32) % 9
    labels[0] = 255
    cv2.imwrite(str(path), labels.astype(np.uint8))
    assert audit_dataset(open_dataset("msrs", tmp_path)).warnings == ()


def test_pairs_that_are_one_image_twice_are_an_error(tmp_path: Path) -> None:
    m3fd_tree(tmp_path, 4)
    shutil.copy(tmp_path / "Vis" / "00001.png", tmp_path / "Ir" / "00001.png")
    pixels = cv2.imread(str(tmp_path / "Vis" / "00002.png"))
    (tmp_path / "Vis" / "00002.png").unlink()
    cv2.imwrite(str(tmp_path / "Vis" / "00002.tif"), pixels)
    cv2.imwrite(str(tmp_path / "Ir" / "00002.png"), pixels)
    audit = audit_dataset(open_dataset("m3fd", tmp_path))
    assert len(audit.errors) == 1
    only(audit.errors, "same image in 2 of 4 pairs: 00001, 00002", "give each side a folder")
    assert "colours" not in audit.errors[0]
    assert audit.data["equal_sides"] == ["00001", "00002"]
    with pytest.raises(UserError, match="same image in 2 of 4 pairs"):
        prepare(
            open_dataset("m3fd", tmp_path),
            Split("all", {"test": tuple(f"{n:05d}" for n in range(4))}),
            tmp_path / "out",
        )


def test_a_file_with_a_fourth_channel_on_both_sides_is_told_as_such(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (24, 32, 4), dtype=np.uint8)
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "00001D.png"), pixels)
    audit = audit_dataset(open_dataset("folder", tmp_path, infrared="images", visible="images"))
    only(audit.errors, "1 of 1 pairs", "00001D", "colours and infrared into two folders")


def test_black_frames_on_both_sides_are_not_one_image(tmp_path: Path) -> None:
    m3fd_tree(tmp_path, 1)
    for side, shape in (("Ir", (24, 32)), ("Vis", (24, 32, 3))):
        cv2.imwrite(str(tmp_path / side / "00000.png"), np.zeros(shape, np.uint8))
    assert audit_dataset(open_dataset("m3fd", tmp_path)).errors == ()


def test_the_split_in_use_is_audited_and_defaults_to_the_official(tmp_path: Path) -> None:
    msrs_tree(tmp_path, ["00001D", "00002D"], ["00003N", "00010N"])
    dataset = open_dataset("msrs", tmp_path)
    audit = audit_dataset(dataset)
    assert audit.data["split"]["name"] == "official"
    assert audit.data["split"]["neighbour_leak"] == 0.5
    only(audit.facts, "neighbour leak: 50.0%")
    only(audit.warnings, "near-copies", "50.0%")
    mixed = Split("mixed", {"train": ("00001D", "00003N"), "test": ("00003N", "00099N")})
    audit = audit_dataset(dataset, mixed)
    only(audit.errors, "'mixed': test and train share 1 stems (00003N)")
    only(audit.errors, "'mixed': 1 test stems have no pair: 00099N")
    assert audit.data["split"]["sha256"] == mixed.sha256
    assert audit.data["split"]["parts"]["test"]["sha256"] == canonical_hash(mixed.test)


def test_a_broken_official_list_does_not_stop_the_audit(tmp_path: Path) -> None:
    m3fd_tree(tmp_path, 2)
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "test.txt").write_text("00001\n00001\n")
    audit = audit_dataset(open_dataset("m3fd", tmp_path))
    only(audit.errors, "names stems twice: 00001")
    assert audit.data["pairs"] == 2


@pytest.mark.parametrize("lamps", [3, 4])
def test_totals_are_compared_for_the_full_set_only(
    lamps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    m3fd_tree(tmp_path, 3)
    dataset = open_dataset("m3fd", tmp_path)
    partial = audit_dataset(dataset)
    only(partial.facts, "3 of 4200 pairs of the full set")
    assert partial.warnings == ()
    full = Known(images=3, classes={"Car": 3, "Lamp": lamps}, sizes={"32x24": 3})
    monkeypatch.setattr(M3FD, "known", full)
    audit = audit_dataset(dataset)
    only(audit.facts, "sizes are those of the published set")
    if lamps == 3:
        only(audit.facts, "class totals are those of the published set")
    else:
        only(audit.warnings, "Lamp 3 instead of 4")


def test_images_that_are_equal_under_different_names_are_named(tmp_path: Path) -> None:
    m3fd_tree(tmp_path, 4)
    folder = tmp_path / "Vis"
    (folder / "00003.png").write_bytes((folder / "00001.png").read_bytes())
    audit = audit_dataset(open_dataset("m3fd", tmp_path))
    only(audit.warnings, "visible images that are equal", "00001 = 00003", "training image")
    assert audit.data["equal_visible"] == [["00001", "00003"]]
    assert audit.data["equal_infrared"] == []


def test_published_totals_add_up() -> None:
    assert sum(known.M3FD.classes.values()) == 34407
    assert sum(known.M3FD.sizes.values()) == known.M3FD.images == 4200
    assert sum(known.MSRS.parts.values()) == known.MSRS.images
    assert sum(known.LLVIP.parts.values()) == known.LLVIP.images


@pytest.mark.golden
def test_published_totals_equal_the_sum_of_the_published_parts(shared: Path) -> None:
    stats = json.loads((shared / "data" / "M3FD_meta" / "label_stats.json").read_text())
    total: Counter[str] = Counter()
    for part in stats.values():
        total.update(part["per_class"])
    assert dict(total) == dict(known.M3FD.classes)


def test_swapped_lamps_and_motorcycles_are_told_by_their_totals() -> None:
    readme = ["People", "Car", "Bus", "Motorcycle", "Lamp", "Truck"]
    assert order_error(known.M3FD.classes, readme) is None
    # TarDAL's files read in the readme's order: number 3 is really Lamp.
    swapped = {**known.M3FD.classes, "Motorcycle": 2405, "Lamp": 521}
    message = order_error(swapped, readme)
    assert message is not None
    assert str(TARDAL_ORDER) in message
    # Totals that fit no order at all are a matter of other warnings.
    assert order_error({**swapped, "Bus": 1}, readme) is None


@pytest.mark.slow
@pytest.mark.golden
@pytest.mark.parametrize(
    ("layout", "inside", "options", "facts"),
    [
        ("m3fd", "M3FD_Detection", {}, {"pairs": 12, "boxes": 169}),
        ("m3fd-tardal", "M3FD_Detection", {"class_order": TARDAL_ORDER}, {"boxes": 169}),
        ("msrs", "MSRS", {}, {"pairs": 71, "wrong_label_values": []}),
        ("msrs-detection", "MSRS", {}, {"classes": {"person": 34, "car": 8}}),
        ("tno", "TNO42", {}, {"pairs": 16}),
        ("roadscene", "RoadScene", {}, {"infrared_channels": {"gray": 180}, "odd_sizes": []}),
        ("llvip", "LLVIP", {}, {"pairs": 38, "boxes": 16, "sizes": {"1280x1024": 38}}),
    ],
)
def test_real_samples_have_no_errors(
    shared: Path, layout: str, inside: str, options: dict[str, Any], facts: dict[str, Any]
) -> None:
    audit = audit_dataset(open_dataset(layout, shared / "data" / inside, **options))
    assert audit.errors == ()
    assert {key: audit.data[key] for key in facts} == facts
