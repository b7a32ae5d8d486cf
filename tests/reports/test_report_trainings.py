"""Trainings of a run as a table and as figures: what they cost, and whether they converged."""

from __future__ import annotations

import csv
import json

import pytest
from synthetic_run import CLASSES, RunBuilder

from ivif_bench.data.images import read_rgb
from ivif_bench.reports.write import write_report

AP = dict.fromkeys(CLASSES, 0.5)
CURVES = "epoch,box_loss,lr,seconds,memory_mb\n1,2.5,0.01,3,700\n2,0.1,0.005,3.5,710.5\n"


@pytest.fixture
def builder(tmp_path):
    return RunBuilder(tmp_path / "run")


def _unit(builder, method, seed, training):
    said = {"training": training} if training else {}
    builder.detection(method, AP, seed=seed, said={"mode": "retrain", **said})


def _training(builder, name, curves=CURVES):
    folder = builder.folder / "checkpoints" / name
    folder.mkdir(parents=True)
    about = {"checkpoint": "w.safetensors", "seconds": 6.5, "memory_mb": 710.5}
    (folder / "trained.json").write_text(json.dumps(about))
    if curves:
        (folder / "curves.csv").write_text(curves)


def _rows(run):
    with (run / "report" / "trainings.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_every_training_is_a_row_with_costs_and_values_of_its_last_epoch(builder):
    for method, seed in (("max", 0), ("max", 1), ("average", 0)):
        _training(builder, f"detector-{method}{seed}")
        _unit(builder, method, seed, f"detector-{method}{seed}")
    run = builder.write()
    written = {path.name for path in write_report(run, ["csv"])}
    rows = _rows(run)
    assert [(row["methods"], row["seed"]) for row in rows] == [
        ("max", "0"), ("max", "1"), ("average", "0")
    ]  # fmt: skip
    assert rows[0] == {
        "task": "detection", "dataset": "m3fd", "protocol": "p.v1", "methods": "max", "seed": "0",
        "epochs": "2", "seconds": "6.5", "memory_mb": "710.5", "last box_loss": "0.1",
        "last lr": "0.005", "curves": "checkpoints/detector-max0/curves.csv",
    }  # fmt: skip
    assert {
        "trainings.csv",
        "training-detection-m3fd.png",
        "training-detection-m3fd.pdf",
    } <= written
    image = read_rgb(run / "report" / "training-detection-m3fd.png")
    assert image.shape == (1320, 2100, 3)  # a panel for the loss, one for the rate
    assert len({tuple(colour) for colour in image.reshape(-1, 3).tolist()}) > 10


@pytest.mark.slow
def test_a_network_that_judges_all_methods_is_one_training(builder):
    _training(builder, "detector-one")
    for method in ("max", "average"):
        _unit(builder, method, 0, "detector-one")
    run = builder.write()
    write_report(run, ["csv"])
    assert [row["methods"] for row in _rows(run)] == ["max average"]


def test_a_training_without_curves_has_its_costs(builder):
    _training(builder, "detector-one", curves="")
    _unit(builder, "max", 0, "detector-one")
    run = builder.write()
    names = {path.name for path in write_report(run, ["csv"])}
    assert _rows(run)[0]["seconds"] == "6.5"
    assert _rows(run)[0]["curves"] == ""
    assert not [name for name in names if name.startswith("training-")]


@pytest.mark.parametrize("content", [None, "{", "[]", '{"seconds": "x", "memory_mb": 1}', "{}"])
def test_trainings_that_are_gone_or_damaged_are_left_out(builder, content):
    _unit(builder, "max", 0, "detector-one")
    _unit(builder, "average", 0, "")
    if content is not None:
        _training(builder, "detector-one")
        (builder.folder / "checkpoints" / "detector-one" / "trained.json").write_text(content)
    run = builder.write()
    assert "trainings.csv" not in {path.name for path in write_report(run, ["csv"])}
