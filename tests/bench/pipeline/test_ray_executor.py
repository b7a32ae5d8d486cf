"""A Ray of two nodes on loopback gives what one machine gives, whatever is killed, and leaves nothing."""

from __future__ import annotations

import ipaddress
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from ray_nodes import RayNodes, ray_nodes
from small_runs import command, ivif, write_config, write_pairs

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ivif-bench[ray]'")
pytestmark = pytest.mark.slow

METHODS = ("visible", "infrared", "laplacian", "SeAFusion")


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayNodes]:
    """Two nodes with a processor each."""
    with (
        tempfile.TemporaryDirectory(dir="/tmp", prefix="r") as folder,
        ray_nodes(Path(folder), cpus=1, count=2) as nodes,
    ):
        yield nodes


def result_bytes(run: Path) -> dict[str, bytes]:
    """Fused images, records and tables; the JSON beside them holds times and hosts."""
    kept = [*run.glob("fused/**/*"), *run.glob("results/**/*"), *run.glob("report/*")]
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in kept
        if path.suffix in {".png", ".parquet", ".md", ".tex", ".csv"}
    }


def start(
    config: Path, cluster: RayNodes, log: Path, *more: str, folder: Path | None = None
) -> subprocess.Popen[bytes]:
    """The command, with jobs on the cluster; in a folder."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command("run", config, "--executor", f"ray,address={cluster.address}", *more),
            stdout=file,
            stderr=file,
            cwd=folder,
            env=os.environ | cluster.variables | {"IVIF_BENCH_SHARD": "3"},
        )


def wait_for(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until something is so, while a process runs."""
    deadline = time.monotonic() + 900
    while not ready():
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return False


def family(run: Path) -> set[int]:
    """Processes that do or did jobs of a run: their log is in its folder."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            names = [str(file.readlink()) for file in (entry / "fd").iterdir()]
        except OSError:
            continue
        if entry.name != str(os.getpid()) and any(name.startswith(f"{run}/") for name in names):
            found.add(int(entry.name))
    return found


@pytest.mark.golden
def test_a_node_killed_half_way_changes_nothing_in_the_real_sample(
    cluster, repository, shared, tmp_path
):
    """Fusing, quality and zero-shot detection of configs/real-sample.yaml, two nodes and then one."""
    content = yaml.safe_load((repository / "configs" / "real-sample.yaml").read_text())
    del content["segmentation"]
    content["methods"] = [
        each
        for each in content["methods"]
        if (each if isinstance(each, str) else each["name"]) in METHODS
    ]
    content["quality"] = [{"dataset": "m3fd-sample", "convention": "cddfuse"}]
    content["detection"] = [each for each in content["detection"] if "weights" in each]
    configs = {}
    for name in ("local", "ray"):
        configs[name] = tmp_path / f"{name}.yaml"
        text = yaml.safe_dump({**content, "runs": str(tmp_path / name), "report": {"panels": 0}})
        configs[name].write_text(text.replace("${IVIF_BENCH_SHARED:-../shared}", str(shared)))
    done = ivif("run", configs["local"], timeout=1800)
    assert done.returncode == 0, done.stderr
    expected = result_bytes(tmp_path / "local" / "real-sample")
    assert sum(name.startswith("results/detection") for name in expected) == 4

    run, log = tmp_path / "ray" / "real-sample", tmp_path / "log"
    process = start(configs["ray"], cluster, log)
    wait_for(lambda: any(run.glob("results/quality/**/*.json")), process, log)
    cluster.kill(1)
    assert process.wait(900) == 0, log.read_text()[-3000:]
    assert "it is started again" in log.read_text()
    assert result_bytes(run) == expected
    assert not list((run / "work").glob("*/*"))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Generated pairs, and the bytes of a run of them on this machine."""
    folder = tmp_path_factory.mktemp("small")
    write_pairs(folder / "pairs", 9, (240, 320))
    done = ivif("run", write_config(folder, "whole"), "-j", "2")
    assert done.returncode == 0, done.stderr
    return folder, result_bytes(folder / "whole" / "small")


def test_a_killed_driver_leaves_no_process_and_the_same_command_resumes(cluster, small):
    folder, expected = small
    run, log = folder / "killed" / "small", folder / "killed.log"
    config = write_config(folder, "killed")
    process = start(config, cluster, log)
    wait_for(lambda: len(list(run.glob("fused/**/*.png"))) >= 6, process, log)
    before = {path: path.stat().st_mtime_ns for path in run.glob("fused/**/*.png")}
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while family(run) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert family(run) == set()
    assert start(config, cluster, log).wait(900) == 0, log.read_text()[-3000:]
    assert result_bytes(run) == expected
    kept = [path for path, when in before.items() if path.stat().st_mtime_ns == when]
    assert len(kept) == len(before), "finished images were fused again"
    assert not list(run.rglob("*.part"))


def test_nodes_that_do_not_see_the_run_directory_send_their_files(cluster, small):
    """The run directory is named relatively, as by default."""
    folder, expected = small
    config, log = write_config(folder, "returned"), folder / "returned.log"
    config.write_text(config.read_text().replace(str(folder / "returned"), "returned"))
    asked = f"ray,address={cluster.address},results=returned"
    process = start(config, cluster, log, "--executor", asked, folder=folder)
    assert process.wait(900) == 0, log.read_text()[-3000:]
    assert result_bytes(folder / "returned" / "small") == expected


def test_a_ray_of_the_runs_own_listens_on_loopback_and_dies_with_its_driver(small, tmp_path):
    folder, expected = small
    run, log = folder / "own" / "small", folder / "own.log"
    config = write_config(folder, "own")
    environment = os.environ | {"IVIF_BENCH_SHARD": "3", "HOME": str(tmp_path)}
    line = command("run", config, "--executor", "ray", "-j", "2")
    with log.open("wb") as file:
        process = subprocess.Popen(line, stdout=file, stderr=file, env=environment)
    wait_for(lambda: any(run.glob("fused/**/*.png")), process, log)
    own = descendants(process.pid)
    places = listening(own)
    assert places
    assert all(place in ("127.0.0.1", "::ffff:127.0.0.1") for place in places), places
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 180  # Ray's agents end by themselves, later on a busy machine
    while any(map(alive, own)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [pid for pid in own if alive(pid)] == []
    assert not list(tmp_path.iterdir()), "Ray left files at home"
    assert not list(Path("/tmp").glob(f"ivif-bench-*-{process.pid}-ray*"))
    assert result_bytes(run).items() <= expected.items()


def descendants(pid: int) -> set[int]:
    """All processes below one."""
    found: set[int] = set()
    left = [pid]
    while left:
        try:
            text = "".join(
                path.read_text() for path in Path(f"/proc/{left.pop()}/task").glob("*/children")
            )
        except OSError:
            continue
        children = {int(word) for word in text.split()} - found
        found |= children
        left += children
    return found


def listening(pids: set[int]) -> set[str]:
    """Addresses on which processes accept TCP connections."""
    sockets = set()
    for pid in pids:
        try:
            for file in Path(f"/proc/{pid}/fd").iterdir():
                sockets.add(str(file.readlink()))
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in sockets:
                found.add(_address(words[1].partition(":")[0]))
    return found


def _address(digits: str) -> str:
    """An address of /proc/net: words of four bytes in the order of this machine."""
    words = [bytes.fromhex(digits[index : index + 8])[::-1] for index in range(0, len(digits), 8)]
    data = b"".join(words)
    address = ipaddress.ip_address(data)
    return (
        f"::ffff:{address.ipv4_mapped}" if getattr(address, "ipv4_mapped", None) else str(address)
    )
