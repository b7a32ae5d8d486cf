"""The metadata of components as shown by ``list``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ivif_bench.options import OptionRow, described


def declared(spec: Any) -> dict[str, Any]:
    """The fields of a spec as JSON values: a model of options as a list of objects."""
    return {
        key: [asdict(row) for row in described(value)] if isinstance(value, type) else value
        for key, value in asdict(spec).items()
    }


def detail(spec: Any) -> list[str]:
    """Lines with everything that a spec declares besides its name and summary."""
    lines: list[str] = []
    for key, value in asdict(spec).items():
        if key == "presets":
            lines += [f"{key}:", *(f"  {name}: {preset}" for name, preset in spec.presets.items())]
        elif isinstance(value, type):
            rows = option_lines(described(value))
            lines += [f"{key}:", *(f"  {row}" for row in rows)] if rows else []
        elif key not in ("name", "summary") and value not in ("", (), {}, 0, None):
            lines += _lines(key, value)
    return lines


def option_lines(rows: Sequence[OptionRow]) -> list[str]:
    """A header and one line per option, in columns; nothing without options."""
    if not rows:
        return []
    cells = [("option", "allowed", "default", "meaning")]
    cells += [(row.name, row.allowed, row.default_text, row.description) for row in rows]
    widths = [max(len(cell[index]) for cell in cells) for index in range(3)]
    return [
        "  ".join(
            [*(f"{text:<{width}}" for text, width in zip(cell, widths, strict=False)), cell[3]]
        )
        for cell in cells
    ]


def _lines(key: str, value: Any) -> list[str]:
    """A value in lines: numbers with thousands separators, mappings with one item per line."""
    if isinstance(value, dict):
        lines = [line for name, inner in _filled(value).items() for line in _lines(name, inner)]
        return [f"{key}:", *(f"  {line}" for line in lines)]
    if isinstance(value, tuple | list) and any(isinstance(item, dict) for item in value):
        return [line for item in value for line in _lines(key, _filled(item))]
    if isinstance(value, int) and not isinstance(value, bool):
        return [f"{key}: {value}" if key == "year" else f"{key}: {value:,}"]
    if isinstance(value, bool):
        return [f"{key}: {'yes' if value else 'no'}"]
    if isinstance(value, tuple | list):
        return [f"{key}: {', '.join(map(str, value))}"]
    return [f"{key}: {value}"]


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that are not empty."""
    return {key: value for key, value in fields.items() if value not in ("", (), {}, False)}
