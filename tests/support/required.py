"""Programs that some tests need: absent ones skip their tests, but not where CI says they are there."""

from __future__ import annotations

import os
import shutil

import pytest


def skip_unless(tool: str, *programs: str) -> None:
    """Skip where a program of a tool is not installed; fail if ``IVIF_BENCH_REQUIRE`` lists the tool.

    Args:
        tool: its name in the comma-separated variable, such as ``latex``.
        programs: all that are needed; by default one called as the tool.
    """
    absent = [name for name in programs or (tool,) if shutil.which(name) is None]
    if absent:
        required = tool in os.environ.get("IVIF_BENCH_REQUIRE", "").split(",")
        (pytest.fail if required else pytest.skip)(f"{' and '.join(absent)} not installed")
