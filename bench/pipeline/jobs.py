"""The work of a run as jobs: plain descriptions, dependencies, outcomes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FUSING = "fusing"
_last: tuple[Any, str] = (None, "")


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work for one process.

    Attributes:
        name: unique in the run; work that several rows need (a network) is one job with one name.
        stage: ``fusing``, or the name of the task.
        label: the row that it belongs to, as text; the jobs of a row share a progress bar.
        description: plain JSON values for ``ivif_bench.pipeline.worker``: ``kind``, ``threads``,
            ``gpus``, ``log``, ``warm``, ...; a job with ``gpus`` has GPUs exclusively if there
            are any. A job with ``reuse`` leaves its process as it was, so that others may follow in
            it; a training does not.
        needs: names of the jobs that must have succeeded before this one starts.
        seconds: expected time, if known; only the order depends on it.
        images: number of its images; 0 if it is not about single images.
    """

    name: str
    stage: str
    label: str
    description: Mapping[str, Any]
    needs: tuple[str, ...] = ()
    seconds: float = 0.0
    images: int = 0

    @property
    def threads(self) -> int:
        """CPU threads it computes with."""
        return int(self.description["threads"])

    @property
    def gpus(self) -> int:
        """GPUs it asks for."""
        return int(self.description["gpus"])

    @property
    def alone(self) -> bool:
        """No other job may compute at the same time."""
        return bool(self.description.get("unit", {}).get("alone"))

    @property
    def warm(self) -> tuple[str, ...]:
        """Modules, or functions (``"module:function"``), that a warm process imports and calls."""
        return tuple(self.description.get("warm", ()))


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a job: ``done`` of its ``total`` steps, and the last one."""

    job: Job
    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome of a job: an empty ``problem`` is success.

    Attributes:
        users_fault: the problem is in the input, and its text says what to do.
        seconds: how long the process computed.
    """

    job: Job
    problem: str = ""
    users_fault: bool = False
    seconds: float = field(default=0.0, compare=False)


def encoded(description: Mapping[str, Any]) -> bytes:
    """A job's description as JSON.

    The shards of a unit share its values, a megabyte for thousands of images: they are encoded once
    for shards that follow one another.
    """
    unit = description.get("unit")
    if unit is None:
        return json.dumps(dict(description)).encode()
    rest = json.dumps({key: value for key, value in description.items() if key != "unit"})
    return f'{rest[:-1]}, "unit": {encoded_unit(unit)}}}'.encode()


def encoded_unit(unit: Mapping[str, Any]) -> str:
    """A unit's values as JSON; the last ones are remembered."""
    global _last
    if _last[0] is not unit:
        _last = (unit, json.dumps(unit))
    return _last[1]
