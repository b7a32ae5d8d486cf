"""The examples of the pages "Adding a ..." do what the pages say, and print what they show."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from printed import configurations, consoles, printed_components
from small_runs import write_config, write_pairs
from tree_copy import Copy
from trees.files import voc

pytestmark = pytest.mark.slow

SHIPS = {  # part and stem: left, top, width, height
    "train/01n": (20, 30, 60, 24),
    "train/02d": (90, 80, 48, 40),
    "train/03n": (8, 100, 100, 30),
    "train/04d": (120, 20, 50, 50),
    "test/05n": (30, 40, 70, 32),
    "test/06d": (100, 90, 60, 28),
    "test/07n": (60, 10, 40, 60),
}


@pytest.fixture(scope="module")
def tree(repository: Path, tmp_path_factory: pytest.TempPathFactory):
    """A copy of the tree with every example."""
    copy = Copy(repository, tmp_path_factory.mktemp("used") / "tree")
    examples = [e for files in printed_components(repository).values() for e in files]
    with copy.holding(examples):
        yield copy


@pytest.fixture
def page(repository: Path):
    return lambda kind: consoles(repository / "docs" / f"adding-a-{kind}.md")


def write_harbour(root: Path) -> None:
    """The seven drawn images of the pages: one bright ship each, on dark water."""
    generator = np.random.default_rng(0)
    for name, (left, top, width, height) in SHIPS.items():
        part, stem = name.split("/")
        for folder, channels in (("thermal", 1), ("colour", 3)):
            image = generator.integers(20, 60, (176, 208, channels)).astype(np.uint8)
            image[top : top + height, left : left + width] = 220
            (root / part / folder).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / part / folder / f"{stem}.png"), image)
        voc(root / part / "boxes" / f"{stem}.xml", ("ship", left, top, left + width, top + height))


def write_protocol(page: Path, target: Path) -> str:
    """The protocol that a page prints, in a file; returns its path."""
    (content,) = configurations(page)
    target.write_text(yaml.safe_dump(content))
    return str(target)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("methods", "half"),
        ("datasets", "harbour"),
        ("metrics", "MAE"),
        ("conventions", "unit-range"),
        ("detectors", "bright-spot"),
        ("segmenters", "nearest-colour"),
        ("formats", "html"),
    ],
)
def test_it_is_listed(kind, name, tree):
    assert name in [item["name"] for item in json.loads(tree.ivif("list", kind, "--json"))]


@pytest.mark.parametrize(("kind", "listed"), [("dataset", "datasets"), ("detector", "detectors")])
def test_listing_prints_the_line_that_the_page_shows(kind, listed, tree, page):
    (command,) = [
        line for line in page(kind) if line.startswith(f"ivif-bench list {listed} | grep ")
    ]
    word = command.rpartition(" ")[2]
    lines = [line for line in tree.ivif("list", listed).splitlines(True) if word in line]
    assert "".join(lines) == page(kind)[command]


def test_the_method_fuses_by_its_formula(tree, tmp_path):
    write_pairs(tmp_path / "pairs", 2, (40, 48))
    method = {"name": "half", "options": {"weight": 0.25}}
    quality = {"dataset": "pairs", "metrics": ["EN"]}
    tree.ivif("run", write_config(tmp_path, methods=[method], quality=quality))
    (fused,) = (tmp_path / "runs").glob("**/fused/**/00000.png")
    infrared = cv2.imread(str(tmp_path / "pairs" / "ir" / "00000.png"), cv2.IMREAD_GRAYSCALE)
    blue, green, red = cv2.split(cv2.imread(str(tmp_path / "pairs" / "vi" / "00000.png")) / 255)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    expected = 255 * (0.25 * infrared / 255 + 0.75 * luma)
    # Half a level of rounding, and what single precision adds to it.
    assert np.abs(cv2.imread(str(fused), cv2.IMREAD_UNCHANGED) - expected).max() < 0.5 + 1e-3


def _scored(tree, folder: Path, *options: str) -> dict[str, Any]:
    for name, value in (("IR", 10), ("VI", 40), ("OUT", 20)):
        (folder / name).mkdir()
        cv2.imwrite(str(folder / name / "a.png"), np.full((32, 32), value, np.uint8))
    sides = ["--infrared", "IR", "--visible", "VI", "--fused", "x=OUT"]
    tree.ivif("score", *sides, *options, "--json", "x.json", cwd=folder)
    return json.loads((folder / "x.json").read_text())


def test_the_metric_is_measured_by_the_command_of_the_page(tree, tmp_path, page):
    (command,) = page("metric")
    options = command.partition("--fused x=OUT ")[2].split()
    assert options == ["--metrics", "EN,MAE"]
    scored = _scored(tree, tmp_path, *options)
    assert scored["mean"]["MAE"] == (abs(10 - 20) + abs(40 - 20)) / 2
    assert scored["metrics"]["MAE"] == "down"


def test_the_convention_changes_values_and_refuses_with_the_line_of_the_page(
    tree, tmp_path, repository
):
    scored = _scored(tree, tmp_path, "--convention", "unit-range")
    assert list(scored["mean"]) == ["EN", "MI", "MSE"]
    squares = ((10 - 20) ** 2 + (40 - 20) ** 2) / 2
    assert scored["mean"]["MSE"] == pytest.approx(squares / 255**2, rel=1e-12)
    sides = ["--infrared", "IR", "--visible", "VI", "--fused", "x=OUT"]
    wanted = ["--convention", "unit-range", "--metrics", "SSIM"]
    done = tree.python("-m", "ivif_bench.cli", "score", *sides, *wanted, cwd=tmp_path)
    assert done.returncode == 2
    text = (repository / "docs" / "adding-a-metric.md").read_text(encoding="utf-8")
    assert f"```\n{done.stderr.removeprefix('ivif-bench: ')}```\n" in text


def test_the_audit_of_the_dataset_prints_what_the_page_shows(tree, tmp_path, page):
    write_harbour(tmp_path / "data" / "Harbour")
    (command,) = [line for line in page("dataset") if "data audit" in line]
    shown = tree.ivif(*command.split()[1:], cwd=tmp_path)
    expected, dots, rest = page("dataset")[command].partition("...\n")
    assert (dots, rest) == ("...\n", "")
    assert shown[: len(expected)] == expected


def test_plain_folders_are_read_by_the_configuration_of_the_page(tree, tmp_path, repository):
    write_harbour(tmp_path / "data" / "Harbour")
    (printed,) = configurations(repository / "docs" / "adding-a-dataset.md")
    quality = {"dataset": "mine", "metrics": ["EN"]}
    config = write_config(tmp_path, quality=quality, **printed)
    assert "mine: 3 pairs" in tree.ivif("validate", config, cwd=tmp_path)


def test_the_detector_finds_the_ships_as_the_page_shows(tree, tmp_path, page):
    write_harbour(tmp_path / "harbour")
    pages = tree.root / "docs"
    protocol = write_protocol(pages / "adding-a-detector.md", tmp_path / "my-det.yaml")
    config = write_config(
        tmp_path,
        datasets={"harbour": {"layout": "harbour", "root": str(tmp_path / "harbour")}},
        methods=["visible", "infrared"],
        quality=None,
        detection={"dataset": "harbour", "protocol": protocol},
    )
    shown = tree.ivif("detect", config).splitlines()
    printed = page("detector")["ivif-bench detect my.yaml"].splitlines()
    printed.remove("...")
    assert [line for line in printed if line not in shown] == []


def test_the_segmenter_is_trained_and_named_as_the_page_says(tree, tmp_path, repository):
    pages = tree.root / "docs"
    protocol = write_protocol(pages / "adding-a-segmenter.md", tmp_path / "my-seg.yaml")
    drawn = {"task": "segmentation", "train": 4, "test": 4, "seed": 0}
    scenes = {"layout": "msrs", "root": str(tmp_path / "msrs"), "demo": drawn}
    config = write_config(
        tmp_path,
        datasets={"scenes": scenes},
        methods=["visible", "average"],
        quality=None,
        segmentation={"dataset": "scenes", "protocol": protocol},
    )
    shown = tree.ivif("segment", config)
    text = (repository / "docs" / "adding-a-segmenter.md").read_text(encoding="utf-8")
    paragraph = text[text.index("prints IoU per class") :].partition("\n\n")[0]
    promised = re.findall(r"`([^`]+)`", paragraph)
    assert promised[:2] == ["mIoU (9)", "mIoU (8)"]
    assert [words for words in promised if words not in shown] == []


def test_the_format_prints_every_cell_of_a_stored_run(tree, tmp_path, repository):
    write_pairs(tmp_path / "pairs", 3, (64, 64))
    quality = {"dataset": "pairs", "metrics": ["EN", "MI"]}
    tree.ivif("run", write_config(tmp_path, quality=quality))
    folder = tmp_path / "runs" / "small" / "report"
    assert not (folder / "tables.html").exists()
    (printed,) = configurations(repository / "docs" / "adding-a-format.md")
    printed["report"]["formats"].append("csv")
    tree.ivif("report", write_config(tmp_path, quality=quality, **printed))
    reader = _Rows()
    reader.feed((folder / "tables.html").read_text(encoding="utf-8"))
    assert reader.rows[0] == ["Method", "EN ↑", "MI ↑"]
    (table,) = folder.glob("*.csv")
    with table.open(encoding="utf-8", newline="") as file:
        values = [float(row["value"]) for row in csv.DictReader(file)]
    shown = [float(cell) for row in reader.rows[1:] for cell in row[1:]]
    assert len(values) == 3 * 2  # methods and metrics
    assert shown == pytest.approx(values, abs=0.0005)  # as many decimals as tables print


class _Rows(HTMLParser):
    """The texts of the cells of all tables."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.lasttag in ("td", "th", "b", "u", "sup"):
            self.rows[-1][-1] += data
