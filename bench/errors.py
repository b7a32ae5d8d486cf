"""The one exception that users see as a one-line message instead of a traceback."""

from __future__ import annotations


class UserError(Exception):
    """An error that the user can correct: bad input, bad configuration, a missing file.

    The message is one line with the problem, its place (file, key, stem) and what to do.
    The command line prints it and exits with code 2.
    """


def first_few(items: list[str] | tuple[str, ...], limit: int = 8) -> str:
    """Join names for a message: all of them if few, else the first ones and a count."""
    shown = ", ".join(items[:limit])
    return shown if len(items) <= limit else f"{shown} and {len(items) - limit} more"
