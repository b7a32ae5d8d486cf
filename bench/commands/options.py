"""``KEY=VALUE`` in options of several commands."""

from __future__ import annotations

from typing import Any

from ivif_bench.errors import UserError
from ivif_bench.yaml_text import parse_yaml


def parse_options(items: list[str], flag: str = "--option") -> dict[str, Any]:
    """Options as given on the command line; values are YAML, so 3 is a number and [a, b] a list.

    Args:
        flag: the option of the command that takes them, for messages.

    Raises:
        UserError: no equals sign, or a value that is not YAML.
    """
    options: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals:
            raise UserError(f"{flag} {item!r}: expected KEY=VALUE")
        options[key] = parse_yaml(value, f"{flag} {item!r}")
    return options
