"""What a process that does several jobs keeps between them: a loaded network or method.

Most processes do one job and keep nothing; ``keep`` is called by those that do more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_Value = TypeVar("_Value")
_keeping = False
_held: tuple[str, Any] | None = None


def keep() -> None:
    """From now on, keep the value that was made last."""
    global _keeping
    _keeping = True


def held(key: str, make: Callable[[], _Value]) -> _Value:
    """The value of that key: the one made last if it has the same key, else a new one.

    Args:
        key: everything that the value depends on.
        make: loads it; its result must serve many images in any order.
    """
    global _held
    if not _keeping:
        return make()
    if _held is None or _held[0] != key:
        _held = None  # the old one must not be in memory beside the new one
        _held = (key, make())
    value: _Value = _held[1]
    return value
