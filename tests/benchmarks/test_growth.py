"""The benchmark of planning: its files are what a run takes for finished, its table has all figures."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def growth(repository: Path):
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("growth", repository / "benchmarks" / "growth.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["precomputed", "fused"])
def test_nothing_is_left_to_fuse_and_every_method_gets_a_result(growth, tmp_path, kind):
    growth.generate(tmp_path, pairs=3, methods=2)
    config = growth.load_config(tmp_path / f"{kind}.yaml")
    units = growth.plan_all(growth.RunPlan(config, growth.Store(config.folder)))
    assert [len(unit.payload["images"]) for unit in units] == [3, 3]
    files = growth.files_of(tmp_path / f"{kind}.yaml")
    assert len(files) == 2 * 3 + 2 * 3
    assert all(500 < path.stat().st_size < 5000 for path in files)


@pytest.mark.slow
def test_the_table_and_the_csv_have_all_figures(repository, tmp_path):
    command = [sys.executable, str(repository / "benchmarks" / "growth.py"), "--pairs", "2", "4"]
    options = [
        "--methods",
        "2",
        "--csv",
        str(tmp_path / "g.csv"),
        "--plot",
        str(tmp_path / "g.png"),
    ]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
    assert "Generated PNG files of 32x24 pixels, 1 to 3 kB" in done.stdout
    rows = [line.split("|")[1:3] for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["precomputed", "4"], ["fused", "4"], ["precomputed", "8"], ["fused", "8"]
    ]  # fmt: skip
    with (tmp_path / "g.csv").open() as file:
        assert all(float(row["memory"]) > 20 for row in csv.DictReader(file))
    assert (tmp_path / "g.png").stat().st_size > 1000
