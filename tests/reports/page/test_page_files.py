"""The files of a page: numbers, safe text, previews that are made once, libraries as recorded."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_runs import METRICS, ODD, page_run
from synthetic_run import PROTOCOL_HASH

from ivif_bench.data.demo.scene import SEGMENTATION_CLASSES
from ivif_bench.data.images import read_labels
from ivif_bench.detections.stored import read_stored
from ivif_bench.errors import UserError
from ivif_bench.reports.comparison import comparisons
from ivif_bench.reports.detection_pictures import best_confidence, shown_on
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.page import shell
from ivif_bench.reports.page.chunks import Folder, chunk
from ivif_bench.reports.page.write import write_page
from ivif_bench.reports.provenance import page_is_old
from ivif_bench.reports.write import write_report


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four drawn scenes with its page."""
    run = page_run(tmp_path_factory.mktemp("files") / "run", 4)
    write_page(run, images=2)
    return run


def data(run: Path, name: str) -> Any:
    """What a data file hands to the page."""
    text = (run / "report" / "page" / "data" / f"{name}.js").read_text()
    return json.loads(re.fullmatch(r'IVIF\.put\("[^"]+",(.*)\);\n', text, re.DOTALL).group(1))


def test_no_text_can_end_a_script_or_begin_a_tag() -> None:
    text = chunk("a", {"name": "</script><img onerror=x>\u2028&amp;"})
    assert not set(text) & set("<>&\u2028")
    assert text.isascii()
    assert json.loads(text[len('IVIF.put("a",') : -3]) == {
        "name": "</script><img onerror=x>\u2028&amp;"
    }


def test_numbers_of_single_images_are_those_of_the_records(run: Path) -> None:
    (quality,) = [each for each in data(run, "run")["questions"] if each["task"] == "quality"]
    (comparison,) = [each for each in comparisons(load_run(run)) if each.task == "quality"]
    stems = data(run, "images/d0/stems")["stems"]
    keys = [column["key"] for column in quality["columns"]]
    assert keys == list(METRICS)
    for at, method in enumerate(ODD):
        found = data(run, f"scores/{quality['id']}/m{at}")["columns"]
        scores = comparison.of(method)[0].scores.images(keys)
        for line, key in enumerate(keys):
            expected = dict(zip(scores.stems, scores.values[:, line].tolist(), strict=True))
            for stem, value in zip(stems, found[line], strict=True):
                if value is None:
                    assert (method, key, stem) == ("average", "Qabf", "00001")
                else:
                    assert value == pytest.approx(expected[stem], rel=1e-6)


@pytest.mark.parametrize("asked", [None, 0.6])
def test_boxes_give_the_counts_that_pictures_print(run: Path, asked: float | None) -> None:
    """Counted from the page's files as its script counts, against ``shown_on``."""
    (question,) = [each for each in data(run, "run")["questions"] if each["task"] == "detection"]
    about = question["boxes"]
    units = {unit.method: unit.key for unit in load_run(run).planned if unit.task == "detection"}
    truth = data(run, f"boxes/{question['id']}/truth-0")
    for at, method in enumerate(ODD):
        stored = read_stored(run / "checkpoints" / f"detections-{units[method]}.json").boxes
        mine = data(run, f"boxes/{question['id']}/m{at}-0")
        level = about["levels"][f"m{at}"] if asked is None else asked
        assert asked is not None or level == pytest.approx(best_confidence(stored))
        ends = np.cumsum([0, *mine["counts"]])
        for image, stem in enumerate(data(run, "images/d0/stems")["stems"]):
            part = slice(ends[image], ends[image + 1])
            kept = np.array(mine["score"][part]) >= level
            outcome, partner = (np.array(mine[name][part]) for name in ("outcome", "partner"))
            hits = len(set(partner[kept & (outcome == 1)].tolist()))
            wrong = int((kept & (outcome == 0)).sum())
            missed = truth["counts"][image] - hits
            seen = shown_on(stored, stem, level)
            assert f"{hits} found, {missed} missed, {wrong} wrong" == seen.counts


def test_objects_are_those_of_all_methods_where_the_first_lacks_an_image(tmp_path: Path) -> None:
    run = page_run(tmp_path / "run", 4, {"visible": "Visible", "average": "Average"}, masks=False)
    write_page(run, images=0)
    whole = {name: data(run, f"boxes/c1/{name}-0") for name in ("truth", "m0", "m1")}
    (unit,) = [
        each.key
        for each in load_run(run).planned
        if (each.task, each.method) == ("detection", "visible")
    ]
    path = run / "checkpoints" / f"detections-{unit}.json"
    content = json.loads(path.read_text())
    (gone,) = [e["id"] for e in content["truth"]["images"] if e["file_name"] == "00001.png"]
    content["truth"]["images"] = [e for e in content["truth"]["images"] if e["id"] != gone]
    for part in (content["truth"]["annotations"], content["detections"]):
        part[:] = [each for each in part if each["image_id"] != gone]
    path.write_text(json.dumps(content))
    write_page(run, images=0)
    assert data(run, "boxes/c1/truth-0") == whole["truth"]
    assert data(run, "boxes/c1/m1-0") == whole["m1"]
    mine = data(run, "boxes/c1/m0-0")
    counts, ends = whole["m0"]["counts"], np.cumsum([0, *whole["m0"]["counts"]])
    assert mine["counts"] == [counts[0], None, *counts[2:]]
    partner = whole["m0"]["partner"]
    assert mine["partner"] == partner[: ends[1]] + partner[ends[2] :]


def test_each_table_knows_its_dataset_and_its_protocol(tmp_path: Path, new_run) -> None:
    """Also where the name of one dataset begins another's, and a network's weights have a hash, too."""
    builder = new_run(tmp_path / "run", titles={name: name for name in "vabcd"}, sources=("v",))
    datasets = ("m3fd", "m3fd-night")
    stems = [f"{at}" for at in range(12)]
    for dataset in datasets:
        for at, name in enumerate("vabcd"):
            values = {stem: float(at + int(stem) % 3) for stem in stems}
            builder.quality(name, {"EN": values}, dataset=dataset)
    for at, name in enumerate("vabcd"):
        about = {"network": "yolov5n, weights sha256 0badc0de"}
        builder.detection(name, {"Car": 0.5 + at / 20}, about=about)
    write_page(run := builder.write(), images=0)
    about = data(run, "run")
    names = {each["id"]: each["name"] for each in about["datasets"]}
    found = {each["name"]: names[each["dataset"]] for each in about["tables"]}
    assert {*found.values()} == {*datasets}
    for name, dataset in found.items():
        if not name.startswith("detection-"):
            assert ("m3fd-night" in name) == (dataset == "m3fd-night"), name
    assert len([name for name in found if name.startswith("statistics-")]) >= 4
    assert {names[each["dataset"]] for each in data(run, "plots")["against"]} == {"m3fd"}
    (at,) = [each["id"] for each in about["tables"] if each["name"] == "detection-m3fd"]
    table = data(run, f"tables/{at}")
    assert any("sha256 0badc0de" in line for line in table["footer"])
    assert table["protocol_sha256"] == PROTOCOL_HASH


@pytest.mark.parametrize(
    ("line", "warned"),
    [
        ("", False),
        ("none, since nothing is trained on images of this dataset", False),
        (
            "0.0% of the test images have the next or previous number in train, 0.0% one within 25",
            False,
        ),
        (
            "0.0% of the test images have the next or previous number in train, 1.5% one within 25",
            True,
        ),
        ("unknown, since the weights were trained elsewhere", True),
    ],
)
def test_a_leak_is_a_warning_only_where_there_may_be_one(
    tmp_path: Path, new_run, line: str, warned: bool
) -> None:
    builder = new_run(tmp_path / "run")
    builder.detection("average", {"Car": 0.5}, about={"leak": line})
    write_page(run := builder.write(), images=0)
    found = [each for each in data(run, "run")["warnings"] if each["kind"] == "leak"]
    assert [(each["text"], each["tables"]) for each in found] == (
        [(f"Leak between train and test: {line}", ["detection-m3fd"])] if warned else []
    )


def test_previews_are_made_once_and_only_for_the_images_asked_for(tmp_path: Path) -> None:
    run = page_run(tmp_path / "run", 3, {"visible": "Visible", "average": "Average"}, masks=False)
    assert write_page(run, images=1).made == 2
    again = write_page(run, images=2)
    assert (again.made, again.previews) == (2, 4)
    assert len(list((run / "report" / "page").rglob("*.webp"))) == 4
    image = run / "fused" / "m3fd" / "average" / "00000.png"
    image.write_bytes((run / "fused" / "m3fd" / "visible" / "00001.png").read_bytes())
    assert write_page(run, images=10).made == 2 + 1
    assert write_page(run, images=0).previews == 0
    assert not list((run / "report" / "page").rglob("*.webp"))


def test_a_page_without_images_still_says_where_the_originals_are(tmp_path: Path) -> None:
    run = page_run(tmp_path / "run", 2, {"average": "Average"}, boxes=False, masks=False)
    write_page(run, images=0)
    place = data(run, "images/d0/m0")
    assert place["previews"] == {}
    path = (run / "report" / "page" / place["original"].replace("{stem}", "00001")).resolve()
    assert path == (run / "fused" / "m3fd" / "average" / "00001.png").resolve()


def test_segmentation_alone_filters_by_the_classes_of_its_truth(tmp_path: Path) -> None:
    run = page_run(tmp_path / "run", 3, {"average": "Average"}, boxes=False)
    write_page(run, images=0)
    about = data(run, "images/d0/stems")
    (truth,) = (run / "checkpoints").glob("segmentation-*/truth")
    shown: dict[str, list[int]] = {}
    for at, stem in enumerate(about["stems"]):
        for label in np.unique(read_labels(truth / f"{stem}.png")).tolist():
            shown.setdefault(SEGMENTATION_CLASSES[label], []).append(at)
    del shown[SEGMENTATION_CLASSES[0]]  # background
    assert about["classes"] == shown


def test_files_of_an_earlier_page_go_and_equal_runs_give_equal_data(
    run: Path, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "page")
    folder.text("data/old.js", "")
    folder.text("img/aa/b.webp", "")
    new = Folder(tmp_path / "page")
    new.text("data/new.js", "x")
    new.finish()
    assert [p.name for p in (tmp_path / "page").rglob("*") if p.is_file()] == ["new.js"]
    first = (run / "report" / "page" / "data" / "run.js").read_bytes()
    write_page(run, images=2)
    assert (run / "report" / "page" / "data" / "run.js").read_bytes() == first


def test_a_page_that_shows_other_results_than_the_report_is_old(tmp_path: Path) -> None:
    run = page_run(tmp_path / "run", 2, {"average": "Average"}, boxes=False, masks=False)
    write_report(run, ["csv"])
    assert not page_is_old(run)  # there is none
    write_page(run, images=0)
    about = json.loads((run / "report" / "report.json").read_text())["page"]
    files = [path for path in (run / "report" / "page").rglob("*") if path.is_file()]
    assert about["index"] == "page/index.html"
    assert about["files"] == len(files)
    assert about["bytes"] == sum(path.stat().st_size for path in files)
    write_report(run, ["csv"])
    assert not page_is_old(run)
    (result,) = (run / "results").rglob("*.json")
    content = json.loads(result.read_text())
    content["seconds"] = 77.0
    result.write_text(json.dumps(content))
    write_report(run, ["csv"])
    assert page_is_old(run)
    write_page(run, images=0)
    assert not page_is_old(run)


def test_the_shell_names_every_script_and_allows_only_own_files() -> None:
    named = {*shell.SCRIPTS, *shell.STYLES}
    there = {
        f"{part}/{path.name}"
        for part in ("assets", "vendor")
        for path in (shell.HERE / part).iterdir()
        if path.suffix in (".js", ".css")
    }
    assert named == there
    assert "unsafe" not in shell.POLICY
    assert "http" not in shell.POLICY
    for path in (shell.HERE / "assets").glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", path.read_text()
        ), path


def test_libraries_are_those_of_the_manifest_and_small() -> None:
    vendor = shell.HERE / "vendor"
    recorded = {}
    for each in json.loads((vendor / "manifest.json").read_text()):
        assert each["licence"] == "MIT"
        assert re.fullmatch(r"\d+\.\d+\.\d+", each["version"])
        recorded |= each["files"]
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.iterdir()
        if path.name != "manifest.json"
    }
    assert found == recorded
    assert sum(path.stat().st_size for path in vendor.iterdir()) < 150_000


def test_a_page_of_no_run_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"plan\.json"):
        write_page(tmp_path)
