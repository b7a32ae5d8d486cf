"""Published numbers beside a run of real pairs, and none beside drawn ones; then its printed table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from small_runs import ivif

pytestmark = [pytest.mark.slow, pytest.mark.golden]

TABLE = {
    "preset": "ddfm-1",
    "names": {"ddfm-lite": "DDFM-lite, 1 step"},
    "groups": {"Source": ["visible"], "Fused": ["average", "ddfm-lite"]},
}


@pytest.fixture(scope="module")
def finished(repository: Path, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two metrics of DDFM-lite and others on 25 pairs of MSRS, and on drawn scenes in its layout."""
    folder = tmp_path_factory.mktemp("published")
    content = {
        "name": "beside",
        "runs": str(folder / "runs"),
        "datasets": {
            "msrs": {"title": "MSRS", "layout": "msrs", "root": str(shared / "data" / "MSRS")},
            "drawn": {
                "layout": "msrs",
                "root": str(folder / "drawn"),
                "demo": {"task": "segmentation", "train": 0, "test": 10, "size": [96, 128]},
            },
        },
        "methods": [
            "visible",
            "average",
            {"name": "ddfm-lite", "options": {"steps": 1}},
        ],
        "quality": [
            {"dataset": name, "convention": "cddfuse", "metrics": ["EN", "SD"]}
            for name in ("msrs", "drawn")
        ],
        "table": TABLE,
    }
    config = folder / "beside.yaml"
    config.write_text(yaml.safe_dump(content))
    done = ivif("run", config, "--with-published", cwd=repository, timeout=900)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "beside"


def _tables(run: Path) -> dict[str, Any]:
    found = json.loads((run / "report" / "tables.json").read_text())
    return {table["name"]: table for table in found["tables"]} | {"remarks": found["remarks"]}


def test_published_rows_are_beside_real_pairs_and_never_best(finished: Path) -> None:
    tables = _tables(finished)
    for name in ("quality-msrs", "ddfm-1"):
        table = tables[name]
        published = [row for row in table["rows"] if row["published"]]
        assert [row["method"] for row in published][7:] == ["DDFM (published)"]
        assert not any(cell["rank"] for row in published for cell in row["cells"].values())
        assert any(cell["rank"] for row in table["rows"] for cell in row["cells"].values())
    assert "25" in " ".join(tables["quality-msrs"]["footer"])


def test_drawn_scenes_have_none(finished: Path) -> None:
    tables = _tables(finished)
    assert not any(row["published"] for row in tables["quality-drawn"]["rows"])
    assert any("drawn scenes, another dataset than MSRS" in text for text in tables["remarks"])


def test_a_report_of_the_directory_is_the_same(finished: Path, repository: Path) -> None:
    before = {path.name: path.read_bytes() for path in (finished / "report").glob("*.tex")}
    done = ivif("report", finished, cwd=repository)
    assert done.returncode == 0, done.stderr
    after = {path.name: path.read_bytes() for path in (finished / "report").glob("*.tex")}
    assert after == before
    assert {"ddfm-1.tex", "appendix-cvpr.tex", "paper-cvpr.tex"} <= set(after)
