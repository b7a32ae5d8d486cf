"""Statistics of several runs are those of one run that has all their results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from synthetic_run import RunBuilder
from typer.testing import CliRunner

from ivif_bench.cli import app

METHODS = ("visible", "A", "B", "C")
STEMS = [f"{at:05d}" for at in range(14)]


def _run(folder: Path, asked: Sequence[tuple[str, int]], titles: dict[str, str] | None = None):
    """A run with the quality of some methods and seeds, the same numbers wherever they are."""
    builder = RunBuilder(folder, titles=titles or {}, sources=("visible",))
    for method, seed in asked:
        random = np.random.default_rng([METHODS.index(method), seed])
        values = {
            metric: dict(
                zip(STEMS, random.normal(METHODS.index(method), 1, 14).tolist(), strict=True)
            )
            for metric in ("EN", "SF")
        }
        key = f"{METHODS.index(method):08x}{seed:08x}"
        builder.quality(method, values, {"EN": "up", "SF": "up"}, seed=seed, key=key)
    return builder.write()


def _tables(tmp_path: Path, name: str, *runs: Path) -> dict[str, bytes]:
    out = tmp_path / name
    done = CliRunner().invoke(
        app, ["statistics", *map(str, runs), "--out", str(out), "--no-figures"]
    )
    assert done.exit_code == 0, done.output
    return {path.name: path.read_bytes() for path in out.glob("*.csv")}


def test_methods_and_seeds_of_two_runs_are_compared_as_in_one(tmp_path):
    whole = [(method, seed) for method in METHODS for seed in (0, 1)]
    one = _run(tmp_path / "one", whole)
    # 'A' and the source are in both; the second seed of 'B' was judged later
    first = _run(tmp_path / "first", [*whole[:4], ("B", 0)])
    second = _run(tmp_path / "second", [*whole[:4], ("B", 1), ("C", 0), ("C", 1)])
    expected = _tables(tmp_path, "of one", one)
    assert len(expected) == 3
    assert _tables(tmp_path, "of two", first, second) == expected


def test_one_name_for_two_methods_is_refused(tmp_path):
    first = _run(tmp_path / "first", [("A", 0), ("B", 0)], {"A": "Average"})
    second = _run(tmp_path / "second", [("A", 0), ("C", 0)], {"A": "Another"})
    done = CliRunner().invoke(app, ["statistics", str(first), str(second)])
    assert done.exit_code != 0
    assert "method 'A' is another one than in the runs before" in str(done.exception)


def test_a_sheet_is_read_alone(tmp_path):
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("image,method,metric,value\n")
    done = CliRunner().invoke(app, ["statistics", str(sheet), str(tmp_path)])
    assert "a sheet is read alone" in str(done.exception)
