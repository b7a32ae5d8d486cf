"""Machine code of kernels on disk: where it is, one process at a time, and what is damaged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import ivif_bench.tasks.quality.kernels as kernels
from ivif_bench.compiled import places
from ivif_bench.compiled.jit import kernel
from ivif_bench.tasks.quality.kernels.histograms import _count

HERE = Path(kernels.__file__).parent
# Entropy of an image of two levels in equal number is 1 bit; then how many signatures were found
# on disk and how many were compiled.
MEASURE = """
import sys, time, pathlib
import numpy as np
from ivif_bench.tasks.quality.kernels.histograms import histograms, entropy_bits, _count
from ivif_bench.tasks.quality.shared import Shared
for gate in sys.argv[1:]:
    print("ready", flush=True)
    while not pathlib.Path(gate).exists():
        time.sleep(0.001)
image = np.arange(64, dtype=np.uint8).reshape(8, 8) % 2
bits = entropy_bits(Shared(image, image, image).part(histograms).fused)
print(bits, sum(_count.stats.cache_hits.values()), sum(_count.stats.cache_misses.values()))
"""
COMPILED, FOUND = ["1.0", "0", "1"], ["1.0", "1", "0"]


def _start(cache: Path, *arguments: Path, code: str = MEASURE) -> subprocess.Popen[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def _result(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return output.split()


@pytest.fixture
def fresh() -> Iterator[None]:
    places.cache_folder.cache_clear()
    yield
    places.cache_folder.cache_clear()


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """The kernels' sources in another folder."""
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(HERE, tmp_path / "kernels", ignore=ignored)


@pytest.mark.slow
def test_kernels_are_cached_where_the_user_says_and_found_again(tmp_path: Path) -> None:
    assert [_result(_start(tmp_path)) for _ in range(2)] == [COMPILED, FOUND]
    assert list(tmp_path.rglob("*.nbc"))


@pytest.mark.slow
def test_of_three_processes_one_compiles_and_two_load(tmp_path: Path) -> None:
    cache, gate = tmp_path / "cache", tmp_path / "gate"
    processes = [_start(cache, gate) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    gate.touch()
    assert sorted(_result(process) for process in processes) == sorted([COMPILED, FOUND, FOUND])


@pytest.mark.slow
def test_who_finds_the_lock_held_waits_until_its_holder_dies(tmp_path: Path) -> None:
    hold = (
        "import sys, time, filelock; lock = filelock.FileLock(sys.argv[1]); "
        "lock.acquire(); print('held', flush=True); time.sleep(600)"
    )
    _result(_start(tmp_path))
    (folder,) = tmp_path.glob("ivif-kernels-histograms-*")
    for file in folder.rglob("*.nb?"):
        file.unlink()
    holder = _start(tmp_path, folder / ".lock", code=hold)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    waiting = _start(tmp_path)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=3)
        assert not list(folder.rglob("*.nbc"))
    finally:
        holder.kill()
        holder.communicate()
    assert _result(waiting) == COMPILED


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize("damage", ["empty", "half", "one byte"])
def test_a_damaged_file_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, damage: str
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    levels = np.array([1, 2, 2], np.uint8)

    def count() -> tuple[int, int]:
        again = kernel(_count.py_func)  # type: ignore[attr-defined]
        counts = np.zeros((2, 256, 256), np.int32)
        again(levels, levels, levels, counts)
        assert (counts[0, 1, 1], counts[1, 2, 2], counts.sum()) == (1, 2, 6)
        stats = again.stats  # type: ignore[attr-defined]
        return sum(stats.cache_hits.values()), sum(stats.cache_misses.values())

    assert count() == (0, 1)
    (file,) = tmp_path.rglob(f"histograms._count*{suffix}")
    data = file.read_bytes()
    middle = len(data) // 2
    changed = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    file.write_bytes({"empty": b"", "half": data[:middle], "one byte": changed}[damage])
    assert [count(), count()] == [(0, 1), (1, 0)]


@pytest.mark.slow
def test_another_kind_of_processor_has_entries_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"):
        monkeypatch.delenv(name, raising=False)  # set where the whole suite runs as on another one
    assert _result(_start(tmp_path)) == COMPILED
    with monkeypatch.context() as generic:
        generic.setenv("NUMBA_CPU_NAME", "generic")
        generic.setenv("NUMBA_CPU_FEATURES", "")
        assert [_result(_start(tmp_path)) for _ in range(2)] == [COMPILED, FOUND]
    assert _result(_start(tmp_path)) == FOUND
    assert len(list(tmp_path.rglob("histograms._count*.nbc"))) == 2


@pytest.mark.usefixtures("fresh")
def test_an_edit_in_an_imported_file_changes_the_cache_folder(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    before = {
        name: places.cache_folder(copies / f"{name}.py") for name in ("information", "histograms")
    }
    with (copies / "windows.py").open("a") as file:
        file.write("# edited\n")
    places.cache_folder.cache_clear()
    assert places.cache_folder(copies / "information.py") != before["information"]
    assert places.cache_folder(copies / "histograms.py") == before["histograms"]


@pytest.mark.usefixtures("fresh")
def test_a_place_that_cannot_be_written_is_passed_over(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    blocked, temporary = tmp_path / "a-file", tmp_path / "temporary"
    temporary.mkdir()
    for file in (blocked, copies / "__pycache__"):
        file.write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for chosen in (str(blocked), ""):
        monkeypatch.setenv("NUMBA_CACHE_DIR", chosen)
        places.cache_folder.cache_clear()
        folder = places.cache_folder(copies / "edges.py")
        assert folder is not None
        assert folder.is_dir()
        assert temporary in folder.parents
    shutil.rmtree(temporary)
    places.cache_folder.cache_clear()
    assert places.cache_folder(copies / "edges.py") is None


@pytest.mark.usefixtures("fresh")
def test_a_folder_among_temporary_files_that_others_can_write_is_not_used(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/dev/null/nowhere")
    folder = places.cache_folder(copies / "edges.py")
    assert folder is not None
    folder.parent.chmod(0o777)
    places.cache_folder.cache_clear()
    assert places.cache_folder(copies / "edges.py") is None


@pytest.mark.usefixtures("fresh")
def test_what_an_installation_keeps_read_only_is_copied(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    own = places.cache_folder(copies / "edges.py")
    assert own is not None
    (own / "inner").mkdir()
    (own / "inner" / "code.nbc").write_bytes(b"machine code")
    writable = places._writable
    monkeypatch.setattr(
        places, "_writable", lambda path: copies not in path.parents and writable(path)
    )
    places.cache_folder.cache_clear()
    folder = places.cache_folder(copies / "edges.py")
    assert folder == tmp_path / "user" / "ivif-bench" / own.name
    assert (folder / "inner" / "code.nbc").read_bytes() == b"machine code"
    assert not list(folder.parent.glob(".*"))


@pytest.mark.slow
def test_after_setup_no_metric_of_any_convention_compiles_anything(tmp_path: Path) -> None:
    """Other sizes, colour, and images that are views of others, as they come from decoders."""
    measure = """
import numpy as np
from ivif_bench.tasks.quality.engine import metrics_of, resolve
from ivif_bench.tasks.quality.registry import CONVENTIONS
pixels = np.random.default_rng(1).integers(0, 256, (3, 301, 403, 3), dtype=np.uint8)
for convention in CONVENTIONS.specs():
    for mode in ("exact", "fast"):
        evaluator = resolve(metrics_of(convention), convention, mode)
        evaluator.measure(*pixels[:, ::2, :, 0])
        evaluator.measure(pixels[0, ..., 0], *pixels[1:, :, ::-1, ::-1])
        evaluator.measure(*pixels[:, :7, :7, 0])
"""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    setup = [sys.executable, "-m", "ivif_bench.tasks.quality.kernels"]
    said = subprocess.run(setup, env=environment, capture_output=True, text=True, check=True)
    assert (str(tmp_path) in said.stdout, said.stderr) == (True, "")
    kept = sorted(tmp_path.rglob("*.nb?"))
    assert len({file.name for file in kept if file.suffix == ".nbi"}) > 50
    started = time.time()
    subprocess.run([sys.executable, "-c", measure], env=environment, check=True)
    assert sorted(tmp_path.rglob("*.nb?")) == kept
    assert all(file.stat().st_mtime < started for file in kept)
