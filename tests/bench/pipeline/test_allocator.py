"""Memory that workers keep: fewer page faults, equal bytes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CHURN = """
import hashlib, json, resource, sys
import numpy as np
from ivif_bench.pipeline.allocator import keep_memory

kept = keep_memory() if sys.argv[1] == "keep" else None
rows = np.arange(3_000_000, dtype=np.float32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    parts = [np.sqrt(rows + index) for index in range(6)]  # 12 MB each, freed every round
    total = np.sum(parts, axis=0)
    del parts
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
digest = hashlib.sha256(total.tobytes()).hexdigest()
print(json.dumps([kept, faults, digest]))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_kept_memory_is_not_fetched_again_and_changes_no_byte() -> None:
    def churn(how: str) -> list:
        command = [sys.executable, "-c", CHURN, how]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return json.loads(output)

    default, kept = churn("default"), churn("keep")
    if kept[0] is False:
        pytest.skip("not glibc")
    assert kept[2] == default[2]
    assert kept[1] < default[1] / 5
