"""A stand-in for SLURM on one machine; ``install`` puts its programs into a folder.

It knows what the executor uses of them: arrays with a limit of tasks at a time, names, states, and
cancelling. Its state is one file per task in a folder; the tasks of an array are processes below one
that ``sbatch`` leaves behind and that ends with them.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAMS = ("sbatch", "squeue", "scancel", "srun")


def install(folder: Path) -> dict[str, str]:
    """Write the programs; the environment in which they are found."""
    (folder / "bin").mkdir(parents=True)
    (folder / "tasks").mkdir()
    for name in PROGRAMS:
        path = folder / "bin" / name
        path.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            f"import fake_slurm\nsys.exit(fake_slurm.{name}(sys.argv[1:]))\n"
        )
        path.chmod(0o755)
    return {
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "FAKE_SLURM": str(folder / "tasks"),
    }


def tasks(folder: Path) -> dict[str, tuple[str, str, int]]:
    """Tasks that have not ended, by number: name, state, and process id or 0."""
    found = {}
    for path in sorted((folder / "tasks").glob("[0-9]*")):
        words = path.read_text().split()
        if len(words) == 3:
            found[path.name] = (words[0], words[1], int(words[2]))
    return found


def _state() -> Path:
    return Path(os.environ["FAKE_SLURM"])


def _write(number: str, name: str, state: str, pid: int) -> None:
    path = _state() / number
    temporary = path.with_name(f".{number}")
    temporary.write_text(f"{name} {state} {pid}")
    temporary.replace(path)


def sbatch(arguments: list[str]) -> int:
    """Submit a script; the array runs below a process of its own."""
    script = Path(arguments[-1])
    said = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", script.read_text(), re.MULTILINE))
    if not re.fullmatch(r"\d+(MB?|GB?)", said["mem"]):
        print(f"sbatch: error: Invalid --mem specification {said['mem']}", file=sys.stderr)
        return 1
    name = said["job-name"]
    last, _, limit = said.get("array", "0-0%1").partition("-")[2].partition("%")
    first = 1000 + 100 * sum(1 for _ in _state().glob("array-*"))
    (_state() / f"array-{first}").touch()
    numbers = [
        f"{first}_{index}" if "array" in said else f"{first}" for index in range(int(last) + 1)
    ]
    for number in numbers:
        _write(number, name, "PENDING", 0)
    print(f"Submitted batch job {first}", flush=True)
    if os.fork():
        return 0
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    _run(script.read_text(), name, numbers, int(limit or 1))
    return 0


def _run(script: str, name: str, numbers: list[str], limit: int) -> None:
    waiting, running = list(numbers), dict[str, subprocess.Popen[bytes]]()
    while waiting or running:
        while waiting and len(running) < limit:
            number = waiting.pop(0)
            if not (_state() / number).exists():
                continue  # cancelled
            array, _, index = number.partition("_")
            environment = os.environ | {
                "SLURM_JOB_ID": str(int(array) + int(index or 0)),
                "SLURM_NTASKS": "1",
                "SLURM_JOB_NUM_NODES": "1",
                "SLURM_NODEID": "0",
                "SLURM_PROCID": "0",
                "SLURM_LOCALID": "0",
                "SLURM_JOB_NODELIST": "localhost",
            }
            if index:
                environment |= {"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": index}
            process = subprocess.Popen(
                ["bash", "-c", script], env=environment, start_new_session=True
            )
            running[number] = process
            _write(number, name, "RUNNING", process.pid)
        for number, process in list(running.items()):
            if process.poll() is not None:
                del running[number]
                (_state() / number).unlink(missing_ok=True)
        time.sleep(0.05)


def _matching(arguments: list[str]) -> dict[str, tuple[str, str, int]]:
    (wanted,) = [word.partition("=")[2] for word in arguments if word.startswith("--name=")]
    return {number: task for number, task in tasks(_state().parent).items() if task[0] == wanted}


def squeue(arguments: list[str]) -> int:
    """List the tasks of a name."""
    with_state = any("%T" in word for word in arguments)
    for number, (_, state, _) in _matching(arguments).items():
        print(f"{number} {state}" if with_state else number)
    return 0


def scancel(arguments: list[str]) -> int:
    """Ask the tasks of a name to end; those that run are listed until they have."""
    for number, (_, _, pid) in _matching(arguments).items():
        if pid:
            os.killpg(pid, signal.SIGTERM)
        else:
            (_state() / number).unlink(missing_ok=True)
    return 0


def srun(arguments: list[str]) -> int:
    """Run what follows the options."""
    rest = list(arguments)
    while rest and rest[0].startswith("--"):
        option = rest.pop(0)
        if option in ("--output", "--error"):
            rest.pop(0)
    os.execvp(rest[0], rest)
    return 1
