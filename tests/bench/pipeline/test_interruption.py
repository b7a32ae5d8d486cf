"""Nothing finished is lost and nothing half-finished is believed: a signal, then the same command."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import time
from pathlib import Path

import pytest
from small_runs import command, ivif, write_config, write_pairs

pytestmark = pytest.mark.slow
SIZE = (448, 576)
COUNT = 12


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A finished run and its bytes."""
    folder = tmp_path_factory.mktemp("kill")
    write_pairs(folder / "pairs", COUNT, SIZE)
    done = ivif("run", write_config(folder, "whole"), "-j", "2")
    assert done.returncode == 0, done.stderr
    return folder, _bytes(folder / "whole" / "small")


def _bytes(run: Path) -> dict[str, bytes]:
    """Fused images, Parquet files and tables; the JSON beside them holds times and host."""
    kept = [*run.glob("fused/**/*.png"), *run.glob("results/**/*.parquet"), *run.glob("report/*")]
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in kept
        if path.suffix in {".png", ".parquet", ".md", ".tex", ".csv"}
    }


def _kill_when(process: subprocess.Popen[bytes], ready) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        assert process.poll() is None, "the run ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.kill()
    process.wait()


def _interrupt(folder: Path, runs: str, ready) -> Path:
    config = write_config(folder, runs)
    with (folder / f"{runs}.log").open("wb") as log:
        process = subprocess.Popen(command("run", config, "-j", "1"), stdout=log, stderr=log)
        _kill_when(process, ready)
    time.sleep(0.3)  # the worker dies with its parent
    return config


def test_killed_while_fusing_the_same_command_gives_the_same_bytes(uninterrupted):
    folder, expected = uninterrupted
    images = folder / "fusing" / "small" / "fused"

    def some_fused() -> bool:
        return len(list(images.glob("pairs/*/*.png"))) > COUNT

    config = _interrupt(folder, "fusing", some_fused)
    left = len(list(images.glob("pairs/*/*.png")))
    assert COUNT < left < 3 * COUNT
    time.sleep(0.5)
    assert len(list(images.glob("pairs/*/*.png"))) == left, "an orphan goes on fusing"
    done = ivif("run", config, "-j", "2")
    assert done.returncode == 0, done.stderr
    assert f"{3 * COUNT - left} images fused" in done.stderr
    assert _bytes(folder / "fusing" / "small") == expected


def test_killed_while_scoring_the_same_command_gives_the_same_bytes(uninterrupted):
    folder, expected = uninterrupted
    work = folder / "scoring" / "small" / "work" / "quality"

    def some_scored() -> bool:
        return any(path.read_bytes().count(b'"stem"') >= 3 for path in work.glob("*/*.jsonl"))

    config = _interrupt(folder, "scoring", some_scored)
    assert len(list((folder / "scoring" / "small" / "results").rglob("*.parquet"))) < 3
    done = ivif("run", config, "-j", "2")
    assert done.returncode == 0, done.stderr
    assert "0 images fused" in done.stderr
    assert _bytes(folder / "scoring" / "small") == expected
    stored = [
        json.loads(path.read_text())
        for path in (folder / "scoring" / "small" / "results").rglob("*.json")
    ]
    begun_before = [result for result in stored if result["earlier"]]
    assert len(begun_before) == 1
    assert "numba" in begun_before[0]["earlier"][0]["versions"]


@pytest.mark.parametrize(
    ("number", "code", "group"),
    [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False), (signal.SIGTERM, 143, True)],
)
def test_a_stopped_run_says_how_to_resume_and_leaves_nothing_half_written(
    uninterrupted, number, code, group
):
    """Ctrl-C and some batch systems signal the whole group, ``kill`` one process."""
    folder, expected = uninterrupted
    name = f"stopped-{number}-{group}"
    run = folder / name / "small"
    config = write_config(folder, name)
    (folder / f"tmp-{name}").mkdir()
    with subprocess.Popen(
        command("run", config, "-j", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, start_new_session=True, env=os.environ | {"TMPDIR": str(folder / f"tmp-{name}")},
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 120
        while len(list(run.glob("fused/pairs/*/*.png"))) < COUNT:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        started = time.monotonic()
        (os.killpg if group else os.kill)(process.pid, number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert time.monotonic() - started < 15
    told = errors.strip().splitlines()[-1]
    assert "run the same command again to resume" in told
    assert str(run) in told
    assert "Traceback" not in errors
    assert list((folder / f"tmp-{name}").iterdir()) == []
    assert [path for path in run.rglob("*") if "ivif-bench-" in path.name] == []
    assert not (run / ".running.json").exists()
    left = len(list(run.glob("fused/pairs/*/*.png")))
    done = ivif("run", config, "-j", "2")
    assert done.returncode == 0, done.stderr
    assert f"{3 * COUNT - left} images fused" in done.stderr
    assert "was killed" not in done.stderr
    assert _bytes(run) == expected


def test_a_full_disk_names_file_and_cause_in_one_line_and_loses_nothing(uninterrupted):
    """Played by a limit on the size of files: it fails in the same system call as a full disk."""
    folder, expected = uninterrupted
    sizes = sorted(len(data) for name, data in expected.items() if name.endswith(".png"))
    limit = sizes[len(sizes) // 2]
    config = write_config(folder, "full")
    full = subprocess.run(
        ["sh", "-c", f'ulimit -f {limit // 512} && exec "$@"', "sh", *command("run", config, "-j", "2")],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert full.returncode == 2, full.stderr
    told = full.stderr.strip().splitlines()[-1]
    assert told.startswith(f"ivif-bench: cannot write {folder / 'full' / 'small' / 'fused'}")
    assert "File too large" in told
    assert told.endswith("; finished work is kept, the same command resumes it")
    assert "Traceback" not in full.stderr
    run = folder / "full" / "small"
    left = len(list(run.glob("fused/pairs/*/*.png")))
    assert 0 < left < 3 * COUNT
    assert [path for path in run.rglob("*") if "ivif-bench-" in path.name] == []
    done = ivif("run", config, "-j", "2")
    assert f"{3 * COUNT - left} images fused" in done.stderr
    assert _bytes(run) == expected


def test_a_finished_run_is_recognised(uninterrupted):
    folder, expected = uninterrupted
    again = ivif("run", folder / "whole.yaml")
    assert again.returncode == 0
    assert "0 images fused, 0 results computed, 3 already finished" in again.stderr
    assert _bytes(folder / "whole" / "small") == expected


def test_the_number_of_workers_changes_nothing(uninterrupted):
    folder, expected = uninterrupted
    done = ivif("run", write_config(folder, "single"), "-j", "1")
    assert done.returncode == 0, done.stderr
    assert _bytes(folder / "single" / "small") == expected


def test_of_two_processes_on_one_run_directory_one_waits_for_the_other(uninterrupted):
    folder, expected = uninterrupted
    config = write_config(folder, "both")
    processes = [
        subprocess.Popen(
            command("run", config, "-j", "1"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    told = []
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
        told.append(errors.decode())
    waited = [text for text in told if "waiting until it ends" in text]
    assert len(waited) == 1
    first = next(
        process for process, text in zip(processes, told, strict=True) if text not in waited
    )
    assert f"process {first.pid} on {platform.node()}" in waited[0]
    assert "0 images fused, 0 results computed, 3 already finished" in waited[0]
    assert _bytes(folder / "both" / "small") == expected
