"""Which node of a cluster has room for a job: processors and GPUs, and who holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ivif_bench.pipeline.jobs import Job

_Kind = tuple[object, ...]


@dataclass(eq=False, slots=True)
class Grant:
    """A place on a node for jobs of one kind, one at a time.

    Attributes:
        node: name of the node.
        kind: of the jobs.
        cpus, gpus: what it holds.
        busy: whether a job runs there.
    """

    node: str
    kind: _Kind
    cpus: int
    gpus: int
    busy: bool = False


@dataclass(eq=False, slots=True)
class _Node:
    cpus: int
    gpus: int
    usable: bool = True
    grants: list[Grant] = field(default_factory=list)

    def free(self, idle: bool) -> tuple[int, int]:
        """Processors and GPUs that nobody holds; with ``idle``, or holds without a job."""
        held = [grant for grant in self.grants if grant.busy or not idle]
        return (
            self.cpus - sum(grant.cpus for grant in held),
            self.gpus - sum(grant.gpus for grant in held),
        )


class Nodes:
    """The nodes of a cluster.

    A job gets the processors and GPUs that it asks for, and as many as the largest node has at most.

    Args:
        most: processors to use on all nodes together; None for all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._nodes: dict[str, _Node] = {}
        self._refused: set[str] = set()

    @property
    def cpus(self) -> int:
        """Processors of all nodes that can be used."""
        total = sum(node.cpus for node in self._usable())
        return total if self._most is None else min(total, self._most)

    @property
    def gpus(self) -> int:
        """GPUs of all nodes that can be used."""
        return sum(node.gpus for node in self._usable())

    def update(self, alive: Mapping[str, tuple[int, int]]) -> bool:
        """Take in which nodes are alive, with their processors and GPUs; whether some came.

        Grants of nodes that are gone stay until they are dropped; nothing new is placed there.
        """
        grown = False
        for name, node in self._nodes.items():
            node.usable = name in alive and name not in self._refused
        for name, (cpus, gpus) in alive.items():
            if name not in self._nodes and cpus:
                self._nodes[name] = _Node(cpus, gpus)
                grown = True
        return grown

    def refuse(self, name: str) -> None:
        """Place nothing on a node any more."""
        self._refused.add(name)
        self._nodes[name].usable = False

    def find(self, job: Job) -> Grant | None:
        """A place for a job, to be taken by ``take``; None if there is no room.

        An idle one of its kind is preferred, then the node with most free processors, then one where
        idle places of other kinds are in the way.
        """
        nodes = {name: node for name, node in self._nodes.items() if node.usable}
        if not nodes:
            return None
        gpus = min(job.gpus, max(node.gpus for node in nodes.values()))
        fitting = {name: node for name, node in nodes.items() if node.gpus >= gpus}
        most = max(node.cpus for node in fitting.values())
        wanted = min(max(1, job.threads), most)
        kind: _Kind = (job.threads, gpus, job.alone, job.warm)
        busy = sum(grant.cpus for node in nodes.values() for grant in node.grants if grant.busy)
        if self._most is not None and busy and busy + wanted > self._most:
            return None
        for node in fitting.values():
            for grant in node.grants:
                if grant.kind == kind and not grant.busy:
                    return grant
        for idle in (False, True):
            places = sorted(
                ((node.free(idle), name) for name, node in fitting.items()), reverse=True
            )
            for (free_cpus, free_gpus), name in places:
                cpus = fitting[name].cpus if job.alone else wanted
                if free_cpus >= cpus and free_gpus >= gpus:
                    return Grant(name, kind, cpus, gpus)
        return None

    def take(self, grant: Grant) -> list[Grant]:
        """Take a place for a job; the idle ones that are in its way, which the caller must drop."""
        node = self._nodes[grant.node]
        grant.busy = True
        if grant in node.grants:
            return []
        evicted = list(self._in_the_way(node, grant))
        node.grants.append(grant)
        return evicted

    def release(self, grant: Grant) -> None:
        """A job has ended; its place stays for the next of its kind."""
        grant.busy = False

    def drop(self, grant: Grant) -> None:
        """Give a place back."""
        node = self._nodes[grant.node]
        if grant in node.grants:
            node.grants.remove(grant)

    def _usable(self) -> Iterator[_Node]:
        return (node for node in self._nodes.values() if node.usable)

    @staticmethod
    def _in_the_way(node: _Node, grant: Grant) -> Iterator[Grant]:
        cpus, gpus = node.free(False)
        for other in node.grants:
            if cpus >= grant.cpus and gpus >= grant.gpus:
                return
            if not other.busy:
                cpus, gpus = cpus + other.cpus, gpus + other.gpus
                yield other
