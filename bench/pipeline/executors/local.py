"""Jobs on this machine: warm processes that fork one process for each job, with fixed threads."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from ivif_bench.options import NoOptions
from ivif_bench.pipeline import worker
from ivif_bench.pipeline.executors.base import Executor, ExecutorSpec, Place, ended
from ivif_bench.pipeline.jobs import Ended, Job, Progress, encoded

SPECS = (
    ExecutorSpec(
        name="local",
        entry="LocalExecutor",
        summary="processes on this machine",
    ),
)
_PATIENCE = worker.PATIENCE + 3.0  # seconds until a warm process has stopped its jobs
# Forking a process that has loaded libraries is safe on Linux only; elsewhere each job imports anew.
_CAN_FORK = sys.platform == "linux"


@dataclass(eq=False, slots=True)
class _Server:
    """A warm process and what runs in processes forked from it, by number."""

    process: subprocess.Popen[bytes]
    line: socket.socket
    jobs: dict[int, _Running] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class _Running:
    """A job that runs."""

    job: Job
    events: int
    slots: int
    device: str | None = None
    process: subprocess.Popen[bytes] | None = None  # where there is no warm one
    pending: bytes = b""
    said: dict[str, Any] = field(default_factory=dict)
    ended: bool = False


class LocalExecutor(Executor):
    """Runs jobs on this machine.

    Each kind of job (its libraries, its thread count, its GPU) has a warm process that imports the
    libraries once. A job runs in a process of its own, forked from that, so a crash ends only one
    job, and permanent changes that a library makes end with the job.

    Args:
        workers: processors to use; a job of several threads takes as many, up to all of them.
        log: file for the output of warm processes.
        temporary: folder for the temporary files of all processes; removed at the end.
    """

    def __init__(self, workers: int, log: Path, temporary: Path) -> None:
        self.workers = max(1, workers)
        self._free = self.workers
        self._log = log
        self._temporary = temporary
        self._devices: list[str] | None = None  # found when somebody asks for one
        self._all_devices = 0
        self._servers: dict[tuple[Any, ...], _Server] = {}
        self._running: dict[int, _Running] = {}
        self._number = 0
        self._selector = selectors.DefaultSelector()
        self._happened: list[Progress | Ended] = []

    @classmethod
    def open(cls, options: NoOptions, place: Place) -> Self:
        workers = place.workers or os.cpu_count() or 1
        return cls(workers, place.run / "logs" / "processes.log", place.temporary)

    @property
    def gpus(self) -> int:
        if self._devices is None:
            self._devices = visible_gpus()
            self._all_devices = len(self._devices)
        return self._all_devices

    def has_room(self, job: Job) -> bool:
        share = self._share(job)
        if len(self._devices or ()) < share:
            return False
        return self._slots(job) <= self._free

    def start(self, job: Job) -> None:
        # A comma separates GPUs, as in CUDA_VISIBLE_DEVICES.
        share = self._share(job)
        devices = [self._devices.pop(0) for _ in range(share)] if self._devices else []
        device = ",".join(devices) if devices else None
        read, write = os.pipe()
        os.set_blocking(read, False)
        self._number += 1
        running = _Running(job, read, self._slots(job), device)
        self._free -= running.slots
        self._running[self._number] = running
        self._selector.register(read, selectors.EVENT_READ, running)
        try:
            with tempfile.TemporaryFile() as file:  # has no name, so nothing is left of it
                file.write(encoded(job.description))
                file.flush()
                if _CAN_FORK:
                    self._send(self._number, running, file.fileno(), write)
                else:
                    running.process = self._fresh(running, file.fileno(), write)
        except OSError as problem:
            self._end(self._number, None, f"cannot start a process: {problem}")
        finally:
            os.close(write)

    def wait(self) -> list[Progress | Ended]:
        while not self._happened:
            for key, _ in self._selector.select():
                if isinstance(key.data, _Server):
                    self._hear(key.data)
                elif not key.data.ended and not self._read(key.data):
                    self._events_ended(key.data)
        happened, self._happened = self._happened, []
        return happened

    def close(self) -> None:
        for running in self._running.values():
            os.close(running.events)
            if running.process is not None:
                running.process.terminate()
        for server in self._servers.values():
            server.line.close()  # it stops its jobs, and ends
        processes = [server.process for server in self._servers.values()]
        processes += [each.process for each in self._running.values() if each.process is not None]
        try:
            for process in processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_PATIENCE)
        finally:
            for process in processes:
                process.kill()
                process.wait()
        self._selector.close()
        self._servers, self._running = {}, {}

    def _share(self, job: Job) -> int:
        """GPUs that a job gets; it does with those that this machine has."""
        return min(job.gpus, self.gpus) if job.gpus else 0

    def _slots(self, job: Job) -> int:
        return self.workers if job.alone else min(max(1, job.threads), self.workers)

    def _send(self, number: int, running: _Running, description: int, events: int) -> None:
        job = running.job
        message = json.dumps({"number": number, "gpu": running.device is not None}).encode()
        server = self._server(job.threads, running.device, bool(job.gpus), job.warm)
        try:
            socket.send_fds(server.line, [message], [description, events])
        except OSError:  # it was killed while it had nothing to do, or others' jobs
            self._lost(server)
            server = self._server(job.threads, running.device, bool(job.gpus), job.warm)
            socket.send_fds(server.line, [message], [description, events])
        server.jobs[number] = running

    def _server(
        self, threads: int, device: str | None, gpus: bool, entries: tuple[str, ...]
    ) -> _Server:
        key = (threads, device, gpus, entries)
        if key not in self._servers:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with theirs, self._log.open("ab") as log:
                process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "ivif_bench.pipeline.executors.server"),
                        *(str(theirs.fileno()), *entries),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=[theirs.fileno()],
                    env=self._environment(threads, device, gpus),
                )
            self._servers[key] = _Server(process, ours)
            self._selector.register(ours, selectors.EVENT_READ, self._servers[key])
        return self._servers[key]

    def _fresh(self, running: _Running, description: int, events: int) -> subprocess.Popen[bytes]:
        job = running.job
        return subprocess.Popen(
            [sys.executable, "-m", "ivif_bench.pipeline.worker", str(description), str(events)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[description, events],
            env=self._environment(job.threads, running.device, bool(job.gpus)),
        )

    def _environment(self, threads: int, device: str | None, gpus: bool) -> Mapping[str, str]:
        self._temporary.mkdir(parents=True, exist_ok=True)
        environment = worker.environment(threads, self._temporary)
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = device
        elif not gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ""  # it asked for none
        return environment

    def _read(self, running: _Running) -> bool:
        """Read the events of a job; False if there will be no more."""
        while True:
            try:
                data = os.read(running.events, 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            *lines, running.pending = (running.pending + data).split(b"\n")
            for line in lines:
                event = json.loads(line)
                if "progress" in event:
                    self._happened.append(Progress(running.job, *event["progress"]))
                else:
                    running.said |= event

    def _events_ended(self, running: _Running) -> None:
        """Without a warm process the end of the events is the end of the job."""
        self._selector.unregister(running.events)
        if running.process is not None:
            number = next(key for key, value in self._running.items() if value is running)
            self._end(number, running.process.wait())

    def _hear(self, server: _Server) -> None:
        try:
            message = server.line.recv(4096)
        except OSError:
            message = b""
        if not message:
            self._lost(server)
            return
        ended = json.loads(message)
        server.jobs.pop(ended["number"], None)
        self._end(ended["number"], ended["code"])

    def _lost(self, server: _Server) -> None:
        """A warm process has ended, and its jobs with it."""
        if server not in self._servers.values():
            return
        self._servers = {key: value for key, value in self._servers.items() if value is not server}
        self._selector.unregister(server.line)
        server.line.close()
        server.process.kill()
        code = server.process.wait()
        for number in list(server.jobs):
            self._end(number, code)

    def _end(self, number: int, code: int | None, problem: str = "") -> None:
        running = self._running.pop(number)
        self._read(running)
        running.ended = True  # what the selector has found of it is out of date
        with contextlib.suppress(KeyError):
            self._selector.unregister(running.events)
        os.close(running.events)
        self._free += running.slots
        if running.device is not None and self._devices is not None:
            self._devices += running.device.split(",")
        self._happened.append(ended(running.job, running.said, code, problem))


def visible_gpus() -> list[str]:
    """CUDA devices that this process may use, found without importing torch."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name]
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return listed.stdout.split()
