"""A process that does jobs one after another, and keeps the network or method that it loaded last.

``python -m ivif_bench.pipeline.keeper ORDERS EVENTS PARENT ENTRY ...`` takes job descriptions, one line
of JSON each, from the open file ``ORDERS`` and writes lines of JSON to ``EVENTS``: those of
``ivif_bench.pipeline.worker``, and ``{"code": N}`` after each job. It ends when ``ORDERS`` is closed,
after a job that crashed, and when ``PARENT`` has ended: then as on SIGTERM, and killed if that takes
longer than ``worker.PATIENCE``.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time

from ivif_bench import held
from ivif_bench.pipeline import worker
from ivif_bench.pipeline.allocator import keep_memory
from ivif_bench.pipeline.executors.server import warm_up

_POLL = 0.5  # seconds


def main(orders: int, events: int, parent: int, entries: list[str]) -> int:
    """Do jobs until there are no more orders."""
    keep_memory()
    worker.stop_on_sigterm()
    _follow(parent)
    held.keep()
    warm_up(entries)
    with (
        os.fdopen(orders, encoding="utf-8") as lines,
        os.fdopen(events, "w", encoding="utf-8", buffering=1) as told,
    ):
        try:
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
