"""Kills runs at random moments and compares what they leave with an undisturbed run, byte by byte.

``python benchmarks/kills.py --kills 200``: a small run (drawn pairs, three methods, quality) is
started again and again. At random moments either the command itself, one of its worker processes or one of
its warm processes is killed (SIGKILL). Whenever the run has come to its end, its
fused images, records and tables must be equal to those of a run that was never killed, and nothing
else may be left: no process, no temporary file, no unfinished work. Linux only.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import yaml

PAIRS, SIZE = 6, (120, 160)
KINDS = ("command", "worker", "warm process")
_COMPARED = {".png", ".parquet", ".md", ".tex", ".csv"}


@dataclass
class Outcome:
    """What the kills did.

    Attributes:
        kills: by kind, as far as there was something to kill at that moment.
        finished: runs that came to their end and were compared.
        problems: what was found to differ or to be left over.
    """

    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    finished: int = 0
    problems: list[str] = field(default_factory=list)


def disturb(
    folder: Path,
    kills: int,
    seed: int = 0,
    workers: int = 2,
    told: Callable[[Outcome], None] = lambda outcome: None,
) -> Outcome:
    """Kill ``kills`` times, in as many run directories as it takes, and compare each at its end.

    Args:
        folder: an empty folder for everything, temporary files of the runs included.
        told: called after every kill with what was found so far.
    """
    chance = random.Random(seed)
    _write_pairs(folder / "pairs")
    started = time.monotonic()
    done = _start(folder, "whole", workers).wait()
    length = time.monotonic() - started
    if done:
        raise RuntimeError(f"the undisturbed run failed, see {folder / 'whole.log'}")
    expected = result_bytes(folder / "whole" / "kills")
    outcome = Outcome()
    number = 0
    while sum(outcome.kills.values()) < kills:
        name = f"run{number}"
        process = _start(folder, name, workers)
        while process.poll() is None and sum(outcome.kills.values()) < kills:
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, length / 2))
                break
            kind = chance.choice(KINDS)
            victim = _victim(process.pid, kind, chance)
            if victim is not None:
                os.kill(victim, signal.SIGKILL)
                outcome.kills[kind] += 1
                told(outcome)
        code = process.wait()
        left = list(_family(folder / name))
        deadline = time.monotonic() + 60  # a machine with other work takes seconds to end a process
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            left = [pid for pid in left if _alive(pid)]
        if left:
            outcome.problems.append(f"{name}: processes {left} outlived the command")
        if code == 0:
            outcome.finished += 1
            outcome.problems += [
                f"{name}: {text}" for text in _differences(folder / name / "kills", expected)
            ]
            number += 1
    if number == 0 or outcome.finished == 0 or (folder / f"run{number}").exists():
        code = _start(folder, f"run{number}", workers).wait()
        outcome.finished += 1
        found = _differences(folder / f"run{number}" / "kills", expected)
        outcome.problems += [f"run{number}: {text}" for text in found]
        if code:
            outcome.problems.append(f"run{number}: undisturbed, it ended with exit code {code}")
    outcome.problems += [f"left over: {path}" for path in (folder / "tmp").iterdir()]
    return outcome


def result_bytes(run: Path) -> dict[str, bytes]:
    """Fused images, records and tables of a run directory, by name."""
    kept = [*run.glob("fused/**/*"), *run.glob("results/**/*"), *run.glob("report/*")]
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in kept
        if path.suffix in _COMPARED and not path.name.startswith(".")
    }


def _differences(run: Path, expected: dict[str, bytes]) -> Iterator[str]:
    found = result_bytes(run)
    for name in sorted({*expected, *found}):
        if expected.get(name) != found.get(name):
            yield f"{name} differs"
    for path in run.rglob("*"):
        if path.suffix == ".part":
            yield f"left over: {path.relative_to(run)}"
    for path in (run / "work").glob("*/*"):
        yield f"left over: {path.relative_to(run)}"


def _start(folder: Path, name: str, workers: int) -> subprocess.Popen[bytes]:
    config = folder / f"{name}.yaml"
    content = {
        "name": "kills",
        "runs": str(folder / name),
        "datasets": {
            "pairs": {
                "layout": "folder",
                "root": str(folder / "pairs"),
                "options": {"infrared": "ir", "visible": "vi"},
            }
        },
        "methods": ["average", "max", "laplacian"],
        "quality": {"dataset": "pairs", "metrics": ["EN", "SF", "MI", "VIF"]},
        "report": {"panels": 0},
    }
    config.write_text(yaml.safe_dump(content))
    (folder / "tmp").mkdir(exist_ok=True)
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "ivif_bench.cli", "run", str(config), "-j", str(workers)],
            stdout=log,
            stderr=log,
            env=os.environ | {"IVIF_BENCH_SHARD": "2", "TMPDIR": str(folder / "tmp")},
        )


def _write_pairs(root: Path) -> None:
    generator = np.random.default_rng(0)
    for index in range(PAIRS):
        for side, channels in (("ir", 1), ("vi", 3)):
            coarse = generator.integers(0, 256, (SIZE[0] // 8 + 1, SIZE[1] // 8 + 1, channels))
            image = cv2.resize(coarse.astype(np.uint8), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
            (root / side).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / side / f"{index:05d}.png"), image)


def _victim(command: int, kind: str, chance: random.Random) -> int | None:
    """A process of that kind, if there is one now."""
    if kind == "command":
        return command
    warm = _children(command)
    found = warm if kind == "warm process" else [pid for each in warm for pid in _children(each)]
    return chance.choice(found) if found else None


def _children(parent: int) -> list[int]:
    try:
        return [
            int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        ]
    except OSError:
        return []


def _family(runs: Path) -> Iterator[int]:
    """Processes that have a file of these runs open or in their command line."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            said = (entry / "cmdline").read_bytes().decode(errors="replace")
            open_files = [os.readlink(file) for file in (entry / "fd").iterdir()]  # noqa: PTH115
        except OSError:
            continue
        if f"{runs}.yaml" in said or any(name.startswith(f"{runs}/") for name in open_files):
            yield int(entry.name)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2]
    except OSError:
        return False
    return not state.startswith("Z")


def _progress(outcome: Outcome) -> None:
    total = sum(outcome.kills.values())
    if total % 10 == 0:
        said = f"{total} kills, {outcome.finished} runs compared, {len(outcome.problems)} problems"
        print(said, file=sys.stderr, flush=True)


def main() -> int:
    """Print how many kills there were, and what was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = disturb(Path(folder), given.kills, given.seed, given.workers, _progress)
    total = sum(outcome.kills.values())
    print(", ".join(f"{kind}: {count}" for kind, count in outcome.kills.items()))
    print(f"{total} kills, {outcome.finished} runs compared, {len(outcome.problems)} problems")
    for problem in outcome.problems:
        print(problem)
    return bool(outcome.problems)


if __name__ == "__main__":
    sys.exit(main())
