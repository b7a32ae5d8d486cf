"""Jobs in warm processes: one process each, fixed threads, nothing shared, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ivif_bench.pipeline.executors import local
from ivif_bench.pipeline.executors.local import LocalExecutor
from ivif_bench.pipeline.jobs import Ended, Job, Progress

JOBS = """
import os, sys, threading
import numpy
loaded = os.getpid()
changed = []

def warm():
    pass

def perform(job, progress):
    kind = job["kind"]
    if kind == "die":
        os.kill(os.getpid(), 9)
    if kind == "raise":
        raise RuntimeError("it broke")
    if kind == "sleep":
        progress(1, 2, str(os.getpid()))
        threading.Event().wait(60)
    if kind == "change":
        changed.append(1)
    progress(1, 1, repr({
        "server": loaded,
        "own": os.getpid(),
        "parent": os.getppid(),
        "changed": len(changed),
        "threads": os.environ["OMP_NUM_THREADS"],
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "temporary": os.environ["TMPDIR"],
    }))
"""


@pytest.fixture
def executor(tmp_path, monkeypatch):
    """Two processors; jobs do what ``JOBS`` says instead of a run's work."""
    (tmp_path / "pretended.py").write_text(
        JOBS + "from ivif_bench.pipeline import worker\nworker.perform = perform\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    made = LocalExecutor(2, tmp_path / "processes.log", tmp_path / "temporary")
    yield made
    made.close()


def _job(tmp_path: Path, name: str, kind: str = "tell", threads: int = 1, gpus: int = 0) -> Job:
    description = {
        "kind": kind,
        "threads": threads,
        "gpus": gpus,
        "log": str(tmp_path / f"{name}.log"),
        "warm": ["pretended:warm"],
    }
    return Job(name, "quality", name, description)


def _ended(executor: LocalExecutor, count: int) -> tuple[dict[str, dict], dict[str, Ended]]:
    """What ``count`` jobs told of themselves, and how they ended."""
    said, ended = {}, {}
    while len(ended) < count:
        for event in executor.wait():
            if isinstance(event, Progress):
                said[event.job.name] = eval(event.what)
            else:
                ended[event.job.name] = event
    return said, ended


@pytest.mark.slow
def test_jobs_of_one_kind_share_a_warm_process_and_nothing_else(executor, tmp_path):
    executor.start(_job(tmp_path, "first", "change"))
    said, _ = _ended(executor, 1)
    executor.start(_job(tmp_path, "second"))
    executor.start(_job(tmp_path, "other", threads=2))
    more, ended = _ended(executor, 2)
    said |= more
    assert all(not end.problem for end in ended.values())
    assert said["first"]["server"] == said["second"]["server"] == said["second"]["parent"]
    assert said["other"]["server"] != said["first"]["server"]
    assert len({each["own"] for each in said.values()}) == 3
    assert (said["first"]["changed"], said["second"]["changed"]) == (1, 0)
    assert (said["second"]["threads"], said["other"]["threads"]) == ("1", "2")
    assert {each["gpu"] for each in said.values()} == {""}
    assert said["first"]["temporary"] == str(tmp_path / "temporary")


def test_a_crash_takes_one_job(executor, tmp_path):
    for name, kind in (("killed", "die"), ("fine", "tell")):
        executor.start(_job(tmp_path, name, kind))
    _, ended = _ended(executor, 2)
    executor.start(_job(tmp_path, "broken", "raise"))
    executor.start(_job(tmp_path, "after"))
    ended |= _ended(executor, 2)[1]
    assert ended["fine"].problem == ended["after"].problem == ""
    assert "killed: the process ended with exit code -9; see" in ended["killed"].problem
    assert "broken: RuntimeError: it broke; see" in ended["broken"].problem
    assert "it broke" in (tmp_path / "broken.log").read_text()


def test_a_job_takes_as_many_processors_as_it_has_threads(executor, tmp_path):
    assert executor.has_room(_job(tmp_path, "wide", threads=8))
    executor.start(_job(tmp_path, "one"))
    assert executor.has_room(_job(tmp_path, "another"))
    assert not executor.has_room(_job(tmp_path, "two", threads=2))
    _ended(executor, 1)
    assert executor.has_room(_job(tmp_path, "two", threads=2))


def test_a_gpu_serves_one_job_at_a_time_and_others_see_none(executor, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert executor.has_room(_job(tmp_path, "a", gpus=1))
    executor.start(_job(tmp_path, "a", gpus=1))
    assert not executor.has_room(_job(tmp_path, "b", gpus=1))
    assert executor.has_room(_job(tmp_path, "c"))
    executor.start(_job(tmp_path, "c"))
    said, _ = _ended(executor, 2)
    assert (said["a"]["gpu"], said["c"]["gpu"]) == ("7", "")
    assert executor.has_room(_job(tmp_path, "b", gpus=1))


@pytest.mark.slow
def test_a_job_gets_the_gpus_that_it_asks_for_and_all_there_are_at_most(
    executor, tmp_path, monkeypatch
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,7")
    assert executor.has_room(_job(tmp_path, "two", gpus=2))
    executor.start(_job(tmp_path, "two", gpus=2))
    assert not executor.has_room(_job(tmp_path, "many", gpus=8))
    executor.start(_job(tmp_path, "one", gpus=1))
    said, _ = _ended(executor, 2)
    assert (said["two"]["gpu"], said["one"]["gpu"]) == ("3,5", "7")
    executor.start(_job(tmp_path, "many", gpus=8))
    said, _ = _ended(executor, 1)
    assert sorted(said["many"]["gpu"].split(",")) == ["3", "5", "7"]


def test_jobs_that_ask_for_a_gpu_where_there_is_none_run_on_the_processor(
    executor, tmp_path, monkeypatch
):
    monkeypatch.setattr(local, "visible_gpus", lambda: [])
    for name in "ab":
        assert executor.has_room(_job(tmp_path, name, gpus=1))
        executor.start(_job(tmp_path, name, gpus=1))
    _, ended = _ended(executor, 2)
    assert all(not end.problem for end in ended.values())


@pytest.mark.slow
def test_a_killed_warm_process_takes_its_jobs_and_another_serves_the_next(executor, tmp_path):
    executor.start(_job(tmp_path, "lost", "sleep"))
    (told,) = executor.wait()
    os.kill(next(iter(executor._servers.values())).process.pid, signal.SIGKILL)
    (ended,) = executor.wait()
    assert "the process ended with exit code" in ended.problem
    _gone(int(told.what))
    executor.start(_job(tmp_path, "next"))
    assert not _ended(executor, 1)[1]["next"].problem


@pytest.mark.slow
def test_a_warm_process_that_was_killed_without_a_job_costs_none(executor, tmp_path):
    executor.start(_job(tmp_path, "first"))
    _ended(executor, 1)
    (server,) = executor._servers.values()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    executor.start(_job(tmp_path, "next"))
    assert not _ended(executor, 1)[1]["next"].problem


def test_without_forking_each_job_has_a_process_of_its_own(executor, tmp_path, monkeypatch):
    monkeypatch.setattr(local, "_CAN_FORK", False)
    job = _job(tmp_path, "fresh")
    job.description["warm"].clear()
    job.description["kind"] = "unknown"
    job.description["unit"] = {}
    executor.start(job)
    _, ended = _ended(executor, 1)
    assert "fresh: KeyError: 'about'" in ended["fresh"].problem  # it reached the real worker


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes die with their parent on Linux only")
def test_processes_die_with_their_parent(tmp_path):
    (tmp_path / "pretended.py").write_text(
        JOBS + "from ivif_bench.pipeline import worker\nworker.perform = perform\n"
    )
    code = f"""
        import sys
        from pathlib import Path
        sys.path[:0] = [{str(Path(__file__).parent)!r}]
        from test_local_executor import _job
        from ivif_bench.pipeline.executors.local import LocalExecutor
        folder = Path({str(tmp_path)!r})
        executor = LocalExecutor(2, folder / "log", folder / "temporary")
        executor.start(_job(folder, "sleeping", "sleep"))
        (told,) = executor.wait()
        (server,) = executor._servers.values()
        print(told.what, server.process.pid, flush=True)
        sys.stdin.read()
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert parent.stdout is not None
    pids = [int(part) for part in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    for pid in pids:
        _gone(pid)


def _gone(pid: int) -> None:
    """Wait until a process has ended; one that nobody has waited for yet counts as ended."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z"):
                return
        except OSError:
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} still runs")
