"""Rows whose method needs a weights file that only the user can provide and that is not here."""

from __future__ import annotations

from collections.abc import Callable

from ivif_bench.config import MethodConfig, RunConfig
from ivif_bench.errors import UserError
from ivif_bench.fusion import METHODS
from ivif_bench.weights import locate


def absent_weights(config: RunConfig) -> dict[str, str]:
    """Name of each such row, and what to do about it.

    A file that an option names is not looked for: if it is not there, the option is wrong.
    """
    found = {}
    for method in config.methods:
        try:
            _look(method)
        except UserError as problem:
            found[method.name] = str(problem)
    return found


def demand_weights(config: RunConfig) -> None:
    """Refuse a run that lacks weights.

    Raises:
        UserError: names every row that lacks its weights, and says what to do about the first.
    """
    absent = absent_weights(config)
    if absent:
        first, *others = absent
        more = f"; missing too: the weights of {', '.join(others)}" if others else ""
        raise UserError(f"{absent[first]}{more}; 'run --skip-missing' leaves such rows out")


def without_absent(config: RunConfig, note: Callable[[str], None]) -> RunConfig:
    """The run without the rows that lack weights; ``note`` gets a line about each.

    Raises:
        UserError: no row is left.
    """
    absent = absent_weights(config)
    for name, problem in absent.items():
        note(f"left out: method {name!r}: {problem}")
    left = tuple(method for method in config.methods if method.name not in absent)
    if not left:
        raise UserError(f"{config.name}: no method is left; all lack their weights")
    return config.model_copy(update={"methods": left})


def _look(method: MethodConfig) -> None:
    spec = METHODS.get(method.type)
    for file in spec.weights:
        named = method.options.get(file.option) or method.options.get("weights")
        if not (file.shipped or named):
            locate(spec, file)
