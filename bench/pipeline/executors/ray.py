"""Jobs on the nodes of a Ray cluster: one actor for each kind of job that a node does at a time.

Which jobs exist, in which order and how often they are tried is decided by the driver; Ray places
actors and carries messages.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import secrets
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ivif_bench.errors import UserError
from ivif_bench.files import has_ended, write_bytes
from ivif_bench.pipeline.executors.base import Executor, ExecutorSpec, Place, ended
from ivif_bench.pipeline.executors.nodes import Grant, Nodes
from ivif_bench.pipeline.host import Host, Setup, carried, this_code
from ivif_bench.pipeline.jobs import Ended, Job, Progress
from ivif_bench.pipeline.mirror import Returned
from ivif_bench.pipeline.ray_cluster import RayOptions, connected, demand_ray
from ivif_bench.pipeline.ray_store import Stored
from ivif_bench.weights import weights_folder

if TYPE_CHECKING:
    from types import ModuleType

_LOOK_EVERY = 2.0  # seconds between looks at the nodes
_CLOSED_WITHIN = 5.0  # seconds for actors to remove their files
_STOPPED_WITHIN = 15.0  # seconds for processes of this machine to end
_KILLED = (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM)


SPECS = (
    ExecutorSpec(
        name="ray",
        entry="RayExecutor",
        summary="nodes of a Ray cluster (pip install 'ivif-bench[ray]')",
        options=RayOptions,
    ),
)


@dataclass(eq=False, slots=True)
class _Actor:
    """An actor, its place on a node, and the processes that it has."""

    handle: Any
    grant: Grant
    pids: dict[str, list[int]] = field(default_factory=dict)  # by machine


@dataclass(eq=False, slots=True)
class _Running:
    """A job that runs, and what was said of it."""

    job: Job
    actor: _Actor
    stream: Any
    returned: Returned
    attempt: int
    said: dict[str, Any] = field(default_factory=dict)


class RayExecutor(Executor):
    """Runs jobs on a Ray cluster.

    A node does as many jobs at a time as it has processors and GPUs for; no job waits in a queue of
    Ray's. An actor serves jobs of one kind (libraries, threads, GPUs) and is replaced by another when
    its place is needed. What a lost node was doing is done again, from what it had finished.

    Args:
        ray: the library, connected.
        disconnect: ends the connection, and the cluster if it was started for this run.
    """

    def __init__(
        self, ray: ModuleType, options: RayOptions, place: Place, disconnect: Callable[[], None]
    ) -> None:
        self._ray = ray
        self._options = options
        self._place = place
        self._disconnect = disconnect
        self._token = place.run / "cache" / f"seen-{secrets.token_hex(8)}"
        write_bytes(self._token, b"")
        self._setup = Setup(
            run=str(place.run),
            folder=str(Path.cwd()),
            token=str(self._token.relative_to(place.run)),
            results=options.results,
            code=this_code(),
            weights=str(weights_folder()),
            variables=carried(),
        )
        self._class = ray.remote(Host)
        self._nodes = Nodes(place.workers)
        self._actors: list[_Actor] = []
        self._running: dict[int, _Running] = {}
        self._again: list[tuple[Job, int]] = []
        self._stored = Stored(ray, place.run)
        self._happened: list[Progress | Ended] = []
        self._pids: set[int] = set()
        self._looked = 0.0
        self._empty_since: float | None = None
        self._look()

    @classmethod
    def check(cls) -> None:
        demand_ray()

    @classmethod
    def open(cls, options: RayOptions, place: Place) -> Self:
        ray, disconnect = connected(options, place)
        try:
            return cls(ray, options, place, disconnect)
        except BaseException:
            disconnect()
            raise

    @property
    def workers(self) -> int:  # type: ignore[override]  # nodes come and go
        return max(1, self._nodes.cpus)

    @property
    def gpus(self) -> int:
        return self._nodes.gpus

    def has_room(self, job: Job) -> bool:
        return not self._again and self._nodes.find(job) is not None

    def start(self, job: Job) -> None:
        self._start(job, 0)

    def wait(self) -> list[Progress | Ended]:
        while not self._happened:
            streams = {id(each.stream): each for each in self._running.values()}
            given = [each.stream for each in streams.values()]
            ready: list[Any] = []
            if given:
                ready, _ = self._ray.wait(given, num_returns=len(given), timeout=0)
                if not ready:
                    ready, _ = self._ray.wait(given, num_returns=1, timeout=_LOOK_EVERY)
            else:
                time.sleep(0.2)
            for stream in ready:
                self._hear(streams[id(stream)])
            grown = time.monotonic() > self._looked + _LOOK_EVERY and self._look()
            self._start_again()
            if grown:
                break
        happened, self._happened = self._happened, []
        return happened

    def close(self) -> None:
        for running in self._running.values():
            running.returned.drop()
        with contextlib.suppress(Exception):  # the connection may be lost
            self._let_close(self._actors)
            for actor in list(self._actors):
                self._kill(actor)
        self._actors, self._running = [], {}
        self._token.unlink(missing_ok=True)
        self._ended_here()
        self._disconnect()

    def _start(self, job: Job, attempt: int, given: Mapping[str, Any] | None = None) -> None:
        grant = self._nodes.find(job)
        assert grant is not None, "has_room said so"
        for other in self._nodes.take(grant):
            (evicted,) = [each for each in self._actors if each.grant is other]
            self._let_close([evicted])
            self._kill(evicted)
        actor = next((each for each in self._actors if each.grant is grant), None)
        if actor is None:
            actor = self._actor(job, grant)
        self._call(job, actor, attempt, given or {})

    def _actor(self, job: Job, grant: Grant) -> _Actor:
        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        made = self._class.options(
            num_cpus=grant.cpus,
            num_gpus=grant.gpus,
            max_restarts=0,
            scheduling_strategy=strategy(grant.node, soft=False),
        )
        handle = made.remote(self._setup, job.threads, grant.gpus > 0, job.warm, self._ray.get)
        actor = _Actor(handle, grant)
        self._actors.append(actor)
        return actor

    def _call(self, job: Job, actor: _Actor, attempt: int, given: Mapping[str, Any]) -> None:
        rest = {name: value for name, value in job.description.items() if name != "unit"}
        rest["needs"] = list(job.needs)
        unit = job.description.get("unit")
        reference = "" if unit is None else self._stored.unit(unit)
        stream = actor.handle.do.options(num_returns="streaming").remote(
            json.dumps(rest), reference, self._stored.inputs(job), given
        )
        stamp = f"{os.getpid()}-{secrets.token_hex(4)}"
        returned = Returned(self._place.run, stamp)
        self._running[id(stream)] = _Running(job, actor, stream, returned, attempt)

    def _hear(self, running: _Running) -> None:
        """Take the next event of a job."""
        job = running.job
        errors = self._ray.exceptions
        try:
            event: dict[str, Any] = self._ray.get(next(running.stream))
        except StopIteration:
            self._end(running)
            return
        except errors.RayTaskError as problem:
            # a fault of the host's, such as a full disk: another attempt would have it too
            running.said.setdefault("crash", str(problem.cause or problem).splitlines()[-1])
            running.said["code"] = 1
            self._lose(running.actor)
            self._end(running)
            return
        except errors.RayError as problem:
            self._lose(running.actor)
            self._lost(running, type(problem).__name__)
            return
        if "progress" in event:
            self._happened.append(Progress(job, *event["progress"]))
        elif "host" in event:
            said = event["host"]
            running.actor.pids[said["machine"]] = said["pids"]
        elif "file" in event:
            try:
                running.returned.add(*event["file"])
            except (OSError, ValueError) as problem:
                running.said["user_error"] = f"cannot take a result: {problem}"
        else:
            running.said |= event

    def _end(self, running: _Running) -> None:
        """A job's events have ended: it is done, or has to be done again."""
        self._running.pop(id(running.stream))
        job, said = running.job, running.said
        if "alien" in said:
            self._place.note(f"not used: {said['alien']}")
            self._nodes.refuse(running.actor.grant.node)
            self._lose(running.actor)
            self._again.append((job, running.attempt))
            return
        if "lacks" in said:
            self._call(job, running.actor, running.attempt, self._stored.files(said["lacks"]))
            return
        if said.get("code") in _KILLED and not said.keys() & {"seconds", "crash", "user_error"}:
            self._nodes.release(running.actor.grant)
            self._lost(running, f"killed, exit code {said['code']}")
            return
        self._nodes.release(running.actor.grant)
        done = "seconds" in said and not said.keys() & {"crash", "user_error"}
        # a training without all of its files must not look complete
        running.returned.finish() if done else running.returned.drop()
        if done and job.description["kind"] == "unit":
            self._stored.drop(str(job.description["unit"]["key"]))
            unit = job.description["unit"]
            shutil.rmtree(self._place.run / "work" / unit["task"] / unit["key"], ignore_errors=True)
        self._happened.append(ended(job, said, said.get("code")))

    def _lost(self, running: _Running, why: str) -> None:
        """The process of a job is gone, or its node."""
        self._running.pop(id(running.stream), None)
        running.returned.drop()
        job, attempt = running.job, running.attempt + 1
        if attempt > self._options.retries:
            problem = f"lost its process {attempt} times, the last time: {why}"
            self._happened.append(ended(job, {}, None, problem))
            return
        self._place.note(f"{job.label}: lost its process ({why}); it is started again")
        self._again.append((job, attempt))

    def _start_again(self) -> None:
        for job, attempt in list(self._again):
            if self._nodes.find(job) is None:
                break
            self._again.remove((job, attempt))
            self._start(job, attempt)

    def _look(self) -> bool:
        """Look which nodes there are; whether some came.

        Raises:
            UserError: none has been left for too long.
        """
        self._looked = time.monotonic()
        alive = {
            str(node["NodeID"]): (
                int(node["Resources"].get("CPU", 0)),
                int(node["Resources"].get("GPU", 0)),
            )
            for node in self._ray.nodes()
            if node["Alive"]
        }
        grown = self._nodes.update(alive)
        if self._nodes.cpus:
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = self._looked
            self._place.note("no node can be used; waiting for one")
        elif self._looked > self._empty_since + self._options.patience:
            raise UserError(
                f"no node of the Ray cluster can be used, for {self._options.patience:g} s; finished "
                "work is kept, the same command resumes it"
            )
        return grown

    def _lose(self, actor: _Actor) -> None:
        if actor in self._actors:
            self._kill(actor)

    def _let_close(self, actors: Sequence[_Actor]) -> None:
        """Let actors without a job remove their temporary files."""
        with contextlib.suppress(Exception):  # they may be gone
            closing = [each.handle.close.remote() for each in actors if not each.grant.busy]
            if closing:
                self._ray.wait(closing, num_returns=len(closing), timeout=_CLOSED_WITHIN)

    def _kill(self, actor: _Actor) -> None:
        self._actors.remove(actor)
        self._nodes.drop(actor.grant)
        self._pids |= set(actor.pids.get(platform.node(), ()))
        with contextlib.suppress(Exception):  # it may be gone
            self._ray.kill(actor.handle)

    def _ended_here(self) -> None:
        """Wait for processes on this machine: they remove what they had half written."""
        deadline = time.monotonic() + _STOPPED_WITHIN
        while time.monotonic() < deadline and not all(map(has_ended, self._pids)):
            time.sleep(0.05)
