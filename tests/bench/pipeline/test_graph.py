"""Jobs start when what they need is there, and not before; what fails takes only its own with it."""

from __future__ import annotations

from ivif_bench.errors import UserError
from ivif_bench.pipeline.executors.base import Executor
from ivif_bench.pipeline.graph import Graph
from ivif_bench.pipeline.jobs import FUSING, Ended, Job, Progress


class Pretended(Executor):
    """Of the jobs that run, ``workers`` at once, the shortest ends next."""

    gpus = 0

    def __init__(self, workers: int, failing: tuple[str, ...] = ()) -> None:
        self.workers = workers
        self.failing = failing
        self.running: list[Job] = []
        self.history: list[str] = []
        self.most = 0

    @classmethod
    def open(cls, options, place):
        return cls(place.workers)

    def has_room(self, job):
        return len(self.running) < self.workers

    def start(self, job):
        self.running.append(job)
        self.history.append(f"start {job.name}")
        self.most = max(self.most, len(self.running))

    def wait(self):
        job = min(self.running, key=lambda job: job.seconds)
        self.running.remove(job)
        self.history.append(f"end {job.name}")
        problem = f"{job.name} broke" if job.name in self.failing else ""
        steps = [Progress(job, job.images, job.images, "last")] if job.images else []
        return [*steps, Ended(job, problem)]

    def close(self):
        pass


def job(name: str, *needs: str, stage: str = "quality", seconds: float = 1.0, **more) -> Job:
    return Job(
        name, stage, more.pop("label", name), {"threads": 1, "gpus": 0}, needs, seconds, **more
    )


class Late(Pretended):
    """Has room only after it was waited for, as a cluster whose first machine comes late."""

    arrived = False

    def has_room(self, job):
        return self.arrived and super().has_room(job)

    def wait(self):
        if not self.arrived:
            self.arrived = True
            return []
        return super().wait()


def test_jobs_wait_for_room_where_there_is_none_at_first():
    graph = Graph(Late(2), lambda *_: None)
    graph.add([job("a"), job("b", "a")])
    graph.run()
    assert graph.open == 0
    assert [end.problem for end in graph.outcomes.values()] == ["", ""]


def test_a_job_waits_for_its_needs_and_for_nothing_else():
    executor = Pretended(2)
    graph = Graph(executor, lambda *_: None)
    graph.add([job("slow", stage=FUSING, seconds=9), job("quick", stage=FUSING)])
    graph.add([job("of slow", "slow"), job("of quick", "quick"), job("third", "quick")])
    graph.run()
    order = executor.history
    assert order.index("start of quick") < order.index("start of slow")
    for name, need in (("of slow", "slow"), ("of quick", "quick"), ("third", "quick")):
        assert order.index(f"end {need}") < order.index(f"start {name}")
    assert executor.most == 2
    assert graph.open == 0


def test_fusing_comes_first_and_the_longest_row_of_it():
    executor = Pretended(1)
    graph = Graph(executor, lambda *_: None)
    graph.add([job("judging", seconds=99), job("short", stage=FUSING, seconds=5)])
    graph.add([job("not measured", seconds=0)])
    graph.add([job(f"long/{i}", stage=FUSING, seconds=3, label="long") for i in range(2)])
    graph.run()
    started = [line.removeprefix("start ") for line in executor.history if "start" in line]
    assert started == ["long/0", "long/1", "short", "not measured", "judging"]


def test_what_needs_a_failed_job_fails_with_its_problem_and_the_rest_goes_on():
    executor = Pretended(2, failing=("training",))
    ended = []
    graph = Graph(executor, lambda *_: None, lambda end: ended.append(end.job.name))
    graph.add([job("training"), job("unit", "training"), job("result", "unit"), job("other")])
    graph.after(["training"], lambda: ended.append("never"))
    graph.run()
    problems = {name: end.problem for name, end in graph.outcomes.items()}
    broke = "training broke"
    assert problems == {"training": broke, "unit": broke, "result": broke, "other": ""}
    assert "start unit" not in executor.history
    assert sorted(ended) == ["other", "result", "training", "unit"]


def test_work_of_one_name_is_done_once():
    executor = Pretended(2)
    graph = Graph(executor, lambda *_: None)
    graph.add([job("network"), job("a", "network")])
    graph.add([job("network"), job("b", "network")])
    graph.run()
    assert executor.history.count("start network") == 1
    assert set(graph.outcomes) == {"network", "a", "b"}


def test_planning_adds_jobs_when_what_it_needs_is_done_and_its_errors_are_kept():
    executor = Pretended(2)
    graph = Graph(executor, lambda *_: None)
    graph.add([job("fused", stage=FUSING)])

    def refuse() -> None:
        raise UserError("no such class")

    graph.after(["fused"], lambda: graph.add([job("planned")]))
    graph.after(["planned"], refuse)
    graph.after([], lambda: graph.add([job("at once")]))
    graph.run()
    assert set(graph.outcomes) == {"fused", "planned", "at once"}
    assert graph.problems == ["no such class"]


def test_images_of_one_row_are_counted_together():
    told = []
    graph = Graph(Pretended(1), lambda job, done, total, what: told.append((done, total)))
    graph.add([job(f"part {i}", label="row", images=count) for i, count in enumerate((3, 4))])
    graph.run()
    assert told == [(3, 7), (7, 7)]
