"""What the pages of the documentation print: example files and consoles."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

FOLDERS = {  # where the file of a component goes, and what it adds
    "bench/data/layouts/": "dataset",
    "fusion_models/": "method",
    "reports/formats/": "format",
    "tasks/detection/detectors/": "detector",
    "tasks/quality/conventions/": "convention",
    "tasks/quality/metrics/": "metric",
    "tasks/segmentation/segmenters/": "segmenter",
}


@dataclass(frozen=True)
class Example:
    """A file that a page prints under its path, such as "`fusion_models/half.py`:"."""

    path: str
    text: str


def example_files(page: Path) -> list[Example]:
    """The files of a page, in its order."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    found = []
    for before, block in zip(tokens[1:], tokens[3:], strict=False):
        if block.type == "fence" and before.type == "inline":
            path = re.fullmatch(r"`([\w/]+\.py)`:", before.content)
            if path:
                found.append(Example(path[1], block.content))
    return found


def printed_components(repository: Path) -> dict[str, list[Example]]:
    """The files of each component that the pages "Adding a ..." print.

    A file that goes elsewhere, such as a test, belongs to the component before it.
    """
    found: dict[str, list[Example]] = {}
    for page in sorted((repository / "docs").glob("adding-a-*.md")):
        kind = ""
        for example in example_files(page):
            kind = next((k for f, k in FOLDERS.items() if example.path.startswith(f)), kind)
            found.setdefault(kind, []).append(example)
    return found


def consoles(page: Path) -> dict[str, str]:
    """What a page prints below each command line (``$ command``), by command line."""
    found = {}
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "fence" and token.content.startswith("$ "):
            for session in re.split(r"^\$ ", token.content, flags=re.MULTILINE)[1:]:
                line, _, output = session.partition("\n")
                found[line] = output
    return found


def configurations(page: Path) -> list[dict[str, Any]]:
    """The pieces of configurations that a page prints."""
    tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
    return [yaml.safe_load(t.content) for t in tokens if t.type == "fence" and t.info == "yaml"]
