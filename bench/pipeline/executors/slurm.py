"""Jobs as tasks of SLURM arrays, submitted by submitit: an array for each stage of a run.

The run directory must be on a disk that all nodes share. A task says what it does in a file there,
``squeue`` tells which tasks are left; one that is gone without having said its end is submitted again.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from ivif_bench.errors import UserError, first_few
from ivif_bench.files import parse_json, write_bytes
from ivif_bench.options import Options
from ivif_bench.pipeline import worker
from ivif_bench.pipeline.executors import slurm_queue
from ivif_bench.pipeline.executors.base import Executor, ExecutorSpec, Place, ended
from ivif_bench.pipeline.jobs import Ended, Job, Progress, encoded

if TYPE_CHECKING:
    from types import ModuleType

_PROGRAMS = ("sbatch", "squeue", "scancel", "srun")


class SlurmOptions(Options):
    """How arrays are submitted."""

    parallel: int = Field(
        64, ge=1, description="tasks of an array that run at a time; default of --workers"
    )
    array: int = Field(1000, ge=1, description="tasks of an array at most (MaxArraySize)")
    gather: float = Field(
        60.0,
        ge=0,
        description="how long jobs wait for others of their stage while arrays are running (s)",
    )
    minutes: int = Field(1440, ge=1, description="time limit of a task (minutes)")
    memory: float = Field(8.0, gt=0, description="memory of a task (GB)")
    gpus_per_node: int = Field(0, ge=0, description="GPUs of a node; 0 runs all jobs on processors")
    parameters: dict[str, str | int] = Field(
        {}, description="further options of sbatch, such as partition or account"
    )
    gpu_parameters: dict[str, str | int] = Field(
        {}, description="the same, for jobs that ask for GPUs; in place of `parameters`"
    )
    setup: list[str] = Field(
        [], description="lines of shell before each task, such as module load cuda"
    )
    retries: int = Field(
        3,
        ge=0,
        description="how often in a row a job is submitted again without having got further before",
    )
    poll: float = Field(5.0, gt=0, description="time between looks at the queue (s)")
    settle: float = Field(
        30.0,
        ge=0,
        description="how long a task that left the queue may take to show its end on the shared disk (s)",
    )


SPECS = (
    ExecutorSpec(
        name="slurm",
        entry="SlurmExecutor",
        summary="arrays of a SLURM cluster (pip install 'ivif-bench[slurm]')",
        options=SlurmOptions,
    ),
)


@dataclass(eq=False, slots=True)
class _Task:
    """A job that waits or runs in SLURM.

    Attributes:
        lost: tasks in a row that were lost before this one, the first of them having got further.
        reached: the most steps done by any task of this job, by the number of all steps.
        further: whether this one has done more.
    """

    job: Job
    lost: int
    since: float
    reached: dict[int, int] = field(default_factory=dict)
    further: bool = False
    number: str = ""  # as squeue prints it
    events: Path = Path()
    read: int = 0  # bytes of the events
    gone: float | None = None  # since when it is not in the queue
    said: dict[str, Any] = field(default_factory=dict)


class SlurmExecutor(Executor):
    """Runs jobs in arrays.

    Jobs that become ready are gathered and submitted together: at once when no array is left, else
    after ``gather`` seconds. SLURM decides when they run.

    Args:
        submitit: the library.
    """

    def __init__(self, submitit: ModuleType, options: SlurmOptions, place: Place) -> None:
        self._submitit = submitit
        self._options = options
        self._place = place
        self._name = f"ivif-bench-{secrets.token_hex(8)}"
        self._folder = slurm_queue.folder_of(place.run, self._name)
        self.workers = place.workers or options.parallel
        self._waiting: list[_Task] = []
        self._running: list[_Task] = []
        self._count = 0
        self._folder.mkdir(parents=True)

    @classmethod
    def check(cls) -> None:
        if importlib.util.find_spec("submitit") is None:
            raise UserError(
                "executor 'slurm': submitit is not installed; pip install 'ivif-bench[slurm]'"
            )
        lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
        if lacking:
            raise UserError(
                f"executor 'slurm': no program {first_few(lacking)} here; run this command on a node that "
                "submits to SLURM, or choose another executor"
            )

    @classmethod
    def open(cls, options: SlurmOptions, place: Place) -> Self:
        cls.check()
        import submitit

        return cls(submitit, options, place)

    @property
    def gpus(self) -> int:
        return self.workers if self._options.gpus_per_node else 0

    def has_room(self, job: Job) -> bool:
        return True  # SLURM has the queue

    def start(self, job: Job) -> None:
        self._waiting.append(_Task(job, 0, time.monotonic()))

    def wait(self) -> list[Progress | Ended]:
        happened: list[Progress | Ended] = []
        while not happened:
            now = time.monotonic()
            late = any(now > task.since + self._options.gather for task in self._waiting)
            if self._waiting and (late or not self._running):
                self._submit()
            queued = slurm_queue.tasks_of(self._name)
            for task in list(self._running):
                happened += self._hear(task)
                if _is_complete(task.said) or self._is_gone(task, queued):
                    self._running.remove(task)
                    happened += self._end(task)
            if not happened:
                time.sleep(self._options.poll)
        return happened

    def close(self) -> None:
        problem = slurm_queue.forget(self._place.run, self._name, cancel=bool(self._running))
        self._waiting, self._running = [], []
        if problem:
            self._place.note(problem)

    def _submit(self) -> None:
        """Submit what has been gathered, an array for each stage and need of resources."""
        groups: dict[tuple[str, int, int, bool], list[_Task]] = {}
        for task in self._waiting:
            job = task.job
            gpus = min(job.gpus, self._options.gpus_per_node)
            groups.setdefault((job.stage, job.threads, gpus, job.alone), []).append(task)
        self._waiting = []
        for (stage, threads, gpus, alone), tasks in groups.items():
            for begin in range(0, len(tasks), self._options.array):
                part = tasks[begin : begin + self._options.array]
                self._submit_array(stage, threads, gpus, alone, part)

    def _submit_array(
        self, stage: str, threads: int, gpus: int, alone: bool, tasks: Sequence[_Task]
    ) -> None:
        options = self._options
        more = options.gpu_parameters if gpus and options.gpu_parameters else options.parameters
        executor = self._submitit.SlurmExecutor(self._folder)
        variables = dict.fromkeys(worker.THREAD_VARIABLES, str(threads))
        if not gpus:
            variables["CUDA_VISIBLE_DEVICES"] = ""  # they asked for none
        executor.update_parameters(
            job_name=self._name,
            comment=f"ivif-bench {stage}",
            time=options.minutes,
            mem=f"{round(1024 * options.memory)}M",
            cpus_per_task=threads,
            srun_args=[f"--cpus-per-task={threads}"],  # srun does not take it over from sbatch
            array_parallelism=self.workers,
            setup=[*options.setup, *(f"export {key}={value}" for key, value in variables.items())],
            additional_parameters=dict(more),
            **({"gpus_per_node": gpus} if gpus else {}),
            **({"exclusive": True} if alone else {}),
        )
        folder = str(Path.cwd())
        self._running += tasks  # before: whatever interrupts this, they are cancelled
        try:
            with executor.batch():
                given = []
                for task in tasks:
                    self._count += 1
                    order = self._folder / f"{self._count}.json"
                    task.events = order.with_suffix(".events")
                    write_bytes(order, encoded(task.job.description))
                    given.append(executor.submit(perform, folder, str(order), str(task.events)))
        except (OSError, RuntimeError, self._submitit.core.utils.FailedJobError) as problem:
            said = " ".join(str(problem).split()[:60])
            raise UserError(
                f"executor 'slurm': sbatch did not take an array of {len(tasks)} tasks: {said}; check "
                "executor.options.parameters"
            ) from problem
        for task, submitted in zip(tasks, given, strict=True):
            task.number = str(submitted.job_id)

    def _hear(self, task: _Task) -> list[Progress | Ended]:
        """What a task has said since the last look; of its progress the last."""
        try:
            with task.events.open("rb") as file:
                file.seek(task.read)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        task.read += len(whole)
        found: Progress | None = None
        for line in whole.splitlines():
            event = parse_json(line)
            if "progress" in event:
                found = Progress(task.job, *event["progress"])
                if found.done > task.reached.get(found.total, 0):
                    task.reached[found.total] = found.done
                    task.further = True
            else:
                task.said |= event
        return [found] if found else []

    def _is_gone(self, task: _Task, queued: set[str] | None) -> bool:
        """Whether a task will say nothing any more."""
        if queued is None or task.number in queued:
            task.gone = None
            return False
        now = time.monotonic()
        task.gone = now if task.gone is None else task.gone
        return now >= task.gone + self._options.settle

    def _end(self, task: _Task) -> list[Progress | Ended]:
        if _is_complete(task.said):
            return [ended(task.job, task.said, None)]
        lost = 1 if task.further else task.lost + 1
        if lost > self._options.retries:
            problem = (
                f"lost {lost} tasks in a row, none got further than the first; the last one was "
                f"{task.number}"
            )
            return [ended(task.job, {}, None, problem)]
        self._place.note(
            f"{task.job.label}: task {task.number} ended without a result; it is submitted again"
        )
        self._waiting.append(_Task(task.job, lost, time.monotonic(), reached=task.reached))
        return []


def perform(folder: str, order: str, events: str) -> int:
    """Do a job, in a task of an array; near its time limit the task ends without having said its end.

    Args:
        folder: working directory of the run.
        order: file with the job's description.
        events: file for its events.
    """
    os.chdir(folder)
    said = os.open(events, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    # submitit's handler of this signal would end the job as failed.
    name = os.environ.get("SUBMITIT_PREEMPT_SIGNAL", "USR2")
    return worker.main(os.open(order, os.O_RDONLY), said, signal.Signals[f"SIG{name}"])


def _is_complete(said: Mapping[str, Any]) -> bool:
    return bool(said.keys() & {"seconds", "user_error", "crash"})
