"""What executors on several machines are made of, without a cluster: places, processes, copied files."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_runs import ivif_here, write_config, write_pairs

import ivif_bench.pipeline.host as host_module
import ivif_bench.pipeline.mirror as mirror_module
from ivif_bench.config_reading import load_config
from ivif_bench.errors import UserError
from ivif_bench.files import write_bytes
from ivif_bench.pipeline import worker
from ivif_bench.pipeline.executors.base import EXECUTORS, Executor, ExecutorConfig, Place
from ivif_bench.pipeline.executors.nodes import Nodes
from ivif_bench.pipeline.host import Host, Setup, this_code
from ivif_bench.pipeline.jobs import Job
from ivif_bench.pipeline.keeper import Keeper
from ivif_bench.pipeline.mirror import Mirror, Returned
from ivif_bench.pipeline.ray_store import Stored


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


WEIGHTS = {"nowhere/a.pt": b"weights", "other.pt": b"321", "same.pt": b"567"}


def test_a_machine_asks_for_weights_that_it_lacks_or_has_otherwise(tmp_path):
    host = _host(tmp_path)
    (tmp_path / "other.pt").write_bytes(b"123")
    (tmp_path / "same.pt").write_bytes(b"567")
    inputs = {name: hashlib.sha256(data).hexdigest() for name, data in WEIGHTS.items()}
    (event,) = host.do('{"log": ""}', "", inputs, {})
    assert event == {"lacks": ["input:nowhere/a.pt", "input:other.pt"]}
    host._take({f"input:{name}": WEIGHTS[name] for name in ("nowhere/a.pt", "other.pt")})
    assert [Path(path).read_bytes() for path in host._inputs.values()] == [b"weights", b"321"]
    assert host._lacking(inputs) == []


RESULTS_HERE = """
from pathlib import Path
from ivif_bench.files import write_bytes
from ivif_bench.pipeline import worker

def perform(job, progress):
    target = Path(job["target"])
    for at in range(job["count"]):
        write_bytes(target.with_name(f"{at}.png"), target.read_bytes())
        progress(at + 1, job["count"], str(at))
    if job["fails"]:
        raise RuntimeError("it broke")

worker.perform = perform
"""


def _returning(tmp_path: Path, monkeypatch, run: str) -> Host:
    """A machine that does not see the run directory; its jobs copy ``target`` beside itself."""
    (tmp_path / "copying_jobs.py").write_text(RESULTS_HERE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    host = _host(tmp_path, run=run, results="returned")
    host._entries = ("copying_jobs",)
    return host


def _copying(tmp_path: Path, run: str, **more) -> tuple[str, str]:
    """A job's description without its unit, and the unit; paths in it are absolute, as plans name them."""
    target = str(tmp_path / run / "fused" / "d" / "m" / "a.png")
    unit = {"task": "quality", "key": "k", "payload": {"images": [["a", "/data/a.png", target]]}}
    rest = {"kind": "images", "log": f"{run}/job.log", "run": run, "target": target, "reuse": True}
    return json.dumps({**rest, "count": 3, "fails": False, **more}), json.dumps(unit)


@pytest.mark.slow
def test_a_run_directory_named_relatively_is_copied_all_the_same(tmp_path, monkeypatch):
    host = _returning(tmp_path, monkeypatch, "runs/x")
    rest, unit = _copying(tmp_path, "runs/x")
    (event,) = host.do(rest, unit, {}, {})
    assert event == {"lacks": ["run:fused/d/m/a.png", "lines:work/quality/k"]}
    events = list(host.do(rest, unit, {}, {"run:fused/d/m/a.png": b"image"}))
    assert events[-1] == {"code": 0}
    files = {each["file"][0]: each["file"][1:] for each in events if "file" in each}
    assert {name for name in files if name.startswith("fused/")} == {
        f"fused/d/m/{at}.png" for at in range(3)
    }
    assert files["fused/d/m/2.png"] == [b"image", True]
    assert not (tmp_path / "runs").exists(), "it wrote to the folder of the driver's machine"
    place = host._temporary
    host.close()
    assert not place.exists()


@pytest.mark.slow
def test_finished_images_are_sent_while_a_job_goes_on_and_once(tmp_path, monkeypatch):
    monkeypatch.setattr(host_module, "_SENT_EVERY", 0.0)
    monkeypatch.setattr(host_module, "_TOLD_EVERY", 0.0)
    host = _returning(tmp_path, monkeypatch, "run")
    rest, unit = _copying(tmp_path, "run", fails=True)
    events = list(host.do(rest, unit, {}, {"run:fused/d/m/a.png": b"image"}))
    sent = [each["file"][0] for each in events if "file" in each]
    assert sorted(name for name in sent if name.startswith("fused")) == [
        f"fused/d/m/{at}.png" for at in range(3)
    ]
    crash = next(at for at, each in enumerate(events) if "crash" in each)
    assert any("file" in each for each in events[:crash])
    host.close()


@pytest.mark.parametrize(
    ("kind", "asked"), [("images", "lines:work/quality/k"), ("unit", "folder:work/quality/k")]
)
def test_the_work_of_others_is_sent_whole_only_to_the_job_that_scores(tmp_path, kind, asked):
    mirror = Mirror(tmp_path / "mirror", tmp_path / "run")
    unit = {"task": "quality", "key": "k", "payload": {}}
    order = {"kind": kind, "run": str(tmp_path / "run"), "needs": ["detector-1"], "unit": unit}
    assert mirror.lacks(order, begun=False) == ["folder:checkpoints/detector-1", asked]
    assert mirror.lacks(order, begun=True) == ["folder:checkpoints/detector-1"]
    mirror.fill({"checkpoints/detector-1/best.pt": b"weights"})
    assert mirror.lacks(order, begun=False) == [asked]


def test_only_lines_from_before_the_run_are_sent_to_jobs_of_images(tmp_path):
    work = tmp_path / "work" / "quality" / "k"
    for name in ("earlier.jsonl", "now.jsonl", "predictions/a.png"):
        write_bytes(work / name, name.encode())
    os.utime(work / "earlier.jsonl", (1e9, 1e9))
    os.utime(work / "predictions" / "a.png", (1e9, 1e9))
    pretended = SimpleNamespace(put=lambda data: data)
    stored = Stored(pretended, tmp_path)
    os.utime(work / "now.jsonl", (4e9, 4e9))
    found = stored.files(["lines:work/quality/k"])
    assert found == {"run:work/quality/k/earlier.jsonl": b"earlier.jsonl"}
    assert len(stored.files(["folder:work/quality/k"])) == 3


def test_images_beyond_what_a_mirror_keeps_are_removed(tmp_path, monkeypatch):
    mirror = Mirror(tmp_path / "mirror", tmp_path / "run")
    mirror.fill({"fused/d/m/a.png": b"12345", "work/quality/k/x.jsonl": b"1"})
    mirror.clear()
    assert (mirror.root / "fused/d/m/a.png").is_file()
    assert not (mirror.root / "work").exists()
    monkeypatch.setattr(mirror_module, "MOST_KEPT", 4)
    mirror.clear()
    assert not (mirror.root / "fused").exists()


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
    again = Returned(tmp_path, "y")
    again.add("checkpoints/detector-2/trained.json", b"{}", True)
    (partial,) = (tmp_path / "checkpoints").glob(".ivif-bench-*.part")
    again.drop()
    assert not partial.exists()
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
