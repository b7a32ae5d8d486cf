"""The table of ``score``: in every format the numbers of a run's table on the same files."""

from __future__ import annotations

import csv
import io
import json
import re

import cv2
import numpy as np
import pytest
from in_process import InProcess
from latex_text import check_compiles, check_structure
from small_runs import write_config, write_pairs
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.config_reading import load_config
from ivif_bench.pipeline import run as pipeline
from ivif_bench.pipeline.executors import local

METHODS = {"average": "Average", "laplacian": "Laplacian pyramid", "max": "Maximum"}
METRICS = ["EN", "MI", "VIF", "CC", "MSE"]
FORMATS = ("md", "latex", "csv", "json")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The report of a run, by file name, and what ``score`` prints of the same files, by format.

    One of twelve pairs is constant, so that the column of CC has a footnote.
    """
    root = tmp_path_factory.mktemp("score")
    write_pairs(root / "pairs", 12, (48, 56))
    for side, level in (("ir", 10), ("vi", 40)):
        cv2.imwrite(str(root / "pairs" / side / "00000.png"), np.full((48, 56), level, np.uint8))
    quality = {"dataset": "pairs", "convention": "cddfuse", "metrics": METRICS}
    config = load_config(write_config(root, methods=list(METHODS), quality=quality))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "LocalExecutor", InProcess)
        pipeline.run(config)
    fused = [
        f"--fused={title}={next((config.folder / 'fused' / 'pairs').glob(f'{name}-*'))}"
        for name, title in METHODS.items()
    ]
    sides = [f"--infrared={root / 'pairs' / 'ir'}", f"--visible={root / 'pairs' / 'vi'}"]
    options = ["--convention=cddfuse", f"--metrics={','.join(METRICS)}", "--title=pairs"]
    printed = {}
    for name in FORMATS:
        command = ["score", *sides, *fused, *options, f"--format={name}"]
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert done.exit_code == 0
        printed[name] = done.stdout
    report = {path.name: path.read_text() for path in (config.folder / "report").glob("*.*")}
    return report, printed


def _latex_lines(text):
    """Heading and rows, as they are printed."""
    return text.partition(r"\toprule")[2].partition(r"\bottomrule")[0].splitlines()


def _markdown_lines(text):
    return [line for line in text.splitlines() if line.startswith("|")]


@pytest.mark.slow
def test_the_latex_table_is_that_of_the_run(made):
    report, printed = made
    lines = _latex_lines(printed["latex"])
    assert [line.partition(" & ")[0] for line in lines[3:6]] == list(METHODS.values())
    assert lines == _latex_lines(report["quality-pairs.tex"])
    assert printed["latex"].count(r"\textbf{") == printed["latex"].count(r"\underline{") == 5
    caption = re.compile(r"\\caption\{.*\}")
    assert caption.findall(printed["latex"]) == caption.findall(report["quality-pairs.tex"])


def test_the_markdown_table_is_that_of_the_run(made):
    report, printed = made
    assert len(_markdown_lines(printed["md"])) == 2 + len(METHODS)
    assert _markdown_lines(printed["md"]) == _markdown_lines(report["tables.md"])


def test_the_csv_and_json_tables_have_the_means_and_intervals_of_the_run(made):
    report, printed = made

    def rows(text):
        """Everything but the method's name in the run, which is not its title."""
        return [{**row, "method": ""} for row in csv.DictReader(io.StringIO(text))]

    assert len(rows(printed["csv"])) == len(METHODS) * len(METRICS)
    assert rows(printed["csv"]) == rows(report["quality-pairs.csv"])
    for row in rows(printed["csv"]):
        assert float(row["ci_low"]) < float(row["value"]) < float(row["ci_high"])

    def cells(text):
        (table,) = json.loads(text)["tables"]
        return {row["title"]: row["cells"] for row in table["rows"]}

    assert cells(printed["json"]) == cells(report["tables.json"])
    assert cells(printed["json"])["Average"]["CC"]["left_out"] == {"constant_fused": 1}


def test_footnotes_and_convention_are_those_of_the_run(made):
    report, printed = made
    (ours,), (theirs,) = (
        json.loads(text)["tables"] for text in (printed["json"], report["tables.json"])
    )
    assert ours["notes"] == theirs["notes"] != {}
    for line in ("Convention", "Protocol", "Images", "Commit"):
        (said,) = [one for one in ours["footer"] if one.startswith(line)]
        assert said.split(";")[0] in " ".join(theirs["footer"])


def test_the_latex_is_whole(made):
    check_structure(made[1]["latex"].replace("% needs", "needs"), len(METRICS))


def test_the_latex_compiles(made, tmp_path):
    document = (
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
        "\\input{table}\n\\end{document}\n"
    )
    (tmp_path / "table.tex").write_text(made[1]["latex"])
    (tmp_path / "paper.tex").write_text(document)
    check_compiles(tmp_path, "paper.tex")
