"""Pictures of segmentations: kinds of errors, the image that is chosen, and files that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from nearest_grey import TEST
from synthetic_run import RunBuilder

from ivif_bench.data.images import read_labels, read_rgb
from ivif_bench.errors import UserError
from ivif_bench.reports import segmentation_pictures
from ivif_bench.reports.segmentation_pictures import ERRORS, error_map
from ivif_bench.reports.windows import differing_window
from ivif_bench.reports.write import Pictures, write_report

KINDS = ["right", "background", "missed", "wrong", "alarm", "ignored"]


def test_every_pixel_gets_its_kind_of_error():
    truth = np.array([[1, 1, 1, 0, 0, 255, 1]], np.uint8)
    found = np.array([[1, 2, 0, 0, 2, 1, 255]], np.uint8)
    kinds = error_map(truth, found, background=(0,), ignore_index=255)
    assert [KINDS[kind] for kind in kinds[0]] == [
        "right", "wrong", "missed", "background", "alarm", "ignored", "missed"
    ]  # fmt: skip
    without = error_map(truth, found, background=(), ignore_index=255)
    assert [KINDS[kind] for kind in without[0]] == [
        "right", "wrong", "wrong", "right", "wrong", "ignored", "missed"
    ]  # fmt: skip
    assert len(ERRORS) == len(KINDS)


def test_the_window_is_where_the_methods_variance_is_largest():
    generator = np.random.default_rng(1)
    wrong = generator.random((3, 31, 40)) < generator.random((1, 31, 40))
    rows, columns = differing_window(wrong)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (10, 13)
    sums = {
        (top, left): round(wrong[:, top : top + 10, left : left + 13].var(axis=0).sum(), 9)
        for top in range(22)
        for left in range(28)
    }
    assert (rows.start, columns.start) == max(sums, key=sums.get)
    assert differing_window(np.repeat(wrong[:1], 3, axis=0)) is None


@pytest.fixture
def run(world):
    """A run directory with the predictions of two methods, as the task leaves them."""
    builder = RunBuilder(world.root)
    (world.root / "checkpoints").mkdir()
    (world.root / "shared").symlink_to(world.root / "checkpoints")
    for unit in world.plan(world.section({"pseudo_labels": True})):
        rows = [
            (row.stem, row.class_name, row.metric, row.value, row.reason) for row in world.run(unit)
        ]
        about = unit.about.to_json()
        builder.unit("segmentation", unit.method, rows, about, key=unit.key, said=about)
    return builder.write()


@pytest.mark.slow
def test_a_report_has_the_image_where_methods_differ_most_as_png_and_pdf(run):
    written = {path.name for path in write_report(run, ["markdown"])}
    name, crop = sorted(
        (each for each in written if "-labels-" in each and each.endswith(".png")), key=len
    )
    assert crop == name.replace(".png", "-crop.png")
    assert name.replace(".png", ".pdf") in written
    image = read_rgb(run / "report" / name)
    colours = {tuple(colour) for colour in image.reshape(-1, 3)[::5].tolist()}
    assert {tuple(colour) for name, colour in ERRORS.items() if name != "ignored truth"} <= colours
    assert {(64, 0, 128), (64, 64, 0)} <= colours  # car and person, in MSRS's colours
    first = (run / "report" / name).read_bytes()
    write_report(run, ["markdown"])
    assert (run / "report" / name).read_bytes() == first


def test_the_classes_that_an_image_shows_are_those_of_its_truth(run):
    from ivif_bench.reports.frame import load_run

    ((_, judged),) = segmentation_pictures._tables(load_run(run))
    for mine in judged.values():
        shown = {
            stem: {name for name, stems in mine.shows.items() if stem in stems}
            for stem in mine.wrong
        }
        for stem, names in shown.items():
            labels = np.unique(read_labels(mine.folder / "truth" / f"{stem}.png")).tolist()
            assert names == {mine.classes[at] for at in labels if at != mine.ignore_index}


@pytest.mark.slow
def test_images_by_name_are_drawn_and_unknown_ones_refused(run):
    pictures = Pictures(stems=(TEST[1],))
    written = {path.name for path in write_report(run, ["markdown"], pictures=pictures)}
    assert any(name.endswith(f"-labels-{TEST[1]}.png") for name in written)
    assert not any(name.endswith(f"-labels-{TEST[0]}.png") for name in written)
    with pytest.raises(UserError, match=r"no table of the run has predictions of image nowhere"):
        write_report(run, ["markdown"], pictures=Pictures(stems=("nowhere",)))


def test_a_run_without_what_pictures_need_has_none_and_a_damaged_file_is_named(run):
    files = sorted((run / "checkpoints").glob("segmentation-*/pictures.json"))
    assert len(files) == 2
    files[0].write_text('{"classes": []}')
    with pytest.raises(UserError, match=r"pictures\.json: does not describe predictions"):
        write_report(run, ["markdown"])
    for file in files:
        file.unlink()
    assert not any("-labels-" in path.name for path in write_report(run, ["markdown"]))


def test_the_caption_says_that_labels_are_another_networks(run):
    from ivif_bench.reports.frame import load_run

    results = load_run(run)
    ((comparison, judged),) = segmentation_pictures._tables(results)
    figure = segmentation_pictures.picture(results, comparison, judged, TEST[0])
    assert "PSEUDO LABELS" in figure.get_suptitle()
