"""What holds for every input from outside: a value or one line for the user, soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ivif_bench.errors import UserError

SECONDS = (
    10.0  # what is refused in time takes tenths; machines and their load differ by several times
)


def outcome(read: Callable[[], Any]) -> str:
    """The message of the ``UserError`` that ``read`` raises; empty for a value.

    Any other exception passes through; a message of several lines, or many seconds of a
    processor, fails. Who waits for another process is ended by the test's own time limit.
    """
    started = time.thread_time()
    try:
        read()
        message = ""
    except UserError as problem:
        message = str(problem)
        assert message.strip(), "an empty message"
        assert len(message.splitlines()) == 1, f"several lines: {message!r}"
        message.encode()  # it can be printed
    took = time.thread_time() - started
    assert took < SECONDS, f"{took:.1f} s"
    return message
