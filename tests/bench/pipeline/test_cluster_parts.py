"""What executors on several machines are made of, without a cluster: places, processes, copied files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import ivif_here, write_config, write_pairs

from ivif_bench.config_reading import load_config
from ivif_bench.errors import UserError
from ivif_bench.pipeline import worker
from ivif_bench.pipeline.executors.base import EXECUTORS, Executor, ExecutorConfig, Place
from ivif_bench.pipeline.executors.nodes import Nodes
from ivif_bench.pipeline.host import Host, Setup, this_code
from ivif_bench.pipeline.jobs import Job
from ivif_bench.pipeline.keeper import Keeper
from ivif_bench.pipeline.mirror import Returned


def job(threads: int = 1, gpus: int = 0, alone: bool = False, *warm: str) -> Job:
    description = {"threads": threads, "gpus": gpus, "unit": {"alone": alone}, "warm": list(warm)}
    return Job("job", "quality", "row", description)


def taken(nodes: Nodes, wanted: Job):
    found = nodes.find(wanted)
    if found is None:
        return None
    nodes.take(found)
    return found


def test_jobs_are_placed_while_there_are_processors_and_gpus():
    nodes = Nodes()
    nodes.update({"a": (2, 0), "b": (4, 2)})
    assert (nodes.cpus, nodes.gpus) == (6, 2)
    first, second = taken(nodes, job(gpus=1)), taken(nodes, job(gpus=1))
    assert first.node == second.node == "b"
    assert nodes.find(job(gpus=1)) is None
    assert taken(nodes, job(threads=2)).cpus == 2
    wide = taken(nodes, job(threads=8))  # as many as the largest node has, which is not free
    assert wide is None
    nodes.release(first)
    assert nodes.find(job(gpus=1)) is first


def test_a_training_gets_its_gpus_on_one_node():
    nodes = Nodes()
    nodes.update({"a": (8, 2), "b": (8, 4)})
    assert taken(nodes, job(gpus=3)).node == "b"
    assert nodes.find(job(gpus=3)) is None
    assert taken(nodes, job(gpus=2)).node == "a"
    assert taken(nodes, job(gpus=1)).node == "b"


def test_idle_places_make_way_and_a_job_alone_gets_a_whole_node():
    nodes = Nodes()
    nodes.update({"a": (2, 0)})
    idle = [taken(nodes, job(1, 0, False, "torch")) for _ in range(2)]
    for grant in idle:
        nodes.release(grant)
    other = nodes.find(job(1, 0, False, "numba"))
    assert nodes.take(other) == idle[:1]
    nodes.drop(idle[0])
    assert nodes.find(job(alone=True)) is None
    nodes.release(other)
    alone = nodes.find(job(alone=True))
    assert set(nodes.take(alone)) == {idle[1], other}


def test_a_node_that_is_gone_or_refused_gets_nothing():
    nodes = Nodes()
    nodes.update({"a": (1, 0), "b": (1, 0)})
    nodes.refuse("a")
    assert taken(nodes, job()).node == "b"
    nodes.update({"a": (1, 0)})
    assert nodes.find(job()) is None
    assert nodes.update({"a": (1, 0), "c": (1, 0)})
    assert nodes.find(job()).node == "c"


JOBS = """
import os, time
from ivif_bench.held import held
from ivif_bench.pipeline import worker
made = []

def perform(job, progress):
    if job["kind"] == "raise":
        raise RuntimeError("it broke")
    if job["kind"] == "sleep":
        progress(0, 1, str(os.getpid()))
        time.sleep(60)
    value = held(job["key"], lambda: made.append(1) or len(made))
    progress(1, 1, f"{os.getpid()} {value} {os.environ['OMP_NUM_THREADS']}")

worker.perform = perform
"""


@pytest.fixture
def keeper(tmp_path, monkeypatch):
    """A process whose jobs do what ``JOBS`` says."""
    (tmp_path / "pretended_jobs.py").write_text(JOBS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    variables = worker.environment(3, tmp_path)
    made = Keeper(("pretended_jobs",), variables, tmp_path, tmp_path / "log")
    yield made
    made.close()


def _order(tmp_path: Path, kind: str = "tell", key: str = "a") -> str:
    return json.dumps({"kind": kind, "key": key, "log": str(tmp_path / "job.log")})


@pytest.mark.slow
def test_a_process_keeps_what_it_loaded_for_the_next_job_of_its_kind(keeper, tmp_path):
    told = []
    for key in ("a", "a", "b"):
        *events, last = keeper.do(_order(tmp_path, key=key))
        assert last == {"code": 0}
        told.append(events[0]["progress"][2].split())
    assert len({pid for pid, *_ in told}) == 1
    assert [value for _, value, _ in told] == ["1", "1", "2"]
    assert {threads for *_, threads in told} == {"3"}
    event, *_ = keeper.do(_order(tmp_path, "raise"))
    assert event == {"crash": "RuntimeError: it broke"}
    keeper.process.wait(30)
    assert not keeper.alive


@pytest.mark.skipif(
    sys.platform != "linux", reason="processes are told of their parent's end there"
)
@pytest.mark.slow
def test_a_process_ends_with_its_parent_in_the_middle_of_a_job(tmp_path):
    (tmp_path / "pretended_jobs.py").write_text(JOBS)
    code = (
        "import json, sys\nfrom pathlib import Path\n"
        "from ivif_bench.pipeline import worker\nfrom ivif_bench.pipeline.keeper import Keeper\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "made = Keeper(('pretended_jobs',), worker.environment(1, folder), folder, folder / 'log')\n"
        f"for event in made.do({_order(tmp_path, 'sleep')!r}):\n"
        "    print(event['progress'][2], flush=True)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 20
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return False


def _host(tmp_path: Path, **changes) -> Host:
    said = {
        "run": str(tmp_path / "run"),
        "folder": str(tmp_path),
        "token": "cache/seen",
        "results": "auto",
        "code": this_code(),
        "weights": str(tmp_path / "weights"),
        "variables": {},
    }
    return Host(Setup(**(said | changes)), 1, False, (), lambda reference: reference)


def test_a_machine_with_other_code_does_no_job(tmp_path):
    (event,) = _host(tmp_path, code=("0.0", "abc")).do('{"log": ""}', "", {}, {})
    assert "the run 0.0 abc; install the same on all machines" in event["alien"]


def test_a_machine_that_must_see_the_run_directory_and_does_not_does_no_job(tmp_path):
    (event,) = _host(tmp_path, results="shared").do('{"log": ""}', "", {}, {})
    assert f"does not see the run directory {tmp_path / 'run'}" in event["alien"]


def test_a_machine_asks_for_weights_that_it_lacks_or_has_otherwise(tmp_path):
    host = _host(tmp_path)
    (tmp_path / "other.pt").write_bytes(b"123")
    inputs = {"nowhere/a.pt": 5, "other.pt": 4}
    (event,) = host.do('{"log": ""}', "", inputs, {})
    assert event == {"lacks": ["input:nowhere/a.pt", "input:other.pt"]}
    host._take({"input:nowhere/a.pt": b"weights", "input:other.pt": b"1234"})
    assert [Path(path).read_bytes() for path in host._inputs.values()] == [b"weights", b"1234"]
    assert host._lacking(inputs) == []


def test_files_of_another_machine_appear_complete_and_only_where_results_belong(tmp_path):
    got = Returned(tmp_path, "x")
    got.add("fused/d/m/a.png", b"one ", False)
    assert not list(tmp_path.rglob("*.png"))
    got.add("fused/d/m/a.png", b"two", True)
    assert (tmp_path / "fused/d/m/a.png").read_bytes() == b"one two"
    got.add("checkpoints/detector-1/best.pt", b"weights", True)
    assert not (tmp_path / "checkpoints/detector-1").exists()
    got.finish()
    assert (tmp_path / "checkpoints/detector-1/best.pt").read_bytes() == b"weights"
    for name in ("../outside", "fused/../../outside", "config.yaml", "/etc/passwd"):
        with pytest.raises(ValueError, match="is no file of a run directory"):
            got.add(name, b"", True)


@pytest.mark.parametrize(("name", "library"), [("ray", "ray"), ("slurm", "submitit")])
def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch, name, library):
    monkeypatch.setitem(sys.modules, library, None)
    write_pairs(tmp_path / "pairs", 1, (40, 48))
    done = ivif_here("fuse", write_config(tmp_path), "--executor", name)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"ivif-bench: executor '{name}': ")
    assert line.endswith(f"is not installed; pip install 'ivif-bench[{name}]'")
    assert not (tmp_path / "runs").exists(), "something was planned or written before"


def test_slurm_without_its_programs_is_one_line(tmp_path, monkeypatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    config = ExecutorConfig(name="slurm")
    with pytest.raises(UserError, match=r"no program sbatch, squeue, scancel, srun here"):
        EXECUTORS.load("slurm").open(config.check("executor"), Place(tmp_path, tmp_path))


def test_the_executor_is_chosen_and_checked_and_changes_no_key(tmp_path):
    write_pairs(tmp_path / "pairs", 2, (40, 48))
    plain = load_config(write_config(tmp_path))
    chosen = load_config(
        write_config(tmp_path, executor={"name": "ray", "options": {"address": "host:6379"}})
    )
    assert (plain.executor.name, chosen.executor.name) == ("local", "ray")
    assert chosen.run_by("ray", {"retries": 1}).executor.options == {
        "address": "host:6379",
        "retries": 1,
    }
    assert chosen.run_by("local").executor.options == {}
    with pytest.raises(UserError, match=r"executor: unknown executor 'rai'; did you mean ray"):
        load_config(write_config(tmp_path, executor="rai"))
    with pytest.raises(UserError, match=r"executor.options.adress: unknown key; did you mean addr"):
        plain.run_by("ray", {"adress": "auto"})


@pytest.mark.parametrize("name", EXECUTORS.specs())
def test_every_executor_keeps_the_contract(name):
    loaded = EXECUTORS.load(name)
    assert issubclass(loaded, Executor)
    assert EXECUTORS.get(name).options() == ExecutorConfig(name=name).check("executor")
