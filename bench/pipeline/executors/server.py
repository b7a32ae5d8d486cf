"""A warm process: imports what jobs need once, then forks a process for each of them.

``python -m ivif_bench.pipeline.executors.server SOCKET ENTRY ...`` imports the entries that are
modules and calls those that are functions (``"module:function"``). They must compute nothing: threads
do not survive a fork. Then it takes jobs from the socket, each with two open files (description and
events, see ``ivif_bench.pipeline.worker``), and says there how each process ended. When the other end is
closed, it stops its processes and ends. It is killed with its parent, and its processes with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterable

from ivif_bench import origins
from ivif_bench.pipeline import worker

_LONGEST_MESSAGE = 4096


def main(handle: int, entries: list[str]) -> int:
    """Serve jobs until the socket is closed."""
    worker.die_with(os.getppid())
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to all of a group; the parent decides
        signal.signal(number, signal.SIG_IGN)
    warm_up(entries)
    gc.collect()
    gc.freeze()  # what is shared stays shared: the collector does not write into it
    wakeup, waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    own, jobs = os.getpid(), dict[int, int]()
    with socket.socket(fileno=handle) as server:
        while True:
            readable, _, _ = select.select([server.fileno(), wakeup], [], [])
            if wakeup in readable:
                os.read(wakeup, 4096)
                _report_ended(server, jobs)
            if server.fileno() not in readable:
                continue
            message, files, _, _ = socket.recv_fds(server, _LONGEST_MESSAGE, 2)
            if not message:
                _stop(jobs)
                return 0
            asked = json.loads(message)
            child = os.fork()
            if not child:
                server.close()
                os.close(waker)
                os.close(wakeup)
                _become_worker(files[0], files[1], own, asked["gpu"])
            jobs[child] = asked["number"]
            for file in files:
                os.close(file)


def warm_up(entries: list[str]) -> None:
    """Import what jobs need; if an entry fails, the job itself reports the error."""
    for entry in entries:
        name, _, function = entry.partition(":")
        try:
            module = importlib.import_module(name)
            if function:
                getattr(module, function)()
        except Exception:
            traceback.print_exc()
    origins.look_up()


def _report_ended(server: socket.socket, jobs: dict[int, int]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                return
            if child in jobs:
                code = os.waitstatus_to_exitcode(status)
                server.send(json.dumps({"number": jobs.pop(child), "code": code}).encode())


def _stop(jobs: Iterable[int]) -> None:
    """Ask jobs to stop, which removes what they had half written; those that do not are killed."""
    left, until = set(jobs), time.monotonic() + worker.PATIENCE
    for child in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
    while left and time.monotonic() < until:
        with contextlib.suppress(ChildProcessError):
            left = {child for child in left if not os.waitpid(child, os.WNOHANG)[0]}
            time.sleep(0.01)
            continue
        return


def _become_worker(description: int, events: int, server: int, gpu: bool) -> None:
    """Do one job in this forked process and end it; no code of the server runs at its end."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        worker.die_with(server)
        if gpu and _cuda_is_lost():
            for file in (description, events):
                os.set_inheritable(file, True)
            command = [sys.executable, "-m", "ivif_bench.pipeline.worker"]
            os.execv(sys.executable, [*command, str(description), str(events)])
        code = worker.main(description, events)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _cuda_is_lost() -> bool:
    """Whether the server touched CUDA, which a forked process then cannot use."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda._is_in_bad_fork())


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
