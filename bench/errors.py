"""The one exception that users see as a one-line message instead of a traceback."""

from __future__ import annotations

import re

_NOT_PRINTED = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
_LONGEST = 4000  # characters: a file may hold a key of megabytes


class UserError(Exception):
    """An error that the user can correct: bad input, bad configuration, a missing file.

    The message is one line with the problem, its place (file, key, stem) and what to do.
    The command line prints it and exits with code 2. Names and values in it may come from any file, so
    line breaks and other control characters are shown as escapes.
    """

    def __init__(self, message: object = "") -> None:
        text = str(message)
        if len(text) > _LONGEST:
            text = f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"
        super().__init__(_NOT_PRINTED.sub(lambda found: repr(found[0])[1:-1], text))


def first_few(items: list[str] | tuple[str, ...], limit: int = 8) -> str:
    """Join names for a message: all of them if few, else the first ones and a count."""
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
