"""Charts: nothing overlaps or is cut off, fonts are embedded, names stay different."""

from __future__ import annotations

import importlib
import pkgutil
import re
import subprocess
import sys

import drawn_charts
import pytest
from drawn_charts import NAMES, drawn
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Text
from synthetic_run import CLASSES, RunBuilder
from text_overlaps import faults
from typer.testing import CliRunner

from ivif_bench.cli import app
from ivif_bench.errors import UserError
from ivif_bench.reports import charts
from ivif_bench.reports.charts import critical, of_run, style
from ivif_bench.reports.comparison import comparisons
from ivif_bench.reports.frame import load_run
from ivif_bench.reports.statistics.write import studied, tables_of

WARNING = "PSEUDO LABELS: a network's output, no ground truth; never report a number of this table."


@pytest.mark.slow
def test_a_method_has_one_colour_in_all_figures():
    """Of the marks that figures draw, by the labels of their legends."""
    colours: dict[str, set[str]] = {}
    with style.styled():
        for figure in drawn(8, style.COLUMN["ieee"], style.PAGE["ieee"]).values():
            for legend in figure.legends:
                for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
                    line = isinstance(handle, Line2D)
                    colour = to_hex(handle.get_color() if line else handle.get_facecolor()[0])
                    if text.get_text() in NAMES:
                        colours.setdefault(text.get_text(), set()).add(colour)
    assert len(colours) >= 4
    assert {name: len(found) for name, found in colours.items()} == dict.fromkeys(colours, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("methods", "venue"),
    [
        (2, "cvpr"),
        pytest.param(20, "cvpr", marks=pytest.mark.slow),
        pytest.param(8, "cvpr", marks=pytest.mark.slow),
        pytest.param(20, "ieee", marks=pytest.mark.slow),
    ],
)
def test_no_text_overlaps_or_is_cut_off_with_long_names_tex_specials_and_gaps(methods, venue):
    with style.styled():
        figures = drawn(methods, style.COLUMN[venue], style.PAGE[venue])
        if venue == "ieee":
            figures = {name: style.warned(each, [WARNING]) for name, each in figures.items()}
        assert {name: found for name, each in figures.items() if (found := faults(each))} == {}


def test_every_module_of_charts_is_drawn_by_the_tests_of_overlap():
    """A chart that is added must be added to ``drawn_charts``."""
    names = {
        module.name
        for module in pkgutil.iter_modules(charts.__path__)
        if hasattr(importlib.import_module(f"{charts.__name__}.{module.name}"), "draw")
    }
    assert len(names) >= 10
    assert names <= set(vars(drawn_charts))


def test_texts_that_overlap_or_leave_the_figure_are_found():
    with style.styled():
        figure = style.new(1, 1)
        for x, text in ((0.1, "one text"), (0.2, "another"), (0.9, "beyond")):
            figure.text(x, 0.5, text)
        found = faults(figure)
    assert "cut off: 'beyond'" in found
    assert "overlap: 'one text' and 'another'" in found


def test_letters_are_embedded_as_truetype_and_equal_figures_are_equal_files():
    def made():
        with style.styled():
            ranks = {r"$\alpha$_{x}": 1.2, "B & C": 1.8}
            return style.files("cd", critical.draw(ranks, 0.4, True, 3.5, "VIF"))

    files = made()
    pdf = files["cd.pdf"]
    assert b"/FontFile2" in pdf
    assert b"/Type3" not in pdf
    assert made() == files
    width, _height = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf).groups()
    assert float(width) == pytest.approx(3.5 * 72, abs=0.1)  # a column of IEEE, in points


def test_names_are_drawn_as_given_and_never_as_mathematics():
    with style.styled():
        figure = critical.draw({r"$\alpha$_{x}": 1.2, "B & C": 1.8}, 0.4, True, 3.5, "VIF")
    texts = {text.get_text(): text for text in figure.findobj(Text)}
    assert {r"$\alpha$_{x}", "B & C"} <= set(texts)
    assert not any(text.get_parse_math() for text in texts.values() if text.get_text())


@pytest.mark.slow
@pytest.mark.parametrize("inches", [0.4, 0.8, 1.3, 5.0])
def test_labels_fit_and_different_names_stay_different(inches):
    labels = style.fitted(NAMES, inches)
    assert len(set(labels)) == len(NAMES)
    if inches > 0.5:
        assert style.widest(labels) <= inches
    assert style.fitted(["same", "same"], 5.0) == ["same", "same"]
    assert style.fitted(["one\ntwo\x1b[1m"], 5.0) == ["one two [1m"]


@pytest.mark.slow
def test_a_run_gets_its_figures_by_a_command_and_a_venue_must_be_known(tmp_path):
    builder = RunBuilder(tmp_path / "run")
    for at, method in enumerate("abc"):
        values = {f"{stem:02}": 1.0 * at + stem % 3 for stem in range(10)}
        builder.quality(method, {"VIF": values}, dataset="m3fd")
        for seed in (0, 1):
            builder.detection(method, dict.fromkeys(CLASSES, 0.1 * at + 0.01 * seed), seed=seed)
        cost = [
            ("00", "", "seconds[64x48]", 0.1 + at, ""),
            ("00", "", "peak_bytes[64x48]", 1e8, ""),
        ]
        about = {"metrics": {"seconds[64x48]": "down"}}
        builder.unit("complexity", method, cost, about, dataset="m3fd")
    run, out = builder.write(), tmp_path / "out"
    done = CliRunner().invoke(app, ["statistics", str(run), "--out", str(out), "--venue", "cvpr"])
    assert done.exit_code == 0, done.output
    names = {path.name for path in out.glob("*.pdf")}
    assert names == {path.with_suffix(".pdf").name for path in out.glob("*.png")}
    assert {name.removeprefix("statistics-") for name in names} == {
        "quality-m3fd-critical-VIF.pdf",
        "quality-m3fd-boxes-1.pdf",
        "quality-m3fd-images-1.pdf",
        "quality-m3fd-detection-m3fd-mAP50.pdf",
        "quality-m3fd-detection-m3fd-mAP50-cost-64x48.pdf",
        "quality-m3fd-detection-m3fd-mAP50_95.pdf",
        "quality-m3fd-detection-m3fd-mAP50_95-cost-64x48.pdf",
        "detection-m3fd-mAP50-seeds.pdf",
        "detection-m3fd-mAP50_95-seeds.pdf",
        "m3fd-places.pdf",
    }
    refused = CliRunner().invoke(app, ["statistics", str(run), "--venue", "nature"])
    assert isinstance(refused.exception, UserError)
    assert "expected ieee or cvpr" in str(refused.exception)


def test_what_a_table_warns_of_is_on_its_statistics_and_charts(tmp_path):
    builder = RunBuilder(tmp_path / "run")
    for at, method in enumerate("abc"):
        values = {f"{stem:02}": 1.0 * at + stem % 3 for stem in range(10)}
        builder.quality(method, {"VIF": values}, dataset="m3fd")
        builder.detection(method, dict.fromkeys(CLASSES, 0.1 * at), warnings=[WARNING])
    every = comparisons(load_run(builder.write()))
    items = studied(every)
    tables = [table for table in tables_of(items) if "detection" in table.name]
    assert len(tables) == 2
    assert all(WARNING in table.warnings for table in tables)
    with style.styled():
        figures = {
            name: style.warned(figure, warnings)
            for name, figure, warnings in of_run._charts(items, every, "cvpr")
        }
        warned = {name for name, each in figures.items() if "PSEUDO" in each.get_suptitle()}
        assert warned == {
            "quality-m3fd-detection-m3fd-mAP50",
            "quality-m3fd-detection-m3fd-mAP50_95",
            "m3fd-places",
        }
        assert {name: found for name in warned if (found := faults(figures[name]))} == {}


def test_no_module_of_reports_imports_torch():
    code = (
        "import importlib, pkgutil, sys, ivif_bench.reports as reports\n"
        "names = [m.name for m in pkgutil.walk_packages(reports.__path__, 'ivif_bench.reports.')]\n"
        "modules = [importlib.import_module(name) for name in names]\n"
        "import scipy.stats, matplotlib.figure\n"
        "sys.exit('torch' in sys.modules or len(modules) < 50)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
