"""A Ray of several nodes on loopback, in a process of its own: ``python ray_nodes.py CPUS FOLDER COUNT``.

It prints one line of JSON, the address and the process ids of each node, and ends when its input ends.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VARIABLES = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@dataclass(frozen=True)
class RayNodes:
    """A running cluster.

    Attributes:
        address: ``HOST:PORT``.
        nodes: process ids of each node, the head first.
        variables: what a process that connects needs in its environment.
    """

    address: str
    nodes: list[list[int]]
    variables: dict[str, str]

    def kill(self, node: int) -> None:
        """End a node as a power cut would."""
        for pid in self.nodes[node]:
            os.kill(pid, signal.SIGKILL)


@contextmanager
def ray_nodes(folder: Path, cpus: int, count: int) -> Iterator[RayNodes]:
    """Nodes with so many processors each; ``folder`` has a short path, for sockets in it."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    variables = VARIABLES | token
    for _ in range(5):  # a busy machine takes longer to start one than Ray waits
        process = subprocess.Popen(
            [sys.executable, __file__, str(cpus), str(folder), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | variables | {"RAY_TMPDIR": str(folder)},
            text=True,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        line = process.stdout.readline()
        if line:
            break
    try:
        said = json.loads(line)
        yield RayNodes(said["address"], said["nodes"], variables)
    finally:
        process.stdin.close()
        process.wait(60)


def main(cpus: int, folder: str, count: int) -> None:
    """Start the nodes and wait."""
    Path(folder, "ray").mkdir(exist_ok=True)  # Ray writes the address of the cluster there
    from ray.cluster_utils import Cluster

    options = {
        "num_cpus": cpus,
        "node_ip_address": "127.0.0.1",
        "object_store_memory": 80_000_000,
        "include_dashboard": False,
        "temp_dir": folder,
    }
    cluster = Cluster(initialize_head=True, head_node_args=options)
    for _ in range(count - 1):
        cluster.add_node(wait=False, **options)
    nodes = [cluster.head_node, *cluster.worker_nodes]
    pids = [
        [info.process.pid for kind in node.all_processes.values() for info in kind]
        for node in nodes
    ]
    print(json.dumps({"address": cluster.address, "nodes": pids}), flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
