"""Reads YAML that a person wrote: the only reader of configurations, protocols, splits and options.

Compared with PyYAML's safe loader, ``1e-4`` is a number, as in YAML 1.2, and an error is: a key that
occurs twice, an anchor that contains itself, aliases that grow to many values, deep nesting, and
characters that no file name or table can have.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.nodes import MappingNode, Node, ScalarNode

from ivif_bench.errors import UserError
from ivif_bench.files import read_text

_DEEPEST = 50
_MOST_ALIASED = 10_000  # values that aliases may add
_MOST_BYTES = 4 << 20  # half a minute; a list of 300,000 stems
_LONGEST_NUMBER = 400  # digits; Python refuses far longer ones in its own words
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MERGE = "tag:yaml.org,2002:merge"
_UNWANTED = re.compile("[\0\ud800-\udfff]")


class _Loader(yaml.SafeLoader):
    """The safe loader with the checks of this module."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._aliased = 0
        self._values: dict[int, int] = {}  # of each finished node, aliases resolved

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ComposerError(None, None, f"nested more than {_DEEPEST} levels deep", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._values:
                raise ComposerError(None, None, "an anchor that contains itself", mark)
            self._aliased += self._values[id(node)]
            if self._aliased > _MOST_ALIASED:
                raise ComposerError(
                    None, None, f"its aliases stand for more than {_MOST_ALIASED} values", mark
                )
        elif node is not None:
            self._check(node)
        return node

    def _check(self, node: Node) -> None:
        values = 1
        if isinstance(node, ScalarNode):
            if _UNWANTED.search(node.value):
                raise ComposerError(
                    None,
                    None,
                    "a character that no name can have (NUL or surrogate)",
                    node.start_mark,
                )
            if node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
                raise ComposerError(
                    None, None, f"a number of {len(node.value)} characters", node.start_mark
                )
        elif isinstance(node, MappingNode):
            self._refuse_repeated_keys(node)
            values += sum(self._values[id(part)] for pair in node.value for part in pair)
        else:
            values += sum(self._values[id(item)] for item in node.value)
        self._values[id(node)] = values

    def _refuse_repeated_keys(self, node: MappingNode) -> None:
        # Here, because construction mixes a mapping's own keys with those that '<<' merges into it.
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            if not isinstance(key, ScalarNode) or key.tag == _MERGE:
                continue
            value = self.construct_object(key)
            if value in lines:
                raise ComposerError(
                    None,
                    None,
                    f"key {key.value!r} occurs twice, first in line {lines[value]}",
                    key.start_mark,
                )
            lines[value] = key.start_mark.line + 1


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def read_yaml(path: Path, what: str) -> Any:
    """Value in a YAML file.

    Args:
        what: kind of the file in messages, such as ``configuration``.

    Raises:
        UserError: one line with the file, the line in it and the problem.
    """
    try:
        text = read_text(path, most=_MOST_BYTES)
    except OSError as problem:
        raise UserError(f"cannot read {what} {path}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise UserError(f"cannot read {what} {path}: not valid YAML: {problem}") from problem
    return parse_yaml(text, f"{what} {path}")


def parse_yaml(text: str, where: str) -> Any:
    """Value of YAML text.

    Args:
        where: what the text is, in front of messages.

    Raises:
        UserError: as ``read_yaml``.
    """
    try:
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        line = f" line {mark.line + 1}" if mark else ""
        reason = " ".join(filter(None, (problem.context, problem.problem)))
        raise UserError(f"{where}{line}: not valid YAML: {reason}") from problem
    except yaml.YAMLError as problem:
        reason = " ".join(str(problem).split())
        raise UserError(f"{where}: not valid YAML: {reason}") from problem
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as problem:
        # Constructors of numbers, dates and tags raise these, without a place.
        raise UserError(f"{where}: not valid YAML: {problem}") from problem
