"""What docs/metrics.md says of metrics, read from its generated tables."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


def table_lines(text: str) -> dict[str, str]:
    """Lines of a Markdown table by their first cell, without the heading and without arrows."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line.strip("| ").split(" | ")[0].rstrip(" ↑↓"): line for line in lines[2:]}


def block(name: str) -> str:
    """The generated block of that name."""
    page = PAGE.read_text(encoding="utf-8")
    return page.partition(f"<!-- {name}: generated -->")[2].partition(f"<!-- /{name} -->")[0]


def documented() -> list[str]:
    """Metrics that the page describes; a new one may be missing."""
    return list(table_lines(block("metrics")))
