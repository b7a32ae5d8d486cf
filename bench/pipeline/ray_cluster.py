"""The connection to a Ray cluster, and a Ray that is started for one run.

Ray is told to send nothing out. One that is started here listens on loopback unless told otherwise.
"""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ivif_bench.errors import UserError
from ivif_bench.files import own_folder
from ivif_bench.options import Options
from ivif_bench.pipeline.executors.base import Place
from ivif_bench.pipeline.worker import PATIENCE

if TYPE_CHECKING:
    from types import ModuleType

_MARK = "IVIF_BENCH_RAY"  # variable that all processes of a Ray have that was started here
_CLEANER = """
import os, shutil, signal, sys, time
mark, folder, patience = sys.argv[1:]
sys.stdin.read()
deadline = time.monotonic() + float(patience)
while True:
    left = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"{mark}={folder}".encode() in file.read().split(bytes(1)):
                    left.append(int(pid))
        except OSError:
            pass
    if not left:
        break
    if time.monotonic() > deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
    time.sleep(0.1)
shutil.rmtree(folder, ignore_errors=True)
"""


class RayOptions(Options):
    """Where Ray is, and how it is used."""

    address: str = Field(
        "local",
        description="cluster: HOST:PORT, auto (the one of this machine, or RAY_ADDRESS), or local "
        "(started for the run, on this machine)",
    )
    listen: str = Field(
        "127.0.0.1", description="address of this machine on which a local Ray listens"
    )
    object_store: int = Field(200, ge=80, description="memory of a local Ray for objects (MB)")
    dashboard: bool = Field(False, description="start the dashboard of a local Ray")
    retries: int = Field(
        3, ge=0, description="how often a job is started again when its process or node is lost"
    )
    results: Literal["auto", "shared", "returned"] = Field(
        "auto",
        description="shared: nodes write into the run directory; returned: they send files to the "
        "driver; auto: returned by nodes that do not see the run directory",
    )
    patience: float = Field(
        600.0, ge=0, description="how long to wait for a node when none is left (s)"
    )


def demand_ray() -> None:
    """Refuse to go on without Ray, which is not imported here: that takes seconds.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError("executor 'ray': Ray is not installed; pip install 'ivif-bench[ray]'")


def connected(
    options: RayOptions, place: Place, attempts: int = 3
) -> tuple[ModuleType, Callable[[], None]]:
    """The library, connected to a cluster, and what ends the connection.

    A cluster that was started here ends with it; a connection of the caller's own is left as it is.

    Args:
        attempts: how often to start a cluster here; a busy machine takes longer for it than Ray waits.

    Raises:
        UserError: it is not installed, or there is no such cluster.
    """
    local = options.address == "local"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if _is_loopback(options.listen if local else _host_of(options.address)):
        # Without it, Ray takes another address of this machine in place of loopback.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    # Ray reads these when it is imported. Without a token, others on this machine could run code in a
    # Ray that is started here, and with it, Ray would leave its own at home.
    if local and os.environ.setdefault("RAY_AUTH_MODE", "token") == "token":
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    demand_ray()
    import ray
    import ray.util.scheduling_strategies

    if ray.is_initialized():
        return ray, lambda: None
    # Names of sockets in the folder must be short.
    folder = own_folder(Path("/tmp"), f"ray{attempts}") if local else None
    line = None if folder is None else _clean_up_after(folder)

    def end() -> None:
        ray.shutdown()
        if folder is not None and line is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.environ.pop(_MARK, None)
            os.close(line)

    try:
        with _signals_kept():
            if folder is not None:
                _start_here(ray, options, place, folder)
            else:
                ray.init(address=options.address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as problem:  # Ray has none of its own for this
        end()
        if isinstance(problem, UserError):
            raise
        if local and attempts > 1 and "timed out" in str(problem):
            return connected(options, place, attempts - 1)
        said = " ".join(str(problem).split()) or type(problem).__name__
        raise UserError(
            f"executor.options.address: cannot connect to Ray at {options.address!r}: {said[:300]}"
        ) from problem
    return ray, end


def _start_here(ray: ModuleType, options: RayOptions, place: Place, folder: Path) -> None:
    from ivif_bench.pipeline.executors.local import visible_gpus

    ray.init(
        address="local",
        num_cpus=place.workers or os.cpu_count() or 1,
        num_gpus=len(visible_gpus()),
        object_store_memory=options.object_store * 1_000_000,
        include_dashboard=options.dashboard,
        log_to_driver=False,
        logging_level=logging.ERROR,
        _node_ip_address=options.listen,
        _temp_dir=str(folder),
    )
    found = {str(node["NodeManagerAddress"]) for node in ray.nodes()}
    if found != {options.listen}:
        raise UserError(
            f"executor.options.listen: Ray listens on {', '.join(found)} instead of {options.listen}; "
            "give an address of this machine"
        )


def _clean_up_after(folder: Path) -> int:
    """Start a process that waits for the end of this one, then for its family, and removes the rest.

    Two of Ray's processes need a minute to notice that the driver is gone, and nobody removes its files.

    Returns:
        An open file, of this process alone: its end is what is waited for.
    """
    os.environ[_MARK] = str(folder)
    read, write = os.pipe()
    subprocess.Popen(
        [sys.executable, "-S", "-c", _CLEANER, _MARK, str(folder), str(PATIENCE)],
        stdin=read,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={name: value for name, value in os.environ.items() if name != _MARK},
    )
    os.close(read)
    return write


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray puts its own handler of SIGTERM in place of ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _host_of(address: str) -> str:
    """The host of ``HOST:PORT``; of ``auto`` as the environment or the last start of Ray says."""
    if address == "auto":
        address = os.environ.get("RAY_ADDRESS", "")
        with contextlib.suppress(OSError):
            address = address or Path("/tmp/ray/ray_current_cluster").read_text()
    return address.rpartition(":")[0]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
