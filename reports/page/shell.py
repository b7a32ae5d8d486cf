"""The page's HTML, styles and scripts: fixed files, listed in one place."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ivif_bench.files import read_regular
from ivif_bench.reports.page.chunks import Folder

HERE = Path(__file__).parent
# 'self' of a page from disk is what lies on disk: Chromium loads such scripts, styles and images and
# nothing from a network; scripts in the page and eval are refused.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
STYLES = ("vendor/uplot.css", "assets/page.css", "assets/parts.css")
SCRIPTS = (
    "vendor/uplot.js",
    "vendor/panzoom.js",
    "assets/core.js",
    "assets/state.js",
    "assets/table.js",
    "assets/tables.js",
    "assets/overview.js",
    "assets/stems.js",
    "assets/stemlist.js",
    "assets/boxes.js",
    "assets/panel.js",
    "assets/zoom.js",
    "assets/toolbar.js",
    "assets/metrics.js",
    "assets/images.js",
    "assets/scatter.js",
    "assets/lines.js",
    "assets/plots.js",
    "assets/keys.js",
    "assets/main.js",
)


def write_shell(folder: Folder, title: str) -> None:
    """Write ``index.html``, the scripts and styles, and the libraries with their licences."""
    for part in ("assets", "vendor"):
        for path in sorted((HERE / part).iterdir()):
            folder.bytes(f"{part}/{path.name}", read_regular(path))
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("shell.html.j2").render(
        title=title, policy=POLICY, styles=STYLES, scripts=SCRIPTS
    )
    folder.text("index.html", page + "\n")
