"""The one exception that users see as a one-line message instead of a traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right: bad input, bad configuration, a missing file.

    The message is one line that says what is wrong, where (file, key, stem) and what to do.
    The command line prints it and exits with code 2.
    """


def first_few(items: list[str] | tuple[str, ...], limit: int = 8) -> str:
    """Join names for a message: all of them if few, else the first ones and a count."""
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
