"""Boxes of a user's detector as rows of a run's table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_detector import BOX, TEST, Bench
from small_runs import ivif_here

from ivif_bench.errors import UserError

X1, Y1, X2, Y2 = BOX


@pytest.fixture
def judged(bench: Bench) -> dict[str, Any]:
    """A section in which the fake detector judges."""
    return {"dataset": "data", "protocol": bench.protocol(seeds=[3])}


def _write(bench: Bench, stems: tuple[str, ...] = TEST, shift: float = 0) -> Path:
    """Boxes as ultralytics writes them: every object, moved to the right by some pixels."""
    path = bench.folder / "boxes.json"
    box = [X1 + shift, Y1, X2 - X1, Y2 - Y1]
    rows = [
        {"image_id": int(stem), "file_name": f"{stem}.png", "category_id": "Car", "bbox": box}
        for stem in stems
    ]
    path.write_text(json.dumps([{**row, "score": 0.5} for row in rows]))
    return path


def _run(bench: Bench, section: dict[str, Any], methods: tuple[str, ...] = ("visible",)) -> Any:
    content = {
        "name": "run",
        "runs": str(bench.folder / "runs"),
        "datasets": {"data": {"layout": "m3fd", "root": str(bench.dataset.root)}},
        "methods": list(methods),
        "report": {"panels": 0},
        "detection": section,
    }
    path = bench.folder / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    return ivif_here("run", path, "--json")


def _table(bench: Bench) -> dict[str, Any]:
    tables = json.loads((bench.folder / "runs/run/report/tables.json").read_text())["tables"]
    assert [table["name"] for table in tables] == ["detection-data"]
    return tables[0]


@pytest.mark.slow
def test_a_row_of_boxes_stands_beside_methods_with_its_own_file_in_the_footer(
    bench: Bench, judged: dict[str, Any]
) -> None:
    done = _run(bench, {**judged, "boxes": {"Mine": str(_write(bench))}})
    assert done.returncode == 0, done.stderr
    table = _table(bench)
    rows = {row["method"]: row["cells"]["mAP50"]["value"] for row in table["rows"]}
    assert rows == {"visible": 0.0, "Mine": 1.0}  # too dark for the fake detector, and all found
    footer = "\n".join(table["footer"])
    assert "Network: Fake" in footer
    assert "Boxes given by the user; detector, training, its split and thresholds" in footer
    assert "Mine: boxes.json (sha256 " in footer
    assert "Seeds: 3." in footer


@pytest.mark.slow
def test_a_run_of_boxes_alone_says_nothing_of_a_network(
    bench: Bench, judged: dict[str, Any]
) -> None:
    done = _run(bench, {**judged, "boxes": {"Mine": str(_write(bench))}}, methods=())
    assert done.returncode == 0, done.stderr
    footer = "\n".join(_table(bench)["footer"])
    assert "COCO AP by pycocotools" in footer
    for word in ("Network:", "Mode:", "Chroma:", "Leak:", "Seeds:"):
        assert word not in footer


@pytest.mark.slow
def test_only_a_row_whose_file_changed_is_scored_again(
    bench: Bench, judged: dict[str, Any]
) -> None:
    section = {
        **judged,
        "boxes": {"Mine": str(_write(bench)), "Same": str(bench.folder / "b.json")},
    }
    (bench.folder / "b.json").write_text((bench.folder / "boxes.json").read_text())
    assert json.loads(_run(bench, section).stdout)["computed"] == 3
    assert json.loads(_run(bench, section).stdout)["computed"] == 0
    _write(bench, shift=9)  # IoU 11 / 29: no hit
    again = json.loads(_run(bench, section).stdout)
    assert (again["computed"], again["reused"]) == (1, 2)
    found = {row["method"]: row["cells"]["mAP50"]["value"] for row in _table(bench)["rows"]}
    assert found == {"visible": 0.0, "Mine": 0.0, "Same": 1.0}


@pytest.mark.slow
def test_lacking_images_are_refused_before_anything_is_computed_and_allowed_apart(
    bench: Bench, judged: dict[str, Any]
) -> None:
    path = str(_write(bench, TEST[:1]))
    done = _run(bench, {**judged, "boxes": {"Mine": path}})
    assert done.returncode == 2
    assert f"boxes 'Mine': {path}: no boxes of 1 of 2 images ({TEST[1]})" in done.stderr
    assert not list((bench.folder / "runs").rglob("*.parquet"))
    allowed = {**judged, "boxes": {"Mine": {"file": path, "missing": "allow"}}}
    assert _run(bench, allowed).returncode == 0
    tables = json.loads((bench.folder / "runs/run/report/tables.json").read_text())["tables"]
    assert [table["name"] for table in tables] == ["detection-data", "detection-data-own-images"]
    empty = {**judged, "boxes": {"Mine": {"file": path, "missing": "empty"}}}
    assert _run(bench, empty).returncode == 0
    assert f"1 images that it lacks count as empty: {TEST[1]}" in str(_table(bench)["footer"])


def test_a_row_may_not_have_the_name_of_a_method(bench: Bench, judged: dict[str, Any]) -> None:
    done = _run(bench, {**judged, "boxes": {"visible": str(_write(bench))}})
    assert done.returncode == 2
    assert "'visible' is also the name of given boxes" in done.stderr


def test_a_file_that_changes_during_a_run_is_not_scored(
    bench: Bench, judged: dict[str, Any]
) -> None:
    section = {**judged, "boxes": {"Mine": str(_write(bench))}}
    section.pop("dataset")
    bench.fused["data", "Mine"] = None  # type: ignore[assignment]  # asks for that row
    (unit,) = [unit for unit in bench.plan(**section) if unit.method == "Mine"]
    _write(bench, shift=1)
    with pytest.raises(UserError, match="changed since the run began"):
        bench.execute(unit)


def test_the_evaluator_is_in_keys_of_results_and_in_no_protocol(
    bench: Bench, judged: dict[str, Any]
) -> None:
    pytest.importorskip("faster_coco_eval")
    section = {key: value for key, value in judged.items() if key != "dataset"}
    slow, fast = (
        bench.plan(**section, evaluator=name)[0] for name in ("pycocotools", "faster-coco-eval")
    )
    assert slow == bench.plan(**section)[0]
    assert slow.key != fast.key
    assert slow.about.protocol_sha256 == fast.about.protocol_sha256
    assert "COCO AP by faster-coco-eval" in fast.about.scorer
    assert "faster-coco-eval" in fast.about.judges
    assert [*map(str, bench.execute(slow))] == [*map(str, bench.execute(fast))]


@pytest.mark.golden
@pytest.mark.slow
def test_stored_boxes_have_their_recorded_ap_in_the_table_of_a_run(
    shared: Path, tmp_path: Path
) -> None:
    data = shared / "data"
    detections = data / "detections"
    content = {
        "name": "run",
        "runs": str(tmp_path),
        "datasets": {"msrs": {"layout": "msrs-detection", "root": str(data / "MSRS")}},
        "methods": [],
        "detection": {
            "dataset": "msrs",
            "protocol": "msrs-det-zeroshot.v3",
            "weights": str(data / "weights/yolov5n.pt"),
            "boxes": {
                name: {
                    "file": str(detections / f"msrs_dev15_yolov5n_{name}.json"),
                    "images": str(detections / "msrs_dev15_gt.json"),
                }
                for name in ("vi", "ir", "seafusion")
            },
        },
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    done = ivif_here("run", tmp_path / "config.yaml")
    assert done.returncode == 0, done.stderr
    (table,) = json.loads((tmp_path / "run/report/tables.json").read_text())["tables"]
    found = {
        row["method"]: [row["cells"][name]["value"] for name in ("mAP50_95", "mAP50")]
        for row in table["rows"]
    }
    recorded = {"vi": (0.4204, 0.7399), "ir": (0.4401, 0.6587), "seafusion": (0.5007, 0.7442)}
    for name, values in recorded.items():
        assert found[name] == pytest.approx(values, abs=1e-4)
