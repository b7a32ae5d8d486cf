"""Configuration files of mmsegmentation, read as values: no line of them is ever executed.

Such a file is Python. What it has to say of a network are values: numbers, text, lists, ``dict(...)``,
names assigned before, and ``_base_`` files. These are evaluated here from the syntax tree; anything else
(imports, calls, loops) is refused with its line.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ivif_bench.errors import UserError
from ivif_bench.files import read_text
from ivif_bench.registry import suggest

_MOST_BYTES = 1 << 20
_DEEPEST = 10  # chains of _base_ files, and nesting of values
_LONGEST = 10_000  # entries of a list that is made by multiplication
_BASE, _DELETE = "_base_", "_delete_"
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WHOLE = ("EncoderDecoder", "CascadeEncoderDecoder")
# What the protocol decides, and what would read files or fetch them.
_REPLACED = ("data_preprocessor", "train_cfg", "test_cfg", "pretrained")
_FILES = ("checkpoint", "checkpoint_path", "pretrained_path", "load_from")
_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


def read_model(path: Path) -> dict[str, Any]:
    """The network that a configuration file describes, as JSON values, without weights and data.

    Raises:
        UserError: unreadable, more than values, or no network of mmsegmentation; names file and line.
    """
    found = _evaluated(path, 0)
    if not isinstance(found.get("model"), dict):
        known = suggest("model", sorted(map(str, found))) if found else "it is empty"
        raise UserError(f"{path}: no 'model' of mmsegmentation in it; {known}")
    try:
        return clean_model(found["model"])
    except ValueError as problem:
        raise UserError(f"{path}: {problem}") from problem


def clean_model(model: Mapping[str, Any]) -> dict[str, Any]:
    """A network's configuration without what protocols decide, and without weights.

    Raises:
        ValueError: it is not one of a segmenter, or names something outside mmsegmentation.
    """
    if model.get("type") not in _WHOLE:
        raise ValueError(f"model.type is {model.get('type')!r}, expected {' or '.join(_WHOLE)}")
    for part in ("backbone", "decode_head"):
        if not isinstance(model.get(part), Mapping | list):
            raise ValueError(f"model has no {part}")
    kept = {name: value for name, value in model.items() if name not in _REPLACED}
    cleaned: dict[str, Any] = _clean(kept, "model", 0)
    return cleaned


def _clean(value: Any, place: str, depth: int) -> Any:
    if depth > 2 * _DEEPEST:
        raise ValueError(f"{place}: nested too deep")
    if isinstance(value, Mapping):
        kind = value.get("type")
        if kind is not None and not (isinstance(kind, str) and _TYPE.fullmatch(kind)):
            raise ValueError(
                f"{place}.type is {kind!r}; only names of mmsegmentation's registry are built"
            )
        result = {}
        for name, each in value.items():
            if not isinstance(name, str):
                raise ValueError(f"{place}: key {name!r} is no text")
            if name in _FILES:
                raise ValueError(f"{place}.{name}: give weights by the protocol's 'initial'")
            if name == "pretrained" or (name == "init_cfg" and _loads(each)):
                continue
            result[name] = _clean(each, f"{place}.{name}", depth + 1)
        if kind == "SyncBN":
            result["type"] = "BN"  # the same numbers in one process, and the only one for a CPU
        return result
    if isinstance(value, list | tuple):
        return [_clean(each, f"{place}.{at}", depth + 1) for at, each in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{place}: {type(value).__name__} is no value of a configuration")


def _loads(init: Any) -> bool:
    items = init if isinstance(init, list | tuple) else [init]
    return any(isinstance(each, Mapping) and each.get("type") == "Pretrained" for each in items)


def built_model(model: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """The configuration to build: every head with the protocol's classes, losses over labelled pixels."""
    made: dict[str, Any] = _tuples(model)
    for name in ("decode_head", "auxiliary_head"):
        for head in _listed(made.get(name)):
            head.pop("out_channels", None)
            head |= {"num_classes": classes, "ignore_index": 255}
            for loss in _listed(head.get("loss_decode")):
                if loss.get("type", "CrossEntropyLoss") == "CrossEntropyLoss":
                    loss |= {"type": "CrossEntropyLoss", "avg_non_ignore": True}
    return made


def types_of(value: Any) -> set[str]:
    """Every ``type`` in a configuration."""
    if isinstance(value, Mapping):
        own = {value["type"]} if isinstance(value.get("type"), str) else set()
        return own.union(*(types_of(each) for each in value.values()))
    if isinstance(value, list | tuple):
        return set().union(*(types_of(each) for each in value))
    return set()


def _listed(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []


def _tuples(value: Any) -> Any:
    """A copy in which lists of numbers are tuples, which some modules ask for."""
    if isinstance(value, Mapping):
        return {name: _tuples(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        items = [_tuples(each) for each in value]
        return tuple(items) if items and all(isinstance(each, int) for each in items) else items
    return value


def _evaluated(path: Path, depth: int) -> dict[str, Any]:
    """The names that a file assigns, on top of those of its ``_base_`` files."""
    if depth > _DEEPEST:
        raise UserError(f"{path}: more than {_DEEPEST} files in a chain of _base_")
    try:
        text = read_text(path, most=_MOST_BYTES)
        tree = ast.parse(text)
    except OSError as problem:
        raise UserError(f"cannot read {path}: {problem.strerror or problem}") from problem
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise UserError(f"{path}: not a configuration of mmsegmentation ({problem})") from problem
    own = _Values(path).of(tree)
    found: dict[str, Any] = {}
    bases = own.pop(_BASE, [])
    for base in [bases] if isinstance(bases, str) else bases:
        if not isinstance(base, str) or "::" in base:
            raise UserError(f"{path}: _base_ {base!r}: expected the path of a file beside it")
        found = _merged(found, _evaluated(path.parent / base, depth + 1))
    return _merged(found, own)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """mmengine's rule: dictionaries are merged, all else is replaced; ``_delete_`` replaces one whole."""
    result = dict(base)
    for name, value in over.items():
        if isinstance(value, dict):
            before = result.get(name)
            merge = isinstance(before, dict) and not value.get(_DELETE)
            value = {key: each for key, each in value.items() if key != _DELETE}
            result[name] = _merged(before if merge and isinstance(before, dict) else {}, value)
        else:
            result[name] = value
    return result


class _Values:
    """Evaluates assignments of values in a syntax tree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: dict[str, Any] = {}

    def of(self, tree: ast.Module) -> dict[str, Any]:
        for statement in tree.body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            if not isinstance(statement, ast.Assign):
                raise self._refused(statement)
            value = self._value(statement.value)
            for target in statement.targets:
                if not isinstance(target, ast.Name):
                    raise self._refused(statement)
                self.names[target.id] = value
        return self.names

    def _value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.names[node.id]
        if isinstance(node, ast.List | ast.Tuple):
            return [self._value(each) for each in node.elts]
        if isinstance(node, ast.Dict):
            return self._dict(zip(node.keys, node.values, strict=True))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "dict" and not node.args:
                keys = (ast.Constant(each.arg) if each.arg else None for each in node.keywords)
                return self._dict(zip(keys, (each.value for each in node.keywords), strict=True))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self._value(node.operand)
            if isinstance(inner, int | float):
                return -inner
        elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return self._operation(node)
        raise self._refused(node)

    def _dict(self, items: Any) -> dict[Any, Any]:
        result: dict[Any, Any] = {}
        for key, value in items:
            found = self._value(value)
            if key is not None:
                result[self._value(key)] = found
            elif isinstance(found, dict):
                result |= found
            else:
                raise self._refused(value)
        return result

    def _operation(self, node: ast.BinOp) -> Any:
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(node.op, ast.Mult):
            lists = [each for each in (left, right) if isinstance(each, list | str)]
            numbers = [each for each in (left, right) if isinstance(each, int)]
            if lists and not (numbers and len(lists[0]) * abs(numbers[0]) <= _LONGEST):
                raise self._refused(node)
        try:
            return _OPERATORS[type(node.op)](left, right)
        except (TypeError, ArithmeticError, ValueError) as problem:
            raise UserError(f"{self.path}:{node.lineno}: {problem}") from problem

    def _refused(self, node: ast.stmt | ast.expr) -> UserError:
        return UserError(
            f"{self.path}:{node.lineno}: only values are read (numbers, text, lists, dict(...), names "
            "assigned above, _base_); no code of a configuration is run: write the value there"
        )
