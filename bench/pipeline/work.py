"""Adds the work of a run to a graph of jobs: the missing work and its dependencies."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from ivif_bench.fusion import METHODS
from ivif_bench.pipeline.costs import Costs
from ivif_bench.pipeline.fuse import fusing_jobs
from ivif_bench.pipeline.graph import Graph
from ivif_bench.pipeline.jobs import FUSING, Ended
from ivif_bench.pipeline.plan import RunPlan
from ivif_bench.pipeline.units import jobs_of
from ivif_bench.task import Section, Task
from ivif_bench.types import Unit


class Work:
    """Adds the work of a run to a graph.

    A unit of work can be planned when the images that it judges are there, since their content is
    part of its key. So the units of each method are planned as soon as that method has fused.

    Args:
        workers: number of parallel processes, by which images are divided into shards; an attribute, too,
            because machines may join a cluster.
        planned: called when all units are known; never if some images could not be fused.

    Attributes:
        missing: units that were not done when they were planned, by key.
    """

    def __init__(
        self,
        plan: RunPlan,
        graph: Graph,
        costs: Costs,
        workers: int,
        planned: Callable[[list[Unit]], None],
    ) -> None:
        self._plan = plan
        self._graph = graph
        self._costs = costs
        self.workers = workers
        self._planned = planned
        self._units: dict[tuple[int, str], list[Unit]] = {}
        self.missing: dict[str, Unit] = {}
        self._temporary: dict[str, set[str]] = {}  # name of a folder to unfinished units

    def begin(self) -> None:
        """Add all fusing, and the planning of all units behind it.

        Raises:
            UserError: a section cannot be carried out with the methods of the run.
        """
        plan, fusing = self._plan, dict[str, list[str]]()
        judged = [plan.methods_of(task, section) for _, task, section in plan.sections]
        to_fuse = plan.images_to_fuse()
        warm = sorted({entry for method, _ in to_fuse for entry in METHODS.get(method.type).warm})
        for method, images in to_fuse:
            key = plan.key_of(method)
            jobs = list(
                fusing_jobs(
                    method,
                    key,
                    plan.config.seed,
                    images,
                    plan.store,
                    self._costs,
                    self.workers,
                    warm,
                )
            )
            fusing[method.name] = [job.name for job in jobs]
            self._graph.add(jobs)
        plan.store.fingerprint.save()
        for index, (_, task, section) in enumerate(plan.sections):
            for method_name, wanted in judged[index].items():
                needs = [name for each in wanted for name in fusing.get(each, ())]
                self._graph.after(needs, self._planning(index, task, section, method_name))
        self._graph.after([name for names in fusing.values() for name in names], self._all_planned)

    def ended(self, event: Ended) -> None:
        """Remove what only the units needed that are finished now; to be called for each job."""
        if event.problem or event.job.name not in self.missing:
            return
        for name, units in list(self._temporary.items()):
            units.discard(event.job.name)
            if not units:
                del self._temporary[name]
                shutil.rmtree(self._plan.store.shared / name, ignore_errors=True)

    @property
    def fused(self) -> int:
        """Number of images fused by jobs that succeeded."""
        ended = self._graph.outcomes.values()
        return sum(
            each.job.images for each in ended if each.job.stage == FUSING and not each.problem
        )

    @property
    def fusing_problems(self) -> list[str]:
        """The errors of fusing, each once."""
        ended = self._graph.outcomes.values()
        found = [each.problem for each in ended if each.job.stage == FUSING and each.problem]
        return list(dict.fromkeys(found))

    @property
    def failures(self) -> tuple[str, ...]:
        """Problems of units that could not be done, in the order in which they ended."""
        ended = self._graph.outcomes
        return tuple(
            ended[key].problem for key in ended if key in self.missing and ended[key].problem
        )

    def _planning(
        self, index: int, task: Task, section: Section, method: str
    ) -> Callable[[], None]:
        def plan() -> None:
            units = self._plan.units(task, section, method)
            self._units[index, method] = units
            store = self._plan.store
            for unit in units:
                if not store.is_done(unit):
                    self.missing[unit.key] = unit
                    for name in task.temporary(unit):
                        self._temporary.setdefault(name, set()).add(unit.key)
                    self._graph.add(jobs_of(task, unit, store, self._costs, self.workers))

        return plan

    def _all_planned(self) -> None:
        config = self._plan.config
        methods = [*(method.name for method in config.methods), *config.rows]
        self._planned(
            [
                unit
                for index in range(len(self._plan.sections))
                for method in methods
                for unit in self._units.get((index, method), ())
            ]
        )
