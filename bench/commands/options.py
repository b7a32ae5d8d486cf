"""``--option KEY=VALUE`` of several commands."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ivif_bench.errors import UserError


class _Loader(yaml.SafeLoader):
    """YAML in which 1e-4 is a number, as people write it."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def parse_options(items: list[str]) -> dict[str, Any]:
    """Options as given on the command line; values are YAML, so 3 is a number and [a, b] a list.

    Raises:
        UserError: no equals sign, or a value that is not YAML.
    """
    options: dict[str, Any] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not equals:
            raise UserError(f"--option {item!r}: expected KEY=VALUE")
        try:
            options[key] = yaml.load(value, _Loader)
        except yaml.YAMLError as problem:
            raise UserError(f"--option {item!r}: the value is not valid YAML") from problem
    return options
