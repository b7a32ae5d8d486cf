"""How methods read and save stands in records, footers and row notes; a stretch may be applied to all."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from unittest import mock

import pytest
from in_process import InProcess
from small_runs import write_config, write_pairs

from ivif_bench.config_reading import load_config
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS, STRETCHED
from ivif_bench.pipeline import run as pipeline
from ivif_bench.pipeline.executors import local
from ivif_bench.reports.frame import load_run

METHODS_OF_RUN = ["average", "average-stretched", "laplacian"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with two low-contrast pairs."""
    found = tmp_path_factory.mktemp("recipes")
    write_pairs(found / "pairs", 2, (96, 112))
    return found


def _run(config: Path) -> Path:
    with mock.patch.object(local, "LocalExecutor", InProcess):
        loaded = load_config(config)
        pipeline.run(loaded, workers=1)
        return loaded.folder


@pytest.fixture(scope="module")
def finished(folder) -> Path:
    return _run(write_config(folder, methods=METHODS_OF_RUN))


def test_a_stretched_row_has_a_note_and_its_recipe_in_the_footer(finished):
    text = (finished / "report" / "tables.md").read_text()
    assert "Average (stretched)<sup>" in text
    assert "| Average |" in text
    assert "raises entropy" in text
    assert "Recipes: Average (stretched): stretched from minimum to maximum." in text
    table = json.loads((finished / "report" / "tables.json").read_text())
    notes = {row["method"]: row["note"] for row in table["tables"][0]["rows"]}
    assert notes["average-stretched"]
    assert not notes["average"]
    with (finished / "report" / "quality-pairs.csv").open(newline="") as file:
        said = {row["method"]: row["note"] for row in csv.DictReader(file) if row["column"] == "EN"}
    assert said["average-stretched"] == STRETCHED
    assert said["average"] == ""


def test_the_recipe_stands_in_the_record_of_the_result(finished):
    abouts = {unit.method: result.about for unit, result in load_run(finished).results.items()}
    assert abouts["average-stretched"].recipe == "stretched from minimum to maximum"
    assert abouts["average"].recipe == abouts["average"].remark == ""


def _scores(run: Path, metric: str) -> dict[str, list[float]]:
    return {
        unit.method: [v.value for s, v in result.scores.items() if s.metric == metric and s.stem]
        for unit, result in load_run(run).results.items()
    }


def test_stretch_all_measures_every_row_stretched_under_a_name_of_its_own(folder, finished):
    run = _run(write_config(folder, "alike", methods=METHODS_OF_RUN, stretch="all"))
    text = (run / "report" / "tables.md").read_text()
    assert "every fused image stretched from its minimum to its maximum first" in text
    assert STRETCHED not in text
    assert {unit.protocol for unit in load_run(run).planned} == {"quality-cddfuse-stretched.v1"}
    before, after = _scores(finished, "SD"), _scores(run, "SD")
    assert before["average"] != pytest.approx(before["average-stretched"], rel=0.02)
    assert after["average"] == pytest.approx(after["average-stretched"], rel=0.02)
    assert after["average-stretched"] == before["average-stretched"]


def test_stretch_none_takes_the_plain_output_and_refuses_what_has_none(folder, tmp_path):
    config = load_config(
        write_config(folder, "plain", methods=["average", "sdnet"], stretch="none")
    )
    assert [row.options for row in config.methods] == [{}, {"output": "plain"}]
    options = METHODS.get("sdnet").options
    assert options().recipe().stretched
    assert not options(**config.methods[1].options).recipe().stretched
    with pytest.raises(UserError, match=r"methods\.1: 'average-stretched' is always stretched"):
        load_config(write_config(folder, "refused", methods=METHODS_OF_RUN, stretch="none"))
