"""AP at IoU 0.75 and miss rates: in the records, and in tables where a protocol asks for them."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from stored_detections import stored_set
from synthetic_run import RunBuilder

from ivif_bench.errors import UserError
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.write import build_report
from ivif_bench.tasks.detection.adapter import DetectionAdapter, miss_rates
from ivif_bench.tasks.detection.protocol import (
    SHIPPED_PROTOCOLS,
    DetectionProtocol,
    load_protocol,
)
from ivif_bench.tasks.detection.scoring import score
from ivif_bench.types import Boxes, Pair


def edited(tmp_path: Path, name: str, **changes: Any) -> DetectionProtocol:
    content = yaml.safe_load((SHIPPED_PROTOCOLS / f"{name}.yaml").read_text()) | changes
    path = tmp_path / "edited.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return load_protocol(str(path))


@pytest.mark.golden
@pytest.mark.parametrize(("group", "source"), [("m3fd_dev12", "ir"), ("llvip_dev6", "vi")])
def test_ap75_is_that_of_the_oracle(shared: Path, group: str, source: str) -> None:
    one = stored_set(shared, group, source)
    rows = {
        (row.metric, row.class_name): row.value for row in score(one.truth, one.found, one.classes)
    }
    with (shared / "data" / "detections" / "oracle.csv").open() as file:
        for line in csv.DictReader(file):
            if (line["set"], line["input"]) != (group, source):
                continue
            whole = line["category"] == "all"
            found = rows["mAP75", ""] if whole else rows["AP75", line["category"]]
            expected = float(line["AP75"])
            assert (math.isnan(found) and expected == -1) or found == pytest.approx(
                expected, abs=1e-4
            )


def test_keys_that_published_protocols_lack_are_hashed_only_where_they_are_given(
    tmp_path: Path,
) -> None:
    for name in ("demo-det.v1", "demo-det-original.v1"):
        plain = load_protocol(name)
        assert edited(tmp_path, name).sha256 == plain.sha256
        asked = edited(tmp_path, name, metrics=["AP50", "AP75"])
        missed = edited(tmp_path, name, miss_rate={"reasonable": {"min_height": 55}})
        assert len({each.sha256 for each in (plain, asked, missed)}) == 3
        assert asked.training_part == plain.training_part  # nothing is trained again


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": ["AP50", "AP50"]}, "metrics: one of them is named twice"),
        ({"metrics": ["AP60"]}, "metrics"),
        ({"miss_rate": {"tall": {"height": 3}}}, "unknown key; did you mean m.._height"),
    ],
)
def test_other_metrics_are_refused(tmp_path: Path, changes: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        edited(tmp_path, "demo-det-original.v1", **changes)


@pytest.mark.parametrize(
    ("asked", "columns"),
    [
        ({"mAP50": "up", "mAP50_95": "up"}, ["mAP@0.5", "mAP@[.5:.95]"]),
        ({}, ["mAP@0.5", "mAP@[.5:.95]"]),  # results of earlier versions say nothing
        (
            {"mAP50": "up", "mAP75": "up", "AP75": "up", "mMR[all]": "down"},
            ["mAP@0.5", "mAP@0.75", "MR all"],
        ),
    ],
)
def test_tables_show_what_is_asked_for(
    tmp_path: Path, asked: dict[str, str], columns: list[str]
) -> None:
    builder = RunBuilder(tmp_path)
    means = {"mAP50": 0.5, "mAP75": 0.4, "mAP50_95": 0.3} | (
        {"mMR[all]": 0.2} if "AP75" in asked else {}
    )
    builder.detection("visible", {"Car": 0.5, "Bus": 0.5}, means, about={"metrics": asked})
    tables = build_report(load_run(builder.write())).tables
    assert [
        column.title for column in tables[0].columns if not column.key.startswith("AP")
    ] == columns
    assert [table.name for table in tables[1:]] == (
        ["detection-m3fd-ap75"] if "AP75" in asked else []
    )
    directions = {column.title: column.direction for column in tables[0].columns}
    assert directions.get("MR all", "down") == "down"


def test_a_single_class_shows_ap75_without_asking(tmp_path: Path) -> None:
    adapter = DetectionAdapter()
    assert "mAP75" not in adapter.metrics(load_protocol("demo-det.v1"), ())
    alone = edited(tmp_path, "demo-det.v1", classes=["Car"])
    assert "mAP75" in adapter.metrics(alone, ())


def test_a_miss_rate_counts_only_the_objects_and_images_of_its_subset(tmp_path: Path) -> None:
    subsets = {
        "all": {},
        "tall": {"min_height": 50},
        "low": {"max_height": 50},
        "night": {"tag": "night"},
        "fog": {"tag": "fog"},
    }
    protocol = edited(tmp_path, "kaist-det.v1", miss_rate=subsets)
    tall, low = [0, 0, 30, 80.0], [50, 0, 60, 30.0]
    truth = {name: Boxes(np.array([tall, low]), ("person",) * 2) for name in ("a", "b")}
    both = Boxes(np.array([tall, low]), ("person",) * 2, np.array([0.9, 0.8]))
    found = {"a": both.take([0]), "b": both}
    place = Path("x")
    pairs = [
        Pair("d", "a", place, place, tags=("day",)),
        Pair("d", "b", place, place, tags=("night",)),
    ]
    rows = {
        row.metric: row for row in miss_rates(protocol, truth, found, pairs) if not row.class_name
    }
    assert rows["mMR[all]"].value == pytest.approx(1 / 4)  # without false positives it is flat
    assert rows["mMR[tall]"].value == pytest.approx(0, abs=1e-6)
    assert rows["mMR[low]"].value == pytest.approx(1 / 2)
    assert rows["mMR[night]"].value == pytest.approx(0, abs=1e-6)
    assert rows["mMR[fog]"].reason == "no_truth"
    assert "tall height from 50" in DetectionAdapter().scorer(protocol)
