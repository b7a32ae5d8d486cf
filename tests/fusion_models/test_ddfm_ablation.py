"""The ablation table: published rows as printed, ours from a run."""

from __future__ import annotations

import csv
import importlib.util
import sys

import pytest
from ddfm_files import randomised, write_prior
from small_runs import write_pairs

from ivif_bench.fusion_models.ddfm.prior import TINY
from ivif_bench.fusion_models.ddfm.published import TABLE_2, TABLE_2_METRICS


def test_published_rows_are_those_of_the_paper(shared):
    rows = csv.DictReader((shared / "facts" / "published" / "ddfm_table2.csv").open())
    names = {"DDFM": "Ours"}
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        name = names.get(row["method"], row["method"].removeprefix("config "))
        found.setdefault(name, {})[row["metric"]] = float(row["value"])
    ours = {name: dict(zip(TABLE_2_METRICS, v, strict=True)) for name, v in TABLE_2.items()}
    assert found == ours


@pytest.mark.slow
def test_script_prints_every_row_twice_and_says_which_is_published(
    repository, tmp_path, monkeypatch, capsys
):
    pytest.importorskip("numba")
    write_pairs(tmp_path / "pairs", 3, (176, 184))
    weights = write_prior(tmp_path / "tiny.safetensors", TINY, randomised(TINY))
    path = repository / "scripts" / "ddfm_ablation.py"
    module = importlib.util.module_from_spec(
        spec := importlib.util.spec_from_file_location("ddfm_ablation", path)
    )
    spec.loader.exec_module(module)
    arguments = ["--data", f"folder={tmp_path / 'pairs'}", "--count", "2", "--steps", "3"]
    arguments += ["--weights", str(weights), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["ddfm_ablation.py", *arguments])
    module.main()
    output = capsys.readouterr().out
    for row in TABLE_2:
        assert output.count(f"| {row} |") == 2
        assert len(list((tmp_path / "out" / row).glob("*.png"))) == 2
    assert "| Ours | all | published | 7.41 | 52.61 | 2.35 | 0.75 | 0.65 | 0.98 |" in output
