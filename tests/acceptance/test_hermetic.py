"""No network, nothing in the home folder: seen below the libraries, also where they say nothing."""

from __future__ import annotations

import sys

import pytest
import yaml
from guard import Guarded, run_guarded


def _call(what: str, tmp_path, repository, argument=None) -> Guarded:
    """Run a function of ``small_trainings`` on a folder, guarded."""
    folder = tmp_path / "work"
    folder.mkdir()
    code = (
        "import sys; from pathlib import Path; import small_trainings\n"
        f"print(small_trainings.{what}(Path(sys.argv[1])))"
    )
    arguments = ["-c", code, argument or folder]
    return run_guarded(arguments, tmp_path / "guard", repository)


def test_the_guard_sees_what_a_library_swallows_and_what_a_child_does(tmp_path, repository):
    child = "import urllib.request\ntry: urllib.request.urlopen('http://127.0.0.1:9')\nexcept OSError: pass"
    code = f"""
import contextlib, pathlib, socket, subprocess, sys
with contextlib.suppress(Exception):
    socket.getaddrinfo("ivif-bench.invalid", 443)
with contextlib.suppress(Exception):
    socket.gethostbyname("ivif-bench.invalid")
with contextlib.suppress(Exception):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
with contextlib.suppress(FileNotFoundError):  # a socket of this machine is no network
    socket.socket(socket.AF_UNIX).connect(str(pathlib.Path.home() / "none"))
subprocess.run([sys.executable, "-c", {child!r}], check=True)
(pathlib.Path.home() / ".config").mkdir()
(pathlib.Path.home() / ".config" / "settings").write_text("x")
"""
    seen = run_guarded(["-c", code], tmp_path, repository)
    assert seen.done.returncode == 0, seen.done.stderr
    events = [said.split()[0] for said in seen.network]
    assert events[:3] == ["socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"]
    assert len(events) == 4  # urllib asks for its address in the child
    assert seen.home == (".config/settings",)
    assert [sys.executable in said for said in seen.programs] == [True]


@pytest.mark.ultralytics
@pytest.mark.slow
def test_training_a_detector_and_judging_reaches_no_network_and_no_home(tmp_path, repository):
    pytest.importorskip("ultralytics")
    seen = _call("detector", tmp_path, repository)
    assert seen.done.returncode == 0, seen.done.stderr
    assert seen.done.stdout == "1\n"
    assert seen.network == ()
    assert seen.home == ()


@pytest.mark.golden
@pytest.mark.slow
def test_judging_with_an_original_checkpoint_reaches_no_network_and_no_home(
    tmp_path, repository, shared
):
    weights = (shared / "data" / "weights" / "yolov5n.pt").resolve()
    seen = _call("original_yolov5", tmp_path, repository, weights)
    assert seen.done.returncode == 0, seen.done.stderr
    assert seen.done.stdout == "1\n"
    assert seen.network == ()
    assert seen.home == ()


@pytest.mark.mmseg
@pytest.mark.slow
def test_training_a_segmenter_and_judging_reaches_no_network_and_no_home(tmp_path, repository):
    pytest.importorskip("mmseg")
    seen = _call("segmenter", tmp_path, repository)
    assert seen.done.returncode == 0, seen.done.stderr
    assert seen.done.stdout == f"{48 * 64}\n"
    assert seen.network == ()
    assert seen.home == ()


@pytest.mark.slow
@pytest.mark.ultralytics
@pytest.mark.mmseg
def test_a_whole_run_reaches_no_network_and_leaves_only_the_known_caches(tmp_path, repository):
    pytest.importorskip("ultralytics")
    pytest.importorskip("mmseg")
    content = yaml.safe_load((repository / "configs" / "demo.yaml").read_text())
    content |= {"runs": str(tmp_path / "runs"), "methods": ["average", "dmnet-lite"]}
    protocols = ("demo-det.v1", "demo-det-original.v1")
    content["detection"] = [{"dataset": "demo-m3fd", "protocol": each} for each in protocols]
    for name, dataset in content["datasets"].items():
        dataset["root"] = str(tmp_path / name)
        dataset["demo"] |= {"train": 4, "test": 2}
    config = tmp_path / "run.yaml"
    config.write_text(yaml.safe_dump(content))
    seen = run_guarded(["-m", "ivif_bench.cli", "run", config], tmp_path / "guard", repository)
    assert seen.done.returncode == 0, seen.done.stderr
    assert "12 results computed" in seen.done.stderr
    assert sum("ivif_bench.pipeline.executors.server" in said for said in seen.programs) >= 4
    assert seen.network == ()
    # What docs/architecture.md names under "Run directory".
    known = (".cache/matplotlib/", ".cache/ivif-bench/")
    assert [name for name in seen.home if not name.startswith(known)] == []
