"""Every preset with pdflatex: in the width of its style, whatever the names hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fixed_table import HOSTILE
from latex_text import check_compiles
from paper_runs import paper_run
from required import skip_unless

from ivif_bench.reports.frame import load_run
from ivif_bench.reports.paper_files import paper_files
from ivif_bench.reports.presets import WIDTHS, TableOptions, preset_names
from ivif_bench.reports.published import load_source, shipped
from ivif_bench.reports.write import build_report
from ivif_bench.validation import checked

pytestmark = pytest.mark.slow


def _write(run: Path, folder: Path, given: list[Any]) -> list[str]:
    """Files of the tables for print; the documents among them."""
    sources = [load_source(name) for name in shipped()]
    options = [checked(TableOptions, each, "table") for each in given]
    report = build_report(load_run(run), sources=sources, papers=options)
    files = paper_files([table for table in report.tables if table.paper])
    for name, text in files.items():
        (folder / name).write_text(text)
    return [name for name in files if name.startswith("paper-")]


def _all_presets() -> list[Any]:
    groups = {HOSTILE[0]: ["average", "max"], "Learned": ["ddfm"]}
    wide = {"preset": "dmnet-2", "spread": "interval", "decimals": 4, "groups": groups}
    return [
        *({"preset": name} for name in preset_names()),
        *({**wide, "name": f"wide-{width}", "width": width} for width in WIDTHS),
        {
            "preset": "dmnet-5",
            "name": "undefined",
            "undefined": {HOSTILE[1]: f"not described: {HOSTILE[0]}", "ae4": "not described"},
            "remarks": {"max": HOSTILE[2]},
            "groups": groups,
        },
        {**wide, "name": "long", "footer": "long", "width": "cvpr-column"},
    ]


@pytest.mark.parametrize("names", [["a", "b", "c", "d", "e"], HOSTILE], ids=["plain", "hostile"])
def test_presets_compile_without_overfull_boxes(
    names: list[str], tmp_path: Path, new_run: Any
) -> None:
    run = paper_run(new_run(tmp_path / "run"), tuple(names), ("roadscene", "llvip"))
    folder = tmp_path / "tex"
    folder.mkdir()
    documents = _write(run, folder, _all_presets())
    assert {f"{name}.tex" for name in preset_names()} <= {path.name for path in folder.iterdir()}
    assert documents == ["paper-cvpr.tex", "paper-ieee.tex"]
    for document in documents:
        check_compiles(folder, document)
        check_compiles(folder, document)  # with the labels of the first pass
        log = (folder / document).with_suffix(".log").read_text(errors="replace")
        assert "Overfull" not in log, re.findall(r"Overfull.*", log)
        assert "Reference `" not in log


def test_names_survive_in_the_pdf(tmp_path: Path, new_run: Any) -> None:
    skip_unless("latex", "pdflatex", "pdftotext")
    names = ("a_b%&#{}~^", "100 % <b>", "plain", "A\\B $x$", "[2pt] * x")
    run = paper_run(new_run(tmp_path / "run"), names)
    folder = tmp_path / "tex"
    folder.mkdir()
    (document,) = _write(run, folder, ["dmnet-2"])
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", document],
        cwd=folder,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0
    pdf = document.replace(".tex", ".pdf")
    shown = subprocess.run(
        ["pdftotext", "-layout", pdf, "-"], cwd=folder, capture_output=True, text=True, timeout=60
    ).stdout
    plain = re.sub(r"\s+", " ", shown.replace("˜", "~").replace("ˆ", "^"))
    for name in names:
        assert name.replace("_", " ") in plain  # LaTeX draws the underscore as a rule
