"""A process that does jobs one after another, and keeps the network or method that it loaded last.

``python -m ivif_bench.pipeline.keeper ORDERS EVENTS PARENT ENTRY ...`` takes job descriptions, one line
of JSON each, from the open file ``ORDERS`` and writes lines of JSON to ``EVENTS``: those of
``ivif_bench.pipeline.worker``, and ``{"code": N}`` after each job. It ends when ``ORDERS`` is closed,
after a job that crashed, and when ``PARENT`` has ended: then as on SIGTERM, and killed if that takes
longer than ``worker.PATIENCE``.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ivif_bench import held
from ivif_bench.pipeline import worker
from ivif_bench.pipeline.allocator import keep_memory
from ivif_bench.pipeline.executors.server import warm_up

_POLL = 0.5  # seconds


class Keeper:
    """Starts such a process, and gives it jobs.

    Args:
        entries: what it imports first, see ``Job.warm``.
        environment: its variables, from ``worker.environment``.
        folder: its working directory.
        log: file for what it prints outside jobs.
    """

    def __init__(
        self, entries: tuple[str, ...], environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        orders, self._orders = os.pipe()
        self._events, events = os.pipe()
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with log.open("ab") as printed:
                self.process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "ivif_bench.pipeline.keeper"),
                        *(str(orders), str(events), str(os.getpid()), *entries),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=printed,
                    pass_fds=[orders, events],
                    env=dict(environment),
                    cwd=folder,
                )
        finally:
            os.close(orders)
            os.close(events)
        self._lines = os.fdopen(self._events, encoding="utf-8")

    def do(self, order: str) -> Iterator[dict[str, Any]]:
        """Do a job; its events, the last of which has the exit ``code``.

        Args:
            order: its description as one line of JSON.
        """
        with contextlib.suppress(BrokenPipeError):
            left = memoryview(order.encode() + b"\n")
            while left:
                left = left[os.write(self._orders, left) :]
        for line in self._lines:
            event = json.loads(line)
            yield event
            if "code" in event:
                return
        yield {"code": self.process.wait()}

    @property
    def alive(self) -> bool:
        """Whether it can do another job."""
        return self.process.poll() is None

    def close(self) -> None:
        """Stop it; it is killed if it does not stop."""
        os.close(self._orders)
        self.process.terminate()
        try:
            self.process.wait(worker.PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._lines.close()


def main(orders: int, events: int, parent: int, entries: list[str]) -> int:
    """Do jobs until there are no more orders."""
    keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # sent to all of a group; the parent decides
    _follow(parent)
    held.keep()
    warm_up(entries)
    with (
        os.fdopen(orders, encoding="utf-8") as lines,
        os.fdopen(events, "w", encoding="utf-8", buffering=1) as told,
    ):
        try:
            worker.stop_on_sigterm()
            for line in lines:
                code = worker.do(json.loads(line), told)
                worker.tell(told, {"code": code})
                if code not in (0, 2):
                    return code
        except worker.Stopped:
            return 128 + signal.SIGTERM
    return 0


def _follow(parent: int) -> None:
    """End when the parent has ended, which may be on a machine that no run looks after."""
    if sys.platform == "linux":
        parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(worker.PATIENCE)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
